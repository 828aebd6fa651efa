"""A stream of server-sent events that this side asks for: one POST, and what comes until it ends.

Laws
1. TLS, but for addresses that the caller listed; no redirect, no proxy (wire/pinned.py).
2. A stream of which nothing comes for `IDLE` seconds is lost: the hub sends a comment every fifteen.
3. What leaves here is an event, or an error of our own tree: never the other side's words, but for the events' data.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from schema.errors import (
    Forbidden,
    SourceDown,
    SourceMalformed,
    SourceRefused,
    SpilError,
    TooManyRequests,
    Unauthenticated,
)
from wire.exchange import request_to
from wire.pinned import Pins, host_of, pinned_pool
from wire.tls import public_tls

OPEN: Final = 10.0  # seconds to connect
IDLE: Final = 45.0
LARGEST: Final = 16 << 20  # bytes of one event
REFUSED: Final = {401: Unauthenticated, 403: Forbidden, 429: TooManyRequests}


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a stream; `id` alone, without an event, is a place to come back to."""

    event: str
    id: str | None
    data: str


async def follow(
    url: str, body: bytes, headers: Mapping[str, str], private: frozenset[str] = frozenset()
) -> AsyncIterator[Told]:
    """Events, until the other side ends the stream. Raises SourceDown (no connection, lost, 5xx), or why not."""
    try:
        pins = Pins(frozenset({host_of(httpx.URL(url))}), private)
    except httpx.InvalidURL:
        raise SourceDown from None
    request = request_to("POST", pins.read(url), {"accept": "text/event-stream", **headers}, body)
    request.extensions["timeout"] = {"connect": OPEN, "read": IDLE, "write": OPEN, "pool": OPEN}
    try:
        async with pinned_pool(pins, public_tls()) as pool:
            answer = await pool.handle_async_request(request)
            try:
                if answer.status != 200:
                    raise _why(answer.status)
                async for told in _read(answer):
                    yield told
            finally:
                await answer.aclose()
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError):
        raise SourceDown from None


def _why(status: int) -> type[SpilError]:
    """A gateway on the way says 502, 503 or 504 while the hub starts anew: it is away, as without a connection."""
    return SourceDown if status >= 500 else REFUSED.get(status, SourceRefused)


async def _read(answer: httpcore.Response) -> AsyncIterator[Told]:
    rest, event, last, data = b"", "", None, ""
    async for piece in answer.aiter_stream():
        rest += piece
        if len(rest) > LARGEST:
            raise SourceMalformed
        *lines, rest = rest.split(b"\n")
        for line in lines:
            name, _, value = line.decode("utf-8", "replace").rstrip("\r").partition(":")
            value = value.removeprefix(" ")
            match name:
                case "event":
                    event = value
                case "id":
                    last = value
                case "data":
                    data = f"{data}\n{value}" if data else value
                case "" if not line.startswith(b":"):
                    if event or last is not None:
                        yield Told(event, last, data)
                    event, last, data = "", None, ""
