"""POSTs to addresses that parties gave: one try at a time, and its status.

Laws
1. Pinned like a source (wire/pinned.py): https at a public address, or a `host:port` that the operator listed. No
   redirect is followed, no proxy asked.
2. The deadline is for the whole try. Once there is a status it decides; the body is read for a moment, up to a cap.
3. Each host has connections of its own, kept between tries; hosts that were not asked for longest are left first.
4. A host costs no other one anything: its name is resolved beside the others' (wire/names.py). Where there was no turn
   for that nothing was tried.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpcore
import httpx

from schema.errors import SourceDown
from wire.budget import retry_after
from wire.exchange import request_to
from wire.names import Names, NoTurn
from wire.pinned import NOT_ALLOWED, Pins, Resolve, host_of, pinned_pool, port_of
from wire.tls import public_tls

CAP: Final = 64 * 1024  # bytes of an answer
MOMENT: Final = 1.0  # seconds for a body after its status
HOSTS: Final = 200  # whose connections are kept
NAME: Final = re.compile(r"[A-Za-z0-9._:-]+")  # a host, as it is resolved
KEEP: Final = 8  # connections of one host between two tries


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one try: an HTTP status (100 to 599) as text, or TIMEOUT, UNREACHABLE, NOT_ALLOWED; LATE: there was
    none. `wait`: its Retry-After."""

    code: str
    wait: float | None = None
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        return self.code.startswith("2")

    @property
    def made(self) -> bool:
        """Was there a try at all?"""
        return self.code != "LATE"


def read_address(url: str, private: frozenset[str]) -> httpx.URL:
    """An address to which this hub may POST, as far as no name is resolved for it. Raises SourceDown."""
    try:
        host = host_of(httpx.URL(url))
    except (httpx.InvalidURL, UnicodeError):
        raise SourceDown(NOT_ALLOWED) from None
    pins = Pins(frozenset({host}), private)
    read = pins.read(url)
    if "?" in url or "#" in url or read.port == 0 or port_of(read) >= 1 << 16 or not NAME.fullmatch(host):
        raise SourceDown(NOT_ALLOWED)
    pins.check(url)
    return read


def listed_for(pairs: frozenset[str], party: str) -> frozenset[str]:
    """Of `party=host:port` what the operator listed for this party."""
    return frozenset(place for whose, _, place in (one.partition("=") for one in pairs) if whose == party)


class Hooks:
    """`private`: the `host:port` that may be plain http or a private address; `pairs`: `party=host:port`.

    The caller closes it.
    """

    def __init__(
        self,
        private: frozenset[str] = frozenset(),
        *,
        pairs: frozenset[str] = frozenset(),
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        inner: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._private, self._tls, self._resolve, self._inner = private, tls, resolve or Names(), inner
        self._pairs = pairs
        self._pools: OrderedDict[tuple[str, frozenset[str]], httpcore.AsyncConnectionPool] = OrderedDict()
        self._busy: dict[tuple[str, frozenset[str]], int] = {}

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, seconds: float, party: str | None = None
    ) -> Tried:
        """One try, within `seconds` in all; `party`: whose address. Raises nothing of the network's."""
        listed = self._private if party is None else listed_for(self._pairs, party)
        try:
            address = read_address(url, listed)
            host = host_of(address)
            request = request_to("POST", address, {**headers, "accept-encoding": "identity"}, body)
        except SourceDown:
            return Tried("NOT_ALLOWED")
        key = (host, listed)
        self._busy[key] = self._busy.get(key, 0) + 1
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(self._pool(*key), request)
        except TimeoutError:
            return Tried("TIMEOUT")
        except SourceDown:
            return Tried("NOT_ALLOWED")
        except NoTurn:
            return Tried("LATE")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError, ValueError):
            return Tried("UNREACHABLE")
        finally:
            self._busy[key] -= 1
            if not self._busy[key]:
                del self._busy[key]
            await self._leave_some()

    async def close(self) -> None:
        """Ends the connections."""
        while self._pools:
            await self._pools.popitem()[1].aclose()

    @staticmethod
    async def _exchange(pool: httpcore.AsyncConnectionPool, request: httpcore.Request) -> Tried:
        answer = await pool.handle_async_request(request)
        body = bytearray()
        try:
            if not 100 <= answer.status <= 599:
                return Tried("UNREACHABLE")  # three digits, but no HTTP
            asked = next((value for name, value in answer.headers if name.lower() == b"retry-after"), None)
            wait = retry_after(asked.decode("latin-1")) if asked is not None else None
            try:
                async with asyncio.timeout(MOMENT):
                    async for chunk in answer.aiter_stream():
                        body += chunk
                        if len(body) > CAP:
                            break  # not read to its end, the connection is dropped
            except (TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
                body.clear()
            return Tried(str(answer.status), wait, bytes(body[:CAP]))
        finally:
            await answer.aclose()

    def _pool(self, host: str, private: frozenset[str]) -> httpcore.AsyncConnectionPool:
        key = (host, private)
        pool = self._pools.get(key)
        if pool is None:
            pins = Pins(frozenset({host}), private)
            tls = self._tls or public_tls()
            pool = pinned_pool(pins, tls, keep=KEEP, resolve=self._resolve, inner=self._inner)
            self._pools[key] = pool
        self._pools.move_to_end(key)
        return pool

    async def _leave_some(self) -> None:
        while len(self._pools) > HOSTS:
            key = next((one for one in self._pools if one not in self._busy), None)
            if key is None:
                return
            await self._pools.pop(key).aclose()
