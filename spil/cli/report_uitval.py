"""`spil report-uitval`."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import click

MUTATION = """mutation($input: ReportUitvalInput!) {
  reportUitval(input: $input) {
    uitval { id how endedOn placement { kind from employer { name } } }
  }
}"""
NONE_LEFT = (
    "No place is left to lose: of nobody whom this party follows. Another municipality may have one (--followed-by);"
    " `scripts/demo --fresh` begins anew."
)
NO_SUCH = "There is no such party here. A municipality's key is such as: municipality:GM0796."
LOST_MEANWHILE = "That place was reported as lost a moment ago, by another one. Try again."
ANSWER = 262_144  # bytes


@click.command()
@click.option(
    "--followed-by",
    "town",
    default="municipality:GM0796",
    show_default=True,
    help="Whose young person: this party follows them, and hears it.",
)
@click.option("--url", help="Where the demo listens; default: where this checkout's demo says it does.")
def report_uitval(town: str, url: str | None) -> None:
    """As an employer of the running demo, report that a young person lost a place.

    The demo names an employer and a place that it may report; the rest goes over HTTP, with a token of that employer.

    \b
      scripts/spil report-uitval
      scripts/spil report-uitval --followed-by municipality:GM1982
    """
    from spil.cli import finish
    from spil.cli.token import default_address
    from spil.settings import read

    finish(_report((url or default_address(read(os.environ).port)).rstrip("/"), town))


async def _report(base: str, town: str) -> None:
    from schema.errors import SetUp
    from spil.cli.token import ask

    found = await _asked(base, "place", followed_by=town) or {}
    if not found.get("known"):
        raise SetUp(NO_SUCH)
    place = found["place"]
    if place is None:
        raise SetUp(NONE_LEFT)
    token = await ask(base, place["party"], place["function"], None, None)
    today = datetime.now(ZoneInfo("Europe/Amsterdam")).date().isoformat()
    known = {"how": "NO_WORK_OR_CLOSED", "endedOn": today, "youngPersonKnows": True}
    variables = {"input": {"key": str(uuid4()), "placement": place["placement"], **known}}
    click.echo(f"{place['party']} sends to {base}/graphql:\n\n{_indented(MUTATION)}\n")
    click.echo(f"{_indented(json.dumps(variables, indent=2))}\n")
    uitval = await _sent(base, token, variables)
    lost, since = uitval["placement"], uitval["placement"]["from"]
    click.echo(f"Reported: {lost['kind']} at {lost['employer']['name']}, since {since}, ended on {uitval['endedOn']}.")
    click.echo(_told(await _asked(base, "heard", uitval=uitval["id"])))


async def _asked(base: str, what: str, **words: str) -> dict[str, Any] | None:
    """What the demo, and no other hub, tells of itself. Raises SetUp."""
    from urllib.parse import urlencode, urlsplit

    from schema.errors import SetUp, SourceDown, SourceTimeout
    from spil.demo_uitval import LOSSES_PATH
    from wire.client import fetch_json_bytes

    place = frozenset({urlsplit(base).netloc})
    try:
        body = await fetch_json_bytes(
            f"{base}{LOSSES_PATH}/{what}?{urlencode(words)}", deadline=5, cap=ANSWER, allow_private=place
        )
    except (SourceDown, SourceTimeout):
        raise SetUp(f"No demo answers at {base}. Start scripts/demo, or give --url.") from None
    found: dict[str, Any] | None = json.loads(body)
    return found


async def _sent(base: str, token: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The uitval, as the employer sees it. Raises SetUp with what the hub refused it with."""
    from urllib.parse import urlsplit

    from schema.errors import SetUp, SourceDown, SourceTimeout
    from wire.client import post_json

    document = json.dumps({"query": MUTATION, "variables": variables}).encode()
    place = frozenset({urlsplit(base).netloc})
    try:
        body = json.loads(
            await post_json(f"{base}/graphql", document, token, deadline=10, cap=ANSWER, allow_private=place)
        )
    except (SourceDown, SourceTimeout):
        raise SetUp("The hub does not answer. Whether it took the report can be seen in `uitvallen`.") from None
    if "errors" in body:
        error = body["errors"][0]
        raise SetUp(LOST_MEANWHILE if error["extensions"]["code"] == "CONFLICT" else error["message"])
    uitval: dict[str, Any] = body["data"]["reportUitval"]["uitval"]
    return uitval


def _told(heard: dict[str, Any] | None) -> str:
    """Who hears it. The demo may know; no employer is told."""
    if heard is None:
        return "Who heard it is not known any more."
    parties = [f"{one} (has the lead)" if one == heard["lead"] else one for one in heard["parties"]]
    lines = [f"Told: {', '.join(parties)}. The employer is not told who."]
    if heard["service_point"]:
        lines.append(f"{heard['service_point']} learns that a place is free, not whose.")
    if heard["lead"]:
        lines.append(f"Next: {heard['lead']} picks it up within two office days, by `acknowledgeUitval`.")
    return "\n".join(lines)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
