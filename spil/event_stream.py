"""`POST /graphql` with `Accept: text/event-stream`: graphql-sse, one operation per connection.

    event: next         an answer; `id` is its cursor, which a client brings back as Last-Event-ID
    event: complete     no more comes
    :                   every fifteen seconds, so that nobody on the way takes the connection for dead

Laws
1. What is wrong with an operation is a `next` with its errors, then `complete`: the stream was accepted.
2. A stream that the hub ends says why, and the cursor to go on from, in its last `next`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from auth.viewer import Viewer
from federation.document import Problem, Problems
from federation.engine import Answer, encode
from federation.streaming import Frame, refusal
from resolvers.subscriber import Subscriber
from schema.errors import SpilError
from spil.lasting import NEVER
from spil.receiving import STREAM
from spil.socket_door import Serving, subscriber_name

TYPE: Final = b"text/event-stream"
COMPLETE: Final = b"event: complete\ndata:\n\n"
HEADERS: Final = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
ENDING: Final = 5.0  # seconds that the last words may take
Asked = tuple[str, dict[str, Any], str | None]


class EventStream:
    """One connection. `last` is the Last-Event-ID that the client brought."""

    __slots__ = (
        "_closing", "_receive", "_request_id", "_scope", "_send", "_serving", "_subscriber", "authorization", "judged",
        "seen", "viewer",
    )  # fmt: skip

    def __init__(self, serving: Serving, viewer: Viewer, scope: Scope, receive: Receive, send: Send) -> None:
        self._serving, self._scope, self._receive, self._send = serving, scope, receive, send
        self._request_id: str = scope["state"]["request_id"]
        self.viewer, self.authorization, self.seen = viewer, _authorization(scope["headers"]), 0.0
        self.judged = NEVER
        self._subscriber: Subscriber | None = None
        self._closing: asyncio.Task[None] | None = None

    async def run(self, asked: Asked, last: str | None, headers: Iterable[tuple[bytes, bytes]]) -> Answer | None:
        """Until the client goes or it ends; gives the answer of what was no subscription."""
        await self._send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *headers]})
        text, variables, name = asked
        try:
            document = self._serving.engine.document(self.viewer.role, text, name)
            if not document.is_subscription:
                answer = await self._serving.engine.execute(self.viewer, text, variables, name, self._request_id)
                await self._last(encode(answer, self._request_id))
                return answer
            stream, after = self._serving.streaming.open(self.viewer, document, variables, last)
            subscriber = Subscriber(subscriber_name(self.viewer), self._next, self._ended)
            await self._serving.streams.join(stream, after, subscriber)
        except Problems as problems:
            await self._last(refusal(problems.problems, self._request_id))
            return Answer(problems=[*problems.problems])
        self._subscriber = subscriber
        # A place without an event: who is cut off before the first one comes back to here.
        await self._body(b"id: %s\n\n" % subscriber.cursor.encode())
        await self._hold()
        return None

    async def _hold(self) -> None:
        self._scope[STREAM] = True
        self._serving.keeper.hold(self)
        try:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        finally:
            self._leave()
            if self._closing is not None:
                await asyncio.wait([self._closing])

    def _leave(self) -> None:
        self._serving.keeper.release(self)
        if self._subscriber is not None:
            self._serving.streams.leave(self._subscriber)

    # ---- what goes out

    async def _next(self, frame: Frame) -> None:
        if not await self._serving.keeper.allows(self):
            return
        await self._body(b"event: next\nid: %s\ndata: %s\n\n" % (frame.cursor.encode(), _one_line(frame.body)))

    async def _ended(self, error: SpilError, cursor: str) -> None:
        await self._last(refusal([Problem(error)], self._request_id, cursor))

    async def _last(self, body: bytes) -> None:
        text = b"event: next\ndata: %s\n\n" % _one_line(body) + COMPLETE
        await self._send({"type": "http.response.body", "body": text, "more_body": False})

    async def _body(self, text: bytes) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": True})

    # ---- what spil/lasting.py asks

    def over(self, error: SpilError) -> None:
        cursor = self._subscriber.cursor if self._subscriber else ""
        self._leave()
        self._closing = asyncio.create_task(self._close(error, cursor))

    def beat(self) -> None:
        if self._closing is None or self._closing.done():
            self._closing = asyncio.create_task(self._comment())

    async def _comment(self) -> None:
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(ENDING):
                await self._body(b":\n\n")

    async def _close(self, error: SpilError, cursor: str) -> None:
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(ENDING):
                await self._ended(error, cursor)


def _one_line(body: bytes) -> bytes:
    """JSON without a line break: outside its texts one means nothing, and inside none stands."""
    return body.replace(b"\n", b" ").replace(b"\r", b" ")


def _authorization(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == b"authorization"), None)


def last_event_id(headers: Mapping[bytes, bytes]) -> str | None:
    """The cursor that a client brings back; an empty one is none."""
    return headers.get(b"last-event-id", b"").decode("latin-1") or None
