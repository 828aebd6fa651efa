"""`spil deliver`: loops that go on, two that take turns, and an end in good order."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from registry.embedded_home import CHECKOUT, home_folder
from registry.event_log import Lag, lag_of
from registry.migrate import Logins
from spil.deliver import Hands, Loop, age, deliver, sequence
from spil.settings import read
from spil.wiring import hands_of
from tests.chaos.servers import Postgres, Process
from tests.chaos.world import SCHOOL, World, make_world

KEY = "00" * 32
TELL = """
INSERT INTO outbox (type, subject_kind, seers, details)
SELECT 'nl.arbeidstoeleiding.plaats-vrijgekomen.v1', 'NONE', $1, '{}' FROM generate_series(1, $2)
"""


def environ(logins: Logins) -> dict[str, str]:
    return {"SPIL_GATEWAY_URL": logins.gateway, "SPIL_WORKER_URL": logins.worker, "SPIL_CURSOR_KEY": KEY}


def spil(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **more}
    return subprocess.run(
        [sys.executable, "-P", "-m", "spil", *words],
        env=env, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


async def until(holds: Callable[[Lag], bool], url: str, seconds: float = 20) -> Lag:
    """Polls the lag until it is so."""
    async with asyncio.timeout(seconds):
        while not holds(found := await lag_of(url)):  # noqa: ASYNC110 - what is polled is Postgres
            await asyncio.sleep(0.02)
    return found


# ---- in this process, on the tests' own Postgres


@pytest.fixture
async def hands(fresh_logins: Logins) -> AsyncIterator[tuple[Hands, list[dict[str, Any]]]]:
    said: list[dict[str, Any]] = []

    def say(event: str, **rest: Any) -> None:
        said.append({"event": event, **rest})

    async with hands_of(read(environ(fresh_logins)), say) as made:
        yield made, said


async def test_a_loop_that_breaks_begins_again_and_no_other_notices(hands: tuple[Hands, list[dict[str, Any]]]) -> None:
    begun, enough = {"bad": 0, "good": 0}, asyncio.Event()

    async def bad(_: Hands) -> None:
        begun["bad"] += 1
        if begun["bad"] == 3:
            enough.set()
        raise ValueError("with a value")

    async def good(_: Hands) -> None:
        begun["good"] += 1
        await asyncio.Event().wait()

    running = asyncio.create_task(deliver(hands[0], (Loop("bad", bad), Loop("good", good))))
    async with asyncio.timeout(10):
        await enough.wait()
    running.cancel()
    await asyncio.wait([running])
    assert begun == {"bad": 3, "good": 1}
    told = [line for line in hands[1] if line["event"] == "loop broke"]
    assert [(line["loop"], line["why"]) for line in told[:2]] == [("bad", "ValueError")] * 2
    assert told[0]["again_in"] < told[1]["again_in"]
    assert "with a value" not in str(hands[1])


async def test_a_loop_is_cancelled_once_so_that_its_farewell_is_not_cut_short(
    hands: tuple[Hands, list[dict[str, Any]]],
) -> None:
    begun, said = asyncio.Event(), list[str]()

    async def polite(_: Hands) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            await lag_of(hands[0].worker_url)
            said.append("farewell")

    running = asyncio.create_task(deliver(hands[0], (Loop("polite", polite), Loop("polite", polite))))
    await begun.wait()
    running.cancel()
    await asyncio.wait([running])
    assert said == ["farewell"] * 2


async def test_it_leads_gives_positions_and_lets_go_when_it_is_ended(
    hands: tuple[Hands, list[dict[str, Any]]], fresh_database: str
) -> None:
    owner = await asyncpg.connect(fresh_database)
    running = asyncio.create_task(deliver(hands[0], (Loop("sequencer", sequence),)))
    await owner.execute(TELL, [SCHOOL], 1_200)
    found = await until(lambda lag: lag.holder is not None and not lag.waiting, hands[0].worker_url)
    assert await owner.fetchval("SELECT pos FROM stream_head WHERE seer = $1", SCHOOL) == 1_200
    assert hands[0].tally.given == 1_200
    running.cancel()
    await asyncio.wait([running])
    ended = await lag_of(hands[0].worker_url)
    assert (ended.holder, ended.token) == (None, found.token)
    assert [line["event"] for line in hands[1]] == ["sequencer leads", "sequencer leads no more"]
    await owner.close()


async def test_what_is_old_leaves_by_itself(hands: tuple[Hands, list[dict[str, Any]]], fresh_database: str) -> None:
    owner = await asyncpg.connect(fresh_database)
    running = asyncio.create_task(deliver(hands[0], (Loop("sequencer", sequence),)))
    await owner.execute(TELL, [SCHOOL], 3)
    await until(lambda lag: not lag.waiting, hands[0].worker_url)
    running.cancel()
    await asyncio.wait([running])
    old = "now() - interval '401 days'"
    await owner.execute(f"UPDATE event_log SET logged_at = {old}; UPDATE outbox SET sequenced_at = {old}")
    running = asyncio.create_task(deliver(hands[0], (Loop("retention", age),)))
    async with asyncio.timeout(10):
        while await owner.fetchval("SELECT count(*) FROM outbox"):  # noqa: ASYNC110 - what is polled is Postgres
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.wait([running])
    rows = await owner.fetch("SELECT pos, kept_after FROM stream_head WHERE seer = $1 AND pos > 0", SCHOOL)
    assert [row["pos"] for row in rows] == [row["kept_after"] for row in rows] != []
    await owner.close()


# ---- as processes, on a Postgres that is none of the demo's


def test_it_refuses_the_demos_postgres_and_names_what_is_not_set(fresh_logins: Logins) -> None:
    refused = spil("deliver", **environ(fresh_logins))
    assert (refused.returncode, "embedded Postgres of a demo" in refused.stderr) == (1, True)
    missing = spil("deliver")
    assert missing.returncode == 1
    for name in environ(fresh_logins):
        assert name in missing.stderr


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[tuple[Postgres, World]]:
    made = Postgres(home_folder(f"deliver-{os.getpid()}"))
    try:
        yield made, await make_world(made)
    finally:
        made.remove()


def deliverer(world: World, folder: Path, name: str) -> Process:
    return Process(name, ("-m", "spil", "deliver"), environ(world.logins), folder / name, "deliver begins")


async def test_it_refuses_logins_that_may_too_much(world: tuple[Postgres, World]) -> None:
    powerful = environ(world[1].logins) | {"SPIL_WORKER_URL": world[1].owner}
    refused = await asyncio.to_thread(lambda: spil("deliver", **powerful))
    assert (refused.returncode, "SPIL_WORKER_URL" in refused.stderr) == (1, True)


@pytest.fixture
async def two(world: tuple[Postgres, World], tmp_path: Path) -> AsyncIterator[tuple[Process, Process]]:
    """Two that run: who leads, and who waits."""
    both = [deliverer(world[1], tmp_path, name) for name in ("one", "two")]
    try:
        for process in both:
            await process.start()
        found = await until(lambda lag: lag.holder is not None, world[1].logins.worker)
        both.sort(key=lambda process: not is_of(process, found))
        yield both[0], both[1]
    finally:
        for process in both:
            process.send(signal.SIGKILL)


def is_of(process: Process, lag: Lag) -> bool:
    return process.running is not None and str(lag.holder).endswith(f":{process.running.pid}")


async def positions(owner_url: str, more: int) -> int:
    """So many events are told; gives the last position that there is."""
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute(TELL, [SCHOOL], more)
        async with asyncio.timeout(20):
            while await owner.fetchval("SELECT count(*) FROM outbox WHERE sequenced_at IS NULL"):  # noqa: ASYNC110 - Postgres
                await asyncio.sleep(0.02)
        rows = await owner.fetch("SELECT min(pos), max(pos), count(*) FROM event_log")
        assert (rows[0]["min"], rows[0]["max"]) == (1, rows[0]["count"])
        last: int = rows[0]["max"]
        return last
    finally:
        await owner.close()


async def test_two_take_turns_whether_ended_or_killed(
    world: tuple[Postgres, World], two: tuple[Process, Process]
) -> None:
    url, (leads, waits) = world[1].logins.worker, two
    last = await positions(world[1].owner, 10)
    first = await lag_of(url)

    assert await leads.end() == 0
    second = await until(lambda lag: lag.token == first.token + 1, url)
    assert is_of(waits, second)
    assert '"because":"given up"' in leads.words()
    assert "Traceback" not in leads.words()
    assert await positions(world[1].owner, 10) == last + 10
    shown = await asyncio.to_thread(lambda: spil("events", "lag", "--most", "60", SPIL_WORKER_URL=url))
    assert (shown.returncode, str(second.holder) in shown.stdout) == (0, True)

    waits.kill()
    await leads.start()
    assert await positions(world[1].owner, 10) == last + 20
    third = await until(lambda lag: lag.token == second.token + 1, url)
    assert is_of(leads, third)
    assert await leads.end() == 0
    alone = await asyncio.to_thread(lambda: spil("events", "lag", "--most", "60", SPIL_WORKER_URL=url))
    assert alone.returncode == 1, "nobody leads"


async def test_they_outlive_their_postgres(world: tuple[Postgres, World], two: tuple[Process, Process]) -> None:
    last = await positions(world[1].owner, 1)
    await asyncio.to_thread(world[0].stop_immediately)
    await asyncio.to_thread(world[0].start)
    assert await positions(world[1].owner, 10) == last + 10
    for process in two:
        assert await process.end() == 0
        assert "Traceback" not in process.words()
