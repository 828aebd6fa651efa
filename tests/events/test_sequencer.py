"""Who leads gives positions, who was replaced writes nothing, and who ends lets the next one in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from events.sequencer import Pace, Sequencer, Tally


class Away(Exception):
    """The store cannot be reached."""


@dataclass
class Store:
    """What the registry keeps: who leads, what waits, what was given, and under which token."""

    token: int = 0
    free: bool = True
    waiting: int = 0
    given: list[tuple[int, int]] = field(default_factory=list)
    renewed: int = 0
    away: bool = False
    steps: list[str] = field(default_factory=list)

    async def take(self, _holder: str, _lease: timedelta) -> int | None:
        self._step("take")
        if not self.free:
            return None
        self.free, self.token = False, self.token + 1
        return self.token

    async def keep(self, token: int, _lease: timedelta) -> bool:
        self._step("keep")
        return token == self.token

    async def give_up(self, token: int) -> None:
        self._step("give up")
        self.free = self.free or token == self.token

    async def waits(self) -> bool:
        self._step("waits")
        return self.waiting > 0

    async def sequence(self, token: int, most: int, _lease: timedelta) -> int | None:
        self._step("sequence")
        if token != self.token:
            return None
        self.renewed += 1
        batch = min(self.waiting, most)
        self.waiting -= batch
        if batch:
            self.given.append((token, batch))
        return batch

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.away:
            raise Away


class Time:
    """Sleeps that take no time; at each the test may act, and after the last one the sequencer is cancelled."""

    def __init__(self, *acts: Callable[[], Any]) -> None:
        self.now, self.slept, self._acts = 0.0, list[float](), list(acts)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        if not self._acts:
            raise asyncio.CancelledError
        self._acts.pop(0)()


def nothing() -> None:
    """Does nothing."""


def sequencer(store: Store, time: Time, said: list[Any], **more: Any) -> Sequencer:
    def say(event: str, **rest: Any) -> None:
        said.append((event, *rest.values()))

    return Sequencer(store, "here", say, sleep=time.sleep, clock=time, **more)


async def test_what_waits_is_given_without_a_pause_and_then_it_looks_again_after_a_moment() -> None:
    store, said = Store(waiting=1_200), list[Any]()
    time = Time(nothing, lambda: setattr(store, "waiting", 1))
    with pytest.raises(asyncio.CancelledError):
        await sequencer(store, time, said).run()
    assert store.given == [(1, 500), (1, 500), (1, 200), (1, 1)]
    assert time.slept == [Pace().idle] * 3
    assert said == [("sequencer leads", 1), ("sequencer leads no more", 1, "given up")]
    assert store.free


async def test_the_lease_is_renewed_while_nothing_happens() -> None:
    store = Store()
    time = Time(*[nothing] * 200)
    with pytest.raises(asyncio.CancelledError):
        await sequencer(store, time, []).run()
    assert 4 <= store.renewed <= 5
    assert store.given == []


async def test_who_waits_in_line_leads_as_soon_as_the_lead_is_free() -> None:
    store, said = Store(token=7, free=False, waiting=3), list[Any]()
    time = Time(nothing, lambda: setattr(store, "free", True))
    with pytest.raises(asyncio.CancelledError):
        await sequencer(store, time, said).run()
    assert store.given == [(8, 3)]
    assert len(set(time.slept[:2])) == 2, "no jitter"


async def test_who_was_replaced_gives_nothing_and_waits_in_line() -> None:
    store, said = Store(), list[Any]()

    def replaced() -> None:
        store.token, store.waiting = 2, 5

    time = Time(replaced, nothing)
    with pytest.raises(asyncio.CancelledError):
        await sequencer(store, time, said).run()
    assert (store.given, store.waiting, store.free) == ([], 5, False)
    assert said == [("sequencer leads", 1), ("sequencer leads no more", 1, "replaced")]


async def test_who_lost_its_connection_leads_on_under_the_same_token() -> None:
    store, tally, said = Store(), Tally(), list[Any]()
    with pytest.raises(Away):
        await sequencer(store, Time(lambda: setattr(store, "away", True)), said, tally=tally).run()
    assert "give up" not in store.steps
    store.away, store.waiting = False, 2
    with pytest.raises(asyncio.CancelledError):
        await sequencer(store, Time(), said, tally=tally).run()
    assert store.given == [(1, 2)]
    assert tally.given == 2
    assert [event[2] for event in said[1::2]] == ["broken off", "given up"]


async def test_who_was_replaced_while_its_connection_was_lost_waits_in_line() -> None:
    store, tally = Store(), Tally()
    with pytest.raises(Away):
        await sequencer(store, Time(lambda: setattr(store, "away", True)), [], tally=tally).run()
    store.away, store.waiting, store.token = False, 2, 9
    with pytest.raises(asyncio.CancelledError):
        await sequencer(store, Time(), [], tally=tally).run()
    assert (store.given, store.free) == ([], False)


async def test_who_is_ended_in_the_middle_of_a_step_lets_it_end_and_then_gives_up() -> None:
    store, inside, go_on = Store(waiting=3), asyncio.Event(), asyncio.Event()
    sequence = store.sequence

    async def slowly(token: int, most: int, lease: timedelta) -> int | None:
        inside.set()
        await go_on.wait()
        return await sequence(token, most, lease)

    setattr(store, "sequence", slowly)  # noqa: B010 - mypy
    running = asyncio.create_task(sequencer(store, Time(), []).run())
    await inside.wait()
    running.cancel()
    await asyncio.sleep(0)
    assert not store.free
    go_on.set()
    await asyncio.wait([running])
    assert (store.given, store.free, running.cancelled()) == ([(1, 3)], True, True)


async def test_a_farewell_to_a_store_that_is_away_still_ends() -> None:
    store = Store()
    time = Time(lambda: setattr(store, "away", False))
    running = sequencer(store, time, [])

    def gone(token: int) -> Any:
        raise Away

    store.give_up = gone  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await running.run()
