"""One source, asked with all care: bulkhead, deadline, breaker, token, exchange, and few retries.

Laws
1. The deadline is for the whole: token, connection, every try and the pauses between. The source is told what is left.
2. Retries are made here and nowhere else, only of what may be asked twice, and only out of the budget.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from schema.errors import SourceDown, SourceMalformed, SourceTimeout
from wire.breaker import Breaker
from wire.budget import RETRIES, Budget, pause_before
from wire.bulkhead import Bulkhead
from wire.exchange import exchange, form_to, request_to
from wire.messages import Answer, Ask
from wire.oauth import ClientCredentials, TokenKeeper
from wire.pinned import Resolve, pinned_pool, system_resolve
from wire.place import FixedHeaders, Place
from wire.tls import tls_of

DEADLINE_HEADER: Final = "x-spil-deadline-ms"
TOKEN_CAP: Final = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class _Run:
    """What one question's tries share. `slow`: seconds after which a try counts as bad."""

    ask: Ask
    url: httpx.URL
    breaker: Breaker
    timer: asyncio.Timeout
    slow: float

    @property
    def left(self) -> float:
        return (self.timer.when() or 0.0) - asyncio.get_running_loop().time()


class SourceClient:
    """Made without asking anybody; connections are kept between questions until `close`."""

    def __init__(
        self,
        place: Place,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        resolve: Resolve = system_resolve,
        inner: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._place, self._pins, self._limits = place, place.pins, place.limits
        self._monotonic, self._uniform, self._sleep = monotonic, uniform, sleep
        self._connect = functools.partial(
            pinned_pool, self._pins, keep=self._limits.concurrent + 1, resolve=resolve, inner=inner
        )
        self._closed = False
        self._budget, self._bulkhead = Budget(monotonic), Bulkhead(self._limits.concurrent)
        self._breakers: dict[str, Breaker] = {}
        self._pool: httpcore.AsyncConnectionPool | None = None
        self._keeper: TokenKeeper | None = None
        if isinstance(place.credentials, ClientCredentials):
            self._keeper = TokenKeeper(place.credentials, self._post, monotonic=monotonic)

    async def send(self, ask: Ask, deadline: float) -> Answer:
        """The answer, of whatever status, within `deadline` seconds in all.

        Raises SourceTimeout; SourceDown (not reached, full, left alone, not allowed); SourceMalformed (too large, badly
        packed); SourceRefused (no token). A source that is not in time is blamed, so give the time that it needs.
        """
        url = self._place.url_of(ask)
        breaker = self._breakers.setdefault(ask.operation, Breaker(self._limits.patience, self._monotonic))
        with self._bulkhead.seat():
            try:
                async with asyncio.timeout(deadline) as timer:
                    return await self._tries(_Run(ask, url, breaker, timer, self._limits.slow * deadline))
            except TimeoutError:
                raise SourceTimeout from None

    async def close(self) -> None:
        """Ends the connections, for good. Questions that are out fail."""
        self._closed = True
        if self._keeper is not None:
            await self._keeper.close()
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    async def _tries(self, run: _Run) -> Answer:
        self._budget.earn()
        for retry in range(RETRIES + 1):
            outcome = await self._try(run)
            pause = pause_before(retry, outcome, self._uniform) if run.ask.retry else None
            if pause is None or pause >= run.left or not self._budget.spend():
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
            answer = await self._exchange(run)
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

    async def _exchange(self, run: _Run) -> Answer:
        ask, credentials = run.ask, self._place.credentials
        headers, token = {**ask.headers, "accept-encoding": "gzip"}, ""
        if self._place.is_home(run.url):
            if isinstance(credentials, FixedHeaders):
                headers |= credentials.headers
            elif self._keeper is not None:
                token = await self._keeper.token()
                headers["authorization"] = f"Bearer {token}"
        headers[DEADLINE_HEADER] = str(max(1, int(run.left * 1000)))
        request = request_to(ask.method, run.url, headers, ask.body)
        answer = await exchange(self._connections(), request, self._limits.cap)
        if answer.status == 401 and self._keeper is not None:
            self._keeper.forget(token)
        return answer

    async def _post(self, address: str, form: Mapping[str, str]) -> Answer:
        """The keeper's way to the token address, which lies within the same pins."""
        return await exchange(self._connections(), form_to(self._pins.read(address), form), TOKEN_CAP)

    def _connections(self) -> httpcore.AsyncConnectionPool:
        if self._pool is None:
            if self._closed:
                raise SourceDown
            self._pool = self._connect(tls_of(self._place.tls))
        return self._pool
