"""`spil events tail`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spil.following import Following


@click.command()
@click.option("--party", required=True, help="The party's key, such as municipality:GM0796.")
@click.option("--function", "duty", required=True, help="The party's function, such as participatie.")
@click.option("--after", help="A cursor: what follows it comes first. Default: from now on.")
@click.option("--types", help="Only these, by commas: UITVAL_GEMELD,UITVAL_OPGEPAKT. What is withheld always comes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with its cursor.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Has the token; read anew each time.")
@click.option("--url", help="Where the hub listens; default: where this checkout's demo says it does.")
def tail(
    party: str,
    duty: str,
    after: str | None,
    types: str | None,
    as_json: bool,
    token_file: Path | None,
    url: str | None,
) -> None:
    """Follow the events of a party, one line each, until Ctrl-C or SIGTERM. It comes back by itself, where it was.

    The token is that of --token-file, or of SPIL_TOKEN, or else one of the running demo; it needs the scope `events`.

    \b
      scripts/spil events tail --party municipality:GM0796 --function participatie
      scripts/spil events tail --party school:18BR00 --function guidance --types UITVAL_GEMELD --json
      scripts/spil events tail --party uwv --function uwv --url https://hub.example --token-file token.txt
    """
    from auth.viewer import party_kind
    from schema.errors import SetUp
    from spil.cli.token import default_address
    from spil.following import Following
    from spil.settings import read

    kind = party_kind(party)
    if kind is None:
        raise SetUp("There is no party of that form. Such as: municipality:GM0796, school:18BR00, employer:90000001.")
    base = (url or default_address(read(os.environ).port)).rstrip("/")
    following = Following(
        base,
        kind.role,
        partial(_token, base, (party, duty), token_file),
        _aside,
        _types(types),
        after,
    )

    _print(following, as_json)


def _types(given: str | None) -> list[str]:
    """The types that were named; none of them: all. Raises BadInput."""
    from events.types import TYPES
    from schema.errors import BadInput

    if given is None:
        return []
    known = [one.name.upper().replace("-", "_") for one in TYPES]
    names = given.replace(",", " ").split()
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        said = f"There is no type {', '.join(wrong)}." if wrong else "--types names none."
        raise BadInput(f"BAD_INPUT: {said} There are: {', '.join(known)}.")
    return names


def _print(following: Following, as_json: bool) -> None:
    from spil.following import line_of

    async def run() -> None:
        async for event in following.events():
            click.echo(json.dumps(event) if as_json else line_of(event))

    async def until_ended() -> None:
        task = asyncio.create_task(run())
        for one in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(one, task.cancel)
        await task

    try:
        asyncio.run(until_ended())
    except asyncio.CancelledError:
        if following.cursor:
            _aside(f"To go on from here: --after {following.cursor}")


async def _token(base: str, actor: tuple[str, str], token_file: Path | None) -> str:
    from spil.cli.token import ask

    if token_file is not None:
        return await asyncio.to_thread(_written, token_file)
    return os.environ.get("SPIL_TOKEN") or await ask(base, *actor, None, None)


def _written(token_file: Path) -> str:
    try:
        return token_file.read_text(encoding="utf-8").strip()
    except OSError:
        raise click.ClickException("The token file cannot be read.") from None


def _aside(words: str) -> None:
    """Beside the events, so that a pipe has those alone."""
    click.echo(words, err=True)
