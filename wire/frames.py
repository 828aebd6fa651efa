"""One question or one answer as one JSON text, for a connection that carries many at a time.

    {"id": 7, "method": "GET", "path": "/students?limit=9", "headers": {"accept": "application/json"}, "body": ""}
    {"id": 7, "status": 200, "headers": {"content-type": "application/json"}, "body": "{...}"}
    {"event": "changed"}          what is asked about may be other than it was

Laws
1. A frame has these fields and no others, each of its type; whatever else comes is SourceMalformed, without its text.
2. A body is text; a question's path begins with one slash.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import orjson

from schema.errors import SourceMalformed
from wire.messages import Answer, Ask

MOST: Final = 2 << 20  # bytes of an answer's frame: 2,000 identities take a quarter of it
MOST_ASKED: Final = 1 << 18  # bytes of a question's frame
HEADERS: Final = 32
CHANGED: Final = '{"event":"changed"}'


def question(number: int, ask: Ask, deadline: tuple[str, str]) -> str:
    """A question's frame; `deadline` is the header that tells how long its answer is waited for."""
    path = f"{ask.path}?{urlencode(ask.query)}" if ask.query else ask.path
    headers = {**ask.headers, deadline[0]: deadline[1]}
    told = {"id": number, "method": ask.method, "path": path, "headers": headers, "body": ask.body.decode()}
    return orjson.dumps(told).decode()


def answer(number: int, given: Answer) -> str:
    """An answer's frame. Raises SourceMalformed for a body that is no text."""
    try:
        body = given.body.decode()
    except UnicodeDecodeError:
        problem = SourceMalformed()
    else:
        return orjson.dumps({"id": number, "status": given.status, "headers": given.headers, "body": body}).decode()
    raise problem


def read_question(text: str | bytes) -> tuple[int, Ask]:
    """The number of a question, and the question. Raises SourceMalformed."""
    match _object(text):
        case {
            "id": int(number),
            "method": "GET" | "POST" as method,
            "path": str(path),
            "headers": dict(headers),
            "body": str(body),
            **rest,
        } if not rest and not isinstance(number, bool) and path.startswith("/"):
            return number, Ask(method, path, headers=_headers(headers), body=body.encode())
    raise SourceMalformed


def read_answer(text: str | bytes) -> tuple[int, Answer] | None:
    """The number of an answer, and the answer; None for CHANGED. Raises SourceMalformed."""
    match _object(text):
        case {"event": "changed", **rest} if not rest:
            return None
        case {"id": int(number), "status": int(status), "headers": dict(headers), "body": str(body), **rest} if (
            not rest and not isinstance(number, bool) and 200 <= status <= 599
        ):
            return number, Answer(status, _headers(headers), body.encode())
    raise SourceMalformed


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise SourceMalformed
    return told


def _headers(told: dict[str, Any]) -> dict[str, str]:
    if len(told) > HEADERS or not all(isinstance(value, str) for value in told.values()):
        raise SourceMalformed
    return {name.lower(): value for name, value in told.items()}
