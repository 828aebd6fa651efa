"""One source that is asked over HTTP with all care (wire/careful.py): its place, its token, its connections."""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import httpcore
import httpx

from schema.errors import SourceDown
from wire.careful import DEADLINE_HEADER, Careful, Left
from wire.exchange import exchange, form_to, request_to
from wire.messages import Answer, Ask
from wire.oauth import ClientCredentials, TokenKeeper
from wire.pinned import Resolve, pinned_pool, system_resolve
from wire.place import FixedHeaders, Place
from wire.tls import tls_of

TOKEN_CAP: Final = 64 * 1024  # bytes


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
        self._careful = Careful(place.limits, monotonic=monotonic, uniform=uniform, sleep=sleep)
        self._connect = functools.partial(
            pinned_pool, self._pins, keep=self._limits.concurrent + 1, resolve=resolve, inner=inner
        )
        self._closed = False
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
        return await self._careful.send(ask, deadline, functools.partial(self._exchange, ask, url))

    async def close(self) -> None:
        """Ends the connections, for good. Questions that are out fail."""
        self._closed = True
        if self._keeper is not None:
            await self._keeper.close()
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    async def _exchange(self, ask: Ask, url: httpx.URL, left: Left) -> Answer:
        credentials = self._place.credentials
        headers, token = {**ask.headers, "accept-encoding": "gzip"}, ""
        if self._place.is_home(url):
            if isinstance(credentials, FixedHeaders):
                headers |= credentials.headers
            elif self._keeper is not None:
                token = await self._keeper.token()
                headers["authorization"] = f"Bearer {token}"
        headers[DEADLINE_HEADER] = str(max(1, int(left() * 1000)))
        request = request_to(ask.method, url, headers, ask.body)
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
