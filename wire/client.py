"""The socket: the one place where an HTTP client of the hub is made.

Laws
1. A name is resolved once, every address of it is checked, and the connection goes to the checked address.
2. Private ranges and plain http are refused unless `host:port` is listed (the demo's issuer on loopback).
3. The deadline is for the whole exchange; the cap is kept while reading. No redirects, nothing from the environment.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import Final

import certifi
import httpx

from schema.errors import SourceDown, SourceTimeout

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


async def fetch_json_bytes(url: str, *, deadline: float, cap: int, allow_private: frozenset[str]) -> bytes:
    """The body of a GET that answered 200, at most `cap` bytes, within `deadline` seconds in all.

    Raises SourceTimeout, or SourceDown for everything else: refused address, no connection, other status, too large.
    """
    return await _exchange("GET", url, None, deadline, cap, allow_private)


async def post_form(
    url: str, form: Mapping[str, str], *, deadline: float, cap: int, allow_private: frozenset[str]
) -> bytes:
    """The same for a POST of form fields."""
    return await _exchange("POST", url, form, deadline, cap, allow_private)


async def _exchange(
    method: str, url: str, form: Mapping[str, str] | None, deadline: float, cap: int, allow_private: frozenset[str]
) -> bytes:
    try:
        async with asyncio.timeout(deadline):
            target = _target(url, allow_private)
            address = await _resolve(target, allow_private)
            return await _read(_request(method, target, address, form), cap)
    except TimeoutError:
        raise SourceTimeout from None
    except (httpx.HTTPError, OSError, ValueError):
        # OSError covers names that do not resolve; ValueError an answer that breaks the protocol.
        raise SourceDown from None


def _target(url: str, allow_private: frozenset[str]) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL:
        raise SourceDown("The address of this source is not allowed.") from None
    plain = target.scheme == "http" and _listed(target, allow_private)
    if not (target.scheme == "https" or plain) or not target.host or target.userinfo:
        raise SourceDown("The address of this source is not allowed.")
    return target


def _port(target: httpx.URL) -> int:
    return target.port or (443 if target.scheme == "https" else 80)


def _listed(target: httpx.URL, allow_private: frozenset[str]) -> bool:
    return f"{target.host}:{_port(target)}" in allow_private


async def _resolve(target: httpx.URL, allow_private: frozenset[str]) -> str:
    """One address to connect to. All of the name's addresses must be allowed: a mixed answer is an attack."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(target.host, _port(target), type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if not addresses or not (_listed(target, allow_private) or all(map(is_public, addresses))):
        raise SourceDown("The address of this source is not allowed.")
    return str(addresses[0])


def is_public(address: Address) -> bool:
    """Is this an address of the open internet, also when an IPv4 address is wrapped in it?"""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(wrapped)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _request(method: str, target: httpx.URL, address: str, form: Mapping[str, str] | None) -> httpx.Request:
    """To the checked address, in the name of the host: Host header and TLS certificate stay those of the name."""
    headers = {
        "host": target.netloc.decode("ascii"),
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "spil",
    }
    extensions = {"sni_hostname": target.host} if target.scheme == "https" else {}
    return httpx.Request(method, target.copy_with(host=address), headers=headers, data=form, extensions=extensions)


async def _read(request: httpx.Request, cap: int) -> bytes:
    body = bytearray()
    timeout = httpx.Timeout(None)  # the phases have no clock of their own: law 3
    async with httpx.AsyncClient(verify=_tls(), trust_env=False, follow_redirects=False, timeout=timeout) as client:
        answer = await client.send(request, stream=True)
        try:
            if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != "identity":
                raise SourceDown
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > cap:
                    raise SourceDown("A source answered with more than this hub reads.")
        finally:
            await answer.aclose()
    return bytes(body)


@functools.cache
def _tls() -> ssl.SSLContext:
    """Made at the first use: reading the certificates takes tens of milliseconds."""
    return ssl.create_default_context(cafile=certifi.where())
