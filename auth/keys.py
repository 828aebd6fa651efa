"""The public keys of the issuers: discovery and JWKS, fetched in the background, the last good set kept.

Laws
1. Only an issuer that the trust rows list is ever asked, and only at its own discovery address.
2. One flight per issuer; an unknown kid starts one at most once a minute, and all of them at most once per `gap`.
3. A key verifies one family of algorithms, read from the key itself: never what a token asks for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

Fetch = Callable[[str], Awaitable[bytes]]

LOG: Final = logging.getLogger("spil.keys")
DISCOVERY: Final = "/.well-known/openid-configuration"
CAP: Final = 64 * 1024  # bytes of a discovery document or key set
MOST_KEYS: Final = 50
MOST_KIDS: Final = 256  # unknown kids remembered per issuer
PATIENCE: Final = 10.0  # seconds that one flight may take
RETRY: Final = 15.0  # seconds between tries for an issuer without keys


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key and the algorithms it may verify."""

    kid: str
    algorithms: frozenset[str]
    key: Key


@dataclass(slots=True)
class _Issuer:
    keys: Mapping[str, VerifyKey] = field(default_factory=dict)
    digest: bytes = b""
    tried_at: float = float("-inf")
    flight: asyncio.Task[None] | None = None
    unknown: OrderedDict[str, float] = field(default_factory=OrderedDict)


class KeyRing:
    """The keys per issuer. All times in seconds of `monotonic`.

    `listed` gives the issuers that count now (Trust.issuers). The first token of an issuer fetches its set.
    `refresh`: age at which a set is fetched anew; `kid_pause`, `gap`: law 2; `wait`: how long a request waits for a
    flight before it goes on with what is known.
    """

    def __init__(
        self,
        fetch: Fetch,
        listed: Callable[[], Collection[str]],
        *,
        refresh: float = 300.0,
        kid_pause: float = 60.0,
        gap: float = 5.0,
        wait: float = 3.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch, self._listed, self._monotonic = fetch, listed, monotonic
        self._refresh, self._kid_pause, self._gap, self._wait = refresh, kid_pause, gap, wait
        self._issuers: dict[str, _Issuer] = {}
        self._task: asyncio.Task[None] | None = None

    def current(self, issuer: str, kid: str) -> VerifyKey | None:
        """The key as known now, without asking anybody."""
        state = self._issuers.get(issuer)
        return state.keys.get(kid) if state is not None else None

    async def find(self, issuer: str, kid: str) -> VerifyKey | None:
        """The key, if need be after one fetch."""
        key = self.current(issuer, kid)
        if key is not None or issuer not in self._listed():
            return key
        state = self._issuers.setdefault(issuer, _Issuer())
        if state.flight is None and self._may_ask(state, kid):
            self._take_off(issuer, state)
        if state.flight is not None:
            await asyncio.wait({state.flight}, timeout=self._wait)
        return state.keys.get(kid)

    def start(self) -> None:
        """Keep the sets fresh in the background."""
        self._task = asyncio.create_task(self._keep_fresh(), name="issuer keys")

    async def close(self) -> None:
        flights = [state.flight for state in self._issuers.values() if state.flight is not None]
        tasks = [task for task in (self._task, *flights) if task is not None]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._task = None

    def _may_ask(self, state: _Issuer, kid: str) -> bool:
        now = self._monotonic()
        if now - state.tried_at < self._gap:
            return False
        if state.keys:
            if now - state.unknown.get(kid, float("-inf")) < self._kid_pause:
                return False
            state.unknown[kid] = now
            state.unknown.move_to_end(kid)
            if len(state.unknown) > MOST_KIDS:
                state.unknown.popitem(last=False)
        return True

    def _take_off(self, issuer: str, state: _Issuer) -> None:
        state.tried_at = self._monotonic()
        state.flight = asyncio.create_task(self._fly(issuer, state), name="fetch issuer keys")

    async def _fly(self, issuer: str, state: _Issuer) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                text = await self._key_set(issuer)
            digest = hashlib.sha256(text).digest()
            if digest != state.digest:  # the same bytes keep the same objects: verified tokens stay in their cache
                state.keys, state.digest = read_keys(text), digest
        except Exception as error:  # noqa: BLE001 - an issuer's answer may be anything; the last good set stays
            LOG.warning("issuer keys not fetched: %s", type(error).__name__)
        finally:
            state.flight = None

    async def _key_set(self, issuer: str) -> bytes:
        document = orjson.loads(_capped(await self._fetch(issuer.rstrip("/") + DISCOVERY)))
        if not isinstance(document, dict) or document.get("issuer") != issuer:
            raise ValueError("the discovery document is not of this issuer")
        address = document.get("jwks_uri")
        if not isinstance(address, str):
            raise TypeError("the discovery document has no jwks_uri")
        return _capped(await self._fetch(address))

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(min(self._refresh, RETRY))
            self.refresh_due()

    def refresh_due(self) -> None:
        """Start a flight for every set that is too old, and forget the issuers that are listed no longer."""
        now, listed = self._monotonic(), self._listed()
        for issuer, state in list(self._issuers.items()):
            if issuer not in listed:
                del self._issuers[issuer]
            elif state.flight is None and now - state.tried_at >= (self._refresh if state.keys else RETRY):
                self._take_off(issuer, state)


def _capped(text: bytes) -> bytes:
    if len(text) > CAP:
        raise ValueError("the answer is larger than a key set may be")
    return text


def read_keys(text: bytes) -> dict[str, VerifyKey]:
    """The keys of a JWKS that can verify a token here, by kid. Raises ValueError when there is none.

    A key that we cannot use (encryption, another curve, too short, symmetric, private) is skipped, not an error:
    issuers publish such keys beside good ones.
    """
    document = orjson.loads(text)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ValueError("not a key set")
    keys: dict[str, VerifyKey] = {}
    for one in listed:
        key = _read_key(one)
        if key is not None:
            keys.setdefault(key.kid, key)
    if not keys:
        raise ValueError("a key set without a key for signatures")
    return keys


def _read_key(one: Any) -> VerifyKey | None:
    if not isinstance(one, dict) or not _for_signatures(one):
        return None
    kid, algorithm = one.get("kid"), one.get("alg")
    if not isinstance(kid, str) or not 0 < len(kid) <= 255:
        return None
    try:
        key, algorithms = _import(one)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if algorithm is not None:
        algorithms &= {algorithm} if isinstance(algorithm, str) else frozenset()
    return VerifyKey(kid, algorithms, key) if algorithms else None


def _for_signatures(one: dict[str, Any]) -> bool:
    """`d` is the private part: a key that an issuer published by mistake is no key any more."""
    operations = one.get("key_ops")
    return (
        one.get("use", "sig") == "sig"
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
        and "d" not in one
    )


def _import(one: dict[str, Any]) -> tuple[Key, frozenset[str]]:
    """The key and its family. Only the members of the key itself are read, so that no other one can disturb."""
    match one.get("kty"):
        case "RSA" if 342 <= len(one["n"]) <= 1366:  # 2048 to 8192 bits in base64url
            rsa = RSAKey.import_key({"kty": "RSA", "n": one["n"], "e": one["e"]})
            if not 2048 <= rsa.public_key.key_size <= 8192:
                raise ValueError("an RSA key of a size that is not accepted")
            return rsa, frozenset({"RS256", "PS256"})
        case "EC" if one.get("crv") == "P-256":
            ec = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": one["x"], "y": one["y"]})
            return ec, frozenset({"ES256"})
        case "OKP" if one.get("crv") == "Ed25519":
            return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": one["x"]}), frozenset({"EdDSA"})
    raise ValueError("a key of a kind that is not accepted")
