"""What is done to the hub while it works; each scenario ends with the history checked."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.points import POINTS, Point
from tests.chaos.rig import Refused, Rig
from tests.chaos.world import Place

NOT_REACHED = "the point was not reached"
STRIKES = 30.0  # seconds in which a point must be reached
PASSED = 3.0  # seconds after which a load has passed a point by: a busy machine does in one step what takes two else


@dataclass(frozen=True)
class Outcome:
    """One run: what is printed, and what was wrong with it."""

    name: str
    seed: int
    accepted: int
    delivered: int
    wrong: list[str]
    more: str = ""


async def load(rig: Rig, taken: list[list[Place]], doors: int = 1) -> None:
    """Young people lose all their jobs: at once among each other, one after the other for each of them."""
    await asyncio.gather(*[rig.lose(places, n % doors) for n, places in enumerate(taken)])


async def run_of(rig: Rig, name: str, seed: int, act: Callable[[], Coroutine[Any, Any, str | None]]) -> Outcome:
    """Does it, waits until all is delivered, and checks everything since the rig was made."""
    accepted, delivered = len(rig.history.accepted), rig.history.delivered()
    more, wrong = "", []
    try:
        more = await act() or ""
        await rig.settle()
    except (Refused, TimeoutError) as problem:
        wrong.append(f"{type(problem).__name__} {problem}")
    wrong += await rig.check()
    now = len(rig.history.accepted) - accepted, rig.history.delivered() - delivered
    return Outcome(name, seed, *now, wrong, more)


async def killed_at(rig: Rig, point: Point, seed: int) -> Outcome:
    """One process dies at a named point, under load, and is started again."""
    trap = rig.traps[point.process]

    async def act() -> str:
        trap.arm(point.at, passes=point.passes, nth=random.Random(seed).randint(1, point.most))
        until = asyncio.get_running_loop().time() + STRIKES
        while not trap.struck.is_set() and asyncio.get_running_loop().time() < until:
            await load(rig, await rig.world.take(6))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(trap.struck.wait(), PASSED)
        trap.at = None
        return "killed" if trap.struck.is_set() else NOT_REACHED

    outcome = await run_of(rig, point.name, seed, act)
    if outcome.more == NOT_REACHED:
        outcome.wrong.append(NOT_REACHED)
    return outcome


async def points(rig: Rig, times: int, seed: int, names: Sequence[str] = ()) -> list[Outcome]:
    """Every point so many times; after each round what webhooks brought. `names`: words of those that are wanted."""
    outcomes = []
    for n in range(times):
        for point in [one for one in POINTS if not names or any(word in one.name for word in names)]:
            outcomes.append(await killed_at(rig, point, seed + n))
            tell(outcomes[-1])
        outcomes.append(await webhooks_drained(rig, seed + n))
        tell(outcomes[-1])
    return outcomes


async def webhooks_drained(rig: Rig, seed: int) -> Outcome:
    """Everything so far has come by webhook too: what a killed deliverer had leased, another one brings."""
    await rig.settle()
    before = sum(map(len, rig.history.brought.values()))
    await rig.drain()
    came = sum(map(len, rig.history.brought.values()))
    wrong = await rig.check(brought=True)
    return Outcome("all of it by webhook", seed, 0, came - before, wrong, f"{came} in all")


def tell(outcome: Outcome) -> None:
    """One line per run."""
    verdict = "ok" if not outcome.wrong else "LOST: " + "; ".join(outcome.wrong[:5])
    print(
        f"{outcome.name:<55} seed {outcome.seed:<6} accepted {outcome.accepted:<5} delivered {outcome.delivered:<5}"
        f" {outcome.more} {verdict}",
        flush=True,
    )
