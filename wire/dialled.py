"""A connection that this side dials to a hub and keeps: one WebSocket, text both ways; and the token for it.

Laws
1. TLS, but for addresses of this machine. No redirect is followed: the token goes to the address that was given.
2. What leaves here is an error of our own tree, or the code with which the hub closed: never the other side's words.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from schema.errors import (
    Forbidden,
    NotFound,
    SetUp,
    SourceDown,
    SourceRefused,
    SpilError,
    TooManyRequests,
    Unauthenticated,
)
from wire.exchange import exchange, form_to
from wire.frames import MOST_ASKED
from wire.messages import Answer
from wire.oauth import Post
from wire.pinned import Pins, pinned_pool
from wire.tls import Tls, tls_of

OPEN: Final = 10.0  # seconds to connect, and for the hub to say yes
KEEP: Final = 20.0  # seconds between two pings, and for the pong
SECONDS_HEADER: Final = "x-spil-seconds"
TOKEN_CAP: Final = 64 * 1024  # bytes
LOST: Final = 1006
NO_HUB: Final = "The hub cannot be reached."
MOVED: Final = (SourceRefused, "The hub's address answered with a redirect; redirects are not followed.")
REFUSED: Final[Mapping[int, tuple[type[SpilError], str]]] = {
    401: (Unauthenticated, "The hub does not take the token."),
    403: (Forbidden, "The token has no scope harvest, or is not a school's."),
    404: (NotFound, "The hub has no source of that key that is this school's and is reached by an agent."),
    429: (TooManyRequests, "The hub was dialled too often."),
}


class _Straight(connect):
    """Follows no redirect."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Dialled:
    """`seconds`: how long the hub keeps it, as it said. Iterating gives what the hub sends, until `code` is set."""

    def __init__(self, connection: ClientConnection, seconds: float) -> None:
        self._connection, self.seconds = connection, seconds

    @property
    def code(self) -> int:
        """How it was closed; LOST without a word."""
        return self._connection.close_code or LOST

    async def send(self, text: str) -> None:
        """Raises SourceDown when the hub is no longer there."""
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            raise SourceDown from None

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        try:
            while True:
                yield await self._connection.recv()
        except ConnectionClosed:
            return

    async def close(self) -> None:
        await self._connection.close()


def local(address: str) -> bool:
    """Is this an address of this machine, written so that nobody can make it mean another?"""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def dialling(address: str) -> str:
    """`https://hub.example/agent/18br00` as ws(s). Raises SetUp for one that is not safe, or none."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    if scheme not in ("wss", "ws") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise SetUp("The hub's address is https://hub.example/agent/SOURCE, without a name, password or question.")
    if scheme == "ws" and not local(address):
        raise SetUp("The hub is dialled with https; plain http is for this machine alone.")
    return parts._replace(scheme=scheme).geturl()


async def dial(address: str, token: str, tls: Tls | None = None) -> Dialled:
    """Raises SourceDown (not reached, not a hub), and what the hub refused: Unauthenticated, Forbidden, NotFound ..."""
    url, silent = dialling(address), logging.getLogger("spil.dialled")
    silent.setLevel(logging.CRITICAL + 1)
    try:
        connection = await _Straight(
            url,
            additional_headers={"authorization": f"Bearer {token}"},
            user_agent_header="spil-agent",
            compression=None,
            open_timeout=OPEN,
            close_timeout=2,
            ping_interval=KEEP,
            ping_timeout=KEEP,
            max_size=MOST_ASKED,
            proxy=None,
            logger=silent,
            ssl=tls_of(tls) if url.startswith("wss:") else None,
        )
    except InvalidStatus as refused:
        status = refused.response.status_code
        kind, sentence = MOVED if 300 <= status < 400 else REFUSED.get(status, (SourceDown, NO_HUB))
        raise kind(sentence) from None
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI, EOFError):
        raise SourceDown(NO_HUB) from None
    return Dialled(connection, _seconds(connection))


def _seconds(connection: ClientConnection) -> float:
    told = connection.response.headers.get(SECONDS_HEADER, "") if connection.response else ""
    return float(told) if told.isascii() and told.isdigit() and len(told) < 7 else 300.0


def poster(address: str, tls: Tls | None = None) -> Post:
    """The way to a token address (wire/oauth.py), which may lie in the school's own network. Raises SetUp."""
    parts = urlsplit(address)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local(address))):
        raise SetUp("The token address is https://...; plain http is for this machine alone.")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    pins = Pins(frozenset({parts.hostname}), frozenset({f"{parts.hostname}:{port}"}))

    async def post(url: str, form: Mapping[str, str]) -> Answer:
        async with pinned_pool(pins, tls_of(tls)) as pool:
            return await exchange(pool, form_to(pins.read(url), form), TOKEN_CAP)

    return post
