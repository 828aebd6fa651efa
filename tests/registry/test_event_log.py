"""Positions without a hole, in the order of what happened, from one who leads; the old leaves, an epoch begins."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from registry import reference
from registry.event_epochs import renew_epochs
from registry.event_log import Lead, lag_of, leading
from registry.migrate import Logins

LEASE = timedelta(seconds=30)
SEERS = ["school:90ZX00#guidance", "municipality:GM0796#participatie", "municipality:GM0344#participatie"]
TELL = """
INSERT INTO outbox (type, subject_kind, student, seers, details)
VALUES ('nl.arbeidstoeleiding.plaatsing-gestart.v1', $1, $2, $3, $4)
"""


@pytest.fixture(scope="module")
async def registry(fresh_database: str) -> str:
    """A registry with a school."""
    await reference.load(fresh_database)
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("""
        INSERT INTO school (brin, name, kind, municipality, region, fictitious, source, digest, seen_on)
        SELECT '90ZX00', 'School', 'PRO', m.code, m.region, true, 'seed', 'x', '2026-01-01'
        FROM municipality m WHERE m.code = 'GM0796'""")
    await connection.close()
    return fresh_database


@pytest.fixture
async def owner(registry: str) -> AsyncIterator[Any]:
    """The owner's connection, to a registry in which nothing has happened."""
    connection = await asyncpg.connect(registry, server_settings={"lock_timeout": "5s"})
    await connection.execute(
        "TRUNCATE outbox, event_log, stream_head, sight, access, student CASCADE;"
        " UPDATE leader SET token = 0, holder = NULL, since_at = NULL, until_at = '-infinity';"
        " UPDATE event_epoch SET epoch = 1"
    )
    yield connection
    await connection.close()


@pytest.fixture
async def lead(owner: Any, fresh_logins: Logins) -> AsyncIterator[Lead]:
    async with leading(fresh_logins.worker) as found:
        yield found


async def tell(owner: Any, *seers: str, student: Any = None, kind: str = "NONE", n: int = 0) -> None:
    await owner.execute(TELL, kind, student, list(seers), f'{{"n": {n}}}')


async def young_person(owner: Any) -> Any:
    return await owner.fetchval("INSERT INTO student (school, source) VALUES ('90ZX00', 'x') RETURNING id")


async def log_of(owner: Any, seer: str) -> list[tuple[int, int, int]]:
    """(epoch, pos, the number that the event carries), in order."""
    rows = await owner.fetch(
        "SELECT l.epoch, l.pos, (o.details ->> 'n')::int FROM event_log l JOIN outbox o ON o.id = l.event"
        " WHERE l.seer = $1 ORDER BY 1, 2",
        seer,
    )
    return [tuple(row) for row in rows]


async def taken(lead: Lead) -> int:
    token = await lead.take("test", LEASE)
    assert token is not None
    return token


async def test_each_party_gets_its_own_positions_from_one_on(owner: Any, lead: Lead) -> None:
    token = await taken(lead)
    await tell(owner, SEERS[0], SEERS[1], n=1)
    await tell(owner, SEERS[1], n=2)
    await tell(owner, n=3)  # nobody's
    assert await lead.sequence(token, 500, LEASE) == 3
    await tell(owner, SEERS[1], SEERS[0], SEERS[1], n=4)
    assert await lead.waits()
    assert await lead.sequence(token, 500, LEASE) == 1
    assert not await lead.waits()
    assert await lead.sequence(token, 500, LEASE) == 0
    assert await log_of(owner, SEERS[0]) == [(1, 1, 1), (1, 2, 4)]
    assert await log_of(owner, SEERS[1]) == [(1, 1, 1), (1, 2, 2), (1, 3, 4)]
    assert [row[0] for row in await owner.fetch("SELECT pos FROM stream_head ORDER BY seer DESC")] == [2, 3]


async def write_many(url: str, students: list[Any], writer: int, count: int) -> None:
    """As commands do: the young person's lock first, then what happened; some are undone, some are slow to commit."""
    rng = random.Random(writer)
    connection = await asyncpg.connect(url)
    try:
        for _ in range(count):
            student = rng.choice(students)
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("SELECT FROM student WHERE id = $1 FOR NO KEY UPDATE", student)
            number = await connection.fetchval(
                "INSERT INTO turn SELECT $1, coalesce(max(n), 0) + 1 FROM turn WHERE student = $1 RETURNING n",
                student,
            )
            seers = rng.sample(SEERS, rng.randint(1, 3))
            await tell(connection, *seers, student=student, kind="STUDENT", n=number)
            await asyncio.sleep(rng.random() * 0.003)
            await (transaction.rollback() if rng.random() < 0.1 else transaction.commit())
    finally:
        await connection.close()


async def test_sixteen_writers_at_once_leave_no_hole_and_keep_each_young_persons_order(
    owner: Any, lead: Lead, fresh_database: str
) -> None:
    await owner.execute("CREATE TABLE IF NOT EXISTS turn (student uuid, n int)")
    students = [await young_person(owner) for _ in range(12)]
    token = await taken(lead)
    writing = asyncio.gather(*[write_many(fresh_database, students, writer, 25) for writer in range(16)])
    while not writing.done() or await lead.waits():
        await lead.sequence(token, 7, LEASE)
        await asyncio.sleep(0.001)
    await writing
    told = await owner.fetchval("SELECT sum(cardinality(seers)) FROM outbox")
    assert told > 500
    assert told == await owner.fetchval("SELECT count(*) FROM event_log")
    for seer in SEERS:
        assert [pos for _, pos, _ in await log_of(owner, seer)] == list(range(1, len(await log_of(owner, seer)) + 1))
    for student in students:
        for seer in SEERS:
            numbers = await owner.fetch(
                "SELECT (o.details ->> 'n')::int FROM event_log l JOIN outbox o ON o.id = l.event"
                " WHERE l.seer = $1 AND o.student = $2 ORDER BY l.epoch, l.pos",
                seer,
                student,
            )
            assert [row[0] for row in numbers] == sorted(row[0] for row in numbers)


async def test_of_two_one_leads_and_who_was_replaced_writes_nothing(
    owner: Any, lead: Lead, fresh_logins: Logins
) -> None:
    async with leading(fresh_logins.worker) as other:
        token = await taken(lead)
        assert await other.take("other", LEASE) is None
        await owner.execute("UPDATE leader SET until_at = clock_timestamp() WHERE name = 'sequencer'")
        assert await lead.keep(token, LEASE), "nobody came: it leads on"
        await owner.execute("UPDATE leader SET until_at = clock_timestamp() WHERE name = 'sequencer'")
        newer = await other.take("other", LEASE)
        assert newer == token + 1

        await tell(owner, SEERS[0], n=1)
        assert await lead.sequence(token, 500, LEASE) is None
        assert not await lead.keep(token, LEASE)
        await lead.give_up(token)
        assert await log_of(owner, SEERS[0]) == []
        assert await lead.take("test", LEASE) is None, "who was replaced gives up nothing of the other's"
        assert await other.sequence(newer, 500, LEASE) == 1
        await other.give_up(newer)
        assert await lead.take("test", LEASE) == newer + 1


async def test_a_batch_under_way_holds_the_lead_back(owner: Any, lead: Lead, fresh_logins: Logins) -> None:
    """Another takes the lead only when the statement of the one before has ended, and sees all that it wrote."""
    token = await taken(lead)
    await owner.execute("UPDATE leader SET until_at = clock_timestamp() WHERE name = 'sequencer'")
    await tell(owner, SEERS[0], n=1)
    async with leading(fresh_logins.worker) as other:
        holding = await asyncpg.connect(fresh_logins.worker)
        slow = holding.transaction()
        await slow.start()
        assert await holding.fetchval("SELECT sequence_events($1, 500, '1 microsecond')", token) == 1
        taking = asyncio.create_task(other.take("other", LEASE))
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        async with asyncio.timeout(10):
            while not await owner.fetchval(blocked):  # noqa: ASYNC110 - what is polled is Postgres
                await asyncio.sleep(0.01)
        await slow.commit()
        newer = await taking
        assert newer == token + 1
        await tell(owner, SEERS[0], n=2)
        assert await other.sequence(newer, 500, LEASE) == 1
        await holding.close()
    assert await log_of(owner, SEERS[0]) == [(1, 1, 1), (1, 2, 2)]


async def test_the_lag_says_what_waits_and_who_leads_since_when(owner: Any, lead: Lead, fresh_logins: Logins) -> None:
    found = await lag_of(fresh_logins.worker)
    assert (found.waiting, found.oldest, found.seconds, found.holder, found.since) == (0, None, None, None, None)
    began = datetime.now(UTC)
    token = await taken(lead)
    await tell(owner, SEERS[0])
    await tell(owner, SEERS[0])
    found = await lead.lag()
    assert (found.waiting, found.holder, found.token) == (2, "test", token)
    assert found.since is not None
    assert found.seconds is not None
    assert abs(found.since - began) < timedelta(minutes=1)
    assert 0 <= found.seconds < 60
    await lead.give_up(token)
    assert (await lead.lag()).holder is None


async def test_the_old_leaves_in_small_batches_and_the_stream_says_from_where_it_is_kept(
    owner: Any, lead: Lead
) -> None:
    token = await taken(lead)
    for n in range(10):
        await tell(owner, *SEERS[:2], n=n)
    await tell(owner, n=99)  # nobody's
    await lead.sequence(token, 500, LEASE)
    await owner.execute(
        "UPDATE event_log SET logged_at = now() - interval '500 days' WHERE pos <= 6 AND seer = $1", SEERS[0]
    )
    await owner.execute(
        "UPDATE outbox SET sequenced_at = now() - interval '500 days' WHERE (details ->> 'n')::int <> 9"
    )
    before = datetime.now(UTC) - timedelta(days=400)
    assert [await lead.age(before, 4) for _ in range(4)] == [4, 2, 1, 0]
    kept = {row["seer"]: row["kept_after"] for row in await owner.fetch("SELECT * FROM stream_head")}
    assert kept == {SEERS[0]: 6, SEERS[1]: 0}
    assert [pos for _, pos, _ in await log_of(owner, SEERS[0])] == [7, 8, 9, 10]
    assert len(await log_of(owner, SEERS[1])) == 10, "what one log still names is kept"
    await owner.execute("UPDATE event_log SET logged_at = now() - interval '500 days'")
    while await lead.age(before, 4):
        pass
    assert await owner.fetchval("SELECT count(*) FROM outbox") == 1, "the youngest"
    await tell(owner, SEERS[0], n=11)
    await lead.sequence(token, 500, LEASE)
    assert await log_of(owner, SEERS[0]) == [(1, 11, 11)]


async def test_what_came_in_is_kept_no_longer_than_the_log(owner: Any, lead: Lead) -> None:
    await owner.execute("""
        INSERT INTO party (key, kind, name) VALUES ('municipality:GM0001', 'municipality', 'x') ON CONFLICT DO NOTHING;
        INSERT INTO source (key, party, kind, protocol, harvests, answers_live)
            VALUES ('oud', 'municipality:GM0001', 'municipality', 'cloudevents', false, false);
        INSERT INTO inbound_event (source, id, event_source, type, time, data, received_at)
            SELECT 'oud', gen_random_uuid(), 'urn:nld:oin:1', 'nl.arbeidstoeleiding.uitval-gemeld.v1', now(), '{}',
                   now() - n * interval '200 days' FROM generate_series(1, 4) n""")
    before = datetime.now(UTC) - timedelta(days=500)
    assert [await lead.age(before, 1) for _ in range(3)] == [1, 1, 0]
    assert await owner.fetchval("SELECT count(*) FROM inbound_event") == 2


async def test_in_a_new_epoch_every_stream_begins_anew_and_so_does_one_that_was_not_there(
    owner: Any, lead: Lead, fresh_logins: Logins
) -> None:
    token = await taken(lead)
    await tell(owner, SEERS[0], SEERS[1], n=1)
    await lead.sequence(token, 500, LEASE)
    rows = await renew_epochs(fresh_logins.worker)
    epoch = rows[0]["epoch"]
    assert epoch > 1
    assert [tuple(row.values()) for row in rows] == [(SEERS[1], 1, 1, epoch), (SEERS[0], 1, 1, epoch)]
    await tell(owner, *SEERS, n=2)
    assert await lead.sequence(token, 500, LEASE) == 1, "it leads on"
    assert await log_of(owner, SEERS[0]) == [(1, 1, 1), (epoch, 1, 2)]
    assert await log_of(owner, SEERS[2]) == [(epoch, 1, 2)]

    one = await renew_epochs(fresh_logins.worker, SEERS[0].partition("#")[0])
    assert [tuple(row.values())[:3] for row in one] == [(SEERS[0], epoch, 1)]
    assert one[0]["epoch"] > epoch
    (again,) = {row["epoch"] for row in await renew_epochs(fresh_logins.worker)}
    assert again > one[0]["epoch"]


async def test_an_epoch_that_a_restore_took_away_is_not_begun_again(
    owner: Any, lead: Lead, fresh_logins: Logins
) -> None:
    """The same backup is restored twice: what receivers have of the first time is another epoch's."""
    token = await taken(lead)
    await tell(owner, SEERS[0])
    await lead.sequence(token, 500, LEASE)
    first = (await renew_epochs(fresh_logins.worker))[0]["epoch"]
    await owner.execute("UPDATE stream_head SET epoch = 1, pos = 1; UPDATE event_epoch SET epoch = 1")
    second = (await renew_epochs(fresh_logins.worker))[0]["epoch"]
    assert second > first
    assert len(str(second)) <= 9, "as positions are written"
