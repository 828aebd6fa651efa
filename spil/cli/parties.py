"""`spil parties`: the organisations that act, and what they cover."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from spil.cli import Entry, Listed
from spil.cli.administration import as_json, with_ended

if TYPE_CHECKING:
    from registry.parties import Cover

COMMANDS = (
    Entry("add", "spil.cli.parties:add", "Add a party, or what it covers."),
    Entry("list", "spil.cli.parties:show_all", "List the parties."),
    Entry("end", "spil.cli.parties:end", "End a party, or what it covers."),
)
PLACES = (
    ("municipality", re.compile(r"GM[0-9]{4}")),
    ("region", re.compile(r"AM[0-9]{2}")),
    ("school", re.compile(r"[0-9]{2}[A-Z]{2}[0-9]{2}")),
)


@click.command(name="parties", cls=Listed, entries=COMMANDS)
def parties() -> None:
    """The organisations that act, and what they cover. Rows are ended, never deleted."""


@click.command()
@click.argument("key")
@click.option("--name", help="The organisation's name; needed for a new party.")
@click.option(
    "--covers", multiple=True, metavar="PLACE", help="A municipality (GM0796), region (AM27) or school (18BR00)."
)
@click.option("--function", help="In which function it covers these places.")
@click.option("--again", is_flag=True, help="Open a party that was ended.")
def add(key: str, name: str | None, covers: tuple[str, ...], function: str | None, again: bool) -> None:
    """Add the party KEY, or give one that is there more to cover.

    Without --covers a new municipality, school, coordinator or service point covers its own place, when it has one
    function only or --function names it.

    \b
      spil parties add servicepoint:AM27-WERKCENTRUM --name "Werkcentrum Noordoost-Brabant" --function matching
      spil parties add service:zuid --name "Werkplein Zuid" --covers GM0758 --covers GM0748 --function participatie
    """
    from registry.parties import add_party
    from spil.cli import finish
    from spil.cli.administration import database, function_of, kind_of, plain

    kind = kind_of(key)
    name = None if name is None else plain(name)
    places = covers
    if not places and (function is not None or len(kind.functions) == 1):
        places = _own_place(key)
    wanted = [_cover(place, function_of(key, function)) for place in places]
    new, covered = finish(add_party(database(), key, name, wanted, again=again))
    click.echo(f"{'Added' if new else 'Already there'}; {covered} covers added.")


@click.command(name="list")
@click.option("--kind", help="Only parties of this kind, such as municipality.")
@with_ended
@as_json
def show_all(kind: str | None, ended: bool, as_json: bool) -> None:
    """List the parties with what they cover."""
    from registry.parties import list_parties
    from spil.cli import finish
    from spil.cli.administration import database, show

    show(finish(list_parties(database(), kind, ended=ended)), ("key", "name", "from", "until", "covers"), as_json)


@click.command()
@click.argument("key")
@click.option("--covers", multiple=True, metavar="PLACE", help="End only this place: GM0796, AM27 or 18BR00.")
@click.option("--function", help="With --covers: only in this function.")
def end(key: str, covers: tuple[str, ...], function: str | None) -> None:
    """End the party KEY with its covers, clients and agreements; or with --covers only what it covers."""
    from registry.parties import end_covers, end_party
    from schema.errors import BadInput
    from spil.cli import finish
    from spil.cli.administration import database, function_of, kind_of

    kind_of(key)
    if function is not None:
        function_of(key, function)
        if not covers:
            raise BadInput("--function goes with --covers.")
    work = end_covers(database(), key, covers, function) if covers else end_party(database(), key)
    click.echo(f"{finish(work)} rows ended.")


def _own_place(key: str) -> tuple[str, ...]:
    """The municipality, region or school that a key names itself, if it does."""
    kind, _, rest = key.partition(":")
    own = {"municipality": rest, "school": rest, "coordinator": rest, "servicepoint": rest[:4]}.get(kind)
    return () if own is None else (own,)


def _cover(place: str, function: str) -> Cover:
    from registry.parties import Cover
    from schema.errors import BadInput

    for word, form in PLACES:
        if form.fullmatch(place):
            return Cover(function, **{word: place})
    raise BadInput("--covers wants a municipality (GM0796), a region (AM27) or a school (18BR00).")
