"""`spil sources`: the partner systems, how to reach them, and the reading of them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from spil.cli import Entry, Listed
from spil.cli.administration import as_json, with_ended

if TYPE_CHECKING:
    from registry.sources import Source

COMMANDS = (
    Entry("protocols", "spil.cli.sources:protocols", "List the protocols that Spil speaks."),
    Entry("add", "spil.cli.sources:add", "Add a source."),
    Entry("check", "spil.cli.sources:check", "Meet sources, and show how they answer."),
    Entry("list", "spil.cli.sources:show_all", "List the sources and how they were read last."),
    Entry("sync", "spil.cli.sources:sync", "Read a source, from where it was left."),
    Entry("pause", "spil.cli.sources:pause", "Read a source no more, for now."),
    Entry("resume", "spil.cli.sources:resume", "Read a paused source again."),
    Entry("test", "spil.cli.sources:test", "Show what a file would bring, without keeping it."),
    Entry("end", "spil.cli.sources:end", "End a source for good."),
)
KEY = re.compile(r"[a-z0-9][a-z0-9-]{1,60}")
CREDENTIALS = re.compile(r"file:/.{1,500}|env:(?!SPIL_)[A-Z][A-Z0-9_]{0,99}")
KINDS = {"school": ("school",), "servicepoint": ("servicepoint",)}
MUNICIPAL = ("municipality", "service", "doorstroompunt", "uwv")
REST = ("key", "party", "protocol", "state", "last_run", "code", "started", "added", "changed", "ended", "rejected")
UNKNOWN = ("students", "without_aim", "without_leaving_day", "without_hours")


@click.command(name="sources", cls=Listed, entries=COMMANDS)
def sources() -> None:
    """The systems of schools, service points and municipalities. Rows are ended, never deleted.

    Credentials stand in a file or a variable, which the row names; never in the database or a log.
    """


@click.command()
@as_json
def protocols(as_json: bool) -> None:
    """List the protocols that Spil speaks, for which kind of party, and which settings each reads."""
    from connectors.everything import PROTOCOLS
    from spil.cli.administration import show

    rows = [
        {
            "protocol": one.name,
            "kind": one.kind,
            "mode": sorted(one.mode),
            "brought": one.intake is not None,
            "settings": sorted(one.settings),
        }
        for one in PROTOCOLS
    ]
    show(rows, ("protocol", "kind", "mode", "brought", "settings"), as_json)


@click.command()
@click.argument("key")
@click.option("--party", required=True, help="Whose data it gives: the party's key.")
@click.option("--protocol", "name", required=True, help="One of `spil sources protocols`.")
@click.option("--url", help="Its address; agent: for a school's agent; none: it brings its data.")
@click.option("--host", "hosts", multiple=True, help="A host beside the address's that it may be asked at (tokens).")
@click.option("--private", multiple=True, metavar="HOST:PORT", help="May be plain http, and in a private range.")
@click.option("--credentials", help="file:/path or env:NAME, where they stand as JSON.")
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The mapping file (docs/mappings.md).",
)
@click.option("--path", help="The path of its feed, when not the protocol's own.")
@click.option("--page", type=click.IntRange(1, 5000), help="Records of one page.")
@click.option(
    "--setting", "settings", multiple=True, metavar="NAME=VALUE", help="A word that the protocol reads; never a secret."
)
@click.option("--only", type=click.Choice(("harvest", "live")), help="Of a protocol that can do both.")
def add(**told: Any) -> None:
    """Add the source KEY. Its mapping is checked whole, and its hosts are fixed, before anything is asked.

    How a mapping is written, and which fields there are: docs/mappings.md.

    \b
      spil sources add 18br00 --party school:18BR00 --protocol school-rest \\
          --url https://school.example/spil/v1 --credentials file:/etc/spil/18br00.json
      spil sources add 18br01 --party school:18BR01 --protocol school-rest --url agent:
      spil sources add vacatures-nob --party servicepoint:AM27-WERKCENTRUM --protocol declared \\
          --url https://vacatures.example/feed.json --mapping vacatures.toml
    """
    from registry.sources import add_source
    from spil.adding import check_new
    from spil.cli import finish
    from spil.cli.administration import database
    from spil.partners import options_for

    source = _source(told)
    check_new(source, told["only"])
    options_for(source, mapping_name=str(told["mapping"] or ""))
    finish(add_source(database(), source))
    click.echo(f"Added. `spil sources check {source.key}` meets it.")


def _source(told: dict[str, Any]) -> Source:
    """The row that the options say. Raises BadInput."""
    from connectors.everything import protocol
    from registry.sources import Source
    from schema.errors import BadInput
    from spil.adding import private_of
    from spil.cli.administration import kind_of
    from spil.cli.files import mapping_text
    from spil.partners import AGENT

    kind_of(told["party"])
    spoken = protocol(told["name"])
    if spoken is None:
        raise BadInput("There is no such protocol; `spil sources protocols` lists them.")
    if told["url"] == AGENT and spoken.name != "school-rest":
        raise BadInput("An agent speaks school-rest.")
    kinds = KINDS.get(spoken.kind, MUNICIPAL)
    if told["party"].partition(":")[0] not in kinds:
        raise BadInput(f"This protocol is for a party of kind {', '.join(kinds)}.")
    if not KEY.fullmatch(told["key"]):
        raise BadInput("A source's key has 2 to 61 small letters, digits and hyphens.")
    if told["credentials"] is not None and not CREDENTIALS.fullmatch(told["credentials"]):
        raise BadInput("--credentials is file:/an/absolute/path, or env:NAME (not a SPIL_ name).")
    return Source(
        told["key"],
        told["party"],
        spoken.kind,
        spoken.name,
        base_url=told["url"],
        hosts=_hosts(told["url"], told["hosts"]),
        private_hosts=private_of(told["private"]),
        credentials=told["credentials"],
        mapping=mapping_text(told["mapping"]),
        options=_options(told),
        harvests="harvest" in spoken.mode and told["only"] != "live",
        answers_live="live" in spoken.mode and told["only"] != "harvest",
    )


def _hosts(url: str | None, more: tuple[str, ...]) -> tuple[str, ...]:
    from schema.errors import BadInput
    from spil.partners import AGENT

    if url is None or url == AGENT:
        return tuple(more)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("https", "http") or parts.username is not None or parts.query or parts.fragment:
        raise BadInput("--url is https://host/path, without a name, password or question.")
    return tuple(dict.fromkeys([host, *more]))


def _options(told: dict[str, Any]) -> dict[str, Any]:
    from schema.errors import BadInput

    pairs = [one.partition("=") for one in told["settings"]]
    if not all(name and equals for name, equals, _ in pairs):
        raise BadInput("--setting is NAME=VALUE.")
    options: dict[str, Any] = {name: told[name] for name in ("path", "page") if told[name] is not None}
    return options | ({"settings": {name: value for name, _, value in pairs}} if pairs else {})


@click.command()
@click.argument("keys", nargs=-1)
@as_json
def check(keys: tuple[str, ...], as_json: bool) -> None:
    """Meet the sources KEYS (default: all that are active), and show how they answer. Stores nothing."""
    from registry.agents import held
    from registry.session import session
    from registry.sources import active_sources, find_source, municipality_codes
    from spil.cli import finish
    from spil.cli.administration import database, show
    from spil.source_check import handshake

    async def meet() -> list[dict[str, Any]]:
        async with session(database()) as connection:
            found = [await find_source(connection, key) for key in keys] or await active_sources(connection)
            codes = await municipality_codes(connection)
            agents = await held(connection, [source.key for source in found])
        return [await handshake(source, codes, os.environ, agents) for source in found]

    rows = finish(meet())
    show(rows, ("source", "protocol", "answer", "ms", "what"), as_json)
    if any(row["answer"] != "OK" for row in rows):
        raise click.exceptions.Exit(1)


@click.command(name="list")
@with_ended
@as_json
def show_all(ended: bool, as_json: bool) -> None:
    """List the sources and how they were read last; of a school's students how many lack aim, leaving day, hours."""
    from registry.sources import list_sources
    from spil.cli import finish
    from spil.cli.administration import database, show

    show(finish(list_sources(database(), ended=ended)), REST + UNKNOWN, as_json)


@click.command()
@click.argument("key")
@click.option("--confirm-shrink", is_flag=True, help="It is right that so many students are gone.")
def sync(key: str, confirm_shrink: bool) -> None:
    """Read the source KEY from where it was left; a reading that was killed is gone on with.

    A full sync that would end more than one in twenty of a school's students (at least 3) stops and ends nobody, until
    --confirm-shrink. A source that is reached by an agent is read by the gateway to which the agent is connected.
    """
    from registry.sources import read_source
    from spil import agent_readings, harvest
    from spil.cli import finish
    from spil.cli.administration import database
    from spil.memory import collect_rarely
    from spil.partners import AGENT
    from spil.progress import Steps

    collect_rarely()
    url = database()
    source, _ = finish(read_source(url, key))
    read = agent_readings.sync if source.base_url == AGENT else harvest.sync
    with Steps().step(f"Reading {key}") as tell:
        report = finish(read(url, key, confirm_shrink=confirm_shrink, tell=tell))
    click.echo(report)


@click.command()
@click.argument("key")
@click.option("--file", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def test(key: str, path: Path) -> None:
    """Show what a file would bring if the source KEY brought it. Stores nothing and shows no value."""
    from registry.sources import read_source
    from schema.errors import BadInput
    from spil.cli import finish
    from spil.cli.administration import database
    from spil.source_check import read_file

    source, codes = finish(read_source(database(), key))
    seen = read_file(source, codes, path)
    if seen is None:
        raise BadInput("This protocol reads no files.")
    for position, name, reason in (seen.refusals or [])[:100]:
        click.echo(f"{position}: {name or 'the row'}: {reason}")
    click.echo(f"{seen.records} records, {len(seen.refusals or [])} refused")


def _turn(key: str, state: str) -> None:
    from registry.sources import set_state
    from spil.cli import finish
    from spil.cli.administration import database

    finish(set_state(database(), key, state))


@click.command()
@click.argument("key")
def pause(key: str) -> None:
    """Read the source KEY no more, and ask it nothing live, until `resume`."""
    _turn(key, "PAUSED")
    click.echo("Paused.")


@click.command()
@click.argument("key")
def resume(key: str) -> None:
    """Read the paused source KEY again, from where it was left."""
    _turn(key, "ACTIVE")
    click.echo("Active.")


@click.command()
@click.argument("key")
@click.option("--for", "other", metavar="OTHER", help="The source that takes over what KEY brought.")
def end(key: str, other: str | None) -> None:
    """End the source KEY for good. Opportunities that it brought close; students and cases stay as they are.

    With --for the source OTHER, of the same party and kind, takes over what KEY brought, also when KEY ended before:
    it is read from the start at its next reading, and what it does not name then is gone.
    """
    from registry.source_ending import end_source, hand_on
    from spil.cli import finish
    from spil.cli.administration import database

    if other is not None:
        _, taken = finish(hand_on(database(), key, other))
        click.echo(f"Ended. {other} took over {taken:,} {'record' if taken == 1 else 'records'}.")
        return
    source, n = finish(end_source(database(), key))
    click.echo(f"Ended.{_left(source, n)}")


def _left(source: Source, n: int) -> str:
    """What became of what an ended source brought, in words."""
    if not n:
        return ""
    if source.kind == "servicepoint":
        return f" Its opportunities closed: {n:,}."
    what = "students" if source.kind == "school" else "cases"
    return (
        f" Its {what} ({n:,}) stay as they are until another source takes over what it brought:"
        f" `spil sources end {source.key} --for OTHER`."
    )
