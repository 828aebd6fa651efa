"""The sequencer: of all that wait to lead one leads, and gives what waits its positions, the oldest first.

Laws
1. Who was replaced learns it from the statement that would have written, and waits in line again; nothing was written.
2. While something waits there is no pause; when nothing does, `idle` seconds: what comes is found by looking.
3. Who ends in good order lets the next one in at once; who was killed holds the lead for one lease at most. Who lost
   its connection alone leads on, if nobody took its place meanwhile.
4. What the store raises is raised: whoever runs this begins it anew (spil/deliver.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Lead(Protocol):
    """The lead, as the store keeps it (registry/event_log.py)."""

    async def take(self, holder: str, lease: timedelta, /) -> int | None: ...

    async def keep(self, token: int, lease: timedelta, /) -> bool: ...

    async def give_up(self, token: int) -> None: ...

    async def waits(self) -> bool: ...

    async def sequence(self, token: int, most: int, lease: timedelta, /) -> int | None: ...


Say = Callable[..., None]  # (event, **said), as spil/log.py
Sleep = Callable[[float], Awaitable[Any]]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Pace:
    """In seconds, but for `batch`. `renew` is well below `lease`, so that a slow statement does not cost the lead."""

    idle: float = 0.025
    in_line: float = 0.25
    renew: float = 1.0
    lease: float = 3.0
    farewell: float = 2.0
    batch: int = 500


@dataclass(slots=True)
class Tally:
    """What this process did, over all its connections; `token` is the last it led with, if it was not replaced."""

    leads: bool = False
    token: int | None = None
    given: int = 0


class Sequencer:
    """One that would lead. `run` it; `tally` says how it fares."""

    def __init__(
        self,
        lead: Lead,
        holder: str,
        say: Say,
        *,
        pace: Pace | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._lead, self._holder, self._say, self._sleep = lead, holder, say, sleep
        self._pace = pace or Pace()
        self._clock = clock or asyncio.get_running_loop().time
        self._lease = timedelta(seconds=self._pace.lease)
        self.tally = tally or Tally()

    async def run(self) -> None:
        """Waits in line and leads, until it is cancelled or the store raises."""
        while True:
            token = await self._led_before() or await self._lead.take(self._holder, self._lease)
            if token is None:
                # Jitter: of several in line not the same one is always a moment late.
                await self._sleep(self._pace.in_line * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
                continue
            self.tally.leads, self.tally.token = True, token
            self._say("sequencer leads", token=token)
            ended = "broken off"
            try:
                await self._give_positions(token)
                ended, self.tally.token = "replaced", None
            except asyncio.CancelledError:
                ended, self.tally.token = "given up", None
                await self._give_up(token)
                raise
            finally:
                self.tally.leads = False
                self._say("sequencer leads no more", token=token, because=ended)

    async def _led_before(self) -> int | None:
        token, self.tally.token = self.tally.token, None
        return token if token is not None and await self._lead.keep(token, self._lease) else None

    async def _give_positions(self, token: int) -> None:
        """Returns when another leads."""
        renewed = self._clock()
        while True:
            due = self._clock() - renewed >= self._pace.renew
            if not due and not await self._whole(self._lead.waits()):
                await self._sleep(self._pace.idle)
                continue
            renewed = self._clock()
            given = await self._whole(self._lead.sequence(token, self._pace.batch, self._lease))
            if given is None:
                return
            self.tally.given += given

    async def _whole(self, step: Awaitable[T]) -> T:
        """A step is let end when this is cancelled: a driver's late cancellation would hit the farewell instead."""
        running = asyncio.ensure_future(step)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running], timeout=self._pace.farewell)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            raise

    async def _give_up(self, token: int) -> None:
        with contextlib.suppress(Exception):  # the lease ends by itself
            async with asyncio.timeout(self._pace.farewell):
                await self._lead.give_up(token)
