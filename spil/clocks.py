"""The clocks: what is due, late or over is looked for in rounds, by one process at a time.

Laws
1. Who was replaced learns it from the statement that would have done something, and waits in line again.
2. A round goes through all young people once, in key order; one for whom it fails stops nobody, and nobody is named.
3. Killed anywhere, the next round of whoever leads then does the rest, and nothing twice (registry/clocks.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from registry.clocks import Clocks
from schema.errors import Internal
from spil.log import Sink


@dataclass(frozen=True, slots=True)
class Pace:
    """In seconds, but for `batch`. Days begin at midnight: a round a minute is soon enough for what counts in days."""

    between: float = 60.0
    in_line: float = 1.0
    renew: float = 2.0
    lease: float = 10.0
    farewell: float = 2.0
    batch: int = 200

    @property
    def held(self) -> timedelta:
        return timedelta(seconds=self.lease)


Now = Callable[[], datetime | None]  # None: the database's


class Replaced(Exception):
    """Another process leads."""


async def keep_clocks(
    clocks: Clocks, holder: str, say: Sink, *, pace: Pace | None = None, now: Now = lambda: None
) -> None:
    """Waits in line and leads, until it is cancelled or the store raises."""
    pace = pace or Pace()
    while True:
        token = await clocks.lead.take(holder, pace.held)
        if token is None:
            await asyncio.sleep(pace.in_line * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            continue
        say("clocks lead", token=token)
        try:
            await _Leading(clocks, token, say, pace, now).go_on()
        except Replaced:
            say("clocks lead no more", token=token, because="replaced")
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):  # the lease ends by itself
                async with asyncio.timeout(pace.farewell):
                    await clocks.lead.give_up(token)
            say("clocks lead no more", token=token, because="given up")
            raise


class _Leading:
    """One time of leading."""

    def __init__(self, clocks: Clocks, token: int, say: Sink, pace: Pace, now: Now) -> None:
        self._clocks, self._token, self._say, self._pace, self._now = clocks, token, say, pace, now
        self._time = asyncio.get_running_loop().time
        self._renewed = self._time()
        self._topped_up: date | None = None

    async def go_on(self) -> None:
        """Rounds without end. Raises Replaced."""
        while True:
            await self._round(self._now())
            await self._top_up()
            until = self._time() + self._pace.between
            while (left := until - self._time()) > 0:
                await asyncio.sleep(min(left, self._pace.renew))
                await self._keep()

    async def _round(self, at: datetime | None) -> None:
        behind: UUID | None = None
        done = failed = 0
        while batch := await self._clocks.waiting(at, behind, self._pace.batch):
            for young in batch:
                await self._keep()
                try:
                    done += self._led(await self._clocks.tick(self._token, young, at))
                except Internal as problem:
                    failed += 1
                    self._say("clock broke", why=type(problem.__cause__).__name__)
            behind = batch[-1]
        counted = self._led(await self._clocks.count(self._token, at))
        if done or failed or counted:
            self._say("clocks went round", done=done, failed=failed, figures=counted)

    async def _top_up(self) -> None:
        today = datetime.now(UTC).date()
        if self._topped_up != today:
            changed = await self._clocks.top_up()
            self._topped_up = today
            if changed:
                self._say("holidays topped up", days=changed)

    async def _keep(self) -> None:
        if self._time() - self._renewed >= self._pace.renew:
            self._renewed = self._time()
            if not await self._clocks.lead.keep(self._token, self._pace.held):
                raise Replaced

    def _led(self, answer: int | None) -> int:
        if answer is None:
            raise Replaced
        return answer
