"""Proxies on the sockets of the hub's processes: they read along, and kill a process group at the moment they were told.

Laws
1. No product code knows of them: the process reaches its Postgres, and its clients reach it, by another socket.
2. A message on which a process is killed has either passed wholly or not at all; the point says which.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.servers import Process, socket_of, through

CHUNK = 65_536
STARTUP, UNTYPED = 4, 5  # bytes of a length, and of a kind with its length
SSL_REQUEST = 80877103
TRUE = b"\x00\x01\x00\x00\x00\x01\x01"  # a row of one column: true


@dataclass
class Moment:
    """One message on a connection to Postgres, or one piece of an answer to a client, and what went before."""

    side: str  # ASK: to Postgres; ANSWER: from it; BYTES: to the client of a gateway
    kind: str = ""  # the letter of the message
    text: str = ""  # the statement that it belongs to
    in_command: bool = False  # the transaction is a command's
    answers: int = 0  # of that transaction so far
    row: bytes = b""  # the last row that came


@dataclass
class Trap:
    """Kills `process` once, the `nth` time that `at` holds since it was armed."""

    process: Process
    at: Callable[[Moment], bool] | None = None
    passes: bool = False
    nth: int = 1
    struck: asyncio.Event = field(default_factory=asyncio.Event)

    def arm(self, at: Callable[[Moment], bool], *, passes: bool, nth: int = 1) -> None:
        self.at, self.passes, self.nth, self.struck = at, passes, nth, asyncio.Event()

    def strikes(self, moment: Moment) -> bool:
        """Whether the process dies of this message. Whoever asks lets it pass first, if `passes`."""
        if self.at is None or not self.at(moment):
            return False
        self.nth -= 1
        if self.nth:
            return False
        self.at = None
        return True

    def kill(self) -> None:
        self.process.kill()
        self.struck.set()


class Talk:
    """What was said on one connection to Postgres, read message by message."""

    def __init__(self) -> None:
        self._asked, self._answered, self._begun = bytearray(), bytearray(), False
        self._statements: dict[bytes, str] = {}
        self._now = Moment("")

    def asks(self, data: bytes) -> list[tuple[bytes, Moment]]:
        """The whole messages so far, each with its moment."""
        self._asked += data
        found = []
        while message := self._cut(self._asked, typed=self._begun):
            if not self._begun:
                self._begun = int.from_bytes(message[4:8]) != SSL_REQUEST
                found.append((message, Moment("ASK")))
                continue
            self._asks(chr(message[0]), message[5:])
            found.append((message, self._moment("ASK", chr(message[0]))))
        return found

    def answers(self, data: bytes) -> list[tuple[bytes, Moment]]:
        self._answered += data
        found = []
        while message := self._cut(self._answered, typed=True):
            kind = chr(message[0])
            if kind == "D":
                self._now.row = message[5:]
            self._now.answers += kind == "Z"
            found.append((message, self._moment("ANSWER", kind)))
        return found

    def _asks(self, kind: str, body: bytes) -> None:
        now = self._now
        if kind == "Q":
            now.text = body[:-1].decode()
            if now.text.startswith("BEGIN"):
                now.in_command, now.answers = "_command'" in now.text, 0
        elif kind == "P":
            name, text, _ = body.split(b"\0", 2)
            self._statements[name], now.text = text.decode(), ""
        elif kind == "B":
            now.text = self._statements.get(body.split(b"\0", 2)[1], "")

    def _moment(self, side: str, kind: str) -> Moment:
        now = self._now
        return Moment(side, kind, now.text, now.in_command, now.answers, now.row)

    @staticmethod
    def _cut(heard: bytearray, *, typed: bool) -> bytes:
        head = UNTYPED if typed else STARTUP
        if len(heard) < head:
            return b""
        size = int.from_bytes(heard[head - 4 : head]) + typed
        if len(heard) < size:
            return b""
        message = bytes(heard[:size])
        del heard[:size]
        return message


Read = Callable[[bytes], list[tuple[bytes, Moment]]]


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, read: Read, trap: Trap) -> None:
    """Passes message by message, until one strikes or an end is closed; what has passed arrives before the end does."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            if await _struck(read(data), writer, trap):
                break
    with contextlib.suppress(OSError):
        writer.close()


async def _struck(messages: list[tuple[bytes, Moment]], writer: asyncio.StreamWriter, trap: Trap) -> bool:
    for message, moment in messages:
        strikes = trap.strikes(moment)
        if not strikes or trap.passes:
            writer.write(message)
        if strikes:
            trap.kill()
            return True
    await writer.drain()
    return False


@contextlib.asynccontextmanager
async def before_postgres(url: str, trap: Trap) -> AsyncIterator[str]:
    """A socket before Postgres; gives the URL by which the process reaches it."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        back = None
        try:
            there, back = await asyncio.open_unix_connection(socket_of(url))
            writers.add(back)
            talk = Talk()
            await asyncio.gather(_carry(reader, back, talk.asks, trap), _carry(there, writer, talk.answers, trap))
        except OSError:
            pass  # Postgres is away, and so is this connection
        finally:
            for one in (writer, back):
                if one is not None:
                    writers.discard(one)
                    one.transport.abort()

    with TemporaryDirectory(prefix="cp") as folder:
        server = await asyncio.start_unix_server(serve, Path(folder) / ".s.PGSQL.5432")
        try:
            yield through(url, folder)
        finally:
            server.close()
            for writer in list(writers):
                writer.transport.abort()


@contextlib.asynccontextmanager
async def before_gateway(port: int, trap: Trap) -> AsyncIterator[int]:
    """A port before a gateway: what it answers to a report is a moment of its own."""

    def answered(asked: bytearray) -> Read:
        def read(data: bytes) -> list[tuple[bytes, Moment]]:
            return [(data, Moment("BYTES", text="reportUitval" if b"reportUitval" in asked else ""))]

        return read

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked, back = bytearray(), None

        def hear(data: bytes) -> list[tuple[bytes, Moment]]:
            asked[:] = (asked + data)[-CHUNK:]
            return [(data, Moment("REQUEST"))]

        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_carry(reader, back, hear, trap), _carry(there, writer, answered(asked), trap))
        except OSError:
            pass  # the gateway is being started again
        finally:
            for one in (writer, back):
                if one is not None:
                    one.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
