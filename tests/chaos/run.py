"""Breaks the hub in every way there is a scenario for, and wants that nothing was lost. See scripts/chaos --help."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from tests.chaos.points import POINTS
from tests.chaos.rig import Rig, rig_on
from tests.chaos.scenarios import Outcome, points, tell
from tests.chaos.servers import postgres
from tests.chaos.storms import backends_killed, clients_cut, postgres_stopped, receivers_failing, zombie
from tests.chaos.writers import out_of_order


@dataclass(frozen=True)
class Length:
    """How often each thing is done."""

    points: int
    cuts: int
    kills: int
    stops: int
    events: int
    zombies: int


SHORT = Length(points=1, cuts=30, kills=40, stops=2, events=2_000, zombies=1)
LONG = Length(points=20, cuts=300, kills=1_000, stops=20, events=20_000, zombies=10)
GATEWAYS = 2  # what is reported at one is listened to at the other


def storms(rig: Rig, length: Length, seed: int) -> Iterator[tuple[str, Callable[[], Awaitable[Outcome]]]]:
    """Each scenario by its name, beside the named points."""
    yield "clients", lambda: clients_cut(rig, length.cuts, seed)
    for n in range(length.zombies):
        yield "zombie", lambda n=n: zombie(rig, seed + n)  # type: ignore[misc]
    yield "backends", lambda: backends_killed(rig, length.kills, seed)
    yield "postgres", lambda: postgres_stopped(rig, length.stops, seed)
    yield "receivers", lambda: receivers_failing(rig, seed)
    yield "writers", lambda: out_of_order(rig, length.events, seed)


async def run(length: Length, seed: int, only: list[str]) -> list[Outcome]:
    """All of them, or those that were named. SIGTERM ends it as Ctrl-C does: nothing that was started is left."""
    current = asyncio.current_task()
    assert current is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, current.cancel)
    outcomes = []
    with postgres() as server:
        async with rig_on(server, GATEWAYS) as rig:
            for name, act in storms(rig, length, seed):
                if not only or name in only:
                    outcomes.append(await act())
                    tell(outcomes[-1])
            words = [word for word in only if any(word in point.name for point in POINTS)]
            if words or not only:
                outcomes += await points(rig, length.points, seed, words)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/chaos")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("only", nargs="*")
    given = parser.parse_args()
    began = time.monotonic()
    try:
        outcomes = asyncio.run(run(SHORT if given.short else LONG, given.seed, given.only))
    except asyncio.CancelledError:
        sys.exit("ended by a signal")
    lost = [one for one in outcomes if one.wrong]
    accepted, delivered = (sum(column) for column in zip(*((o.accepted, o.delivered) for o in outcomes), strict=True))
    print(
        f"{len(outcomes)} runs in {time.monotonic() - began:.0f} s: {accepted} accepted, {delivered} delivered,"
        f" {len(lost)} runs with something wrong (seed {given.seed})"
    )
    for one in lost:
        print(f"{one.name}, seed {one.seed}:", *one.wrong, sep="\n  ")
    sys.exit(bool(lost) or not outcomes)


if __name__ == "__main__":
    main()
