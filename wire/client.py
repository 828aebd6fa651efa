"""One exchange with an address that is no source: an issuer's keys, a token or a hub's answer for the command line.

Laws
1. Pinned like a source (wire/pinned.py); the address itself says which host may be asked.
2. The deadline is for the whole exchange; the cap is kept while reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import httpcore
import httpx

from schema.errors import SourceDown, SourceMalformed, SourceTimeout
from wire.exchange import exchange, form_to, request_to
from wire.pinned import NOT_ALLOWED, Pins, host_of, pinned_pool
from wire.tls import public_tls


async def fetch_json_bytes(url: str, *, deadline: float, cap: int, allow_private: frozenset[str]) -> bytes:
    """The body of a GET that answered 200, at most `cap` bytes, within `deadline` seconds in all.

    Raises SourceTimeout, or SourceDown for everything else: refused address, no connection, other status, too large.
    """
    return await _body(url, _get, deadline, cap, allow_private)


async def post_form(
    url: str, form: Mapping[str, str], *, deadline: float, cap: int, allow_private: frozenset[str]
) -> bytes:
    """The same for a POST of form fields."""
    return await _body(url, lambda target: form_to(target, form), deadline, cap, allow_private)


async def post_json(
    url: str, document: bytes, token: str, *, deadline: float, cap: int, allow_private: frozenset[str]
) -> bytes:
    """The same for a POST of JSON by who has this token."""
    headers = {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "authorization": f"Bearer {token}",
    }
    return await _body(url, lambda target: request_to("POST", target, headers, document), deadline, cap, allow_private)


def _get(target: httpx.URL) -> httpcore.Request:
    return request_to("GET", target, {"accept-encoding": "identity"})


async def _body(
    url: str,
    request_of: Callable[[httpx.URL], httpcore.Request],
    deadline: float,
    cap: int,
    allow_private: frozenset[str],
) -> bytes:
    pins = Pins(frozenset({_host(url)}), allow_private)
    target = pins.read(url)
    try:
        request = request_of(target)
        async with asyncio.timeout(deadline), pinned_pool(pins, public_tls()) as pool:
            answer = await exchange(pool, request, cap)
    except TimeoutError:
        raise SourceTimeout from None
    except SourceMalformed as problem:
        raise SourceDown(problem.message) from None
    if answer.status != 200:
        raise SourceDown
    return answer.body


def _host(url: str) -> str:
    try:
        return host_of(httpx.URL(url))
    except httpx.InvalidURL:
        raise SourceDown(NOT_ALLOWED) from None
