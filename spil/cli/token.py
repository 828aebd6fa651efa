"""`spil token`."""

from __future__ import annotations

import os
from collections.abc import Mapping

import click

ANSWER = 65_536  # bytes


@click.command()
@click.option("--party", required=True, help="The party's key, such as municipality:GM0796.")
@click.option("--function", required=True, help="The party's function, such as participatie.")
@click.option("--purpose", help="Why is asked; goes to the reads log.")
@click.option("--scope", help="Part of what a token may do: read command events harvest.")
@click.option("--url", help="Where the demo listens; default: where this checkout's demo says it does.")
def token(party: str, function: str, purpose: str | None, scope: str | None, url: str | None) -> None:
    """Print a token from the issuer of the running demo. It lives an hour.

    \b
      scripts/spil token --party municipality:GM0796 --function participatie
      scripts/spil token --party national --function lead --scope read
      TOKEN=$(scripts/spil token --party coordinator:AM01 --function coordinator)
    """
    from spil.cli import finish
    from spil.settings import read

    base = (url or default_address(read(os.environ).port)).rstrip("/")
    click.echo(finish(ask(base, party, function, purpose, scope)))


def default_address(port: int) -> str:
    """Where this checkout's demo says that it listens."""
    from registry.embedded_home import home_folder
    from spil.demo import ADDRESS_FILE

    try:
        return (home_folder("demo") / ADDRESS_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return f"http://127.0.0.1:{port}"


async def ask(base: str, party: str, function: str, purpose: str | None, scope: str | None) -> str:
    """A token of the demo's issuer. Raises SetUp, or BadInput for what nobody has."""
    from urllib.parse import urlsplit

    from auth import issuer
    from auth.viewer import SCOPES
    from schema.errors import BadInput, SetUp, SourceDown, SourceTimeout
    from spil.demo import ISSUER_PATH
    from wire.client import post_form

    if not set((scope or "").split()) <= SCOPES:
        raise BadInput(f"A scope is one or more of: {' '.join(sorted(SCOPES))}.")
    private = frozenset({urlsplit(base).netloc})

    async def post(target: str, form: Mapping[str, str]) -> bytes:
        return await post_form(target, form, deadline=5, cap=ANSWER, allow_private=private)

    try:
        return await issuer.token(base + ISSUER_PATH, party, function, post=post, purpose=purpose, scope=scope)
    except (SourceDown, SourceTimeout):
        if await _answers(base + ISSUER_PATH, private):
            raise SetUp(
                f"No token: the demo at {base} does not know {party}. `scripts/spil parties list` shows whom it knows."
            ) from None
        raise SetUp(f"No token: no demo answers at {base}. Start scripts/demo, or give --url.") from None


async def _answers(issuer_url: str, private: frozenset[str]) -> bool:
    """Whether the issuer of a demo is there."""
    from auth.keys import DISCOVERY
    from schema.errors import SourceDown, SourceTimeout
    from wire.client import fetch_json_bytes

    try:
        await fetch_json_bytes(issuer_url + DISCOVERY, deadline=5, cap=ANSWER, allow_private=private)
    except (SourceDown, SourceTimeout):
        return False
    return True
