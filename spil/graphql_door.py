"""`POST /graphql`: GraphQL over HTTP, from the socket to the engine and back.

Both media types of the specification are spoken: `application/graphql-response+json`, whose status tells whether the
request was refused, and `application/json`, whose status is 200 for every well-formed request.

Laws
1. A bad token is 401, never PUBLIC; no token is PUBLIC.
2. A body is read no further than its cap, and nothing but JSON is read.
3. A rate is taken before a body is read.
4. A subscription needs a client that takes `text/event-stream`; where other types are as welcome, only it is streamed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.types import Receive, Scope, Send

from auth.viewer import Viewer
from federation.document import Problems
from federation.engine import Answer, encode
from schema.errors import (
    BadRequest,
    Internal,
    MethodNotAllowed,
    NotAcceptable,
    SpilError,
)
from spil.edge import answer_bytes, answer_error
from spil.event_stream import TYPE, Asked, EventStream, last_event_id
from spil.incoming import check_body, pieces
from spil.socket_door import Serving

JSON: Final = frozenset({b"application/json"})
UTF_8: Final = frozenset({b"", b"charset=utf-8"})
RESPONSE = b"application/graphql-response+json; charset=utf-8"
PLAIN = b"application/json; charset=utf-8"
CORS_ALLOWED = b"authorization, content-type, accept, traceparent, last-event-id"


class GraphQLDoor:
    """The ASGI app behind `/graphql`."""

    def __init__(
        self,
        serving: Serving,
        *,
        max_body: int,
        cors: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._serving, self._engine, self._callers = serving, serving.engine, serving.callers
        self._max_body = max_body
        self._cors = {client: frozenset(o.encode() for o in origins) for client, origins in cors.items()}
        self._origins = frozenset(origin for origins in self._cors.values() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        state["said"]["door"] = "graphql"
        headers = dict(scope["headers"])
        extra: list[tuple[bytes, bytes]] = []
        viewer: Viewer | None = None
        try:
            if scope["method"] == "OPTIONS":
                await self._preflight(headers, send)
                return
            if scope["method"] != "POST":
                extra.append((b"allow", b"POST, OPTIONS"))
                raise MethodNotAllowed
            viewer = await self._callers.viewer(scope, state["said"])
            extra += self._cors_headers(viewer, headers.get(b"origin"))
            media_type, streams = _accepted(headers.get(b"accept"))
            asked = read_request(await self._body(receive, headers))
            if streams and (media_type is None or self._is_subscription(viewer, asked)):
                stream = EventStream(self._serving, viewer, scope, receive, send)
                _note(state["said"], await stream.run(asked, last_event_id(headers), extra) or Answer())
                return
            media_type = media_type or PLAIN
            answer = await self._engine.execute(viewer, *asked, state["request_id"])
            _note(state["said"], answer)
            await answer_bytes(
                send, _status(answer, media_type), media_type, encode(answer, state["request_id"]), extra
            )
        except SpilError as error:
            state["said"]["codes"] = [error.code]
            if viewer is None:  # whose page it is was not settled: that it was refused is for every listed one to read
                extra += self._allowed(headers[b"origin"]) if headers.get(b"origin") in self._origins else []
            await answer_error(send, error, state["request_id"], extra)

    def _is_subscription(self, viewer: Viewer, asked: Asked) -> bool:
        try:
            return self._engine.document(viewer.role, asked[0], asked[2]).is_subscription
        except Problems:
            return False

    async def _body(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        check_body(headers, JSON, UTF_8, self._max_body)
        return b"".join([piece async for piece in pieces(receive, self._max_body)])

    # ---- CORS: per client, and nothing for those that list no origin

    def _cors_headers(self, viewer: Viewer, origin: bytes | None) -> list[tuple[bytes, bytes]]:
        if origin is None or origin not in self._cors.get(viewer.client or "", frozenset()):
            return []
        return self._allowed(origin)

    @staticmethod
    def _allowed(origin: bytes) -> list[tuple[bytes, bytes]]:
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", b"x-request-id, traceparent, retry-after"),
            (b"vary", b"Origin"),
        ]

    async def _preflight(self, headers: Mapping[bytes, bytes], send: Send) -> None:
        origin = headers.get(b"origin")
        allowed = [(b"allow", b"POST, OPTIONS"), (b"vary", b"Origin")]
        if origin in self._origins:  # a preflight has no token: whose origin it is shows with the request itself
            allowed += [
                (b"access-control-allow-origin", origin or b""),
                (b"access-control-allow-methods", b"POST"),
                (b"access-control-allow-headers", CORS_ALLOWED),
                (b"access-control-max-age", b"600"),
            ]
        await send({"type": "http.response.start", "status": 204, "headers": allowed})
        await send({"type": "http.response.body", "body": b""})


def read_request(body: bytes) -> tuple[str, dict[str, Any], str | None]:
    """`query`, `variables` and `operationName` of a request body. Raises BadRequest."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = _lenient(body)
    if not isinstance(found, dict):
        raise BadRequest
    text, variables, name = found.get("query"), found.get("variables"), found.get("operationName")
    if not isinstance(text, str):
        raise BadRequest("The body wants a `query` of type string.")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest("`variables` wants an object.")
    if name is not None and not isinstance(name, str):
        raise BadRequest("`operationName` wants a string.")
    if not isinstance(found.get("extensions", {}), dict | None):
        raise BadRequest("`extensions` wants an object.")
    return text, variables or {}, name


def _lenient(body: bytes) -> Any:
    """What orjson refuses and JSON allows, lone surrogates above all: the scalars refuse them with a path."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadRequest from None


def _no_number(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def _accepted(accept: bytes | None) -> tuple[bytes | None, bool]:
    """The media type of an answer, and whether a stream is one too. Raises NotAcceptable."""
    if not accept:
        return PLAIN, False
    best, quality, streams = None, 0.0, False
    for part in accept.lower().split(b","):
        media_type, *parameters = (one.strip() for one in part.split(b";"))
        q = next((_quality(one[2:]) for one in parameters if one.startswith(b"q=")), 1.0)
        found = {
            b"application/graphql-response+json": RESPONSE,
            b"application/json": PLAIN,
            b"application/*": PLAIN,
            b"*/*": PLAIN,
        }.get(media_type)
        streams = streams or (media_type == TYPE and q > 0)
        if found and q > quality:
            best, quality = found, q
    if best is None and not streams:
        raise NotAcceptable
    return best, streams


def _quality(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _status(answer: Answer, media_type: bytes) -> int:
    if not answer.problems or not answer.is_request_error:
        return 200
    status = answer.problems[0].error.status
    if status == 503:
        return 503
    if media_type is PLAIN:
        return 200
    return status if status != 200 else 400


def _note(said: dict[str, Any], answer: Answer) -> None:
    said["operation"] = answer.operation[:100] if answer.operation else None
    said["hash"] = answer.hash
    said["students"] = answer.students or None
    said["codes"] = sorted({problem.error.code for problem in answer.problems}) or None
    causes = [p.error.__cause__ for p in answer.problems if isinstance(p.error, Internal) and p.error.__cause__]
    said["cause"] = type(causes[0]).__name__ if causes else None
