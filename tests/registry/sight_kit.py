"""For the tests of `sight`: an empty registry, and the naive maximum that it must equal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

TIERS = ("TRACE", "CANDIDATE", "GIVEN_NAME", "IDENTIFIED")
INSTANTS = ("seen_until", "until_candidate", "until_given_name", "until_identified")
SEERS = (
    "school:90ZX00#guidance",
    "municipality:GM0796#participatie",
    "employer:90000001#mentor",
    "servicepoint:AM27-WSP#matching",
)
NEVER, EVER = datetime.min, datetime.max  # noqa: DTZ901 - the driver's words for the two infinities
ADD = "INSERT INTO access (seer, student, tier, purpose, ends_at) VALUES ($1, $2, $3, 'STAGE', $4) RETURNING id"
END = "UPDATE access SET ended_at = now() WHERE id = $1"


@asynccontextmanager
async def empty_registry(url: str) -> AsyncIterator[Any]:
    """An empty registry with one school and two towns."""
    connection = await asyncpg.connect(url)
    await connection.execute("""
        BEGIN; SET CONSTRAINTS ALL DEFERRED; DELETE FROM student;
        INSERT INTO region (code, name, centre, uwv, lon, lat, tile_column, tile_row, valid_from)
            VALUES ('AM27', 'R', 'GM0796', 1, 5, 52, 1, 1, 2026) ON CONFLICT DO NOTHING;
        INSERT INTO municipality (code, name, region, lon, lat, valid_from)
            VALUES ('GM0796', 'A', 'AM27', 5, 52, 2026), ('GM0855', 'B', 'AM27', 5, 52, 2026) ON CONFLICT DO NOTHING;
        INSERT INTO school (brin, name, kind, municipality, region, fictitious, source, digest, seen_on)
            SELECT brin, 'S', 'PRO', 'GM0796', 'AM27', true, 'seed', 'x', '2026-01-01'
            FROM unnest(ARRAY['90ZX00', '90ZX01']) brin ON CONFLICT DO NOTHING;
        COMMIT""")
    yield connection
    await connection.close()


async def students(owner: Any, count: int) -> list[UUID]:
    sql = (
        "INSERT INTO student (school, municipality, source)"
        " SELECT '90ZX00', 'GM0796', 'x' FROM generate_series(1, $1) RETURNING id"
    )
    return [row["id"] for row in await owner.fetch(sql, count)]


async def naive(owner: Any) -> dict[tuple[str, UUID], tuple[datetime, ...]]:
    """Per pair, for each tier the latest end over the open reasons of that tier or a higher one.

    Written in Python: an oracle.
    """
    found: dict[tuple[str, UUID], list[datetime]] = {}
    for row in await owner.fetch("SELECT * FROM access"):
        instants = found.setdefault((row["seer"], row["student"]), [NEVER] * 4)
        for n in range(TIERS.index(row["tier"]) + 1) if row["ended_at"] == EVER else ():
            instants[n] = max(instants[n], row["ends_at"], key=comparable)
    return {pair: tuple(instants) for pair, instants in found.items()}


def comparable(instant: datetime) -> datetime:
    """The driver gives the infinities without a zone."""
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


async def sight(owner: Any) -> dict[tuple[str, UUID], tuple[datetime, ...]]:
    rows = await owner.fetch(
        "SELECT * FROM sight s WHERE seen_until > '-infinity'"
        " OR EXISTS (SELECT FROM access a WHERE a.seer = s.seer AND a.student = s.student)"
    )
    return {(row["seer"], row["student"]): tuple(row[name] for name in INSTANTS) for row in rows}


async def agree(owner: Any) -> None:
    assert await sight(owner) == await naive(owner)
