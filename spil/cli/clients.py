"""`spil clients`: which portal may act for which party, and for which purposes."""

from __future__ import annotations

import re
from datetime import datetime

import click

from spil.cli import Entry, Listed
from spil.cli.administration import as_json, moment, with_ended

COMMANDS = (
    Entry("add", "spil.cli.clients:add", "Let a client act for a party."),
    Entry("list", "spil.cli.clients:show_all", "List the clients."),
    Entry("end", "spil.cli.clients:end", "End what a client may do."),
)
# As auth/tokens.py reads `azp` and `purpose`: one printable text; without blanks, so that a list stays readable.
NAME = re.compile(r"[!-~]{1,255}")


@click.command(name="clients", cls=Listed, entries=COMMANDS)
def clients() -> None:
    """The portals (`azp`) that may act for parties. Rows are ended, never deleted."""


@click.command()
@click.argument("client")
@click.option("--party", required=True, help="The party's key.")
@click.option("--function", help="The party's function; needed when it has several.")
@click.option("--purpose", "purposes", multiple=True, help="A purpose that its tokens may name.")
@click.option("--until", type=moment, help="When this ends, in UTC; default: never.")
def add(client: str, party: str, function: str | None, purposes: tuple[str, ...], until: datetime | None) -> None:
    """Let CLIENT (the `azp` of its tokens) act for a party.

    \b
      spil clients add portal-noordoost --party municipality:GM0796 --function participatie --purpose CONTINUE_SUPPORT
    """
    from registry.permits import add_client
    from schema.errors import BadInput
    from spil.cli import finish
    from spil.cli.administration import database, function_of, instant

    function = function_of(party, function)
    if not all(NAME.fullmatch(text) for text in (client, *purposes)):
        raise BadInput("A client or a purpose is one word of at most 255 signs.")
    finish(add_client(database(), client, party, function, purposes, instant(until)))
    click.echo("Added.")


@click.command(name="list")
@click.option("--party", help="Only those of this party.")
@with_ended
@as_json
def show_all(party: str | None, ended: bool, as_json: bool) -> None:
    """List the clients and the parties they act for."""
    from registry.permits import list_clients
    from spil.cli import finish
    from spil.cli.administration import database, show

    rows = finish(list_clients(database(), party, ended=ended))
    show(rows, ("client", "party", "function", "purposes", "from", "until"), as_json)


@click.command()
@click.argument("client")
@click.option("--party", help="Only for this party; default: for all.")
@click.option("--function", help="Only in this function.")
def end(client: str, party: str | None, function: str | None) -> None:
    """End what CLIENT may do: its tokens are refused within seconds."""
    from registry.permits import end_client
    from spil.cli import finish
    from spil.cli.administration import database

    click.echo(f"{finish(end_client(database(), client, party, function))} rows ended.")
