"""Streams on a real log, and clients that take what they are sent, or do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from federation.cursors import Cursors
from federation.document import Problems
from federation.limits import Limits
from federation.streaming import Frame, Streaming
from registry.event_heads import EventHeads
from resolvers.streams import Streams
from resolvers.subscriber import Subscriber
from schema.errors import SpilError, Unavailable
from tests.hub_kit import CURSOR_KEY, Hub, open_hub, viewer
from tests.resolvers.access_kit import Scene
from tests.stream_kit import Telling, within

if TYPE_CHECKING:
    from registry.migrate import Logins

EVENTS = "subscription($after: Cursor) { events(after: $after) { pos withheld type forget student { id } } }"


@dataclass
class Client:
    """What one subscriber got; while `open` is not set it takes nothing."""

    subscriber: Subscriber
    got: list[Frame] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, count: int) -> list[dict[str, Any]]:
        """The events, once there are so many answers."""

        async def wait() -> None:
            while len(self.got) < count:
                self.heard.clear()
                await self.heard.wait()

        await within(20, wait())
        return [json.loads(frame.body)["data"]["events"] for frame in self.got]

    async def positions(self, count: int) -> list[int]:
        await self.until(count)
        return [frame.pos for frame in self.got]

    async def end(self) -> tuple[str, str]:
        """Code and cursor."""

        async def wait() -> None:
            while not self.ended:
                self.heard.clear()
                await self.heard.wait()

        await within(20, wait())
        return self.ended[0]


@dataclass
class World:
    """A hub, its streams, and events to tell."""

    hub: Hub
    streaming: Streaming
    streams: Streams
    heads: Heads
    telling: Telling
    lines: list[dict[str, Any]]  # that the streams wrote to the log

    async def client(
        self,
        seer: str,
        after: str | None = None,
        query: str = EVENTS,
        who: str = "portal someone",
        *,
        shut: bool = False,
    ) -> Client:
        document = self.hub.engine.document(viewer(seer).role, query, None)
        stream, at = self.streaming.open(viewer(seer), document, {"after": after})

        async def send(frame: Frame) -> None:
            await client.open.wait()
            client.got.append(frame)
            client.heard.set()

        async def ended(error: SpilError, cursor: str) -> None:
            client.ended.append((error.code, cursor))
            client.heard.set()

        client = Client(Subscriber(who, send, ended))
        if not shut:
            client.open.set()
        await self.streams.join(stream, at, client.subscriber)
        return client

    async def refused(self, seer: str, after: str) -> tuple[str, Any]:
        with pytest.raises(Problems) as problems:
            await self.client(seer, after)
        problem = problems.value.problems[0]
        return problem.error.code, problem.details.get("cursor")


class Heads:
    """The heads as they are; `away` while the registry is."""

    def __init__(self, heads: EventHeads) -> None:
        self._heads, self.away = heads, False

    async def __call__(self, seers: Sequence[str]) -> Mapping[str, Any]:
        if self.away:
            raise Unavailable
        return await self._heads.read(seers)


@asynccontextmanager
async def world_of(scene: Scene, logins: Logins, limits: Limits | None = None) -> AsyncIterator[World]:
    async with open_hub(logins, limits=limits) as hub:
        streaming, heads = Streaming(hub.engine, Cursors(CURSOR_KEY)), EventHeads(logins.worker)
        ask = Heads(heads)
        lines: list[dict[str, Any]] = []
        streams = Streams(
            streaming, ask, heads.rest, heads.moved, lambda event, **said: lines.append({"event": event, **said})
        )
        try:
            yield World(hub, streaming, streams, ask, Telling(scene.owner), lines)
        finally:
            await streams.close()
            await heads.close()
