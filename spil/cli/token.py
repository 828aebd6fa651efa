"""`spil token`."""

from __future__ import annotations

import os
from collections.abc import Mapping

import click


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
    """A token of the demo's issuer. Raises SetUp."""
    from urllib.parse import urlsplit

    from auth import issuer
    from schema.errors import SetUp, SourceDown, SourceTimeout
    from spil.demo import ISSUER_PATH
    from wire.client import post_form

    place = urlsplit(base).netloc

    async def post(target: str, form: Mapping[str, str]) -> bytes:
        return await post_form(target, form, deadline=5, cap=65_536, allow_private=frozenset({place}))

    try:
        return await issuer.token(base + ISSUER_PATH, party, function, post=post, purpose=purpose, scope=scope)
    except (SourceDown, SourceTimeout):
        raise SetUp(
            f"No token: no demo answers at {base}, or it does not know this party. Start scripts/demo, or give --url."
        ) from None
