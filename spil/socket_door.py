"""`/graphql` as a WebSocket: graphql-transport-ws, any operation, ten at a time (codes: spil/socket_messages.py).

Laws
1. Nothing is answered before the greeting brought a token that counts, or none: then the caller is PUBLIC.
2. A browser's page is let in from the origins that its client has listed, as over HTTP.
3. An idle socket is one waiting coroutine; what is sent waits in the subscribers (resolvers/subscriber.py).
4. Whatever a client sends, it reads a code; never a stack trace.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.types import Message, Receive, Scope, Send

from auth.tokens import authorization_of
from auth.viewer import Viewer, public_viewer
from federation.document import Document, Problem, Problems
from federation.engine import Engine, encode
from federation.streaming import Frame, Streaming, errors_of
from resolvers.streams import Streams
from resolvers.subscriber import Subscriber
from schema.errors import Forbidden, SpilError, TooManySubscriptions, Unauthenticated
from spil.edge import answer_error
from spil.incoming import Callers
from spil.lasting import NEVER, Keeper
from spil.log import Sink
from spil.socket_messages import (
    BROKEN,
    GREETED,
    LATER,
    PROTOCOL,
    REFUSED,
    SILENT,
    SUBPROTOCOL,
    TAKEN,
    UNGREETED,
    Asked,
    Close,
    authorization,
    operation,
    read_message,
)

GREETING: Final = 5.0  # seconds
AT_ONCE: Final = 10  # operations of one socket


@dataclass(frozen=True)
class Serving:
    """What every socket and event stream of a process needs."""

    engine: Engine
    streaming: Streaming
    streams: Streams
    callers: Callers
    keeper: Keeper
    log: Sink


class SocketDoor:
    """The ASGI app behind the WebSocket."""

    def __init__(self, serving: Serving, cors: Mapping[str, tuple[str, ...]]) -> None:
        self._serving = serving
        self._cors = {client: frozenset(o.encode() for o in origins) for client, origins in cors.items()}
        self._origins = frozenset(origin for origins in self._cors.values() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is not None and origin not in self._origins:
            await _refuse(send, Forbidden("No client has listed this origin."))
            return
        socket = Socket(self._serving, scope, receive, send)
        try:
            await socket.accept()
            await socket.greet()
            self._hold_against(origin, socket.viewer)
            await socket.acknowledge()
            await socket.listen()
        except Close as close:
            socket.closed = close.code
            with contextlib.suppress(OSError, RuntimeError):
                await send({"type": "websocket.close", "code": close.code, "reason": close.reason})
        except OSError:
            pass  # it went while something was sent
        except Exception as error:  # noqa: BLE001 - nobody above this would keep its words from the log
            socket.said["error"], socket.closed = type(error).__name__, BROKEN
            with contextlib.suppress(OSError, RuntimeError):
                await send({"type": "websocket.close", "code": BROKEN, "reason": "Something broke in the hub."})
        finally:
            await socket.end()

    def _hold_against(self, origin: bytes | None, viewer: Viewer) -> None:
        if origin is not None and origin not in self._cors.get(viewer.client or "", ()):
            raise Close(REFUSED, "Forbidden: the client has not listed this origin.")


class Socket:
    """One connection."""

    __slots__ = (
        "_began", "_busy", "_closing", "_ids", "_receive", "_scope", "_send", "_serving", "authorization", "closed",
        "judged", "said", "seen", "viewer",
    )  # fmt: skip

    def __init__(self, serving: Serving, scope: Scope, receive: Receive, send: Send) -> None:
        self._serving, self._scope, self._receive, self._send = serving, scope, receive, send
        self._ids: dict[str, Subscriber | asyncio.Task[None]] = {}
        self._busy: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None
        self._began, self.seen, self.judged = time.monotonic(), 0.0, NEVER
        self.viewer = public_viewer()
        self.authorization: str | None = None
        self.closed: int | None = None
        self.said: dict[str, Any] = {}

    # ---- the protocol

    async def accept(self) -> None:
        """Raises Close where the client speaks another protocol."""
        if PROTOCOL not in self._scope["subprotocols"]:
            await self._send({"type": "websocket.accept"})
            raise Close(SUBPROTOCOL, f"The subprotocol here is {PROTOCOL}.")
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL})

    async def greet(self) -> None:
        """Waits for the greeting, and learns who it is. Raises Close."""
        try:
            async with asyncio.timeout(GREETING):
                message = await self._next()
                while message["type"] != "connection_init":
                    if message["type"] == "subscribe":
                        raise Close(UNGREETED, "Unauthorized: connection_init comes first.")
                    if message["type"] == "ping":
                        await self._say({"type": "pong"})
                    message = await self._next()
        except TimeoutError:
            raise Close(SILENT, "Connection initialisation timeout") from None
        try:
            self.authorization = authorization(message.get("payload") or {})
            if self.authorization is None:
                self.authorization = authorization_of(self._scope["headers"])
            self.viewer = await self._serving.callers.speaker(self.authorization, self._scope, self.said)
        except Unauthenticated:
            raise Close(REFUSED, "Forbidden: the token does not count here.") from None
        except SpilError as error:
            raise Close(LATER, f"Try again later ({error.code}).") from None

    async def acknowledge(self) -> None:
        await self._say({"type": "connection_ack"})

    async def listen(self) -> None:
        """Until the client goes. Raises Close."""
        self._serving.keeper.hold(self)
        while True:
            message = await self._next()
            match message["type"]:
                case "connection_init":
                    raise Close(GREETED, "Too many initialisation requests")
                case "ping":
                    await self._say({"type": "pong"})
                case "complete":
                    self._complete(message["id"])
                case "subscribe":
                    await self._subscribe(message["id"], operation(message.get("payload")))

    async def end(self) -> None:
        """Lets go of everything; an operation that is under way comes to its end, unheard."""
        self._serving.keeper.release(self)
        self._leave()
        if self._busy:
            await asyncio.wait(self._busy)
        lasted = round((time.monotonic() - self._began) * 1000)
        self._serving.log("socket", closed=self.closed, ms=lasted, **self.said)

    async def _next(self) -> dict[str, Any]:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise ConnectionResetError
        return read_message(message.get("text"))

    async def _say(self, message: Mapping[str, Any]) -> None:
        await self._send({"type": "websocket.send", "text": orjson.dumps(message).decode()})

    # ---- operations

    async def _subscribe(self, one: str, asked: Asked) -> None:
        if one in self._ids:
            raise Close(TAKEN, "Subscriber for this id already exists")
        if not await self._serving.keeper.allows(self):
            return
        request_id = secrets.token_hex(8)
        try:
            self._hold_back()
            self._serving.callers.take(self.viewer, self._scope)
            document = self._serving.engine.document(self.viewer.role, asked.query, asked.name)
            if document.is_subscription:
                await self._stream(one, document, asked)
            else:
                task = asyncio.create_task(self._execute(one, asked, request_id))
                self._ids[one] = task
                self._busy.add(task)
                task.add_done_callback(self._busy.discard)
        except Problems as problems:
            await self._error(one, problems.problems, request_id)
        except SpilError as error:
            await self._error(one, [Problem(error)], request_id)

    def _hold_back(self) -> None:
        """Also what was completed before its answer came is still work. Raises TooManySubscriptions."""
        streams = sum(isinstance(found, Subscriber) for found in self._ids.values())
        if streams + len(self._busy) >= AT_ONCE:
            raise TooManySubscriptions

    async def _stream(self, one: str, document: Document, asked: Asked) -> None:
        streaming, key = self._serving.streaming, orjson.dumps(one)
        stream, after = streaming.open(self.viewer, document, asked.variables)

        async def send(frame: Frame) -> None:
            if not await self._serving.keeper.allows(self):
                return
            text = b'{"id":%s,"type":"next","payload":%s}' % (key, frame.body)
            await self._send({"type": "websocket.send", "text": text.decode()})

        async def ended(error: SpilError, cursor: str) -> None:
            found = self._ids.pop(one, None)
            if isinstance(found, Subscriber):
                self._serving.streams.leave(found)
            await self._error(one, [Problem(error, path=(stream.plan.root,))], secrets.token_hex(8), cursor)

        subscriber = Subscriber(subscriber_name(self.viewer), send, ended)
        await self._serving.streams.join(stream, after, subscriber)
        self._ids[one] = subscriber

    async def _execute(self, one: str, asked: Asked, request_id: str) -> None:
        answer = await self._serving.engine.execute(self.viewer, asked.query, asked.variables, asked.name, request_id)
        if self._ids.get(one) is not asyncio.current_task():
            return  # completed by the client, or the socket is gone
        del self._ids[one]
        with contextlib.suppress(OSError):
            if answer.is_request_error:
                await self._error(one, answer.problems, request_id)
            else:
                text = b'{"id":%s,"type":"next","payload":%s}' % (orjson.dumps(one), encode(answer, request_id))
                await self._send({"type": "websocket.send", "text": text.decode()})
                await self._say({"id": one, "type": "complete"})

    async def _error(self, one: str, problems: Any, request_id: str, cursor: str | None = None) -> None:
        await self._say({"id": one, "type": "error", "payload": errors_of(problems, request_id, cursor)})

    def _complete(self, one: str) -> None:
        found = self._ids.pop(one, None)
        if isinstance(found, Subscriber):
            self._serving.streams.leave(found)

    def _leave(self) -> None:
        for one in list(self._ids):
            self._complete(one)

    # ---- what spil/lasting.py asks

    def over(self, error: SpilError) -> None:
        """The token has ended, or no longer counts: nothing more goes out, and the socket closes."""
        self._serving.keeper.release(self)
        self._leave()
        self.closed = REFUSED
        self._closing = asyncio.create_task(self._close(f"Forbidden ({error.code})"))

    def beat(self) -> None:
        """uvicorn pings by itself."""

    async def _close(self, reason: str) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.close", "code": REFUSED, "reason": reason})


def subscriber_name(viewer: Viewer) -> str:
    """Who a reading was for, in the reads log."""
    return f"{viewer.client} {viewer.subject}"


async def _refuse(send: Send, error: SpilError) -> None:
    """Says no as HTTP does, before there is a socket."""

    async def answer(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await answer_error(answer, error, secrets.token_hex(8), status=403)
