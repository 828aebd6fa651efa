"""The hub's own token at a source: OAuth 2.0 client credentials, proven by private_key_jwt (RFC 7523; NL GOV profile).

Laws
1. The key and the token are in memory only, and in no repr.
2. One token request at a time; a token is used until shortly before its end, and dropped when the source refuses it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from schema.errors import SourceDown, SourceMalformed, SourceRefused, SourceTimeout
from wire.flight import Flights
from wire.messages import Answer

Post = Callable[[str, Mapping[str, str]], Awaitable[Answer]]

PROOF: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PROOF_LIFE: Final = 60  # seconds that a proof may be used
MARGIN: Final = 30.0  # seconds before its end that a token is no longer used
SHORT: Final = 60.0  # the life of a token that does not tell it
PATIENCE: Final = 5.0  # seconds for one token request, shared by all who wait for it
ALGORITHMS: Final = {"RSA": "PS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

# What goes wrong at the token address is told as that: the source itself was not asked.
ASKED: Final = "The token address"
GAVE_NONE: Final = "The token address gave no token."


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """`key`: a private RSA or EC key, PEM or JWK. `audience` of the proof: the token address, if none is agreed."""

    token_url: str
    client_id: str
    key: str = field(repr=False)
    kid: str | None = None
    scope: str | None = None
    audience: str | None = None


class TokenKeeper:
    """`post` sends a form and gives any answer. `monotonic` is for the token's life, `clock` for the proof's."""

    def __init__(
        self,
        credentials: ClientCredentials,
        post: Post,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._credentials, self._post, self._monotonic, self._clock = credentials, post, monotonic, clock
        self._flights = Flights[str]()
        self._token, self._until = "", float("-inf")

    async def token(self) -> str:
        """The token to use now. Raises the errors of sources: without a token the source cannot be asked."""
        if self._monotonic() < self._until:
            return self._token
        return await self._flights.share("token", self._fetch)

    def forget(self, token: str) -> None:
        """The source refused it: the next question brings another. A newer one stays."""
        if token == self._token:
            self._until = float("-inf")

    async def close(self) -> None:
        self.forget(self._token)
        await self._flights.close()

    async def _fetch(self) -> str:
        form = {"grant_type": "client_credentials", "client_assertion_type": PROOF, "client_assertion": self._proof()}
        if self._credentials.scope:
            form["scope"] = self._credentials.scope
        try:
            self._token, life = _read((await self._ask(form)).ok())
        except (SourceTimeout, SourceDown, SourceRefused, SourceMalformed) as error:
            refused = error.message == SourceRefused.sentence
            raise type(error)(GAVE_NONE if refused else error.message.replace("A source", ASKED)) from None
        self._until = self._monotonic() + life - min(MARGIN, life / 2)
        return self._token

    async def _ask(self, form: Mapping[str, str]) -> Answer:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._post(self._credentials.token_url, form)
        except TimeoutError:
            raise SourceTimeout from None

    def _proof(self) -> str:
        """RFC 7523 section 3: issuer and subject are the client, used once, short."""
        made, client = int(self._clock()), self._credentials.client_id
        claims: dict[str, Any] = {
            "iss": client,
            "sub": client,
            "aud": self._credentials.audience or self._credentials.token_url,
            "iat": made,
            "exp": made + PROOF_LIFE,
            "jti": secrets.token_urlsafe(16),
        }
        try:
            key = _key_of(self._credentials.key)
            algorithm = ALGORITHMS[key.curve_name if isinstance(key, ECKey) else key.key_type]
            kid = self._credentials.kid or key.kid
            header = {"alg": algorithm, "typ": "JWT"} | ({"kid": kid} if kid else {})
            return jwt.encode(header, claims, key, algorithms=[algorithm])
        except (JoseError, ValueError, KeyError):
            problem = SourceDown("The key for this source cannot be used.")
        raise problem  # out here: the library's error may quote the key


def _key_of(text: str) -> RSAKey | ECKey:
    jwk = orjson.loads(text) if text.lstrip().startswith("{") else text
    for kind in (RSAKey, ECKey):
        try:
            key = kind.import_key(jwk)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if key.is_private:
            return key
    raise ValueError


def _read(answer: Answer) -> tuple[str, float]:
    """The token and its life in seconds."""
    match answer.json:
        case {"access_token": str(token), "token_type": str(kind), **rest} if token and kind.lower() == "bearer":
            life = rest.get("expires_in", SHORT)
            if isinstance(life, int | float) and 0 < life < 10**9:
                return token, float(life)
        case {"error": _}:
            raise SourceRefused
    raise SourceMalformed
