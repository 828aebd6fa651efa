"""What a feed of vacancies makes, changes, closes and deletes; and what a source that misbehaves leaves behind."""

from __future__ import annotations

import asyncio

import pytest

from registry.source_ending import end_source
from registry.sources import leased, set_state
from schema.errors import Conflict, SourceDown, SourceMalformed
from spil.harvest import sync
from spil.partners import today
from tests.spil.harvest_kit import POINT, Feed, World, joined, stamps, vacancy
from tests.wire.partner_kit import always, reply


def feed_of(count: int) -> Feed:
    return Feed({f"v{n}": vacancy() for n in range(count)})


async def test_a_vacancy_has_its_employer_its_town_and_its_service_point(world: World) -> None:
    feed = Feed({"v1": vacancy(), "v2": vacancy(kvk="87654321", werkgever=None)})
    async with joined(world, feed):
        report = await sync(world.worker, feed.key)
    assert (report.state, report.counts.added) == ("DONE", 2)
    rows = await world.db.fetch(
        "SELECT o.title, o.municipality, o.region, o.service_point, o.source, e.name FROM opportunity o"
        " JOIN employer e ON e.kvk = o.employer ORDER BY e.kvk"
    )
    assert [tuple(row) for row in rows] == [
        ("Medewerker groen", "GM0796", "AM27", POINT, feed.key, "Hoveniersbedrijf De Proef"),
        ("Medewerker groen", "GM0796", "AM27", POINT, feed.key, "KvK 87654321"),
    ]


async def test_a_feed_that_did_not_change_is_not_read_and_one_that_did_writes_the_difference(world: World) -> None:
    feed = feed_of(25)
    async with joined(world, feed):
        await sync(world.worker, feed.key)
        before = await stamps(world)
        again = await sync(world.worker, feed.key)
        assert (again.pages, await stamps(world)) == (0, before)
        feed.rows["v7"] = vacancy(titel="Medewerker horeca")
        third = await sync(world.worker, feed.key)
        await world.db.execute("UPDATE source SET cursor = NULL")
        settled = await stamps(world)
        fourth = await sync(world.worker, feed.key)
    assert (third.counts.changed, third.counts.unchanged) == (1, 24)
    assert (fourth.counts.unchanged, await stamps(world)) == (25, settled)


async def test_what_is_gone_is_deleted_or_closed_when_somebody_refers_to_it(world: World) -> None:
    feed = feed_of(3)
    async with joined(world, feed):
        await sync(world.worker, feed.key)
        await world.db.execute("INSERT INTO student (id, school, source) VALUES (gen_random_uuid(), '01AA00', 'test');")
        await world.db.execute(
            "INSERT INTO placement (student, n, kind, employer, opportunity, from_on, state)"
            " SELECT s.id, 1, 'WERK', '12345678', h.opportunity, '2026-01-01', 'RUNNING'"
            " FROM student s, harvested h WHERE h.reference = 'v1'"
        )
        del feed.rows["v1"], feed.rows["v2"]
        report = await sync(world.worker, feed.key)
        assert report.counts.ended == 2
        rows = await world.db.fetch(
            "SELECT h.reference, o.closes_on FROM opportunity o JOIN harvested h ON h.opportunity = o.id"
        )
        assert {(row["reference"], row["closes_on"] <= today()) for row in rows} == {("v0", False), ("v1", True)}
        feed.rows["v1"] = vacancy()
        await sync(world.worker, feed.key)
    assert await world.db.fetchval("SELECT count(*) FROM opportunity WHERE closes_on > current_date") == 2
    assert await world.db.fetchval("SELECT count(*) FROM harvested WHERE gone_at IS NULL") == 2


async def test_a_town_that_nobody_knows_is_refused_and_the_rest_is_taken(world: World) -> None:
    feed = Feed({"v1": vacancy(), "v2": vacancy(postcode="1000AB")})
    async with joined(world, feed):
        report = await sync(world.worker, feed.key)
    assert (report.counts.added, report.counts.rejected) == (1, 1)
    assert report.notes == [("v2", "municipality", "UNKNOWN_CODE")]


async def test_a_bad_row_that_was_named_is_not_gone(world: World) -> None:
    feed = feed_of(3)
    async with joined(world, feed):
        await sync(world.worker, feed.key)
        feed.rows["v1"] = vacancy(uren="veel")
        report = await sync(world.worker, feed.key)
    assert (report.counts.rejected, report.counts.ended) == (1, 0)
    assert await world.db.fetchval("SELECT count(*) FROM opportunity") == 3


async def test_a_source_that_answers_garbage_or_not_at_all_leaves_everything_as_it_was(world: World) -> None:
    feed = feed_of(3)
    async with joined(world, feed):
        await sync(world.worker, feed.key)
        before = await stamps(world)
        feed.body = b'{"vacatures": [{"nummer"'
        with pytest.raises(SourceMalformed):
            await sync(world.worker, feed.key)
        feed.partner.act = always(reply(503))
        with pytest.raises(SourceDown):
            await sync(world.worker, feed.key)
    assert await stamps(world) == before
    runs = await world.db.fetch("SELECT state, code FROM source_run ORDER BY started_at")
    assert [tuple(row) for row in runs] == [
        ("DONE", None),
        ("FAILED", "SOURCE_MALFORMED"),
        ("FAILED", "SOURCE_DOWN"),
    ]


async def test_two_harvesters_of_one_source_do_not_read_at_once(world: World) -> None:
    feed = feed_of(3)
    async with joined(world, feed):
        async with leased(world.worker, feed.key):
            with pytest.raises(Conflict):
                async with leased(world.worker, feed.key, patience=0.05):
                    raise AssertionError("the lease was given twice")
        both = await asyncio.gather(*(sync(world.worker, feed.key) for _ in range(2)))
    assert sorted(one.counts.added for one in both) == [0, 3]


async def test_a_paused_source_is_not_read_until_it_is_resumed(world: World) -> None:
    feed = feed_of(1)
    async with joined(world, feed):
        await set_state(world.worker, feed.key, "PAUSED")
        with pytest.raises(Conflict):
            await sync(world.worker, feed.key)
        await set_state(world.worker, feed.key, "ACTIVE")
        assert (await sync(world.worker, feed.key)).counts.added == 1
        await end_source(world.worker, feed.key)
        with pytest.raises(Conflict):
            await set_state(world.worker, feed.key, "ACTIVE")
