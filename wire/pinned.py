"""Where a connection may go: a source's own hosts, at an address that was checked and is then the one that is used.

Laws
1. A name is resolved once per connection, every address of it is checked, and the connection goes to a checked one.
   The name stays in the Host header and in the certificate's check.
2. Private ranges and plain http are refused unless `host:port` is listed. A mixed answer is an attack: refused whole.
3. No redirects, no proxy, no cookies, nothing from the environment: httpcore's pool has none of them. (httpx has,
   and it logs the address of every request, with a young person's key in it.)
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from schema.errors import SourceDown

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
# Of no use on the open internet, which Python 3.11 does not know: protocol assignments, 6to4 relays, site-local,
# documentation.
SPECIAL: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10", "3fff::/20")))
NOT_ALLOWED: Final = "The address of this source is not allowed."
MOST_ADDRESSES: Final = 4  # of one name, tried in turn
IDLE: Final = 4.0  # seconds that a connection waits for its next request: below the 5 s after which many servers close


def is_public(address: Address) -> bool:
    """Is this an address of the open internet, also when an IPv4 address is wrapped in it?"""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(wrapped)
    if any(address in network for network in SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def literal(host: str) -> Address | None:
    """The address that a host is without asking anybody, also in the old forms that systems take (`127.1`)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


async def system_resolve(host: str, port: int) -> list[str]:
    """Every address of a name, as the system orders them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


def host_of(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def port_of(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


@dataclass(frozen=True, slots=True)
class Pins:
    """`hosts` are all that may be asked; `private` are the `host:port` that may be plain http or a private address."""

    hosts: frozenset[str]
    private: frozenset[str] = frozenset()

    def read(self, address: str) -> httpx.URL:
        """An http(s) address within these pins. Raises SourceDown."""
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL:
            raise SourceDown(NOT_ALLOWED) from None
        plain = url.scheme == "http" and self.listed(host_of(url), port_of(url))
        if not (url.scheme == "https" or plain) or url.userinfo or not host_of(url) or host_of(url) not in self.hosts:
            raise SourceDown(NOT_ALLOWED)
        return url

    def check(self, address: str) -> None:
        """What `read` says, and of a host that is an address `checked` too: all that no name is resolved for.

        Raises SourceDown.
        """
        url = self.read(address)
        found = literal(host_of(url))
        if found is not None:
            self.checked(host_of(url), port_of(url), [str(found)])

    def listed(self, host: str, port: int) -> bool:
        return f"{host}:{port}" in self.private

    def checked(self, host: str, port: int, found: Iterable[str]) -> list[str]:
        """The addresses that were found, when all of them are allowed. Raises SourceDown."""
        addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in found]
        if host not in self.hosts or not addresses:
            raise SourceDown(NOT_ALLOWED)
        if not self.listed(host, port) and not all(map(is_public, addresses)):
            raise SourceDown(NOT_ALLOWED)
        return [str(address) for address in addresses[:MOST_ADDRESSES]]


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Opens the sockets of one source (law 1). `inner` connects to an address."""

    def __init__(self, pins: Pins, resolve: Resolve, inner: httpcore.AsyncNetworkBackend) -> None:
        self._pins, self._resolve, self._inner = pins, resolve, inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature; the deadline is set around it
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        problem: httpcore.ConnectError | None = None
        for address in self._pins.checked(host, port, await self._resolve(host, port)):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as failure:
                problem = failure
        raise problem or httpcore.ConnectError

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def pinned_pool(
    pins: Pins,
    tls: ssl.SSLContext,
    *,
    keep: int = 0,
    resolve: Resolve = system_resolve,
    inner: httpcore.AsyncNetworkBackend | None = None,
) -> httpcore.AsyncConnectionPool:
    """The connections of one source; `keep` of them stay open between requests. The caller closes it."""
    return httpcore.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=None,  # the bulkhead bounds them; a queue in here would have no owner
        max_keepalive_connections=keep,
        keepalive_expiry=IDLE,
        network_backend=PinnedBackend(pins, resolve, inner or httpcore.AnyIOBackend()),
    )
