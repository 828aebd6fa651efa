"""What stands around every question to a source, however it is reached: bulkhead, deadline, breaker and few retries.

Laws
1. The deadline is for the whole: token, connection, every try and the pauses between. The source is told what is left.
2. Retries are made here and nowhere else, only of what may be asked twice, and only out of the budget.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from schema.errors import SourceDown, SourceMalformed, SourceTimeout
from wire.breaker import Breaker
from wire.budget import RETRIES, Budget, pause_before
from wire.bulkhead import Bulkhead
from wire.messages import Answer, Ask
from wire.place import Limits

DEADLINE_HEADER: Final = "x-spil-deadline-ms"

Left = Callable[[], float]  # seconds that are left
Exchange = Callable[[Left], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class _Run:
    """What one question's tries share. `slow`: seconds after which a try counts as bad."""

    ask: Ask
    exchange: Exchange
    breaker: Breaker
    timer: asyncio.Timeout
    slow: float

    def left(self) -> float:
        return (self.timer.when() or 0.0) - asyncio.get_running_loop().time()


class Client(Protocol):
    """A source that can be asked, however it is reached."""

    async def send(self, ask: Ask, deadline: float) -> Answer:
        """The answer within `deadline` seconds."""
        ...

    async def close(self) -> None:
        """Ends what it holds."""
        ...


class Careful:
    """The care for one source. It opens nothing: how a question goes out is handed in with it."""

    def __init__(
        self,
        limits: Limits,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._limits, self._monotonic, self._uniform, self._sleep = limits, monotonic, uniform, sleep
        self._budget, self._bulkhead = Budget(monotonic), Bulkhead(limits.concurrent)
        self._breakers: dict[str, Breaker] = {}

    async def send(self, ask: Ask, deadline: float, exchange: Exchange) -> Answer:
        """The answer, of whatever status, within `deadline` seconds in all.

        Raises SourceTimeout; SourceDown (not reached, full, left alone); and what `exchange` raises. A source that is
        not in time is blamed, so give the time that it needs.
        """
        breaker = self._breakers.setdefault(ask.operation, Breaker(self._limits.patience, self._monotonic))
        with self._bulkhead.seat():
            try:
                async with asyncio.timeout(deadline) as timer:
                    return await self._tries(_Run(ask, exchange, breaker, timer, self._limits.slow * deadline))
            except TimeoutError:
                raise SourceTimeout from None

    async def _tries(self, run: _Run) -> Answer:
        self._budget.earn()
        for retry in range(RETRIES + 1):
            outcome = await self._try(run)
            pause = pause_before(retry, outcome, self._uniform) if run.ask.retry else None
            if pause is None or pause >= run.left() or not self._budget.spend():
                break
            await self._sleep(pause)
        if isinstance(outcome, SourceDown):
            raise outcome
        return outcome

    async def _try(self, run: _Run) -> Answer | SourceDown:
        """One try and what the breaker learns of it. A failure that may be over in a moment is given, others raised."""
        turn, start = run.breaker.enter(), self._monotonic()
        bad: bool | None = None
        try:
            answer = await run.exchange(run.left)
            bad = answer.status == 429 or answer.status >= 500
        except SourceDown as failure:
            bad = True
            return failure
        except (SourceMalformed, SourceTimeout):
            bad = True
            raise
        except asyncio.CancelledError:
            bad = run.timer.expired() or None  # a caller who leaves says nothing about the source
            raise
        finally:
            run.breaker.leave(turn, self._monotonic() - start > run.slow or bad)
        return answer
