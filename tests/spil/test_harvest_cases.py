"""What a municipality's cases end, and what they never open: by hand, and by `spil sources sync` from a partner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from click.testing import CliRunner

from registry.harvest_cases import end_cases, put_cases
from registry.session import session
from registry.sources import Source, add_source
from spil.cli import cli
from spil.harvest import sync
from tests.conftest import TestPostgres
from tests.partners.municipality import Municipality
from tests.partners.serving import serving
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


@dataclass
class Town:
    """A municipality whose system serves, and the command that reads it."""

    world: World
    system: Municipality

    async def sync(self) -> str:
        """What `spil sources sync` says; it must go well."""
        told = await asyncio.to_thread(CliRunner().invoke, cli, ["sources", "sync", "gemeente"])
        assert told.exit_code == 0, told.output
        return str(told.output)

    async def link(self, number: str, case: str, purpose: str = "CONTINUE_SUPPORT") -> None:
        """A handover was accepted: the municipality sees the student, and has a case."""
        await grant(self.world, number, WORK, purpose)
        await self.world.db.execute(
            "INSERT INTO link (student, source, key) SELECT student, $1, $2 FROM harvested WHERE reference = $3",
            TOWN,
            case,
            number,
        )

    async def open(self, case: str) -> bool:
        """Whether the link of a case is open."""
        found = "SELECT EXISTS (SELECT FROM link WHERE source = $1 AND key = $2 AND until_at = 'infinity')"
        return bool(await self.world.db.fetchval(found, TOWN, case))

    async def known(self) -> dict[str, bool]:
        """The cases that are kept, and whether they are gone."""
        rows = await self.world.db.fetch(
            "SELECT reference, gone_at IS NOT NULL FROM harvested WHERE source = 'gemeente'"
        )
        return {row[0]: row[1] for row in rows}


@pytest.fixture
async def town(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """Six students with a case each; the system has them, and two of whom the hub knows nothing."""
    school = SchoolSystem({f"{1000 + n}": student() for n in range(1, 7)})
    async with joined(world, school):
        await sync(world.worker, school.key)
    system = Municipality()
    monkeypatch.setenv("SPIL_WORKER_URL", world.worker)
    async with serving(system.app) as port:
        here = f"127.0.0.1:{port}"
        words = ["sources", "add", "gemeente", "--party", TOWN, "--protocol", "ggm-rest", "--url", f"http://{here}"]
        added = await asyncio.to_thread(CliRunner().invoke, cli, [*words, "--private", here, "--page", "3"])
        assert added.exit_code == 0, added.output
        one = Town(world, system)
        for n in range(1, 7):
            await one.link(f"{1000 + n}", f"Z-{n}")
        for number in (*(f"Z-{n}" for n in range(1, 7)), "Z-99", "Z-98"):
            system.open_case(number)
        yield one


def close(town: Town, case: str) -> None:
    town.system.cases.put({"zaaknummer": case, "status": "AFGESLOTEN", "functie": "participatie"})


async def test_all_cases_are_read_page_by_page_and_again_nothing_is_new(town: Town) -> None:
    assert "6 added, 0 changed, 2 unchanged, 0 ended, 0 rejected; 3 pages" in await town.sync()
    assert await town.known() == {f"Z-{n}": False for n in range(1, 7)}, "a stranger's case is not kept"
    assert "0 added, 0 changed, 0 unchanged, 0 ended, 0 rejected; 1 pages" in await town.sync()
    assert [one["path"] for one in town.system.app.log] == ["/zaken"] * 4
    for n in range(1, 7):
        assert sorted(await rights(town.world, f"{1000 + n}")) == [
            (WORK, "CONTINUE_SUPPORT", True),
            (GUIDANCE, "ENROLMENT", True),
        ]


async def test_a_case_that_is_closed_there_ends_what_rests_on_it_here(town: Town) -> None:
    await town.sync()
    await town.world.db.execute("UPDATE lead SET until_at = now()")
    await town.world.db.execute(
        "INSERT INTO lead (student, seer) SELECT student, $1 FROM harvested WHERE reference = '1001'", WORK
    )
    close(town, "Z-1")
    close(town, "Z-99")
    assert "0 added, 1 changed, 1 unchanged, 0 ended, 0 rejected; 1 pages" in await town.sync()
    assert sorted(await rights(town.world, "1001")) == [
        (WORK, "CONTINUE_SUPPORT", False),
        (GUIDANCE, "ENROLMENT", True),
    ]
    assert not await town.open("Z-1")
    assert await lead_of(town.world, "1001") == GUIDANCE
    assert await town.open("Z-2")
    assert (WORK, "CONTINUE_SUPPORT", True) in await rights(town.world, "1002")


async def test_a_case_that_is_taken_back_was_closed(town: Town) -> None:
    await town.sync()
    town.system.cases.take_back("Z-2")
    assert "1 ended" in await town.sync()
    assert (await town.known())["Z-2"]
    assert not await town.open("Z-2")
    assert (WORK, "CONTINUE_SUPPORT", False) in await rights(town.world, "1002")


async def test_a_cursor_that_is_forgotten_begins_anew_and_what_is_not_named_was_closed(town: Town) -> None:
    await town.sync()
    for case in ("Z-1", "Z-2", "Z-3", "Z-4"):  # four of six: a municipality may close as many as it has
        town.system.cases.take_back(case)
    town.system.cases.forgotten = len(town.system.cases.history)
    assert "0 added, 0 changed, 4 unchanged, 4 ended, 0 rejected; 2 pages" in await town.sync()
    assert await town.known() == {f"Z-{n}": n <= 4 for n in range(1, 7)}
    assert [await town.open(f"Z-{n}") for n in range(1, 7)] == [False] * 4 + [True] * 2


async def test_the_case_of_one_who_left_school_is_missed_as_every_other(town: Town) -> None:
    """Support goes on after school: a full sync that no longer names the case closed it."""
    await town.sync()
    await town.world.db.execute(
        "UPDATE student_profile SET left_on = current_date - 30 WHERE student ="
        " (SELECT student FROM harvested WHERE source = 'gemeente' AND reference = 'Z-1')"
    )
    town.system.cases.take_back("Z-1")
    town.system.cases.forgotten = len(town.system.cases.history)
    assert "1 ended" in await town.sync()
    assert not await town.open("Z-1")
    assert (WORK, "CONTINUE_SUPPORT", False) in await rights(town.world, "1001")


async def test_a_case_that_cannot_be_read_is_told_and_counts_as_named(town: Town) -> None:
    await town.sync()
    town.system.cases.put({"zaaknummer": "123456782", "status": "OPEN"})
    town.system.cases.put({"zaaknummer": "Z-5", "status": "KWIJT"})
    town.system.cases.forgotten = len(town.system.cases.history)
    told = await town.sync()
    assert "0 ended, 2 rejected" in told
    assert "BSN" in told
    assert "123456782" not in told
    assert await town.open("Z-5")
    kept = await town.world.db.fetch("SELECT field, reason FROM quarantine ORDER BY 1")
    assert [tuple(row) for row in kept] == [("reference", "BSN"), ("state", "UNKNOWN_CODE")]


async def test_a_reading_that_fails_half_way_goes_on_where_it_was(town: Town) -> None:
    real = town.system.cases.page
    calls = iter(range(99))

    def page(cursor: str | None, limit: int) -> dict[str, object]:
        if next(calls) == 0:
            town.system.app.told(fail=500)
        return real(cursor, limit)

    town.system.cases.page = page  # type: ignore[method-assign]  # it fails after its first page
    broken = await asyncio.to_thread(CliRunner().invoke, cli, ["sources", "sync", "gemeente"])
    assert broken.exit_code == 1
    assert "SOURCE_DOWN" in broken.output or "cannot be reached" in broken.output
    half = await town.known()
    assert sorted(half) == ["Z-1", "Z-2", "Z-3"]
    town.system.app.told()
    await town.sync()
    assert await town.known() == {f"Z-{n}": False for n in range(1, 7)}
    assert await town.world.db.fetchval("SELECT full_sync FROM source WHERE key = 'gemeente'") is None
