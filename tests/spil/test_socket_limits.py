"""What a peer can make a socket hold, and that a socket that ends is gone, whatever its peer reads."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from spil.socket_door import Socket
from spil.sockets import PIECES, WAITING, Sockets
from tests.socket_kit import EVENTS, PROTOCOL, greeting, line_of
from tests.spil.hub_kit import Country, Hub
from tests.stream_kit import telling_of, within

TEXT, MORE, PING = 1, 0, 9
UPGRADE = (
    "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
)
SMALL = 4096


def frame(kind: int, data: bytes, *, last: bool = True) -> bytes:
    length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    return bytes([(0x80 if last else 0) | kind]) + length + bytes(4) + data


def message(**said: Any) -> bytes:
    return frame(TEXT, json.dumps(said).encode())


class Made:
    """The hub's side of the sockets that a test opens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.all: list[Sockets] = []
        self.lost = asyncio.Event()
        made, lost = Sockets.connection_made, Sockets.connection_lost

        def begins(one: Sockets, transport: Any) -> None:
            made(one, transport)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
            self.all.append(one)

        def ends(one: Sockets, error: Exception | None) -> None:
            lost(one, error)
            self.lost.set()

        monkeypatch.setattr(Sockets, "connection_made", begins)
        monkeypatch.setattr(Sockets, "connection_lost", ends)

    @property
    def waiting(self) -> int:
        return self.all[-1].transport.get_write_buffer_size()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(monkeypatch)


@asynccontextmanager
async def peer(hub: Hub) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A peer that reads what a test reads, and no more than its small buffers hold."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", hub.port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=SMALL)
    writer.write(UPGRADE.encode())
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@asynccontextmanager
async def with_events_unread(hub: Hub, country: Country, made: Made) -> AsyncIterator[tuple[asyncio.StreamWriter, Any]]:
    """A peer that subscribed, and reads nothing: less waits for it than holds a sender up."""
    seer = "#".join(country.municipality)
    async with peer(hub) as (reader, writer), telling_of(country.owner) as telling:
        writer.write(message(type="connection_init", payload=await greeting(hub, country.municipality)))
        assert b"connection_ack" in await within(10, reader.read(100))
        writer.write(message(id="1", type="subscribe", payload={"query": EVENTS}))
        writer.write(message(type="ping"))
        assert b"pong" in await within(10, reader.read(100))
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket

        async def until_it_waits() -> None:
            while made.waiting < WAITING // 2:  # so much that the buffers on the way cannot swallow it
                await telling.many(seer, 10)
                await asyncio.sleep(0.01)

        await within(20, until_it_waits())
        assert made.all[-1].writable.is_set()

        async def more() -> None:
            await telling.many(seer, 1)

        yield writer, more


async def test_a_peer_that_vanished_is_gone_though_something_is_unsent_and_nothing_is_raised(
    hub: Hub, country: Country, made: Made
) -> None:
    unheard: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: unheard.append(str(told)))
    async with with_events_unread(hub, country, made) as (_, more):
        (one,) = made.all
        one.ping_timeout = 0.01
        assert one.ping_timer is not None
        one.ping_timer.cancel()
        one.send_keepalive_ping()
        await more()
        await within(10, made.lost.wait())
        await more()
        async with asyncio.timeout(10):
            while hub.parts.streams._of:  # noqa: ASYNC110 - the socket's own task lets go
                await asyncio.sleep(0.01)
    gc.collect()
    await asyncio.sleep(0)
    asyncio.get_running_loop().set_exception_handler(None)
    assert unheard == []


async def test_what_the_hub_closes_is_gone_though_something_is_unsent(
    hub: Hub, country: Country, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spil.sockets.LEAVING", 0.05)
    async with with_events_unread(hub, country, made) as (writer, _):
        writer.write(message(type="no such type"))
        await within(10, made.lost.wait())


@pytest.mark.parametrize("beside", [b"", message(type="complete", id="none")], ids=["alone", "and messages"])
async def test_who_pings_without_end_and_reads_nothing_is_not_read_from(
    hub: Hub, country: Country, made: Made, beside: bytes
) -> None:
    async with peer(hub) as (reader, writer):
        writer.write(message(type="connection_init"))
        assert b"connection_ack" in await within(10, reader.read(100))
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket
        pings, sent = (frame(PING, b"x" * 125) * 500 + beside), 0

        async def until_it_is_held_up() -> None:
            nonlocal sent
            while writer.transport.get_write_buffer_size() < 1 << 20:
                assert sent < 64 << 20, "it is read from for ever"
                writer.write(pings)
                sent += len(pings)
                await asyncio.sleep(0)

        await within(30, until_it_is_held_up())
        assert made.waiting < 1 << 20
        writer.transport.resume_reading()  # type: ignore[attr-defined]  # of a socket
        writer.write(message(type="ping"))  # it reads again: the hub does too
        await within(30, _heard(reader, b'{"type":"pong"}'))


async def _heard(reader: asyncio.StreamReader, text: bytes) -> None:
    tail = b""
    while text not in tail:
        got = await reader.read(1 << 16)
        assert got
        tail = tail[-len(text) :] + got


async def test_a_message_of_endless_empty_pieces_closes_the_socket(hub: Hub, made: Made) -> None:
    async with peer(hub) as (reader, writer):
        writer.write(message(type="connection_init"))
        assert b"connection_ack" in await within(10, reader.read(100))
        writer.write(frame(TEXT, b"", last=False) + frame(MORE, b"", last=False) * 2 * PIECES)
        closed = await within(10, reader.readexactly(4))
        assert (closed[0] & 0x0F, int.from_bytes(closed[2:4], "big")) == (8, 1009)
        await within(10, made.lost.wait())


# ---- what lasts is looked after


async def test_what_cannot_be_judged_is_over(hub: Hub, country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> Any:
        raise KeyError

    monkeypatch.setattr("spil.lasting.JUDGED", 0.0)
    async with line_of(hub, country.municipality) as line:
        await line.subscribe()
        await line.settled()
        monkeypatch.setattr("spil.incoming.Callers.still", broken)
        assert await line.code() == 4403
    lines = [one for one in hub.lines if one["event"] == "loop broke"]
    assert lines[-1].items() >= {"loop": "connections", "why": "KeyError"}.items()


async def test_one_connection_that_breaks_takes_no_other_out_of_sight(
    hub: Hub, country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, broke = Socket.over, asyncio.Event()
    seen: list[Socket] = []

    def breaks(one: Socket, error: Any) -> None:
        if not seen:
            seen.append(one)
            broke.set()
            raise KeyError
        over(one, error)

    async with line_of(hub, country.municipality) as one, line_of(hub, country.school) as other:
        await one.settled()
        await other.settled()
        monkeypatch.setattr(Socket, "over", breaks)
        ends = max(held.claims.expires for held in hub.parts.gate._known.values())
        monkeypatch.setattr("spil.lasting.time.time", lambda: ends + 1)
        await within(10, broke.wait())
        codes = await within(10, _first(one.code(), other.code()))
        assert codes == 4403
    assert seen[0].judged.ended, "nothing goes out to it any more"


async def _first(*waits: Any) -> int:
    tasks = [asyncio.ensure_future(one) for one in waits]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    (code,) = [task.result() for task in done]
    return int(code)
