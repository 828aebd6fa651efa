"""Every token that is not wholly right is 401 and never PUBLIC."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import RSAKey

from schema.errors import Unauthenticated
from tests.auth.tokens_kit import (
    AUDIENCE,
    CLIENT,
    ISSUER,
    Issuer,
    b64,
    claims_of,
    make_gate,
    make_token,
    raw_token,
    signed,
    signing_key,
)

PARTY, FUNCTION = "municipality:GM0796", "participatie"
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "key-1"}


def _right() -> str:
    return json.dumps(claims_of(PARTY, FUNCTION))


def _stranger() -> Any:
    """A key that is nobody's."""
    return RSAKey.generate_key(2048, {"kid": "key-1"})


def _hmac_with_the_public_key() -> str:
    """By hand: joserfc refuses to make one."""
    secret = signing_key().as_pem(private=False)  # type: ignore[union-attr]  # an EC key has a PEM
    text = f"{b64(json.dumps(HEADER | {'alg': 'HS256'}))}.{b64(_right())}"
    return f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}"


def _embedded_jwk() -> str:
    stranger = _stranger()
    return signed(_right(), HEADER | {"alg": "RS256", "jwk": stranger.as_dict(private=False)}, stranger)


def _jwe() -> str:
    return jwe.encrypt_compact({"alg": "RSA-OAEP", "enc": "A128GCM"}, _right().encode(), _stranger())


def _other_payload() -> str:
    header, _, signature = make_token().split(".")
    return f"{header}.{b64(json.dumps(claims_of('national', 'lead')))}.{signature}"


def _stripped() -> str:
    header, payload, _ = make_token().split(".")
    return f"{header}.{payload}."


def _twice_in(name: str, value: str) -> str:
    return signed(_right()[:-1] + f', "{name}": {json.dumps(value)}}}', HEADER, signing_key())


FORGED: dict[str, Callable[[], str]] = {
    "alg none": lambda: raw_token(json.dumps(HEADER | {"alg": "none"}), _right(), b""),
    "alg none with a signature": lambda: raw_token(json.dumps(HEADER | {"alg": "none"}), _right()),
    "alg NONE": lambda: raw_token(json.dumps(HEADER | {"alg": "NoNe"}), _right()),
    "HS256 with the public key": _hmac_with_the_public_key,
    "embedded jwk": _embedded_jwk,
    "embedded jwk beside a good signature": lambda: make_token(header={"jwk": {"kty": "oct", "k": "AA"}}),
    "jku": lambda: make_token(header={"jku": "https://evil.example/jwks"}),
    "x5u": lambda: make_token(header={"x5u": "https://evil.example/chain"}),
    "x5c": lambda: make_token(header={"x5c": ["AAAA"]}),
    "unknown crit": lambda: make_token(header={"crit": ["mine"], "mine": 1}),
    "empty crit": lambda: make_token(header={"crit": []}),
    "unencoded payload": lambda: make_token(header={"b64": False, "crit": ["b64"]}),
    "a stranger's key": lambda: make_token(key=_stranger(), header={"alg": "RS256"}),
    "another algorithm of the list": lambda: make_token(key=signing_key("RS256"), header={"alg": "RS256"}),
    "an algorithm off the list": lambda: signed(_right(), HEADER | {"alg": "RS512"}, signing_key("RS256")),
    "alg a list": lambda: raw_token(json.dumps(HEADER | {"alg": ["ES256"]}), _right()),
    "no alg": lambda: raw_token(json.dumps({"typ": "at+jwt", "kid": "key-1"}), _right()),
    "typ JWT": lambda: make_token(header={"typ": "JWT"}),
    "no typ": lambda: make_token(header={"typ": ...}),
    "typ a number": lambda: make_token(header={"typ": 5}),
    "no kid": lambda: make_token(header={"kid": ...}),
    "unknown kid": lambda: make_token(header={"kid": "key-2"}),
    "kid that climbs": lambda: make_token(header={"kid": "../../../../etc/passwd"}),
    "kid that is SQL": lambda: make_token(header={"kid": "' UNION SELECT 'x"}),
    "kid a number": lambda: make_token(header={"kid": 1}),
    "kid null": lambda: make_token(header={"kid": None}),
    "kid of 300 characters": lambda: make_token(header={"kid": "k" * 300}),
    "another payload under the signature": _other_payload,
    "signature gone": _stripped,
    "truncated": lambda: make_token()[:-3],
    "one character more": lambda: make_token() + "A",
    "padded": lambda: make_token() + "=",
    "two parts": lambda: ".".join(make_token().split(".")[:2]),
    "four parts": lambda: make_token() + ".AAAA",
    "nested": lambda: signed(make_token(), HEADER | {"cty": "JWT"}, signing_key()),
    "nested without cty": lambda: signed(make_token(), HEADER, signing_key()),
    "encrypted": _jwe,
    "header not JSON": lambda: raw_token("{", _right()),
    "header a list": lambda: raw_token("[]", _right()),
    "header deep": lambda: raw_token('{"a":' + "[" * 2500, _right()),
    "header not UTF-8": lambda: raw_token(b'{"alg":"\xff"}', _right()),
    "header UTF-16": lambda: raw_token(json.dumps(HEADER).encode("utf-16"), _right()),
    "header with alg twice": lambda: raw_token('{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"key-1"}', _right()),
    "payload not JSON": lambda: signed("{", HEADER, signing_key()),
    "payload a list": lambda: signed("[1]", HEADER, signing_key()),
    "payload a string": lambda: signed('"x"', HEADER, signing_key()),
    "payload null": lambda: signed("null", HEADER, signing_key()),
    "payload empty": lambda: signed("{}", HEADER, signing_key()),
    "payload deep": lambda: signed('{"a":' + "[" * 2500, HEADER, signing_key()),
    "payload with party twice": lambda: _twice_in("party", "national"),
    "payload with iss twice": lambda: _twice_in("iss", ISSUER),
    "an inner object with a name twice": lambda: signed(_right()[:-1] + ', "x":{"a":1,"a":2}}', HEADER, signing_key()),
    "NaN": lambda: signed(_right()[:-1] + ', "x": NaN}', HEADER, signing_key()),
    "a number of 5,000 digits": lambda: signed(_right()[:-1] + ', "x": ' + "9" * 5000 + "}", HEADER, signing_key()),
}


@dataclass(frozen=True)
class From:
    """An instant, in seconds from the moment that the test runs."""

    now: int


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://other.example"},
    "issuer with a slash": {"iss": ISSUER + "/"},
    "issuer a list": {"iss": [ISSUER]},
    "no issuer": {"iss": ...},
    "another audience": {"aud": "somebody-else"},
    "two audiences": {"aud": [AUDIENCE, "somebody-else"]},
    "the audience twice": {"aud": [AUDIENCE, AUDIENCE]},
    "no audience": {"aud": ...},
    "audience an object": {"aud": {AUDIENCE: 1}},
    "empty audience": {"aud": []},
    "expired": {"iat": From(-900), "nbf": From(-900), "exp": From(-1)},
    "expires in 10^30": {"exp": 10**30},
    "expires as text": {"exp": str(10**9 * 5)},
    "expires true": {"exp": True},
    "expires null": {"exp": None},
    "expires at 1e400": {"exp": float("1e300")},
    "expires negative": {"exp": -1},
    "never expires": {"exp": ...},
    "lives too long": {"exp": From(3660)},
    "issued in the future": {"iat": From(400)},
    "no iat": {"iat": ...},
    "iat a list": {"iat": [1]},
    "starts in the future": {"nbf": From(400)},
    "nbf null": {"nbf": None},
    "no jti": {"jti": ...},
    "jti a number": {"jti": 5},
    "jti empty": {"jti": ""},
    "scope a number": {"scope": 5},
    "scope a list": {"scope": ["read"]},
    "scope outside the list": {"scope": "read admin"},
    "scope empty": {"scope": ""},
    "scope null": {"scope": None},
    "no scope": {"scope": ...},
    "party a list": {"party": [PARTY]},
    "party an object": {"party": {"key": PARTY}},
    "two parties in one string": {"party": f"{PARTY} national"},
    "party with a NUL": {"party": PARTY + "\x00"},
    "party with a line break": {"party": PARTY + "\n"},
    "party with a function in it": {"party": f"{PARTY}#{FUNCTION}"},
    "party nobody knows": {"party": "municipality:GM9999"},
    "no party": {"party": ...},
    "function of another party": {"function": "guidance"},
    "function a list": {"function": [FUNCTION]},
    "function empty": {"function": ""},
    "no function": {"function": ...},
    "another client": {"azp": "other-portal"},
    "client a list": {"azp": [CLIENT]},
    "no client": {"azp": ...},
    "no subject": {"sub": ...},
    "subject a number": {"sub": 12},
    "subject with a surrogate": {"sub": "\ud800"},
    "subject with a NUL": {"sub": "a\x00"},
    "subject of 300 characters": {"sub": "s" * 300},
    "purpose not of the client": {"purpose": "EMPLOYMENT"},
    "purpose a list": {"purpose": ["CAREER_GUIDANCE"]},
    "purpose null": {"purpose": None},
    "purpose empty": {"purpose": ""},
}


async def _refused(authorization: str, issuer: Issuer | None = None) -> None:
    """Twice: what was refused is not remembered as verified."""
    gate = await make_gate(fetch=(issuer or Issuer()).fetch)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await gate.viewer(authorization)


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_or_broken_token_is_refused(name: str) -> None:
    await _refused("Bearer " + FORGED[name]())


@pytest.mark.parametrize("name", WRONG_CLAIMS)
async def test_a_signed_token_with_a_wrong_claim_is_refused(name: str) -> None:
    now = int(time.time())
    wrong: dict[str, Any] = dict(WRONG_CLAIMS[name])
    wrong |= {key: now + value.now for key, value in wrong.items() if isinstance(value, From)}
    await _refused("Bearer " + make_token(**wrong))


async def test_a_huge_token_is_refused_before_it_is_read() -> None:
    issuer = Issuer()
    await _refused("Bearer " + make_token(x="y" * 9000), issuer)
    assert issuer.asked == []


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer ..",
        "Bearer null",
        "Basic ZGVtbzpkZW1v",
        "Bearer Bearer {token}",
        "Bearer {token} {token}",
        "Bearer {token}, Bearer {token}",
        "Bearer {token}\n",
        "Bearer\t{token}",
        " Bearer {token}",
        "Bearer\u00a0{token}",
        "B\u00e9arer {token}",
        "Bearer {token}\u00e9",
        "{token}",
        "DPoP {token}",
        "Token {token}",
    ],
)
async def test_a_header_that_is_not_one_bearer_token_is_refused(authorization: str) -> None:
    await _refused(authorization.replace("{token}", make_token()))


async def test_the_right_token_passes_so_the_refusals_above_mean_something() -> None:
    gate = await make_gate()
    assert (await gate.viewer("Bearer " + make_token())).seer == f"{PARTY}#{FUNCTION}"
    assert (await gate.viewer("bearer " + make_token(purpose="STAGE_SEARCH"))).purpose == "STAGE_SEARCH"
