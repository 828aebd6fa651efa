"""Receivers whose connection is cut again and again, by WebSocket, SSE or pulling; each goes on from its cursor.

Law: what one gets is the stream from where it began, each position once and in order; a repeat or a gap ends the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.chaos.history import Heard
from tests.chaos.rig import PULL, Refused, Rig, heard

LISTEN = """subscription Listen($after: Cursor) { events(after: $after) {
    epoch pos withheld type case { __typename ... on Uitval { id } } } }"""
LONGEST = 0.4  # seconds until a cut, at most


class Ended(Refused):
    """The hub said that it is over, with words that no cut explains."""


@dataclass
class Listener:
    """One receiver of a seer's stream, from `cursor` on. `got` is what came, as it came."""

    rig: Rig
    seer: str
    kind: str
    door: int
    cursor: str | None
    rng: random.Random
    cuts: int = 0
    got: list[Heard] = field(default_factory=list)

    async def run(self, cuts: int, whole: asyncio.Event, head: list[int]) -> None:
        """Is cut so many times; then stays until it has what there is, once `whole` says that no more comes."""
        read = {"WebSocket": self._by_socket, "SSE": self._by_sse, "pull": self._by_pull}[self.kind]
        while True:
            last = self.cuts >= cuts
            patience = None if last else self.rng.uniform(0.01, LONGEST)
            with contextlib.suppress(TimeoutError, OSError, WebSocketException, asyncio.IncompleteReadError):
                async with asyncio.timeout(patience), contextlib.aclosing(read()) as events:
                    async for event, cursor in events:
                        self.got.append(event)
                        self.cursor = cursor
                        if last and whole.is_set() and event.pos >= head[0]:
                            return
            self.cuts += not last
            if last and whole.is_set() and self.got and self.got[-1].pos >= head[0]:
                return
            if last:
                await asyncio.sleep(0.05)

    def _request(self, accept: str, body: Any) -> bytes:
        content = orjson.dumps(body)
        head = (
            f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: {accept}\r\n"
            f"authorization: Bearer {self.rig.tokens[self.seer]}\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    @contextlib.asynccontextmanager
    async def _asked(self, accept: str, body: Any) -> AsyncIterator[asyncio.StreamReader]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.rig.doors[self.door])
        try:
            writer.write(self._request(accept, body))
            yield reader
        finally:
            writer.transport.abort()  # the cut: no farewell

    async def _by_pull(self) -> AsyncGenerator[tuple[Heard, str], None]:
        while True:
            asked = {"query": PULL, "variables": {"after": self.cursor}}
            async with self._asked("application/json", asked) as reader:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                answer = orjson.loads(await reader.readexactly(length))
            if "errors" in answer:
                raise Ended(answer)
            edges = answer["data"]["events"]["edges"]
            for edge in edges:
                yield heard(edge["node"]), edge["cursor"]
            if not edges:
                await asyncio.sleep(0.05)
                return

    async def _by_sse(self) -> AsyncGenerator[tuple[Heard, str], None]:
        async with self._asked("text/event-stream", self._listen()) as reader:
            async for line in reader:
                if line.startswith(b"data: {"):
                    yield _said(orjson.loads(line[6:]))

    async def _by_socket(self) -> AsyncGenerator[tuple[Heard, str], None]:
        address = f"ws://127.0.0.1:{self.rig.doors[self.door]}/graphql"
        socket = await connect(
            address,
            subprotocols=[Subprotocol("graphql-transport-ws")],
            proxy=None,
            compression=None,
            ping_interval=None,
        )
        try:
            hello = {"type": "connection_init", "payload": {"authorization": f"Bearer {self.rig.tokens[self.seer]}"}}
            await socket.send(orjson.dumps(hello).decode())
            await socket.recv()
            begun = {"id": "1", "type": "subscribe", "payload": self._listen()}
            await socket.send(orjson.dumps(begun).decode())
            async for text in socket:
                message = orjson.loads(text)
                if message["type"] == "next":
                    yield _said(message["payload"])
                elif message["type"] in ("error", "complete"):
                    raise Ended(message)
        finally:
            socket.transport.abort()  # the cut: no farewell

    def _listen(self) -> dict[str, Any]:
        return {"query": LISTEN, "variables": {"after": self.cursor}}


def _said(payload: Any) -> tuple[Heard, str]:
    if "errors" in payload:
        raise Ended(payload)
    return heard(payload["data"]["events"]), payload["extensions"]["cursor"]


def compared(listener: Listener, began: int, known: dict[tuple[int, int], Heard], least: int) -> list[str]:
    """What is wrong with what one got, beside what the log gives who pulls it whole; at `least` up to there."""
    who = f"{listener.seer} by {listener.kind}"
    places = [event.pos for event in listener.got]
    wrong = []
    if places != list(range(began + 1, began + 1 + len(places))) or began + len(places) < least:
        wrong.append(f"{who} got {len(places)} of {least - began} or more, or not each once and in order")
    wrong += [f"{who} got another event at {e.pos}" for e in listener.got if known.get((e.epoch, e.pos)) != e]
    return wrong
