"""A client has a deadline to send a request; an answer has no part in it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from spil.receiving import Receiving
from spil.server import listen, serve

WITHIN = 0.3
LATER = 5 * WITHIN
WHOLE = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers after the body, and after as many seconds as the path says."""
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(float(scope["path"][1:] or 0))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(Receiving, "within", WITHIN)
    with listen("127.0.0.1", 0) as listener:
        serving = asyncio.create_task(serve(echo, listener))
        yield listener.getsockname()[1]
        serving.cancel()
        await asyncio.wait([serving])


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"\r\n",
        b"P",
        b"POST / HTTP/1.1\r\nhost: x\r\nx-half: ",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
        WHOLE + b"POST / HT",
        WHOLE + b"\r\n",
    ],
)
async def test_a_request_that_is_not_sent_to_its_end_is_closed(port: int, begun: bytes) -> None:
    async with connected(port) as (reader, writer):
        began = time.monotonic()
        writer.write(begun)
        async with asyncio.timeout(LATER):
            with contextlib.suppress(ConnectionError):
                answer = await reader.read()
                assert answer.count(b"HTTP/1.1 200") == begun.count(WHOLE)
        assert time.monotonic() - began >= WITHIN * 0.9


async def test_a_request_that_drips_is_closed_all_the_same(port: int) -> None:
    async with connected(port) as (reader, writer):
        closed = asyncio.create_task(reader.read())
        async with asyncio.timeout(LATER):
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\n")
            while not closed.done():
                writer.write(b"x-drip: 1\r\n")
                await asyncio.wait([closed], timeout=WITHIN / 6)


async def test_an_answer_may_take_longer_than_the_deadline(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(WHOLE.replace(b"POST /", b"POST /%.1f" % (WITHIN * 2)))
        async with asyncio.timeout(LATER):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_a_connection_serves_many_requests(port: int) -> None:
    async with connected(port) as (reader, writer):
        began = time.monotonic()
        while time.monotonic() - began < WITHIN * 2:
            writer.write(WHOLE)
            async with asyncio.timeout(LATER):
                await reader.readuntil(b"ok")
            await asyncio.sleep(WITHIN / 4)  # a client that takes its time between two whole requests
