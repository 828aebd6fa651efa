"""What the administration commands share: which database, how a key is judged, how rows are shown."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from auth.viewer import PartyKind

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
with_ended = click.option("--all", "ended", is_flag=True, help="Also what was ended.")
moment = click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"))


def database() -> str:
    """The worker's login, else the owner's, else the demo that runs from this checkout. Raises SetUp."""
    from registry.embedded import running_url
    from schema.errors import SetUp
    from spil.settings import read

    settings = read(os.environ)
    url = settings.worker_url or settings.database_url or running_url()
    if url is None:
        raise SetUp("Set SPIL_WORKER_URL or SPIL_DATABASE_URL, or start scripts/demo: no database is known here.")
    return url


def kind_of(party: str) -> PartyKind:
    """The row of auth/viewer.PARTIES for a key. Raises BadInput."""
    from auth.viewer import PARTIES, party_kind
    from schema.errors import BadInput

    kind = party_kind(party)
    if kind is None:
        raise BadInput(f"This is not the key of a party. A key starts with one of {', '.join(PARTIES)}.")
    return kind


def function_of(party: str, function: str | None) -> str:
    """The function, or the only one that such a party has. Raises BadInput."""
    from schema.errors import BadInput

    functions = kind_of(party).functions
    if function is None and len(functions) == 1:
        return next(iter(functions))
    if function not in functions:
        raise BadInput(f"Give --function, one of: {', '.join(sorted(functions))}.")
    return function


def plain(text: str, most: int = 200) -> str:
    """A name as it may stand in a table. Raises BadInput."""
    from schema.errors import BadInput

    if not 0 < len(text.strip()) <= most or not text.isprintable():
        raise BadInput(f"A name or a version has at most {most} printable signs.")
    return text.strip()


def instant(value: datetime | None) -> datetime | None:
    """A day or time on the command line is UTC."""
    return None if value is None else value.replace(tzinfo=UTC)


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """Prints rows as a table of these columns, or whole as JSON; instants are UTC, an open end is empty or null."""
    if as_json:
        import orjson

        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    table = [list(columns), *([_cell(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[place]) for line in table) for place in range(len(columns))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return str(value)
