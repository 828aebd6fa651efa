"""What a municipality's cases end, and what they never open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from registry.harvest_cases import end_cases, put_cases
from registry.session import session
from registry.sources import Source, add_source
from spil.harvest import sync
from tests.conftest import TestPostgres
from tests.spil.harvest_kit import (
    GUIDANCE,
    TOWN,
    SchoolSystem,
    World,
    grant,
    joined,
    lead_of,
    rights,
    student,
    world_of,
)

WORK = f"{TOWN}#participatie"
CASES = Source("zaken", TOWN, "municipality", "ggm-rest")


@pytest.fixture
async def world(postgres: TestPostgres) -> AsyncIterator[World]:
    async with world_of(postgres) as made:
        yield made


def case(number: str, state: str) -> dict[str, str]:
    return {"reference": number, "state": state, "digest": f"{number} {state}"}


async def test_a_case_that_was_closed_ends_what_lasts_until_it_is_and_a_stranger_s_is_not_kept(world: World) -> None:
    school = SchoolSystem({"1001": student(), "1002": student()})
    async with joined(world, school):
        await sync(world.worker, school.key)
    await add_source(world.worker, CASES)
    for number, key in (("1001", "Z-1"), ("1002", "Z-2")):
        await grant(world, number, WORK, "INVOLVE_MUNICIPALITY")
        await world.db.execute(
            "INSERT INTO link (student, source, key) SELECT student, $1, $2 FROM harvested WHERE reference = $3",
            TOWN,
            key,
            number,
        )
    await world.db.execute("UPDATE lead SET until_at = now()")
    await world.db.execute("INSERT INTO lead (student, seer) SELECT student, $1 FROM harvested", WORK)
    async with session(world.worker) as connection, connection.transaction():
        first, _ = await put_cases(connection, CASES, [case("Z-1", "OPEN"), case("Z-9", "OPEN")], uuid4())
        again, _ = await put_cases(connection, CASES, [case("Z-1", "OPEN")], uuid4())
        closed, _ = await put_cases(connection, CASES, [case("Z-1", "CLOSED"), case("Z-2", "OPEN")], uuid4())
        gone = await end_cases(connection, CASES, ["Z-2", "Z-9"])
    assert [(one.added, one.changed, one.unchanged) for one in (first, again, closed)] == [
        (1, 0, 1),
        (0, 0, 1),
        (1, 1, 0),
    ]
    assert gone.ended == 1
    for number in ("1001", "1002"):
        assert sorted(await rights(world, number)) == [
            (WORK, "INVOLVE_MUNICIPALITY", False),
            (GUIDANCE, "ENROLMENT", True),
        ]
        assert await lead_of(world, number) == GUIDANCE
    assert await world.db.fetchval("SELECT count(*) FROM link WHERE source = $1 AND until_at = 'infinity'", TOWN) == 0
