"""`spil sources end`: what becomes of what a source brought, and how another one takes it over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner

from registry.source_ending import end_source, hand_on
from registry.sources import Source, add_source, leased, set_state
from schema.errors import Conflict, NotFound
from spil.cli import cli
from spil.harvest import sync
from tests.spil.harvest_kit import (
    GUIDANCE,
    POINT,
    SCHOOL,
    TOWN,
    Feed,
    SchoolSystem,
    World,
    joined,
    student,
    vacancy,
)

OPEN = "SELECT count(*) FROM access WHERE seer = $1 AND ended_at = 'infinity'"
HELD = "SELECT source, reference FROM harvested WHERE gone_at IS NULL ORDER BY 1, 2"


@pytest.fixture
def end(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("SPIL_WORKER_URL", world.worker)

    async def end(*words: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, cli, ["sources", "end", *words])

    return end


@dataclass
class Unshown(Feed):
    """A feed whose opportunities the public does not see."""

    def row(self, base: str) -> Source:
        one = super().row(base)
        return replace(one, options={**one.options, "settings": {"public": "false"}})


def school_of(key: str, *numbers: int) -> SchoolSystem:
    return SchoolSystem({str(n): student() for n in numbers}, key=key)


def feed_of(key: str, *numbers: int, kind: type[Feed] = Feed) -> Feed:
    return kind({f"v{n}": vacancy(titel=f"Medewerker {n}") for n in numbers}, key=key)


async def held(world: World) -> dict[str, set[str]]:
    """What each source is known to hold now."""
    found: dict[str, set[str]] = {}
    for row in await world.db.fetch(HELD):
        found.setdefault(row["source"], set()).add(row["reference"])
    return found


async def place_somebody(world: World, title: str) -> None:
    """A placement that refers to this opportunity."""
    number = await world.db.fetchval(
        "INSERT INTO student (school, municipality, source) VALUES ('01AA00', 'GM0796', 'test') RETURNING id"
    )
    await world.db.execute(
        "INSERT INTO placement (student, n, kind, employer, opportunity, from_on, state)"
        " SELECT $1, 1, 'STAGE', '12345678', o.id, '2026-09-01', 'RUNNING' FROM opportunity o WHERE o.title = $2",
        number,
        title,
    )


async def test_the_opportunities_of_a_feed_that_ends_close(world: World, end: Any) -> None:
    feed = feed_of("oud", 1, 2, 3)
    async with joined(world, feed):
        await sync(world.worker, "oud")
        await place_somebody(world, "Medewerker 2")
        told = await end("oud")
    assert told.output == "Ended. Its opportunities closed: 3.\n"
    rows = await world.db.fetch("SELECT title, closes_on <= today() AS closed FROM opportunity")
    assert [tuple(row) for row in rows] == [("Medewerker 2", True)]
    assert await held(world) == {}


async def test_the_students_of_a_school_that_ends_stay_until_another_takes_over(world: World, end: Any) -> None:
    old, new = school_of("oud", *range(1001, 1006)), school_of("nieuw", *range(1001, 1005), 1009)
    async with joined(world, old, new):
        await sync(world.worker, "oud")
        told = await end("oud")
        assert told.output == (
            "Ended. Its students (5) stay as they are until another source takes over what it brought:"
            " `spil sources end oud --for OTHER`.\n"
        )
        assert await world.db.fetchval(OPEN, GUIDANCE) == 5
        assert (await end("oud")).exit_code == 1
        taken = await end("oud", "--for", "nieuw")
        assert (taken.exit_code, taken.output) == (0, "Ended. nieuw took over 5 records.\n")
        assert await held(world) == {"nieuw": {"1001", "1002", "1003", "1004", "1005"}}
        assert await world.db.fetchval(OPEN, GUIDANCE) == 5
        report = await sync(world.worker, "nieuw")
    assert (report.counts.added, report.counts.changed, report.counts.ended) == (1, 4, 1)
    assert await held(world) == {"nieuw": {"1001", "1002", "1003", "1004", "1009"}}
    assert await world.db.fetchval(OPEN, GUIDANCE) == 5
    assert await world.db.fetchval("SELECT count(*) FROM student") == 6


async def test_who_was_read_before_and_goes_on_by_changes_is_read_from_the_start_after_it_took_over(
    world: World, end: Any
) -> None:
    old, new = school_of("oud", 1001, 1002, 1003), school_of("nieuw", 1001, 1002)
    async with joined(world, old, new):
        await sync(world.worker, "oud")
        await sync(world.worker, "nieuw")
        assert (await end("oud", "--for", "nieuw")).output == "Ended. nieuw took over 1 record.\n"
        assert await held(world) == {"nieuw": {"1001", "1002", "1003"}}
        report = await sync(world.worker, "nieuw")
    assert (report.counts.unchanged, report.counts.ended) == (2, 1)
    assert await held(world) == {"nieuw": {"1001", "1002"}}
    assert await world.db.fetchval(OPEN, GUIDANCE) == 2


async def test_whom_the_other_knew_as_gone_counts_as_there_while_the_ended_one_still_had_them(world: World) -> None:
    old, new = school_of("oud", 1001, 1002, 1003), school_of("nieuw", 1001, 1002, 1003)
    async with joined(world, old, new):
        await sync(world.worker, "oud")
        await sync(world.worker, "nieuw")
        new.drop("1003")
        await sync(world.worker, "nieuw")
        assert await world.db.fetchval(OPEN, GUIDANCE) == 3, "the old one still names them"
        assert (await hand_on(world.worker, "oud", "nieuw"))[1] == 1
        assert "1003" in (await held(world))["nieuw"]
        await sync(world.worker, "nieuw")
    assert await world.db.fetchval(OPEN, GUIDANCE) == 2


async def test_a_duplicate_opportunity_ends_and_the_rest_is_read_anew_as_the_other_tells_it(world: World) -> None:
    old, new = feed_of("oud", 1, 2, 3, 4), feed_of("nieuw", 1, 2, kind=Unshown)
    async with joined(world, old, new):
        await sync(world.worker, "oud")
        await sync(world.worker, "nieuw")
        own = {row["id"] for row in await world.db.fetch("SELECT id FROM opportunity WHERE source = 'nieuw'")}
        assert await world.db.fetchval("SELECT count(*) FROM opportunity") == 6
        assert (await hand_on(world.worker, "oud", "nieuw"))[1] == 2
        assert await held(world) == {"nieuw": {"v1", "v2", "v3", "v4"}}
        left = {row["id"] for row in await world.db.fetch("SELECT id FROM opportunity")}
        assert (own < left, len(left)) == (True, 4)
        new.rows["v3"] = old.rows["v3"]
        report = await sync(world.worker, "nieuw")
    assert (report.counts.added, report.counts.changed, report.counts.ended) == (0, 1, 1)
    rows = await world.db.fetch("SELECT title, public FROM opportunity ORDER BY title")
    assert [tuple(row) for row in rows] == [(f"Medewerker {n}", False) for n in (1, 2, 3)]


async def test_a_feed_that_did_not_change_is_read_all_the_same_once_it_took_over(world: World) -> None:
    old, new = feed_of("oud", 1, 2, 3), feed_of("nieuw", 1)
    async with joined(world, old, new):
        await sync(world.worker, "oud")
        await sync(world.worker, "nieuw")
        await hand_on(world.worker, "oud", "nieuw")
        report = await sync(world.worker, "nieuw")
    assert (report.pages, report.counts.ended) == (1, 2)
    assert await world.db.fetchval("SELECT count(*) FROM opportunity") == 1


async def test_sidecar_rows_and_links_go_along_where_the_other_has_none_of_its_own(world: World) -> None:
    old, new = school_of("oud", 1001, 1002), school_of("nieuw", 1001)
    async with joined(world, old, new):
        await sync(world.worker, "oud")
        beside = "INSERT INTO sidecar (source, student, hours, told) SELECT $1, student, $3, '{}' FROM harvested"
        for source, number, hours in (("oud", "1001", 8), ("oud", "1002", 16), ("nieuw", "1001", 24)):
            await world.db.execute(f"{beside} WHERE source = 'oud' AND reference = $2", source, number, hours)
        await world.db.execute(
            "INSERT INTO link (student, source, key) SELECT student, 'oud', 'Z-' || reference FROM harvested"
        )
        await hand_on(world.worker, "oud", "nieuw")
    rows = await world.db.fetch("SELECT source, hours FROM sidecar ORDER BY hours")
    assert [tuple(row) for row in rows] == [("nieuw", 16), ("nieuw", 24)]
    rows = await world.db.fetch("SELECT source, key FROM link WHERE key LIKE 'Z-%' ORDER BY key")
    assert [tuple(row) for row in rows] == [("nieuw", "Z-1001"), ("nieuw", "Z-1002")]


async def test_what_cannot_take_over_is_refused_and_nothing_ends(world: World, end: Any) -> None:
    for one in (
        Source("oud", SCHOOL, "school", "school-csv"),
        Source("gepauzeerd", SCHOOL, "school", "school-csv"),
        Source("levend", SCHOOL, "school", "school-rest", "agent:", harvests=False, answers_live=True),
        Source("feed", POINT, "servicepoint", "declared"),
        Source("gemeente", TOWN, "municipality", "ggm-rest"),
    ):
        await add_source(world.worker, one)
    await set_state(world.worker, "gepauzeerd", "PAUSED")
    for other in ("oud", "gepauzeerd", "levend", "feed", "gemeente"):
        refused = await end("oud", "--for", other)
        assert (refused.exit_code, "active and harvests" in refused.output) == (1, True), other
    with pytest.raises(NotFound):
        await hand_on(world.worker, "oud", "geen-bron")
    assert await world.db.fetchval("SELECT state FROM source WHERE key = 'oud'") == "ACTIVE"


async def test_a_source_that_is_read_now_is_not_ended(world: World) -> None:
    for key in ("oud", "nieuw"):
        await add_source(world.worker, Source(key, SCHOOL, "school", "school-csv"))
    for key in ("oud", "nieuw"):
        async with leased(world.worker, key):
            with pytest.raises(Conflict, match="reading this source"):
                await hand_on(world.worker, "oud", "nieuw")
    async with leased(world.worker, "oud"):
        with pytest.raises(Conflict, match="reading this source"):
            await end_source(world.worker, "oud")


async def test_taking_over_is_whole_or_not_at_all(world: World) -> None:
    old, new = feed_of("oud", 1, 2), feed_of("nieuw", 1)
    async with joined(world, old, new):
        await sync(world.worker, "oud")
        await sync(world.worker, "nieuw")
    before = await held(world)
    await world.db.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
        "CREATE TRIGGER refuse BEFORE UPDATE OF cursor ON source FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    try:
        with pytest.raises(asyncpg.RaiseError):
            await hand_on(world.worker, "oud", "nieuw")
    finally:
        await world.db.execute("DROP FUNCTION refuse CASCADE")
    assert await held(world) == before
    assert await world.db.fetchval("SELECT count(*) FROM opportunity") == 3
    assert await world.db.fetchval("SELECT state FROM source WHERE key = 'oud'") == "ACTIVE"
