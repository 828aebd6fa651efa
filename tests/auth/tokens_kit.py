"""Tokens for tests: an issuer with its keys in memory, the trust rows that let it speak, and tokens made to order.

gate = await make_gate()
viewer = await gate.viewer("Bearer " + make_token(party="municipality:GM0796", function="participatie"))
"""

from __future__ import annotations

import base64
import functools
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact

from auth.keys import DISCOVERY, Fetch, KeyRing
from auth.tokens import TokenGate
from auth.trust import Trust
from auth.viewer import PARTIES, party_kind
from registry.trust import AgreementRow, ClientPartyRow, IssuerPartyRow, IssuerRow, PartyRow, TrustRows

ISSUER: Final = "https://login.example"
AUDIENCE: Final = "spil-test"
CLIENT: Final = "portal"
PURPOSES: Final = frozenset({"CAREER_GUIDANCE", "STAGE_SEARCH"})
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")

# One party of each kind (fictitious schools have BRIN 9[0-9]Z[A-Z]).
PARTY_OF: Final[Mapping[str, str]] = {
    "school": "school:90ZA00",
    "mbo": "mbo:91ZB",
    "board": "board:90001",
    "servicepoint": "servicepoint:AM27-WERKCENTRUM",
    "sbb": "sbb",
    "municipality": "municipality:GM0796",
    "service": "service:werk-en-meedoen",
    "doorstroompunt": "doorstroompunt:RMC36",
    "uwv": "uwv",
    "employer": "employer:90000001",
    "coordinator": "coordinator:AM27",
    "national": "national",
}


@functools.cache
def signing_key(algorithm: str = "ES256", kid: str = "key-1") -> Key:
    """A private key per algorithm and kid; the same one for the whole run."""
    parameters: Any = {"kid": kid, "use": "sig"}
    if algorithm in {"RS256", "PS256"}:
        return RSAKey.generate_key(2048, parameters)
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519", parameters)
    return ECKey.generate_key("P-256", parameters)


def claims_of(party: str, function: str | None, **claims: Any) -> dict[str, Any]:
    """Claims that are right; a claim given as `...` is left out."""
    now = int(time.time())
    right: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "subject-1",
        "azp": CLIENT,
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "jti": f"jti-{time.monotonic_ns()}",
        "scope": "read command",
        "party": party,
    } | ({"function": function} if function is not None else {})
    return {name: value for name, value in (right | claims).items() if value is not ...}


def signed(payload: str | bytes, header: Mapping[str, Any], key: Key) -> str:
    """A compact JWS over exactly this payload."""
    algorithm = str(header["alg"])
    registry = _Lenient(algorithms=[algorithm], strict_check_header=False)
    return serialize_compact(dict(header), payload, key, registry=registry)


def make_token(
    party: str = "municipality:GM0796",
    function: str | None = "participatie",
    *,
    key: Key | None = None,
    header: Mapping[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A token; by default a valid one. `header` is laid over the right header, `...` leaves a name out."""
    key = key or signing_key()
    full = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid or "key-1"} | dict(header or {})
    full = {name: value for name, value in full.items() if value is not ...}
    return signed(json.dumps(claims_of(party, function, **claims)), full, key)


def raw_token(header: str | bytes, payload: str | bytes, signature: bytes = b"no signature at all") -> str:
    """Three parts as they are, signed by nobody."""
    return ".".join(b64(part) for part in (header, payload, signature))


def b64(part: str | bytes) -> str:
    data = part.encode() if isinstance(part, str) else part
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_rows(
    *,
    issuers: Iterable[IssuerRow] | None = None,
    issuer_parties: Iterable[IssuerPartyRow] | None = None,
    client_parties: Iterable[ClientPartyRow] | None = None,
    parties: Iterable[PartyRow] | None = None,
    agreements: Iterable[AgreementRow] | None = None,
) -> TrustRows:
    """Rows by which every party of PARTY_OF may be spoken for in all its functions; each table can be replaced."""
    return TrustRows(
        tuple(issuers) if issuers is not None else (IssuerRow(ISSUER, AUDIENCE, frozenset(ALGORITHMS)),),
        tuple(issuer_parties) if issuer_parties is not None else (IssuerPartyRow(ISSUER, "*"),),
        tuple(client_parties)
        if client_parties is not None
        else tuple(
            ClientPartyRow(CLIENT, PARTY_OF[prefix], function, PURPOSES)
            for prefix, kind in PARTIES.items()
            for function in sorted(kind.functions)
        ),
        tuple(parties)
        if parties is not None
        else tuple(PartyRow(key, prefix, f"De {prefix}") for prefix, key in PARTY_OF.items()),
        tuple(agreements)
        if agreements is not None
        else tuple(AgreementRow(p, agreed, "1.0") for p in PARTY_OF.values() for agreed in _agreement(p)),
    )


def jwks(*keys: Key) -> bytes:
    """The public half of the keys, as an issuer publishes it."""
    return json.dumps(KeySet(list(keys)).as_dict(private=False)).encode()


class Issuer:
    """A small issuer that answers `fetch` and counts what it was asked; `broken` makes it fail."""

    def __init__(self, *keys: Key, url: str = ISSUER) -> None:
        self.url = url
        self.keys: tuple[Key, ...] = keys or (signing_key(),)
        self.says_issuer = url
        self.asked: list[str] = []
        self.broken = False
        self.text: bytes | None = None

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.broken:
            raise OSError("down")
        if url == self.url + DISCOVERY:
            return json.dumps({"issuer": self.says_issuer, "jwks_uri": f"{self.url}/jwks"}).encode()
        return self.text if self.text is not None else jwks(*self.keys)


async def make_trust(rows: TrustRows | None = None) -> Trust:
    held = rows if rows is not None else make_rows()

    async def load() -> TrustRows:
        return held

    trust = Trust(load)
    await trust.refresh()
    return trust


async def make_gate(
    rows: TrustRows | None = None,
    *,
    fetch: Fetch | None = None,
    clock: Callable[[], float] = time.time,
    remember: int = 4096,
) -> TokenGate:
    """A gate over these rows and an issuer in memory."""
    trust = await make_trust(rows)
    return TokenGate(trust, KeyRing(fetch or Issuer().fetch, trust.issuers), clock=clock, remember=remember)


def _agreement(party: str) -> list[str]:
    kind = party_kind(party)
    return [str(kind.agreement)] if kind is not None and kind.agreement is not None else []


class _Lenient(JWSRegistry):
    """Signs with whatever algorithm a hostile test asks for."""

    max_header_length = 100_000

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]

    def check_header(self, header: Any) -> None:
        """A hostile header is the point."""
