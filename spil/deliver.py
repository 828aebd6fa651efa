"""`spil deliver`: the loops that bring what happened to whom it concerns, side by side in one process.

Laws
1. A loop that breaks is begun anew, later each time it breaks soon; no other loop notices.
2. All of them may run in several processes at once: what only one may do has a lead in Postgres.
3. Cancelled, every loop ends in good order within FAREWELL seconds.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from auth.trust import Trust
from events.sequencer import Sequencer, Tally
from events.signing import Safe
from federation.cursors import Cursors
from federation.engine import Engine
from federation.streaming import Streaming
from registry.clocks import clocks
from registry.database import worker_pool
from registry.deliveries import Deliveries
from registry.event_log import Lag, lag_of, leading
from schema.errors import SpilError
from spil.clocks import keep_clocks
from spil.log import Sink
from spil.rendering import Rendering
from spil.settings import Settings
from spil.webhooks import Webhooks
from wire.hooks import Hooks

FIRST, LONGEST = 0.1, 2.0  # seconds between two beginnings of a loop that breaks
WELL = 10.0  # seconds after which a loop counts as having run well
FAREWELL = 5.0
HEARTBEAT = 60.0
AGEING, AGEING_BATCH, AGEING_LEASE = 600.0, 1_000, timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Hands:
    """What a loop is handed. `engine` renders what leaves, as its receiver: the one way out; `trust` knows who acts."""

    settings: Settings
    worker_url: str
    engine: Engine
    trust: Trust
    say: Sink
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop: `run` goes on until it is cancelled; what it raises begins it anew."""

    name: str
    run: Callable[[Hands], Awaitable[None]]


async def sequence(hands: Hands) -> None:
    """Events get their positions."""
    async with leading(hands.worker_url) as lead:
        await Sequencer(lead, holder(), hands.say, tally=hands.tally).run()


async def clock(hands: Hands) -> None:
    """What is due, late or over by its date."""
    async with clocks(hands.worker_url) as kept:
        await keep_clocks(kept, holder(), hands.say)


async def age(hands: Hands) -> None:
    """What is older than SPIL_EVENT_DAYS leaves the logs, and then the outbox."""
    while True:
        async with leading(hands.worker_url, "retention") as lead:
            token = await lead.take(holder(), AGEING_LEASE)
            gone = 0
            while token is not None and await lead.keep(token, AGEING_LEASE):
                before = datetime.now(UTC) - timedelta(days=hands.settings.event_days)
                batch = await lead.age(before, AGEING_BATCH)
                if not batch:
                    await lead.give_up(token)
                    break
                gone += batch
        if gone:
            hands.say("events aged", rows=gone)
        await asyncio.sleep(AGEING * random.uniform(0.5, 1.5))  # noqa: S311 - no secret


async def bring(hands: Hands) -> None:
    """Webhooks are brought what is due to them."""
    settings = hands.settings
    if settings.oin is None or settings.cursor_key is None:
        hands.say("webhooks wait", why="SPIL_OIN is not set")
        await asyncio.Event().wait()
        return
    pool, hooks = await worker_pool(hands.worker_url), Hooks(pairs=settings.webhook_private_hosts)
    streaming = Streaming(hands.engine, Cursors(settings.cursor_key))
    render = Rendering(hands.engine, streaming, hands.trust)
    try:
        safe = Safe.under(settings.cursor_key)
        await Webhooks(Deliveries(pool), render, hooks, safe, settings.oin, hands.say).run()
    finally:
        await hooks.close()
        await pool.close()


async def beat(hands: Hands) -> None:
    """Once a minute one line: how many events wait, how long the oldest does, who leads."""
    while True:
        tell_lag(hands.say, await lag_of(hands.worker_url), hands.tally)
        await asyncio.sleep(HEARTBEAT)


# Whoever adds a loop adds its line.
LOOPS: tuple[Loop, ...] = (
    Loop("sequencer", sequence),
    Loop("clocks", clock),
    Loop("retention", age),
    Loop("webhooks", bring),
    Loop("heartbeat", beat),
)


async def deliver(hands: Hands, loops: Sequence[Loop] = LOOPS) -> None:
    """Runs them all until it is cancelled; then each ends in good order."""
    running = [asyncio.create_task(_kept_running(loop, hands), name=loop.name) for loop in loops]
    try:
        # Not `gather`: it would cancel them too, and a second cancellation cuts a farewell short.
        await asyncio.wait(running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=FAREWELL)


async def _kept_running(loop: Loop, hands: Hands) -> None:
    clock, pause = asyncio.get_running_loop().time, FIRST
    while True:
        began = clock()
        try:
            await loop.run(hands)
            why = "ended"
        except Exception as problem:  # noqa: BLE001 - law 1; its words may hold values, its name does not
            why = problem.code if isinstance(problem, SpilError) else type(problem).__name__
        if clock() - began > WELL:
            pause = FIRST
        hands.say("loop broke", loop=loop.name, why=why, again_in=round(pause, 1))
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        pause = min(pause * 2, LONGEST)


def tell_lag(say: Sink, lag: Lag, tally: Tally) -> None:
    """One line of a process's health."""
    seconds = None if lag.seconds is None else round(lag.seconds, 3)
    say(
        "deliver",
        waiting=lag.waiting,
        oldest_seconds=seconds,
        leads=tally.leads,
        leader=lag.holder,
        given=tally.given,
    )


def holder() -> str:
    """This process, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"
