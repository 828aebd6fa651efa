"""A client of graphql-transport-ws that says whatever a test wants, and a reader of server-sent events."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.spil.hub_kit import Actor, Hub
from tests.stream_kit import within

PROTOCOL = "graphql-transport-ws"
EVENTS = "subscription { events { pos withheld type } }"
AFTER = "subscription($after: Cursor) { events(after: $after) { pos withheld type } }"


@dataclass
class Line:
    """One socket."""

    socket: ClientConnection

    async def say(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await within(10, self.socket.recv()))
        return found

    async def subscribe(self, query: str = EVENTS, one: str = "1", **variables: Any) -> None:
        await self.say({"id": one, "type": "subscribe", "payload": {"query": query, "variables": variables}})

    async def settled(self) -> None:
        """Everything that was said before has been taken."""
        await self.say({"type": "ping"})
        assert await self.hear() == {"type": "pong"}

    async def next(self, count: int = 1) -> list[dict[str, Any]]:
        """The payloads of so many answers, which come next."""
        found = []
        for _ in range(count):
            message = await self.hear()
            assert message["type"] == "next", message
            found.append(message["payload"])
        return found

    async def positions(self, count: int) -> list[int]:
        return [payload["data"]["events"]["pos"] for payload in await self.next(count)]

    async def code(self) -> int:
        """With what the hub closes, whatever it still says before."""
        await within(10, self._ended())
        code = self.socket.close_code
        assert code is not None
        return code

    async def _ended(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.socket.recv()


@asynccontextmanager
async def line_of(
    hub: Hub, actor: Actor | None = None, *, greet: bool = True, origin: str | None = None, **options: Any
) -> AsyncIterator[Line]:
    """A socket, greeted as this party."""
    given = {"subprotocols": [PROTOCOL], "compression": None, "proxy": None, "origin": origin} | options
    async with connect(hub.base.replace("http", "ws") + "/graphql", **given) as socket:
        line = Line(socket)
        if greet:
            await line.say({"type": "connection_init", "payload": await greeting(hub, actor)})
            assert await line.hear() == {"type": "connection_ack"}
        yield line


async def greeting(hub: Hub, actor: Actor | None) -> dict[str, str]:
    return {"authorization": f"Bearer {await hub.token(actor)}"} if actor else {}


def code_of(message: dict[str, Any]) -> str:
    """The code of an `error` message."""
    assert message["type"] == "error", message
    return str(message["payload"][0]["extensions"]["code"])


@dataclass
class Listening:
    """A stream of server-sent events. `parts` are its messages: event, id, data."""

    response: httpx.Response
    _lines: AsyncIterator[str]

    async def hear(self) -> dict[str, str]:
        """The next message; comments are passed over. Empty at the end."""
        return await within(10, self._hear())  # type: ignore[no-any-return]

    async def _hear(self) -> dict[str, str]:
        found: dict[str, str] = {}
        async for line in self._lines:
            if not line and found:
                return found
            name, _, value = line.partition(":")
            if name:
                found[name] = value.strip()
        return found

    async def next(self) -> tuple[str, dict[str, Any]]:
        """Cursor and body of the next answer."""
        message = await self.hear()
        assert message.get("event") == "next", message
        return message.get("id", ""), json.loads(message["data"])


@asynccontextmanager
async def listening(
    hub: Hub, actor: Actor | None, query: str = EVENTS, variables: Any = None, **headers: str
) -> AsyncIterator[Listening]:
    named = {"accept": "text/event-stream"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if actor is not None:
        named.setdefault("authorization", f"Bearer {await hub.token(actor)}")
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
        client.stream("POST", f"{hub.base}/graphql", json=body, headers=named) as response,
    ):
        yield Listening(response, response.aiter_lines())
