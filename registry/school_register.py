"""The import of the public school register: locations with practical education (pro) become schools and parties.

Laws
1. A row finds its region through its municipality number alone: the register's RPA and RMC codes are other divisions.
2. A fictitious school (BRIN 9nZx) is never written here, and a row that claims such a code is rejected.
3. What did not change since the last import (the digest of what we take) is not written: `seen_on` is the day on which
   the present content was first seen.
4. A school that left the register stays: young people, rights and placements hang on it. It is counted as `absent`.
5. A batch of BATCH lines is one transaction with its boards, Doorstroompunt regions, schools, parties and covers: an
   import that was interrupted is done again, and goes on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from registry.holidays import REGIONS as HOLIDAY_REGIONS
from registry.school_file import RegisterFile, Rejected, Row, open_register, rejected
from registry.session import session
from schema.errors import SetUp

if TYPE_CHECKING:
    from registry.session import Connection

BATCH: Final = 500
PRO: Final = "PRO"
BRIN: Final = re.compile(r"[0-9]{2}[A-Z]{2}[0-9]{2}")
FICTITIOUS: Final = re.compile(r"9[0-9]Z[A-Z][0-9]{2}")
BOARD: Final = re.compile(r"[0-9]{5}")
POSTCODE: Final = re.compile(r"([1-9][0-9]{3}) ?([A-Z]{2})")
RMC: Final = re.compile(r"[0-9]{2}")

# `$1` is a batch as JSON: objects with the keys of School.
BOARDS = """
INSERT INTO school_board (number)
SELECT DISTINCT n.board FROM json_to_recordset($1::json) AS n(board text)
WHERE n.board IS NOT NULL AND NOT EXISTS (SELECT FROM school_board b WHERE b.number = n.board)
ON CONFLICT (number) DO NOTHING
"""
DOORSTROOMPUNTEN = """
INSERT INTO doorstroompunt_region AS d (code, name)
SELECT n.code, n.name FROM json_to_recordset($1::json) AS n(code text, name text)
LEFT JOIN doorstroompunt_region o ON o.code = n.code
WHERE o.name IS DISTINCT FROM n.name
ON CONFLICT (code) DO UPDATE SET name = excluded.name
"""
# Unchanged rows are left out before the INSERT: ON CONFLICT would lock, and so write, each of them.
# `xmax = 0` tells a row that was inserted from one that was updated.
SCHOOLS = """
INSERT INTO school AS s (brin, name, kind, board, municipality, region, doorstroompunt, street, postcode, place, phone,
                         website, holiday_region, fictitious, source, digest, seen_on)
SELECT n.brin, n.name, 'PRO', n.board, n.municipality, m.region, n.doorstroompunt, n.street, n.postcode, n.place,
       n.phone, n.website, n.holiday_region, false, 'duo', n.digest, today()
FROM json_populate_recordset(NULL::school, $1::json) n
JOIN municipality m ON m.code = n.municipality
LEFT JOIN school o ON o.brin = n.brin
WHERE o.digest IS DISTINCT FROM n.digest
ON CONFLICT (brin) DO UPDATE SET name = excluded.name, kind = excluded.kind, board = excluded.board,
    municipality = excluded.municipality, region = excluded.region, doorstroompunt = excluded.doorstroompunt,
    street = excluded.street, postcode = excluded.postcode, place = excluded.place, phone = excluded.phone,
    website = excluded.website, holiday_region = excluded.holiday_region,
    source = excluded.source, digest = excluded.digest, seen_on = excluded.seen_on
    WHERE NOT s.fictitious
RETURNING s.xmax = 0 AS added
"""
PARTIES = """
INSERT INTO party AS p (key, kind, name)
SELECT 'school:' || n.brin, 'school', n.name FROM json_to_recordset($1::json) AS n(brin text, name text)
LEFT JOIN party o ON o.key = 'school:' || n.brin
WHERE o.name IS DISTINCT FROM n.name
ON CONFLICT (key) DO UPDATE SET name = excluded.name
"""
# A school whose row an operator ended stays ended.
COVERS = """
INSERT INTO covers (party, function, school)
SELECT 'school:' || n.brin, 'guidance', n.brin FROM json_to_recordset($1::json) AS n(brin text)
WHERE NOT EXISTS (SELECT FROM covers c
                  WHERE c.party = 'school:' || n.brin AND c.function = 'guidance' AND c.school = n.brin)
"""
ABSENT = "SELECT count(*) FROM school WHERE source = 'duo' AND brin <> ALL ($1::text[])"
MUNICIPALITIES = "SELECT code FROM municipality"


@dataclass(slots=True)
class Report:
    """What an import did, in schools (locations) and lines of the file."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    not_pro: int = 0
    absent: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def schools(self) -> int:
        return self.added + self.changed + self.unchanged

    def __str__(self) -> str:
        lines = [f"line {one.line}: {one.code}: {one.reason}" for one in self.rejected]
        lines.append(
            f"{self.schools} schools ({self.added} added, {self.changed} changed, {self.unchanged} unchanged), "
            f"{self.not_pro} not pro, {len(self.rejected)} rejected"
        )
        if self.absent:
            lines.append(
                f"{self.absent} schools of earlier imports are not in this file as pro; they stay as they were."
            )
        if not self.added + self.changed:
            lines.append("Nothing changed.")
        return "\n".join(lines)


@dataclass(slots=True)
class _State:
    """What the lines of one file share."""

    municipalities: frozenset[str]
    report: Report = field(default_factory=Report)
    brins: set[str] = field(default_factory=set)
    mentioned: set[str] = field(default_factory=set)  # also by rows that were rejected
    doorstroompunten: dict[str, str] = field(default_factory=dict)


async def import_schools(url: str, path: Path, progress: Callable[[str], None] | None = None) -> Report:
    """Imports what is good in the file and reports the rest.

    Raises BadInput for a file that is not the register, SetUp where municipalities were not loaded, Unavailable.
    """
    tell = progress or (lambda _: None)
    with open_register(path) as file:
        async with session(url) as connection:
            # Two imports at once: the second waits for the first.
            await connection.execute("SELECT pg_advisory_lock(hashtext('spil import schools'))")
            codes = frozenset(row["code"] for row in await connection.fetch(MUNICIPALITIES))
            if not codes:
                raise SetUp("The municipalities were not loaded yet; schools are found through them.")
            state = _State(codes)
            for batch in _batches(file):
                schools = [school for row in batch if (school := _judged(row, state)) is not None]
                if schools:
                    await _store(connection, schools, state)
                tell(f"{file.position * 100 // max(file.size, 1)} %, {state.report.schools} schools")
            state.report.absent = await connection.fetchval(ABSENT, list(state.mentioned))
    return state.report


def _batches(file: RegisterFile) -> Iterator[list[Row | Rejected]]:
    rows = file.rows()
    while batch := list(islice(rows, BATCH)):
        yield batch


def _judged(row: Row | Rejected, state: _State) -> dict[str, Any] | None:
    """The school of a row; None for one that was counted or rejected."""
    if isinstance(row, Row):
        if PRO not in {part.strip() for part in row.values["structure"].split("/")}:
            state.report.not_pro += 1
            return None
        state.mentioned.add(row.values["brin"])
        code = _wrong(row, state)
        if code is None:
            school = _school(row, state)
            state.brins.add(school["brin"])
            return school
        row = rejected(row.line, code)
    state.report.rejected.append(row)
    return None


def _wrong(row: Row, state: _State) -> str | None:
    """The code of the first thing that is wrong with a row."""
    value = row.values
    brin, board, postcode = value["brin"], value["board"], value["postcode"]
    rmc, rmc_name = value["doorstroompunt"], value["doorstroompunt_name"]
    checks = (
        ("BAD_BRIN", BRIN.fullmatch(brin) and brin[:4] == value["institution"]),
        ("FICTITIOUS_BRIN", not FICTITIOUS.fullmatch(brin)),
        ("DUPLICATE", brin not in state.brins),
        ("NO_NAME", value["name"]),
        ("BAD_BOARD", not board or BOARD.fullmatch(board)),
        ("UNKNOWN_MUNICIPALITY", "GM" + value["municipality"] in state.municipalities),
        ("BAD_POSTCODE", not postcode or POSTCODE.fullmatch(postcode)),
        ("BAD_HOLIDAY_REGION", value["holiday_region"].upper() in ("", *HOLIDAY_REGIONS)),
        ("BAD_DOORSTROOMPUNT", RMC.fullmatch(rmc) and rmc_name if rmc or rmc_name else True),
    )
    return next((code for code, good in checks if not good), None)


def _school(row: Row, state: _State) -> dict[str, Any]:
    """The columns of a good row, and their digest; "" becomes None."""
    value = row.values
    postcode = POSTCODE.fullmatch(value["postcode"])
    rmc = f"RMC{value['doorstroompunt']}" if value["doorstroompunt"] else None
    if rmc:
        # The first name in the file counts, so that two spellings do not take turns.
        state.doorstroompunten.setdefault(rmc, value["doorstroompunt_name"])
    school = {
        "brin": value["brin"],
        "name": value["name"],
        "board": value["board"] or None,
        "municipality": "GM" + value["municipality"],
        "doorstroompunt": rmc,
        "street": f"{value['street']} {value['house']}".strip() or None,
        "postcode": f"{postcode[1]} {postcode[2]}" if postcode else None,
        "place": value["place"] or None,
        "phone": value["phone"] or None,
        "website": value["website"] or None,
        "holiday_region": value["holiday_region"].upper() or None,
    }
    return school | {"digest": hashlib.sha256(orjson.dumps(list(school.values()))).hexdigest()}


async def _store(connection: Connection, schools: list[dict[str, Any]], state: _State) -> None:
    """Writes one batch, and counts it once it is committed."""
    names = [{"code": code, "name": name} for code, name in state.doorstroompunten.items()]
    body = orjson.dumps(schools).decode()
    async with connection.transaction():
        await connection.execute(BOARDS, body)
        await connection.execute(DOORSTROOMPUNTEN, orjson.dumps(names).decode())
        rows = await connection.fetch(SCHOOLS, body)
        await connection.execute(PARTIES, body)
        await connection.execute(COVERS, body)
    added = sum(row["added"] for row in rows)
    state.report.added += added
    state.report.changed += len(rows) - added
    state.report.unchanged += len(schools) - len(rows)
