"""The scenarios beside the named points: what happens to servers, connections and clients while the hub works."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg

from registry.embedded import SUPERUSER
from registry.event_log import lag_of
from tests.chaos.listeners import Listener, compared
from tests.chaos.rig import Rig
from tests.chaos.scenarios import Outcome, load, run_of
from tests.chaos.world import NAME, NET_TOWN, RECEIVERS, SCHOOL, TOWN

END_ONE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = $1 AND pid <> pg_backend_pid() AND usename LIKE '%login%' ORDER BY random() LIMIT 1
"""
DISABLED = "SELECT count(*) FROM webhook WHERE state = 'DISABLED' AND reason = 'GONE'"
GONE_PATH = "gone"
KINDS = ("WebSocket", "SSE", "pull")


async def while_loaded(rig: Rig, act: Callable[[], Coroutine[Any, Any, None]], more: str = "", each: int = 12) -> str:
    """Losses go on until `act` is over; gives `more`."""
    acting = asyncio.create_task(act())
    while not acting.done():
        await load(rig, await rig.world.take(each))
    await acting
    return more


async def postgres_stopped(rig: Rig, times: int, seed: int) -> Outcome:
    """Postgres is stopped immediately under load, and started again."""
    rng = random.Random(seed)

    async def act() -> None:
        for _ in range(times):
            await asyncio.sleep(rng.uniform(0.2, 1.0))
            await asyncio.to_thread(rig.postgres.stop_immediately)
            await asyncio.sleep(rng.uniform(0.1, 0.5))
            await asyncio.to_thread(rig.postgres.start)

    return await run_of(rig, "Postgres stopped immediately", seed, lambda: while_loaded(rig, act, f"{times} times"))


async def backends_killed(rig: Rig, times: int, seed: int) -> Outcome:
    """Connections of the hub are ended by Postgres, one at random after another."""
    rng = random.Random(seed)

    async def act() -> None:
        connection = await asyncpg.connect(rig.postgres.server.url_of(NAME, SUPERUSER))
        try:
            for _ in range(times):
                await connection.fetch(END_ONE, NAME)
                await asyncio.sleep(rng.uniform(0.01, 0.1))
        finally:
            await connection.close()

    return await run_of(rig, "backends killed at random", seed, lambda: while_loaded(rig, act, f"{times} killed"))


async def clients_cut(rig: Rig, cuts: int, seed: int) -> Outcome:
    """Receivers at one gateway are cut and go on from their cursors, while losses are reported at another."""
    rng = random.Random(seed)
    if SCHOOL not in rig.cursors:
        await load(rig, await rig.world.take(3))
        await rig.settle()
    listeners = [
        Listener(rig, seer, kind, len(rig.doors) - 1, rig.cursors[seer], random.Random(rng.random()))
        for seer in (SCHOOL, TOWN)
        for kind in KINDS
    ]
    began = {seer: _head(rig, seer) for seer in RECEIVERS}
    wrong: list[str] = []

    async def act() -> str:
        whole, heads = asyncio.Event(), {seer: [0] for seer in RECEIVERS}
        share = -(-cuts // len(listeners))
        running = [asyncio.create_task(one.run(share, whole, heads[one.seer])) for one in listeners]

        async def cut() -> None:
            pairs = list(zip(listeners, running, strict=True))
            while any(one.cuts < share and not task.done() for one, task in pairs):  # noqa: ASYNC110 - six tasks
                await asyncio.sleep(0.05)

        await while_loaded(rig, cut)
        await rig.settle()
        for seer in RECEIVERS:
            heads[seer][0] = _head(rig, seer)
        whole.set()
        async with asyncio.timeout(30):
            await load(rig, await rig.world.take(3))  # so that each of them hears that it has all
            await rig.settle()
            await asyncio.gather(*running)
        for one in listeners:
            wrong.extend(compared(one, began[one.seer], rig.history.heard[one.seer], heads[one.seer][0]))
        return f"{sum(one.cuts for one in listeners)} cuts, {sum(len(one.got) for one in listeners)} listened to"

    outcome = await run_of(rig, "clients cut, resumed at another gateway", seed, act)
    outcome.wrong.extend(wrong)
    return outcome


async def zombie(rig: Rig, seed: int) -> Outcome:
    """Who leads is stopped in the middle of its work, another takes over, and it wakes up again: it writes nothing."""
    stopped = rig.traps["deliverer"].process
    wrong: list[str] = []

    async def act() -> str:
        before = await lag_of(rig.world.logins.worker)
        async with rig.deliverer() as second:
            await load(rig, await rig.world.take(3))
            stopped.send(signal.SIGSTOP)
            try:
                await load(rig, await rig.world.take(6))
                await rig.settle()
                replaced = await lag_of(rig.world.logins.worker)
            finally:
                stopped.send(signal.SIGCONT)
            await load(rig, await rig.world.take(6))
            async with asyncio.timeout(10):
                while '"because":"replaced"' not in stopped.words():  # noqa: ASYNC110 - what is polled is a log
                    await asyncio.sleep(0.05)
            after = await lag_of(rig.world.logins.worker)
            if not before.token < replaced.token == after.token:
                wrong.append(f"the tokens were {before.token}, {replaced.token}, {after.token}")
            await rig.settle()
            assert second.process.running is not None
        return f"token {before.token} -> {after.token}"

    outcome = await run_of(rig, "zombie leader", seed, act)
    outcome.wrong.extend(wrong)
    return outcome


async def receivers_failing(rig: Rig, seed: int) -> Outcome:
    """One is killed for a while, one answers 500 at first, one says 200 too late, and one is gone for good."""
    rng, sink = random.Random(seed), rig.sink
    await rig.hook(NET_TOWN, GONE_PATH)
    late = rng.randint(1, 3)

    async def act() -> str:
        loading = asyncio.create_task(load(rig, await rig.world.take(12)))
        await asyncio.sleep(rng.uniform(0.2, 0.6))
        sink.stop()
        await asyncio.sleep(rng.uniform(0.5, 1.5))
        await sink.start()
        await loading
        await rig.settle()
        await rig.drain()
        sink.moods = {
            str(RECEIVERS.index(SCHOOL)): lambda event, tries: (
                "FAIL" if tries == 1 and int(event[-1]) % 5 == 0 else "OK"
            ),
            str(RECEIVERS.index(TOWN)): lambda event, tries: "LATE" if tries == 1 and int(event[-1]) == late else "OK",
            GONE_PATH: lambda *_: "GONE",
        }
        await load(rig, await rig.world.take(12))
        await rig.settle()
        await rig.drain()
        sink.moods = {}
        return f"{sum(max(0, tries - 1) for tries in sink.tries.values())} tried again"

    outcome = await run_of(rig, "receivers: killed, 500, late 200, 410", seed, act)
    outcome.wrong.extend(await rig.check(brought=True))
    if not await rig.count(DISABLED):
        outcome.wrong.append("who is gone is still brought events")
    return outcome


def _head(rig: Rig, seer: str) -> int:
    return max((pos for _, pos in rig.history.heard[seer]), default=0)
