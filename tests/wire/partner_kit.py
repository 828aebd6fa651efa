"""A partner on a real socket that does what a test says, and the pieces around it.

async with Partner(always(reply(200, b"{}"))).serving() as partner, partner.client() as client:
    answer = await client.send(Ask("GET", "/x"), 5.0)
assert partner.heard[0].path == "/x"
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpcore

from wire.breaker import Patience
from wire.place import Limits, Place
from wire.source_client import SourceClient

Act = Callable[["Heard"], Awaitable[bytes]]
TOLERANT = Patience(least=10**9)  # a breaker that never opens, for tests of something else


@dataclass(frozen=True)
class Heard:
    """One request. `writer` is for a partner that does not stop at an answer."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    writer: asyncio.StreamWriter


def reply(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def always(answer: bytes) -> Act:
    async def act(_: Heard) -> bytes:
        return answer

    return act


def in_turn(*answers: bytes) -> Act:
    """These answers one after another, the last one for ever."""
    left = list(answers)

    async def act(_: Heard) -> bytes:
        return left.pop(0) if len(left) > 1 else left[0]

    return act


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Sleeper:
    """Does not sleep; remembers for how long it would have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


class Dialler(httpcore.AnyIOBackend):
    """Counts connections. Stands for the internet: whatever public address is dialled, the loopback answers."""

    def __init__(self) -> None:
        self.dialled: list[str] = []

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        return await super().connect_tcp("127.0.0.1", port, *args, **kwargs)


class Partner:
    """`connections`: how many were made. `heard`: every request, in order."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.connections, self.port = 0, 0
        self.heard: list[Heard] = []
        self._news = asyncio.Condition()
        self._meetings: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Partner]:
        server = await asyncio.start_server(self._meet, "127.0.0.1", self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for meeting in self._meetings:
                meeting.cancel()
            await asyncio.gather(*self._meetings, return_exceptions=True)
            await server.wait_closed()

    def place(self, host: str = "127.0.0.1", scheme: str = "http", **changes: Any) -> Place:
        here = f"{host}:{self.port}"
        return Place(**{
            "base_url": f"{scheme}://{here}", "hosts": frozenset({host}), "private": frozenset({here}), **changes
        })  # fmt: skip

    @asynccontextmanager
    async def client(self, place: Place | None = None, **parts: Any) -> AsyncIterator[SourceClient]:
        client = SourceClient(place or self.place(), **parts)
        try:
            yield client
        finally:
            await client.close()

    async def has_heard(self, count: int) -> None:
        """Returns as soon as so many requests came in."""
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: len(self.heard) >= count)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if (task := asyncio.current_task()) is not None:
            self._meetings.add(task)
            task.add_done_callback(self._meetings.discard)
        try:
            while True:
                heard = await _read(reader, writer)
                async with self._news:
                    self.heard.append(heard)
                    self._news.notify_all()
                answer = await self.act(heard)
                writer.write(answer)
                await writer.drain()
                if not answer or b"connection: close" in answer:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Heard(method, path, headers, body, writer)


def limits(**changes: Any) -> Limits:
    return Limits(**{"patience": TOLERANT, **changes})


def failure_of(results: list[Any], kind: type[Exception]) -> int:
    """How many of gathered results are of this kind."""
    return sum(isinstance(result, kind) for result in results)
