"""What every partner can be told to do wrong, and what it writes down of each request.

    POST /control  {"slow": 0.05}                        seconds before each answer
                   {"fail": "hang" | "break" | "garbage" | 429 | 500 | 400, "times": 2}    no `times`: until told else
                   {}                                    as it should be again
    GET /control   {"log": [{"method", "path", "headers", "body", "began", "took_ms"}]}

`began` is in seconds of the clock, `took_ms` until the last byte was handed over: what a bench measures overhead by.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

GARBAGE = b'\x00\xff{"identiteiten": [["not what was agreed"'


@dataclass
class Behaviour:
    """An ASGI app around a partner's own. `quiet` paths (tokens) are neither failed nor slowed."""

    app: ASGIApp
    quiet: frozenset[str] = frozenset({"/token"})
    slow: float = 0.0
    fail: str | int | None = None
    times: int | None = None
    log: list[dict[str, Any]] = field(default_factory=list)

    def told(self, slow: float = 0.0, fail: str | int | None = None, times: int | None = None) -> None:
        """What /control says."""
        self.slow, self.fail, self.times = slow, fail, times

    def asked(self, path: str) -> list[Any]:
        """The bodies of the requests that came for a path."""
        return [json.loads(one["body"]) for one in self.log if one["path"] == path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body = await _body(receive)
        if scope["path"] == "/control":
            return await self._control(scope["method"], body)(scope, _again(body, receive), send)
        began, start = time.time(), time.perf_counter()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        line = {"method": scope["method"], "path": scope["path"], "headers": headers, "body": body.decode()}
        self.log.append(line | {"began": began})
        entry = self.log[-1]
        try:
            await self._answer(scope, body, receive, send)
        finally:
            entry["took_ms"] = (time.perf_counter() - start) * 1000

    def _control(self, method: str, body: bytes) -> Response:
        if method == "POST":
            self.told(**json.loads(body or b"{}"))
        return JSONResponse({"log": self.log})

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        fail = None if scope["path"] in self.quiet else self._next_failure()
        if self.slow and scope["path"] not in self.quiet:
            await asyncio.sleep(self.slow)
        if fail is None:
            await self.app(scope, _again(body, receive), send)
        else:
            await _fail(fail, receive, send)

    def _next_failure(self) -> str | int | None:
        fail = self.fail
        if fail is not None and self.times is not None:
            self.times -= 1
            self.fail = fail if self.times > 0 else None
        return fail


async def _fail(fail: str | int, receive: Receive, send: Send) -> None:
    if fail == "hang":
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    status, body, length = 200, GARBAGE, len(GARBAGE)
    if isinstance(fail, int):
        status, body = fail, b'{"title": "told to", "detail": "Kanarie must not be repeated"}'
        length = len(body)
    if fail == "break":
        length += 1000
    headers = [(b"content-type", b"application/json"), (b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": fail == "break"})
    # A body that is shorter than it said: the server ends the connection.


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, then what else comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
