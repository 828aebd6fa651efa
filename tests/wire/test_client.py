"""The socket: pinned address, total deadline, cap, no redirects, nothing private that is not listed."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import pytest

from schema.errors import SourceDown, SourceTimeout
from wire.client import fetch_json_bytes, post_form, post_json

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Peer:
    """A server that says exactly these bytes to everyone, then waits or closes."""

    def __init__(self, *says: bytes, closes: bool = True) -> None:
        self.says, self.closes = says, closes
        self.heard: list[bytes] = []
        self.port = 0

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.readuntil(b"\r\n\r\n"))
        try:
            for part in self.says:
                writer.write(part)
                await writer.drain()
            if not self.closes:
                await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Peer]:
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def asked(self, *, deadline: float = 5.0, cap: int = 1000, path: str = "/x") -> bytes:
        listed = frozenset({f"127.0.0.1:{self.port}"})
        url = f"http://127.0.0.1:{self.port}{path}"
        return await fetch_json_bytes(url, deadline=deadline, cap=cap, allow_private=listed)


async def test_a_listed_loopback_address_is_read() -> None:
    async with Peer(OK).serving() as peer:
        assert await peer.asked() == b"{}"
    assert peer.heard[0].startswith(b"GET /x HTTP/1.1\r\n")
    assert f"host: 127.0.0.1:{peer.port}".encode() in peer.heard[0].lower()


async def test_a_form_is_posted() -> None:
    async with Peer(OK).serving() as peer:
        url, listed = f"http://127.0.0.1:{peer.port}/token", frozenset({f"127.0.0.1:{peer.port}"})
        assert await post_form(url, {"a": "b"}, deadline=5.0, cap=10, allow_private=listed) == b"{}"
    assert peer.heard[0].startswith(b"POST /token")


async def test_json_is_posted_by_who_has_a_token() -> None:
    async with Peer(OK).serving() as peer:
        url, listed = f"http://127.0.0.1:{peer.port}/graphql", frozenset({f"127.0.0.1:{peer.port}"})
        assert await post_json(url, b"{}", "a.b.c", deadline=5.0, cap=10, allow_private=listed) == b"{}"
    assert peer.heard[0].startswith(b"POST /graphql")
    for line in (b"content-type: application/json\r\n", b"authorization: Bearer a.b.c\r\n", b"content-length: 2\r\n"):
        assert line in peer.heard[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n",
        b"HTTP/9 what\r\n\r\n",
        b"",
    ],
)
async def test_anything_but_a_small_200_is_an_error(answer: bytes) -> None:
    async with Peer(answer).serving() as peer:
        with pytest.raises(SourceDown):
            await peer.asked()
    assert len(peer.heard) == 1


async def test_an_endless_answer_is_cut_at_the_cap() -> None:
    async with Peer(b"HTTP/1.1 200 OK\r\n\r\n", *([b"x" * 65536] * 1000)).serving() as peer:
        with pytest.raises(SourceDown, match="more than"):
            await peer.asked(cap=100_000)


@pytest.mark.parametrize("says", [(), (b"HTTP/1.1 200 OK\r\ncontent-le",), (b"HTTP/1.1 200 OK\r\n\r\n", b"{")])
async def test_the_deadline_is_for_the_whole_exchange(says: tuple[bytes, ...]) -> None:
    async with Peer(*says, closes=False).serving() as peer:
        start = time.monotonic()
        with pytest.raises(SourceTimeout):
            await peer.asked(deadline=0.1)
        assert time.monotonic() - start < 2.0


async def test_nobody_there_is_source_down() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with pytest.raises(SourceDown):
            await fetch_json_bytes(
                f"http://127.0.0.1:{port}/", deadline=5.0, cap=10, allow_private=frozenset({f"127.0.0.1:{port}"})
            )


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://127.0.0.1/",
        "https://127.0.0.1:8443/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://192.168.0.1/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://localhost/",
        "https://user:pass@127.0.0.1:8000/",
        "http://user@127.0.0.1:8000/",
        "http://127.0.0.1:8001/",
        "http://localhost:8000/",
        "ftp://127.0.0.1:8000/",
        "file:///etc/passwd",
        "//127.0.0.1:8000/",
        "",
        "https://",
        "https://a b/",
        "http://[::1",
    ],
)
async def test_an_address_that_is_not_allowed_is_never_connected(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise AssertionError("connected")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", never)
    with pytest.raises(SourceDown):
        await fetch_json_bytes(url, deadline=5.0, cap=10, allow_private=frozenset({"127.0.0.1:8000"}))
