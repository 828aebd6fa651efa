"""The import of school holidays: a file of our own simple form takes the place of the dates that the library knows.

Form: UTF-8, `;`, a header `region;name;from;to`, one holiday per line; `region` is NOORD, MIDDEN, ZUID or ALLE (all
three), the days are YYYY-MM-DD, both inclusive.

    region;name;from;to
    ALLE;Kerstvakantie;2026-12-19;2027-01-03
    ZUID;Voorjaarsvakantie;2027-02-13;2027-02-21

Laws
1. Per region and school year (from 1 August), from the first day of the file to its last, only what the file says
   is a school holiday. Of a year between two of which it speaks it says nothing.
2. A row that cannot be read is reported with line and reason; the rest is imported, in one transaction.
3. A reason has a stable code and never quotes the line. A second import of the same file writes nothing.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

import orjson

from registry.holidays import REGIONS, SCHOOL_YEAR
from registry.session import session, written
from schema.errors import BadInput

HEADER: Final = ("region", "name", "from", "to")
ALL: Final = "ALLE"
LONGEST: Final = 60  # days of one holiday; the summer has six weeks
MOST_BYTES: Final = 1_000_000
NAME_LENGTH: Final = 60
FIRST_YEAR, YEARS_AHEAD = 2020, 5  # further off it is a slip of the pen

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "COLUMN_COUNT": "The line has more or fewer columns than region;name;from;to.",
        "BAD_REGION": "The region is not NOORD, MIDDEN, ZUID or ALLE.",
        "NO_NAME": f"The holiday has no name, or one of more than {NAME_LENGTH} characters.",
        "BAD_DAY": "A day is not like 2027-02-13.",
        "BAD_YEAR": f"A day lies before {FIRST_YEAR}, or more than {YEARS_AHEAD} years ahead.",
        "BAD_RANGE": f"The last day lies before the first, or more than {LONGEST} days behind it.",
        "OVERLAP": "A day of it was a holiday of this region on an earlier line of this file.",
    }
)

# `$1` are the days as JSON objects: region, on_date, name.
_SPANS = (
    "(SELECT region, min(on_date) AS first, max(on_date) AS last"  # noqa: S608 - our own words
    f" FROM json_populate_recordset(NULL::holiday, $1::json) GROUP BY region, {SCHOOL_YEAR})"
)
GONE = f"""
DELETE FROM holiday h USING {_SPANS} s
WHERE h.calendar = 'SCHOOL' AND h.region = s.region AND h.on_date BETWEEN s.first AND s.last AND NOT EXISTS (
    SELECT FROM json_populate_recordset(NULL::holiday, $1::json) n
    WHERE (n.region, n.on_date, n.name) = (h.region, h.on_date, h.name) AND h.source = 'FILE')
"""  # noqa: S608 - our own names
NEW = """
INSERT INTO holiday (on_date, name, calendar, region, source)
SELECT n.on_date, n.name, 'SCHOOL', n.region, 'FILE' FROM json_populate_recordset(NULL::holiday, $1::json) n
ON CONFLICT (on_date, calendar, region) DO NOTHING
"""
Day = tuple[str, date]  # region and day


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was not imported: its number in the file (the header is 1), and a code of REASONS."""

    line: int
    code: str


@dataclass(slots=True)
class Report:
    """What an import did: holidays are lines of the file, days are rows."""

    holidays: int = 0
    added: int = 0
    gone: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"line {one.line}: {one.code}: {REASONS[one.code]}" for one in self.rejected]
        lines.append(f"{self.holidays} holidays, {len(self.rejected)} rejected")
        lines.append(
            f"{self.added} days added, {self.gone} taken away." if self.added + self.gone else "Nothing changed."
        )
        return "\n".join(lines)


async def import_holidays(url: str, path: Path, progress: Callable[[str], None] | None = None) -> Report:
    """Imports what is good in the file. Raises BadInput for a file of another form, Unavailable, SetUp."""
    report, days = Report(), dict[Day, str]()
    years = range(FIRST_YEAR, date.today().year + YEARS_AHEAD + 1)  # noqa: DTZ011 - of years an hour is nothing
    for line, cells in _lines(path):
        judged = _holiday(cells, days, years)
        if isinstance(judged, str):
            report.rejected.append(Rejected(line, judged))
        else:
            days |= judged
            report.holidays += 1
    if progress:
        progress(f"{len(days)} days")
    rows = [{"region": region, "on_date": day, "name": name} for (region, day), name in days.items()]
    body = orjson.dumps(rows).decode()
    async with session(url) as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('spil reference'))")
        report.gone = written(await connection.execute(GONE, body))
        report.added = written(await connection.execute(NEW, body))
    return report


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines below the header that are not blank, with their numbers."""
    try:
        if not path.is_file():
            raise BadInput("There is no such file, or it is not a file.")
        if path.stat().st_size > MOST_BYTES:
            raise BadInput("This is not a file of school holidays: it is too large.")
        text = path.read_bytes().decode("utf-8-sig")
        rows = list(csv.reader(text.splitlines(), delimiter=";", strict=True))
    except OSError as error:
        raise BadInput(f"The file cannot be read: {os.strerror(error.errno or 0)}.") from None
    except (UnicodeDecodeError, csv.Error):
        raise BadInput("This is not a file of school holidays: it is not CSV in UTF-8.") from None
    if not rows or tuple(cell.strip().lower() for cell in rows[0]) != HEADER:
        raise BadInput("This is not a file of school holidays: its first line is not region;name;from;to.")
    for number, cells in enumerate(rows[1:], start=2):
        if any(cell.strip() for cell in cells):
            yield number, [cell.strip() for cell in cells]


def _holiday(cells: list[str], before: Mapping[Day, str], years: range) -> dict[Day, str] | str:
    """The days of a line with their name, or the code of the first thing that is wrong with it."""
    if len(cells) != len(HEADER):
        return "COLUMN_COUNT"
    region, name = cells[0].upper(), cells[1]
    if region not in (*REGIONS, ALL):
        return "BAD_REGION"
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        return "NO_NAME"
    first, last = (_day(cell) for cell in cells[2:])
    if first is None or last is None:
        return "BAD_DAY"
    if first.year not in years or last.year not in years:
        return "BAD_YEAR"
    if not 0 <= (last - first).days < LONGEST:
        return "BAD_RANGE"
    every = [first + timedelta(n) for n in range((last - first).days + 1)]
    found = {(one, day): name for one in (REGIONS if region == ALL else (region,)) for day in every}
    return "OVERLAP" if found.keys() & before.keys() else found


def _day(cell: str) -> date | None:
    try:
        return date.fromisoformat(cell) if len(cell) == len("2027-02-13") else None
    except ValueError:
        return None
