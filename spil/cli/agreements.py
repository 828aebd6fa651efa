"""`spil agreements`: which party signed the covenant or the terms."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from spil.cli import Entry, Listed
from spil.cli.administration import as_json, moment, with_ended

COMMANDS = (
    Entry("add", "spil.cli.agreements:add", "Record that a party signed."),
    Entry("list", "spil.cli.agreements:show_all", "List the agreements."),
    Entry("end", "spil.cli.agreements:end", "End an agreement."),
)


@click.command(name="agreements", cls=Listed, entries=COMMANDS)
def agreements() -> None:
    """The covenant and the terms that parties signed; without one a party sees the public graph. Rows are ended,
    never deleted."""


@click.command()
@click.argument("party")
@click.option("--version", required=True, help="The version that was signed, such as 2026-1.")
@click.option("--signed", type=moment, help="When, in UTC; default: now.")
@click.option("--until", type=moment, help="Until when it holds, in UTC; default: no end.")
def add(party: str, version: str, signed: datetime | None, until: datetime | None) -> None:
    """Record that PARTY signed what its role asks: the covenant, or for an employer the terms.

    \b
      spil agreements add municipality:GM0796 --version 2026-1 --signed 2026-09-01
    """
    from registry.permits import add_agreement
    from schema.errors import BadInput
    from spil.cli import finish
    from spil.cli.administration import database, instant, kind_of, plain

    kind = kind_of(party).agreement
    if kind is None:
        raise BadInput("A party of this kind needs no agreement.")
    signed, until = instant(signed), instant(until)
    if signed is not None and signed > datetime.now(UTC):
        raise BadInput("--signed is in the future.")
    if until is not None and until <= (signed or datetime.now(UTC)):
        raise BadInput("--until is not after the signing.")
    finish(add_agreement(database(), party, kind.value, plain(version, 60), signed, until))
    click.echo("Added.")


@click.command(name="list")
@click.option("--party", help="Only those of this party.")
@with_ended
@as_json
def show_all(party: str | None, ended: bool, as_json: bool) -> None:
    """List the agreements."""
    from registry.permits import list_agreements
    from spil.cli import finish
    from spil.cli.administration import database, show

    rows = finish(list_agreements(database(), party, ended=ended))
    show(rows, ("party", "kind", "version", "signed", "until"), as_json)


@click.command()
@click.argument("party")
@click.option("--version", help="Only this version; default: all.")
def end(party: str, version: str | None) -> None:
    """End the agreement of PARTY: it sees the public graph within seconds."""
    from registry.permits import end_agreement
    from spil.cli import finish
    from spil.cli.administration import database

    click.echo(f"{finish(end_agreement(database(), party, version))} rows ended.")
