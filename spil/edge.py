"""The outermost layer: request id, trace, one log line, and an end to every exception.

Laws
1. Whatever happens below, the client reads a stable code and a request id, never a stack trace.
2. The trace of the caller goes on (W3C Trace Context); an id of its own is given where there is none.
"""

from __future__ import annotations

import re
import secrets
import time
import traceback
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schema.errors import Internal, SpilError
from spil.log import Sink
from spil.rates import Slower

TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
NOTHING: Mapping[str, str] = MappingProxyType({})
NO_TRACE, NO_SPAN = b"0" * 32, b"0" * 16
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


class Edge:
    """Wraps the app. `scope["state"]` carries `request_id`, `trace` and `said`, to which the doors add for the log."""

    def __init__(self, app: ASGIApp, log: Sink) -> None:
        self._app, self._log = app, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        random = secrets.token_hex(32)
        request_id = random[:16]
        trace = _trace(scope["headers"], random[16:].encode())
        said: dict[str, Any] = {}
        scope["state"] = {**scope.get("state", {}), "request_id": request_id, "trace": trace, "said": said}
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(b"x-request-id", request_id.encode()), (b"traceparent", trace), *HEADERS]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:  # noqa: BLE001  # the last one to see it: nothing may pass to the client
            # Type and place only: the message of an exception may quote a value.
            said["error"] = f"{type(error).__name__} at {_place(error)}"
            if not status:
                await answer_error(answer, Internal(), request_id)
        finally:
            self._log(
                "request",
                request=request_id,
                trace=trace[3:35].decode(),
                door=said.pop("door", None),
                status=status or 499,
                ms=round((time.perf_counter() - began) * 1000, 2),
                **said,
            )


def _trace(headers: Iterable[tuple[bytes, bytes]], random: bytes) -> bytes:
    """The traceparent of this request; `random` are 48 hex digits."""
    given = [value for name, value in headers if name == b"traceparent"]
    found = TRACEPARENT.fullmatch(given[0]) if len(given) == 1 else None
    if found and found[1] != NO_TRACE and found[2] != NO_SPAN:
        return b"00-%s-%s-%s" % (found[1], random[32:], found[3])
    return b"00-%s-%s-00" % (random[:32], random[32:])


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "?"
    path = frames[-1].filename.replace("\\", "/").split("/")
    return f"{'/'.join(path[-2:])}:{frames[-1].lineno}"


async def answer_error(
    send: Send,
    error: SpilError,
    request_id: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    status: int | None = None,
    details: Mapping[str, str] = NOTHING,
) -> None:
    """A response that is only an error, in the form of a GraphQL response, with the headers that HTTP wants for it."""
    wanted = [*headers]
    if isinstance(error, Slower):
        wanted.append((b"retry-after", str(max(1, round(error.seconds + 0.5))).encode()))
    if error.status == 401:
        wanted.append((b"www-authenticate", b"Bearer"))
    extensions = {"code": error.code, "requestId": request_id, **details}
    body = orjson.dumps({"errors": [{"message": error.message, "extensions": extensions}]})
    fallback = error.status if error.status != 200 else 500
    await answer_bytes(send, status or fallback, b"application/json; charset=utf-8", body, wanted)


async def answer_bytes(
    send: Send, status: int, media_type: bytes, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """One response in two messages."""
    fixed = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})
