"""What every door asks of a request: who sends it and how fast, what it says of its body, and the body piece by piece.

Laws
1. A bad token is 401, never PUBLIC, and counts for its address; no token is PUBLIC.
2. A rate is taken before a byte of a body is read.
3. A body is read no further than its cap, whatever its headers promise.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final

from starlette.types import Receive, Scope

from auth.tokens import TokenGate, authorization_of
from auth.viewer import Viewer
from registry.session import session
from registry.sources import Source, find_source
from schema.errors import (
    BadRequest,
    BodyTooLarge,
    Forbidden,
    NotFound,
    SpilError,
    Unauthenticated,
    UnsupportedMediaType,
)
from spil.rates import Rates

Headers = Mapping[bytes, bytes]
KEY: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,60}")


class Callers:
    """Tokens and rates, for every door of one process."""

    def __init__(self, gate: TokenGate, rates: Rates) -> None:
        self._gate, self._rates = gate, rates

    async def viewer(self, scope: Scope, said: dict[str, Any]) -> Viewer:
        """Who asks; the log line learns role and party. Raises Unauthenticated, Slower."""
        try:
            given = authorization_of(scope["headers"])
        except SpilError:
            self._rates.take(_address(scope))
            raise
        return await self.speaker(given, scope, said)

    async def speaker(self, authorization: str | None, scope: Scope, said: dict[str, Any]) -> Viewer:
        """The same, of an authorization that came by another way than the header."""
        try:
            viewer = await self._gate.viewer(authorization)
        except SpilError:
            self._rates.take(_address(scope))
            raise
        self.take(viewer, scope)
        said["role"], said["party"] = viewer.role.value, viewer.party
        return viewer

    def take(self, viewer: Viewer, scope: Scope) -> None:
        """One more question on a connection that stays. Raises Slower."""
        self._rates.take(f"client {viewer.client}" if viewer.client else _address(scope))

    async def bringer(self, scope: Scope, said: dict[str, Any], needed: str) -> Viewer:
        """Who brings something to its own source, by scope. Raises Unauthenticated, Forbidden, Slower."""
        viewer = await self.viewer(scope, said)
        if not viewer.client:
            raise Unauthenticated(f"Bring a bearer token with scope {needed}.")
        if not viewer.seer or needed not in viewer.scopes:
            raise Forbidden(f"A source's own party brings its data, with scope {needed}.")
        return viewer

    async def again(self, scope: Scope) -> Viewer:
        """Who it is by now, on a connection that stays; takes no rate. Raises Unauthenticated, Unavailable."""
        return await self.still(authorization_of(scope["headers"]))

    async def still(self, authorization: str | None) -> Viewer:
        """The same, of an authorization that is kept."""
        return await self._gate.viewer(authorization)

    def trust(self) -> object:
        """What it is judged by now: another object whenever a row changed. Raises Unavailable."""
        return self._gate.index()


def _address(scope: Scope) -> str:
    return f"address {scope['client'][0] if scope.get('client') else ''}"


async def source_of(url: str, viewer: Viewer, key: str) -> Source:
    """The party's own source of that key. Another party's, one that ended and one that never was are all NotFound."""
    if not KEY.fullmatch(key):
        raise NotFound
    async with session(url) as connection:
        source = await find_source(connection, key)
    if source.party != viewer.party or source.state == "ENDED":
        raise NotFound
    return source


def check_body(
    headers: Headers, types: Collection[bytes], charsets: Collection[bytes], most: int, sentence: str | None = None
) -> None:
    """What the headers say of the body. Raises UnsupportedMediaType, with `sentence`, and BodyTooLarge."""
    media_type, _, parameters = headers.get(b"content-type", b"").lower().partition(b";")
    if media_type.strip() not in types or parameters.strip().replace(b'"', b"") not in charsets:
        raise UnsupportedMediaType(sentence)
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise UnsupportedMediaType(sentence)
    length = headers.get(b"content-length")
    if length is not None and (not length.isdigit() or len(length) > 12 or int(length) > most):
        raise BodyTooLarge


async def pieces(receive: Receive, most: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises BodyTooLarge, and BadRequest where it breaks off."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The body broke off.")
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise BodyTooLarge
        more = message.get("more_body", False)
        if piece:
            yield piece
