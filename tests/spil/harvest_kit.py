"""A country with one school and one service point, and partners that speak the real protocols on real sockets.

school = SchoolSystem({"1001": student(...)})
async with school.serving():
    await add(world, school)
    report = await sync(world.worker, SCHOOL_SOURCE)
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
import orjson

from registry import reference
from registry.migrate import LOGINS, make_logins
from registry.sources import Source, add_source
from tests.conftest import TestPostgres, migrated
from tests.wire.partner_kit import Heard, Partner, reply

BRIN: Final = "01AA00"
SCHOOL: Final = f"school:{BRIN}"
POINT: Final = "servicepoint:AM27-WERKCENTRUM"
TOWN: Final = "municipality:GM0796"
GUIDANCE: Final = f"{SCHOOL}#guidance"
MAPPING: Final = """
record = "opportunity"
format = "json"
rows = "vacatures"
[fields]
reference = "nummer"
kind = { constant = "WERK" }
title = "titel"
description = "tekst"
employer_kvk = "kvk"
employer_name = "werkgever"
postcode = "postcode"
hours_min = "uren"
closes_on = "sluit"
"""


@dataclass
class World:
    """A database to write in. `db` is the owner's connection."""

    owner: str
    worker: str
    db: Any


@asynccontextmanager
async def world_of(postgres: TestPostgres, stem: str = "t_harvest") -> AsyncIterator[World]:
    """The reference data, one school, one service point and one municipality as parties."""
    owner = await migrated(postgres, stem)
    logins = await make_logins(owner, dict.fromkeys(LOGINS, "only-for-tests"))
    await reference.load(owner)
    db = await asyncpg.connect(owner)
    try:
        await db.execute(
            "INSERT INTO school (brin, name, kind, municipality, region, source, digest, seen_on)"
            " VALUES ($1, 'Praktijkschool De Proef', 'PRO', 'GM0796', 'AM27', 'seed', '', '2026-01-01')",
            BRIN,
        )
        for key in (SCHOOL, POINT, TOWN):
            await db.execute(
                "INSERT INTO party (key, kind, name) VALUES ($1, split_part($1, ':', 1), $1) ON CONFLICT DO NOTHING",
                key,
            )
        yield World(owner, logins.worker, db)
    finally:
        await db.close()
        await postgres.drop(owner)


async def empty(world: World) -> None:
    """Forgets all that sources brought."""
    await world.db.execute("TRUNCATE source, student, opportunity, employer CASCADE")


def student(**told: Any) -> dict[str, Any]:
    """A student as a school system tells one."""
    return {"gemeentecode": "GM0796", "uitstroomprofiel": "2", "leerjaar": 4, "leeftijdsgroep": "16_17"} | told


@dataclass
class SchoolSystem:
    """Speaks `school-rest`: full syncs in pages by number, deltas by the place in its list of changes."""

    students: dict[str, dict[str, Any]]
    changes: list[str] = field(default_factory=list)
    forgets: bool = False
    asked: int = 0
    key: str = "school-rest-proef"
    partner: Partner = field(init=False)

    def __post_init__(self) -> None:
        self.partner = Partner(self._act)

    def put(self, number: str, **told: Any) -> None:
        self.students[number] = {**self.students.get(number, student()), **told}
        self.changes.append(number)

    def drop(self, number: str) -> None:
        del self.students[number]
        self.changes.append(number)

    def row(self, base: str) -> Source:
        return Source(
            self.key,
            SCHOOL,
            "school",
            "school-rest",
            base_url=f"http://{base}",
            hosts=("127.0.0.1",),
            private_hosts=(base,),
            options={"page": 10},
        )

    async def _act(self, heard: Heard) -> bytes:
        self.asked += 1
        query = {name: values[0] for name, values in parse_qs(urlsplit(heard.path).query).items()}
        page = self._page(query.get("cursor"), int(query["limit"]))
        return reply(410) if page is None else reply(200, orjson.dumps(page))

    def _page(self, cursor: str | None, limit: int) -> dict[str, Any] | None:
        if cursor is not None and self.forgets:
            self.forgets = False
            return None
        if cursor is None or cursor.startswith("f"):
            start, since = (0, len(self.changes)) if cursor is None else map(int, cursor[1:].split("."))
            numbers = sorted(self.students)
            more = start + limit < len(numbers)
            after = f"f{start + limit}.{since}" if more else f"d{since}"
            rows = [{"leerlingid": one, **self.students[one]} for one in numbers[start : start + limit]]
            return {"leerlingen": rows, "cursor": after, "meer": more, "volledig": not more}
        since = int(cursor[1:])
        numbers = list(dict.fromkeys(self.changes[since : since + limit]))
        return {
            "leerlingen": [{"leerlingid": one, **self.students[one]} for one in numbers if one in self.students],
            "verwijderd": [one for one in numbers if one not in self.students],
            "cursor": f"d{min(since + limit, len(self.changes))}",
            "meer": since + limit < len(self.changes),
        }


@dataclass
class Feed:
    """Speaks `declared`: one JSON document with an ETag."""

    rows: dict[str, dict[str, Any]]
    key: str = "feed-proef"
    body: bytes | None = None
    page: int = 10
    partner: Partner = field(init=False)

    def __post_init__(self) -> None:
        self.partner = Partner(self._act)

    def row(self, base: str) -> Source:
        return Source(
            self.key,
            POINT,
            "servicepoint",
            "declared",
            base_url=f"http://{base}",
            hosts=("127.0.0.1",),
            private_hosts=(base,),
            mapping=MAPPING,
            options={"page": self.page},
        )

    async def _act(self, heard: Heard) -> bytes:
        body = self.body or orjson.dumps({"vacatures": [{"nummer": key, **one} for key, one in self.rows.items()]})
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if heard.headers.get("if-none-match") == etag:
            return reply(304, b"", etag=etag)
        return reply(200, body, etag=etag)


def vacancy(**told: Any) -> dict[str, Any]:
    """A vacancy as the feed tells one."""
    return {
        "titel": "Medewerker groen",
        "tekst": "Buiten werken.",
        "kvk": "12345678",
        "werkgever": "Hoveniersbedrijf De Proef",
        "postcode": "5211AB",
        "uren": 24,
        "sluit": "2030-01-01",
    } | told


@asynccontextmanager
async def joined(world: World, *systems: SchoolSystem | Feed) -> AsyncIterator[None]:
    """The systems serve, and are sources."""
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        for system in systems:
            await stack.enter_async_context(system.partner.serving())
            await add_source(world.worker, system.row(f"127.0.0.1:{system.partner.port}"))
        yield


async def held(world: World) -> set[tuple[str, str, bool]]:
    """What sources are known to hold: reference, digest and whether it is gone."""
    rows = await world.db.fetch("SELECT reference, digest, gone_at IS NOT NULL AS gone FROM harvested")
    return {(row["reference"], row["digest"], row["gone"]) for row in rows}


async def told(world: World) -> list[tuple[Any, ...]]:
    """The outbox, by what does not depend on the run: type, the student's number, who receives it, details."""
    rows = await world.db.fetch(
        "SELECT o.type, h.reference, o.seers, o.details::text AS details FROM outbox o"
        " LEFT JOIN harvested h ON h.student = o.student ORDER BY 1, 2, 3, 4"
    )
    return [(row["type"].split(".")[2], row["reference"], *row["seers"], row["details"]) for row in rows]


async def waits(world: World) -> list[tuple[Any, ...]]:
    """What is due and by whom, by what does not depend on the run."""
    rows = await world.db.fetch(
        "SELECT d.process, d.step, h.reference, d.seer FROM due d JOIN harvested h ON h.student = d.student"
        " WHERE d.done_at IS NULL ORDER BY 1, 2, 3, 4"
    )
    return [tuple(row) for row in rows]


async def rights(world: World, number: str) -> list[tuple[str, str, bool]]:
    """Seer, purpose and whether it is open, of a student by number."""
    rows = await world.db.fetch(
        "SELECT a.seer, a.purpose, a.ended_at = 'infinity' AND a.ends_at > now() AS open FROM access a"
        " JOIN harvested h ON h.student = a.student WHERE h.reference = $1 ORDER BY a.started_at, a.purpose",
        number,
    )
    return [(row["seer"], row["purpose"], row["open"]) for row in rows]


async def lead_of(world: World, number: str) -> str | None:
    """Who has the lead of a student now."""
    seer: str | None = await world.db.fetchval(
        "SELECT l.seer FROM lead l JOIN harvested h ON h.student = l.student"
        " WHERE h.reference = $1 AND l.until_at = 'infinity'",
        number,
    )
    return seer


async def grant(world: World, number: str, seer: str, purpose: str, by: str = GUIDANCE, **told: Any) -> None:
    """A reason of another party, granted by the school unless said otherwise."""
    await world.db.execute(
        "INSERT INTO access (seer, student, tier, purpose, granted_by, ends_at)"
        " SELECT $2, h.student, $4, $3, $5, 'infinity' FROM harvested h WHERE h.reference = $1",
        number,
        seer,
        purpose,
        told.get("tier", "IDENTIFIED"),
        by,
    )


Stamps = Mapping[str, str]
WRITTEN: Final = (
    "student",
    "student_profile",
    "link",
    "access",
    "lead",
    "sight",
    "placement",
    "credential",
    "opportunity",
    "employer",
    "outbox",
)


async def stamps(world: World) -> Stamps:
    """Where and by which transaction every row was written: equal when nothing was."""
    statement = "SELECT coalesce(string_agg(concat(ctid, xmin, xmax), ' ' ORDER BY ctid), '') FROM {}"
    return {table: await world.db.fetchval(statement.format(table)) for table in WRITTEN}
