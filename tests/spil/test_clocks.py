"""The loop of the clocks: killed again and again it ends as one that was left alone; of two one leads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from registry.clocks import clocks
from registry.embedded_home import CHECKOUT
from spil.clocks import Pace, keep_clocks
from tests.resolvers.access_kit import open_scene

if TYPE_CHECKING:
    from registry.migrate import Logins

SCHOOL, MANY, KILLS = "school:90ZX00#guidance", 240, 10
QUICK = Pace(between=0.05, in_line=0.02, renew=0.05, lease=0.5, batch=50)
# Goes round until it is killed.
PROGRAM = """
import asyncio, sys
from registry.clocks import clocks
from spil.clocks import Pace, keep_clocks
async def main():
    async with clocks(sys.argv[1]) as kept:
        pace = Pace(between=0.05, in_line=0.02, renew=0.05, lease=0.3, batch=50)
        await keep_clocks(kept, "killed", lambda *_, **__: None, pace=pace)
asyncio.run(main())
"""
# Places that ended yesterday: of some it was said, of some not, some went on; and what somebody should have done.
PLACES = """
WITH made AS (
    INSERT INTO student (school, municipality, source)
    SELECT '90ZX00', 'GM0796', 'x' FROM generate_series(1, $1) RETURNING id
), seen AS (
    INSERT INTO access (seer, student, tier, purpose, ends_at)
    SELECT $2, id, 'IDENTIFIED', 'ENROLMENT', 'infinity' FROM made
), led AS (
    INSERT INTO lead (student, seer) SELECT id, $2 FROM made
)
INSERT INTO placement (student, n, kind, employer, from_on, to_on, state)
SELECT m.id, n, CASE WHEN get_byte(uuid_send(m.id), 0) % 4 = 0 THEN 'STAGE' ELSE 'WERK' END, '90000001', today() - 90,
    CASE n WHEN 1 THEN today() - 1 ELSE today() + 40 END, 'RUNNING'
FROM made m, generate_series(1, 2) n WHERE n = 1 OR get_byte(uuid_send(m.id), 1) % 4 = 0
"""
ANSWERS = """
INSERT INTO placement_question (student, placement_n, to_on, days, asked_at, answer, answered_by, answered_at)
SELECT student, n, to_on, 28, now(), 'ENDS', $1, now() FROM placement
WHERE to_on < today() AND get_byte(uuid_send(student), 2) % 2 = 0
"""
TOLD = "SELECT type, student, case_n, seers, count(*) FROM outbox GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
FREE = "UPDATE leader SET until_at = '-infinity' WHERE name = 'clocks'"


@pytest.fixture(scope="module")
async def owner(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Any]:
    async with open_scene(fresh_database, fresh_logins) as scene:
        await scene.owner.execute("INSERT INTO employer (kvk, name) VALUES ('90000001', 'Bakkerij De Proef')")
        yield scene.owner


@pytest.fixture
async def worker(fresh_logins: Logins) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(fresh_logins.worker)
    yield connection
    await connection.close()


@pytest.fixture
async def places(owner: Any) -> Any:
    """The owner's connection; many places that are over, and nothing else."""
    await owner.execute("DELETE FROM outbox; DELETE FROM overdue; DELETE FROM student")
    await owner.execute(FREE)
    await owner.execute(PLACES, MANY, SCHOOL)
    await owner.execute(ANSWERS, SCHOOL)
    return owner


async def shape(owner: Any) -> list[tuple[Any, ...]]:
    """What became of everybody, without what is random or of the clock on the wall."""
    rows = await owner.fetch("""
        SELECT p.student, p.n, p.kind, p.state, u.basis, u.state AS stands, u.how, d.process, d.step,
            (SELECT array_agg(split_part(o.type, '.', 3) ORDER BY o.n) FROM outbox o
             WHERE o.student = p.student) AS told
        FROM placement p LEFT JOIN uitval u ON (u.student, u.placement_n) = (p.student, p.n)
        LEFT JOIN due d ON d.student = p.student AND d.case_n = coalesce(u.n, p.n) ORDER BY 1, 2""")
    return [tuple(row) for row in rows]


async def until(owner: Any, question: str, wanted: Any, *more: Any) -> None:
    async with asyncio.timeout(30):
        while await owner.fetchval(question, *more) != wanted:  # noqa: ASYNC110 - what another does to rows
            await asyncio.sleep(0.02)


LEFT = "SELECT count(*) FROM clocks_waiting(now(), NULL, 100000)"


async def killed(worker: Any, url: str, rng: random.Random) -> int:
    """Runs the clocks in a process group of its own, kills it a moment after it did something; gives what is left."""
    before: int = await worker.fetchval(LEFT)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", PROGRAM, url, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            while before and await worker.fetchval(LEFT) == before:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.001)
        await asyncio.sleep(rng.uniform(0.0, 0.02))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    left: int = await worker.fetchval(LEFT)
    return left


@contextlib.asynccontextmanager
async def kept(worker: str, said: list[str], now: Callable[[], datetime | None] = lambda: None) -> AsyncIterator[None]:
    """The loop, in this process, until the block ends."""
    async with clocks(worker) as mine:
        running = asyncio.create_task(
            keep_clocks(mine, "here", lambda event, **_: said.append(event), pace=QUICK, now=now)
        )
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])


async def test_killed_again_and_again_it_does_everything_once(places: Any, worker: Any, fresh_logins: Logins) -> None:
    seed = int(os.environ.get("SPIL_CLOCKS_SEED") or time.time())
    print(f"\nseed {seed}")
    rng, many = random.Random(seed), await worker.fetchval(LEFT)
    left = [many, *[await killed(worker, fresh_logins.worker, rng) for _ in range(KILLS)]]
    print(left)
    assert left[0] == MANY
    assert len({*left} - {0, MANY}) > 1, "it was killed in the middle"
    async with kept(fresh_logins.worker, []):
        await until(worker, LEFT, 0)
    assert await places.fetch(TOLD) == [], "told once"
    for student, n, kind, state, basis, stands, how, process, step, told in await shape(places):
        if n == 2 or kind == "STAGE":
            assert (basis, stands) == (None, None), student
        elif basis is not None:
            ends = (stands, how, process, step) == ("REPORTED", "CONTRACT_ENDED", "UITVAL", "PICK_UP")
            assert ends or (stands, how, process, step) == ("SIGNALLED", None, "UITVAL", "CONFIRM")
            assert told.count("uitval-gemeld") == 1
            assert state == ("RUNNING" if n == 2 or basis == "PRESUMED" else "ENDED")
    assert await places.fetchval("SELECT count(*) FROM uitval WHERE basis = 'TOLD'") > MANY // 10
    assert await places.fetchval("SELECT count(*) FROM uitval WHERE basis = 'PRESUMED'") > MANY // 10


async def test_of_two_one_leads_and_the_other_takes_over(places: Any, worker: Any, fresh_logins: Logins) -> None:
    first: list[str] = []
    second: list[str] = []
    async with kept(fresh_logins.worker, second):
        await until(worker, LEFT, 0)
        token = await places.fetchval("SELECT token FROM leader WHERE name = 'clocks'")
        async with kept(fresh_logins.worker, first):
            await places.execute("UPDATE placement SET state = 'RUNNING' WHERE kind = 'STAGE' AND n = 1")
            await until(worker, LEFT, 0)
            assert await places.fetchval("SELECT token FROM leader WHERE name = 'clocks'") == token
            assert first == [], "it waits in line"
    assert second[-1] == "clocks lead no more"
    async with kept(fresh_logins.worker, first):
        await until(places, "SELECT token FROM leader WHERE name = 'clocks'", token + 1)


async def test_who_was_replaced_does_nothing(places: Any, fresh_logins: Logins) -> None:
    async with clocks(fresh_logins.worker) as old, clocks(fresh_logins.worker) as new:
        token = await old.lead.take("old", timedelta(seconds=10))
        await places.execute(FREE)
        newer = await new.lead.take("new", timedelta(seconds=10))
        assert token is not None
        assert newer is not None
        (young, *_) = await old.waiting(None, None, 10)
        assert await old.tick(token, young, None) is None
        assert await old.count(token, None) is None
        assert young in await new.waiting(None, None, 10), "nothing was done"
        assert await new.tick(newer, young, None) is not None
        assert young not in await new.waiting(None, None, 10)


async def test_one_for_whom_it_fails_stops_nobody_and_is_not_named(
    places: Any, worker: Any, fresh_logins: Logins
) -> None:
    young = await worker.fetchval("SELECT clocks_waiting(now(), NULL, 1)")
    await places.execute(f"""
        CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
        CREATE TRIGGER fails BEFORE UPDATE ON placement FOR EACH ROW WHEN (OLD.student = '{young}')
            EXECUTE FUNCTION fails();
        CREATE TRIGGER fails BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.student = '{young}')
            EXECUTE FUNCTION fails()
    """)
    said: list[str] = []
    try:
        async with kept(fresh_logins.worker, said):
            await until(worker, LEFT, 1)
            assert await worker.fetchval("SELECT clocks_waiting(now(), NULL, 1)") == young
            assert "clock broke" in said
            await places.execute("DROP FUNCTION fails CASCADE")
            await until(worker, LEFT, 0)
    finally:
        await places.execute("DROP FUNCTION IF EXISTS fails CASCADE")
    assert not any(str(young) in event for event in said)


async def test_time_moves_on_and_what_was_not_done_reaches_the_country(
    places: Any, worker: Any, fresh_logins: Logins
) -> None:
    at = datetime.now(UTC)
    async with kept(fresh_logins.worker, [], lambda: at):
        for days in (0, 6, 14):
            at = datetime.now(UTC) + timedelta(days=days)
            await until(worker, "SELECT count(*) FROM clocks_waiting($1, NULL, 100000)", 0, at)
        late = await places.fetchval("SELECT count(*) FROM overdue WHERE cleared_at IS NULL")
        assert late == await places.fetchval("SELECT count(*) FROM uitval WHERE basis = 'TOLD'")
        figure = "SELECT items FROM figure_overdue WHERE region = 'AM27' AND step = 'PICK_UP'"
        await until(places, figure, str(late))


async def test_the_holidays_are_topped_up_once_a_day(places: Any, fresh_logins: Logins) -> None:
    wanted = await places.fetchval("SELECT count(*) FROM holiday")
    await places.execute("DELETE FROM holiday WHERE on_date > today() + 300")
    async with kept(fresh_logins.worker, []):
        await until(places, "SELECT count(*) FROM holiday", wanted)
