"""The receivers of webhooks: one server, a path for each; it answers as it is told to, and notes what came."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.chaos.history import Heard, History
from tests.chaos.proxies import Moment, Trap

LATE = 11.0  # seconds: the hub waits for ten
Mood = Callable[[str, int], str]  # (id of the event, the how many-th try) -> OK | FAIL | LATE | GONE


def well(event: str, tries: int) -> str:
    """Takes everything."""
    return "OK"


@dataclass
class Sink:
    """`moods`: how a path answers, when not well. What it took is noted for the path's seer."""

    seers: Sequence[str]
    history: History | None = None
    trap: Trap | None = None
    moods: dict[str, Mood] = field(default_factory=dict)
    tries: Counter[tuple[str, str]] = field(default_factory=Counter)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """As if it were killed: it listens no more, and what is open is cut."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    await writer.drain()
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode().removeprefix("/")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if self.trap is not None and self.trap.strikes(Moment("HALF")):
            self.trap.kill()
            return False
        body = orjson.loads(await reader.readexactly(length))
        if body["type"] == "webhook.challenge":
            _answer(writer, 200, orjson.dumps({"challenge": body["challenge"]}))
            return True
        mood = self._mood(path, body["id"])
        if mood in ("OK", "LATE") and path.isdigit():
            self._note(self.seers[int(path)], body)
        if mood == "LATE":
            await asyncio.sleep(LATE)
        _answer(writer, {"FAIL": 500, "GONE": 410}.get(mood, 200), b"")
        return True

    def _mood(self, path: str, event: str) -> str:
        self.tries[path, event] += 1
        return self.moods.get(path, well)(event, self.tries[path, event])

    def _note(self, seer: str, body: Any) -> None:
        assert self.history is not None
        epoch, _, pos = body["id"].partition(".")
        kind = body["type"].removeprefix("nl.arbeidstoeleiding.").removesuffix(".v1").upper().replace("-", "_")
        withheld = bool(body["data"].get("withheld"))
        case = body["data"].get("case")
        event = Heard(int(epoch), int(pos), None if withheld else kind, case, withheld)
        self.history.brought[seer].append(event)


def _answer(writer: asyncio.StreamWriter, status: int, content: bytes) -> None:
    head = f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    writer.write(head.encode() + content)


@contextlib.asynccontextmanager
async def sink_for(seers: Sequence[str]) -> AsyncIterator[Sink]:
    """One that runs; `history` and `trap` are given to it before anything comes."""
    sink = Sink(seers)
    await sink.start()
    try:
        yield sink
    finally:
        sink.stop()
