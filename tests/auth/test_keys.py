"""The issuers' keys: rotation, one flight, bounded asking, the last good set."""

from __future__ import annotations

import asyncio
import json

import pytest
from joserfc.jwk import ECKey, KeySet, OctKey

from auth.keys import CAP, DISCOVERY, KeyRing, read_keys
from auth.viewer import Role
from tests.auth.tokens_kit import ISSUER, Issuer, jwks, make_gate, make_token, signing_key

OLD, NEW = signing_key("ES256", "key-1"), signing_key("ES256", "key-2")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _ring(issuer: Issuer, clock: Clock) -> KeyRing:
    return KeyRing(issuer.fetch, lambda: frozenset({ISSUER}), monotonic=clock)


async def test_the_first_token_fetches_discovery_and_keys_once() -> None:
    issuer = Issuer()
    ring = _ring(issuer, Clock())
    assert await ring.find(ISSUER, "key-1") is not None
    assert await ring.find(ISSUER, "key-1") is ring.current(ISSUER, "key-1")
    assert issuer.asked == [ISSUER + DISCOVERY, f"{ISSUER}/jwks"]


async def test_an_issuer_that_is_not_listed_is_never_asked() -> None:
    issuer = Issuer(url="https://evil.example")
    ring = _ring(issuer, Clock())
    assert await ring.find("https://evil.example", "key-1") is None
    assert issuer.asked == []


async def test_many_requests_share_one_flight() -> None:
    issuer, gate = Issuer(), asyncio.Event()

    async def slow(url: str) -> bytes:
        await gate.wait()
        return await issuer.fetch(url)

    ring = KeyRing(slow, lambda: frozenset({ISSUER}))
    finds = [asyncio.create_task(ring.find(ISSUER, kid)) for kid in ["key-1"] * 20 + ["nobody"] * 20]
    await asyncio.sleep(0)
    gate.set()
    found = await asyncio.gather(*finds)
    assert [key is not None for key in found] == [True] * 20 + [False] * 20
    assert len(issuer.asked) == 2


async def test_a_request_that_goes_away_does_not_end_the_flight_of_others() -> None:
    issuer, gate = Issuer(), asyncio.Event()

    async def slow(url: str) -> bytes:
        await gate.wait()
        return await issuer.fetch(url)

    ring = KeyRing(slow, lambda: frozenset({ISSUER}))
    first, second = (asyncio.create_task(ring.find(ISSUER, "key-1")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second is not None
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_request_does_not_wait_for_a_slow_issuer_for_ever() -> None:
    async def never(_url: str) -> bytes:
        await asyncio.Event().wait()
        return b""

    ring = KeyRing(never, lambda: frozenset({ISSUER}), wait=0.01)
    assert await ring.find(ISSUER, "key-1") is None
    await ring.close()


async def test_rotation_is_followed_by_the_first_token_of_the_new_key() -> None:
    issuer, clock = Issuer(OLD), Clock()
    ring = _ring(issuer, clock)
    assert await ring.find(ISSUER, "key-1")
    issuer.keys = (OLD, NEW)
    clock.now = 6.0
    assert await ring.find(ISSUER, "key-2")
    assert await ring.find(ISSUER, "key-1")
    assert len(issuer.asked) == 4


async def test_an_unknown_kid_asks_at_most_once_a_minute() -> None:
    issuer, clock = Issuer(), Clock()
    ring = _ring(issuer, clock)
    await ring.find(ISSUER, "key-1")
    for second in range(10, 70):
        clock.now = float(second)
        assert await ring.find(ISSUER, "nobody") is None
    assert len(issuer.asked) == 4
    clock.now = 71.0
    await ring.find(ISSUER, "nobody")
    assert len(issuer.asked) == 6


async def test_a_flood_of_unknown_kids_is_bounded_per_issuer() -> None:
    issuer, clock = Issuer(), Clock()
    ring = _ring(issuer, clock)
    await ring.find(ISSUER, "key-1")
    for tenth in range(600):
        clock.now = tenth / 10
        assert await ring.find(ISSUER, f"nobody-{tenth}") is None
    assert len(issuer.asked) <= 2 * (60 / 5 + 1)
    assert len(ring._issuers[ISSUER].unknown) <= 256


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"keys": []}', b'{"keys": 5}', b"x" * (CAP + 1), b"<html>login</html>", None]
)
async def test_a_bad_answer_keeps_the_last_good_set(text: bytes | None) -> None:
    issuer, clock = Issuer(), Clock()
    ring = _ring(issuer, clock)
    key = await ring.find(ISSUER, "key-1")
    issuer.text, issuer.broken = text, text is None
    for minute in range(1, 60):
        clock.now = 60.0 * minute
        ring.refresh_due()
        await ring.find(ISSUER, "nobody")
    assert key is not None
    assert ring.current(ISSUER, "key-1") is key


async def test_a_discovery_document_of_another_issuer_is_refused() -> None:
    issuer = Issuer()
    issuer.says_issuer = ISSUER + "/"
    ring = _ring(issuer, Clock())
    assert await ring.find(ISSUER, "key-1") is None
    assert issuer.asked == [ISSUER + DISCOVERY]


async def test_an_issuer_that_comes_up_later_is_found() -> None:
    issuer, clock = Issuer(), Clock()
    issuer.broken = True
    ring = _ring(issuer, clock)
    assert await ring.find(ISSUER, "key-1") is None
    issuer.broken = False
    assert await ring.find(ISSUER, "key-1") is None, "not at once: the gap"
    clock.now = 6.0
    assert await ring.find(ISSUER, "key-1") is not None


async def test_old_sets_are_fetched_anew_and_unlisted_issuers_forgotten() -> None:
    issuer, clock = Issuer(OLD), Clock()
    listed = {ISSUER}
    ring = KeyRing(issuer.fetch, lambda: listed, monotonic=clock)
    await ring.find(ISSUER, "key-1")
    issuer.keys = (NEW,)
    clock.now = 299.0
    ring.refresh_due()
    assert len(issuer.asked) == 2
    clock.now = 300.0
    ring.refresh_due()
    await ring.find(ISSUER, "key-2")
    assert ring.current(ISSUER, "key-1") is None
    listed.clear()
    ring.refresh_due()
    assert ring.current(ISSUER, "key-2") is None


async def test_the_background_task_starts_and_ends() -> None:
    ring = _ring(Issuer(), Clock())
    ring.start()
    await asyncio.sleep(0)
    await ring.close()


def test_only_keys_for_signatures_are_read() -> None:
    good = signing_key("RS256", "good").as_dict(private=False)
    others = [
        signing_key("RS256", "private").as_dict(private=True),
        OctKey.generate_key(256, {"kid": "oct"}).as_dict(private=True),
        ECKey.generate_key("P-384", {"kid": "p384"}).as_dict(private=False),
        ECKey.generate_key("P-256", {"kid": "enc", "use": "enc"}).as_dict(private=False),
        ECKey.generate_key("P-256", {"kid": "es384", "alg": "ES384"}).as_dict(private=False),
        ECKey.generate_key("P-256", {"kid": "ops", "key_ops": ["deriveKey"]}).as_dict(private=False),
        good | {"kid": "short", "n": "x" * 171},
        good | {"kid": "long", "n": "x" * 4000},
        good | {"kid": "", "x": 1},
        good | {"kid": 5},
        good | {"kid": "bad", "n": "!"},
        {"kty": "AKP", "kid": "future"},
        {"kid": "none"},
        5,
        None,
    ]
    keys = read_keys(json.dumps({"keys": [*others, good]}).encode())
    assert keys.keys() == {"good"}
    assert keys["good"].algorithms == {"RS256", "PS256"}
    with pytest.raises(ValueError, match="without a key"):
        read_keys(json.dumps({"keys": others}).encode())


def test_a_key_that_names_its_algorithm_verifies_no_other() -> None:
    key = signing_key("RS256", "good").as_dict(private=False) | {"alg": "PS256"}
    assert read_keys(json.dumps({"keys": [key]}).encode())["good"].algorithms == {"PS256"}


async def test_a_rotated_key_works_through_the_gate() -> None:
    issuer = Issuer(OLD)
    gate = await make_gate(fetch=issuer.fetch)
    gate._keys._gap = 0.0
    assert (await gate.viewer("Bearer " + make_token(key=OLD))).role is Role.MUNICIPALITY
    issuer.keys = (NEW,)
    assert (await gate.viewer("Bearer " + make_token(key=NEW))).role is Role.MUNICIPALITY


def test_the_kit_publishes_no_private_key() -> None:
    assert "d" not in json.loads(jwks(OLD))["keys"][0]
    assert KeySet.import_key_set(json.loads(jwks(OLD, NEW)))
