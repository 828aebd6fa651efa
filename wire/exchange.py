"""One request and its answer over a pool, read to the end under a cap. The deadline is the caller's.

Laws
1. The cap counts what comes out, unpacked, while it is read; a packed body may not grow more than `RATIO` times.
2. What leaves here is an Answer or an error of the hub's own tree: nothing that quotes the source.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Mapping
from typing import Final
from urllib.parse import urlencode

import httpcore
import httpx

from schema.errors import SourceDown, SourceMalformed
from wire.messages import Answer
from wire.pinned import host_of

STEP: Final = 1 << 20  # bytes unpacked between two looks at the caps
RATIO: Final = 100  # times that a body may grow when unpacked; JSON and CSV stay well below 50
TOO_LARGE: Final = "A source answered with more than this hub reads."


async def exchange(pool: httpcore.AsyncConnectionPool, request: httpcore.Request, cap: int) -> Answer:
    """Raises SourceDown (no connection, broken off) or SourceMalformed (too large, badly packed, not HTTP)."""
    try:
        answer = await pool.handle_async_request(request)
        try:
            headers = _headers(answer.headers)
            body = await read_capped(answer.aiter_stream(), headers.get("content-encoding", "identity").lower(), cap)
        finally:
            await answer.aclose()
    except (httpcore.NetworkError, httpcore.RemoteProtocolError, httpcore.TimeoutException, OSError):
        # OSError: a name that does not resolve. RemoteProtocolError: nearly always a connection that was broken off.
        raise SourceDown from None
    except (httpcore.LocalProtocolError, ValueError):
        raise SourceMalformed from None
    return Answer(answer.status, headers, body)


def request_to(method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes = b"") -> httpcore.Request:
    """A request in the name of the address's host. Raises SourceMalformed when a header cannot be sent."""
    sent = {"accept": "application/json", "user-agent": "spil", **{name.lower(): headers[name] for name in headers}}
    sent["host"] = url.netloc.decode("ascii")
    if body or method in ("POST", "PUT", "PATCH"):
        sent["content-length"] = str(len(body))
    try:
        lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in sent.items()]
    except UnicodeEncodeError:
        raise SourceMalformed from None
    target = httpcore.URL(
        scheme=url.scheme.encode("ascii"), host=host_of(url).encode("ascii"), port=url.port, target=url.raw_path
    )
    return httpcore.Request(method, target, headers=lines, content=body)


def form_to(url: httpx.URL, form: Mapping[str, str]) -> httpcore.Request:
    """A POST of form fields; its answer is small and comes unpacked."""
    headers = {"content-type": "application/x-www-form-urlencoded", "accept-encoding": "identity"}
    return request_to("POST", url, headers, urlencode(form).encode("ascii"))


def _headers(lines: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in lines:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


async def read_capped(chunks: AsyncIterable[bytes], encoding: str, cap: int) -> bytes:
    """The whole body, unpacked, at most `cap` bytes. Raises SourceMalformed."""
    if encoding not in ("identity", "gzip"):
        raise SourceMalformed
    body, taken = bytearray(), 0
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if encoding == "gzip" else None
    async for chunk in chunks:
        taken += len(chunk)
        if unpack is None:
            body += chunk
            _hold(len(body), cap)
            continue
        rest = chunk
        while rest:
            body += _unpacked(unpack, rest)
            _hold(len(body), min(cap, max(STEP, RATIO * taken)))
            rest = unpack.unconsumed_tail
    if unpack is not None and taken and (not unpack.eof or unpack.unused_data):
        raise SourceMalformed
    return bytes(body)


def _unpacked(unpack: zlib._Decompress, chunk: bytes) -> bytes:
    if unpack.eof:
        raise SourceMalformed
    try:
        return unpack.decompress(chunk, STEP)
    except zlib.error:
        raise SourceMalformed from None


def _hold(size: int, cap: int) -> None:
    if size > cap:
        raise SourceMalformed(TOO_LARGE)
