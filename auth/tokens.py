"""Bearer token -> Viewer: the one door by which a caller becomes more than PUBLIC.

Laws
1. No header is PUBLIC. Any other header that is not one fully valid bearer token is UNAUTHENTICATED, never PUBLIC.
2. The algorithm comes from our list, the issuer's row and the key; the key from the issuer's own set. Nothing in a
   token can point to another key.
3. A verified token may be remembered; whether its issuer, client and party still count is asked each time (trust.py).

Sources: RFC 9068 (at+jwt), RFC 8725 (best practice), NL GOV OAuth profile (aud, azp, jti, lifetimes), tables.md.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from auth.keys import KeyRing, VerifyKey
from auth.trust import Trust, TrustIndex
from auth.viewer import AGREEMENT_MISSING, SCOPES, PartyKind, Role, Viewer, party_kind, public_viewer
from registry.trust import IssuerRow
from schema.errors import Unauthenticated

ALGORITHMS: Final = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
LARGEST: Final = 8 * 1024  # bytes of a token
LIFETIME: Final = 3600.0  # seconds, a person's token
LIFETIME_MACHINE: Final = 6 * 3600.0
LEEWAY: Final = 30.0  # seconds that an issuer's clock may be ahead; none for exp
LATEST: Final = 2.0**40  # no instant of ours lies past it

BEARER: Final = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)
TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
# Each points to a key or a meaning that is not ours. Other header parameters are ignored, as RFC 7515 wants.
REFUSED_HEADERS: Final = frozenset({"crit", "b64", "jwk", "jku", "x5u", "x5c", "enc", "zip", "cty"})


class _Registry(jws.JWSRegistry):
    """joserfc's algorithms without its recommendations: it warns at EdDSA by name, which our partners use."""

    max_header_length = 4096
    max_payload_length = LARGEST

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise Unauthenticated
        return self.algorithms[name]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says, in our words; each of these was checked for form, none yet for trust."""

    issuer: str
    party: str
    function: str
    client: str
    subject: str
    scopes: frozenset[str]
    purpose: str | None
    expires: float


@dataclass(frozen=True, slots=True)
class _Known:
    """A verified token and the two callers it may stand for.

    `row` and `key` are those it was verified with: under another row or key it is verified anew.
    """

    claims: Claims
    kid: str
    key: VerifyKey
    row: IssuerRow
    kind: PartyKind
    viewer: Viewer
    without_agreement: Viewer


class TokenGate:
    """The door. `clock` gives epoch seconds; `remember` bounds the verified tokens that are kept until their end."""

    def __init__(
        self, trust: Trust, keys: KeyRing, *, clock: Callable[[], float] = time.time, remember: int = 4096
    ) -> None:
        self._trust, self._keys, self._clock, self._remember = trust, keys, clock, remember
        self._registry = _Registry(strict_check_header=False)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def index(self) -> TrustIndex:
        """The trust that it judges by now: another one wherever a row changed. Raises Unavailable."""
        return self._trust.index()

    async def viewer(self, authorization: str | None) -> Viewer:
        """The caller behind the value of the Authorization header (None: there was none).

        Raises Unauthenticated (law 1) and Unavailable (the trust rows are too old to judge by).
        """
        if authorization is None:
            return public_viewer()
        if len(authorization) > LARGEST:
            raise Unauthenticated
        match = BEARER.fullmatch(authorization)
        if match is None:
            raise Unauthenticated
        token = match[1].encode("ascii")
        index, now = self._trust.index(), self._clock()
        digest = hashlib.sha256(token).digest()
        known = self._recall(digest, index, now)
        if known is None:
            known = await self._verify(token, index)
            index, now = self._trust.index(), self._clock()  # the fetch of a key takes time
            if index.issuer(known.row.issuer, now) != known.row:
                raise Unauthenticated
            self._keep(digest, known)
        return _judge(known, index, now)

    def _recall(self, digest: bytes, index: TrustIndex, now: float) -> _Known | None:
        known = self._known.get(digest)
        if known is None:
            return None
        row = index.issuer(known.claims.issuer, now)
        same_key = self._keys.current(known.claims.issuer, known.kid) is known.key
        if same_key and (row is known.row or row == known.row) and now < known.claims.expires:
            self._known.move_to_end(digest)
            return known
        del self._known[digest]
        return None

    def _keep(self, digest: bytes, known: _Known) -> None:
        self._known[digest] = known
        if len(self._known) > self._remember:
            self._known.popitem(last=False)

    async def _verify(self, token: bytes, index: TrustIndex) -> _Known:
        try:
            header, claims = _open(token)
            kid, algorithm = _text(header, "kid"), _text(header, "alg")
            if REFUSED_HEADERS & header.keys() or _text(header, "typ").lower() not in TYPES:
                raise Unauthenticated
            row = index.issuer(_text(claims, "iss"), self._clock())
            if row is None or algorithm not in ALGORITHMS & row.algorithms:
                raise Unauthenticated
            key = await self._keys.find(row.issuer, kid)
            if key is None or algorithm not in key.algorithms:
                raise Unauthenticated
            jws.deserialize_compact(token, key.key, registry=self._registry)
            return _remembered(_read(claims, row, self._clock()), kid, key, row)
        except (JoseError, ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
            raise Unauthenticated from None


def _remembered(claims: Claims, kid: str, key: VerifyKey, row: IssuerRow) -> _Known:
    kind = party_kind(claims.party)
    if kind is None:
        raise Unauthenticated
    viewer = Viewer(
        role=kind.role,
        party=claims.party,
        function=claims.function,
        subject=claims.subject,
        client=claims.client,
        scopes=claims.scopes,
        purpose=claims.purpose,
        expires=claims.expires,
    )
    return _Known(claims, kid, key, row, kind, viewer, replace(viewer, role=Role.PUBLIC, notice=AGREEMENT_MISSING))


def authorization_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The one Authorization header of an ASGI scope, or None. Raises Unauthenticated when there are several."""
    values = [value for name, value in headers if name.lower() == b"authorization"]
    if len(values) > 1:
        raise Unauthenticated
    return values[0].decode("latin-1") if values else None


def _judge(known: _Known, index: TrustIndex, now: float) -> Viewer:
    """Do the rows of today let this issuer and client speak for this party? Law 3: at every use."""
    claims = known.claims
    if (
        now >= claims.expires
        or not index.knows(claims.party, now)
        or not index.speaks(claims.issuer, claims.party, now)
        or not index.acts(claims.client, claims.party, claims.function, claims.purpose, now)
    ):
        raise Unauthenticated
    agreement = known.kind.agreement
    return known.viewer if agreement is None or index.signed(claims.party, agreement, now) else known.without_agreement


def _open(token: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims as they stand, nothing believed yet. Raises ValueError."""
    header, payload, _signature = token.split(b".")
    return _object(header), _object(payload)


def _object(part: bytes) -> dict[str, Any]:
    value = json.loads(
        urlsafe_b64decode(part).decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
    )
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two parsers may each take another of two equal names; so none is taken."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice")
    return value


def _refuse_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def _text(values: Mapping[str, Any], name: str) -> str:
    """A claim that must be one printable string. Raises KeyError or ValueError."""
    value = values[name]
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise ValueError("not one plain string")
    return value


def _instant(values: Mapping[str, Any], name: str) -> float:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST:
        raise ValueError("not an instant")
    return float(value)


def _read(claims: Mapping[str, Any], row: IssuerRow, now: float) -> Claims:
    """The claims of a token whose signature holds, in our words. Raises ValueError, TypeError or KeyError."""

    def ours(name: str) -> str:
        return _text(claims, row.claim_names.get(name, name))

    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if audience != row.audience:
        raise ValueError("a token for somebody else")
    _text(claims, "jti")
    purpose = ours("purpose") if row.claim_names.get("purpose", "purpose") in claims else None
    scopes = frozenset(ours("scope").split(" "))
    if not scopes <= SCOPES:
        raise ValueError("a scope that is not listed")
    party = ours("party")
    return Claims(
        issuer=row.issuer,
        party=party,
        function=_function(claims, row, party),
        client=ours("azp"),
        subject=ours("sub"),
        scopes=scopes,
        purpose=purpose,
        expires=_expiry(claims, row, now),
    )


def _function(claims: Mapping[str, Any], row: IssuerRow, party: str) -> str:
    kind = party_kind(party)
    if kind is None:
        raise ValueError("not a party")
    name = row.claim_names.get("function", "function")
    function = kind.implied if kind.implied is not None and name not in claims else _text(claims, name)
    if function not in kind.functions:
        raise ValueError("not a function of this party")
    return function


def _expiry(claims: Mapping[str, Any], row: IssuerRow, now: float) -> float:
    """`exp`, once issue, start, end and lifetime hold together."""
    issued, expires = _instant(claims, "iat"), _instant(claims, "exp")
    starts = _instant(claims, "nbf") if "nbf" in claims else issued
    longest = LIFETIME_MACHINE if row.machine else LIFETIME
    if not now < expires <= issued + longest or issued > now + LEEWAY or starts > now + LEEWAY:
        raise ValueError("not valid at this moment")
    return expires
