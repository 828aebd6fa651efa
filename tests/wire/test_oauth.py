"""The hub's own token at a source: private_key_jwt, cached, one request at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from schema.errors import SourceDown, SourceMalformed, SourceRefused, SourceTimeout
from tests.wire.partner_kit import Clock, Heard, Partner, Sleeper, failure_of, limits, reply
from wire.messages import Ask
from wire.oauth import PROOF, ClientCredentials
from wire.place import Place

GET = Ask("GET", "/students")
KEY = ECKey.generate_key("P-256", {"kid": "hub-1"})


class School(Partner):
    """A token address and the data behind it."""

    def __init__(self, grant: Callable[[int], bytes] | None = None) -> None:
        super().__init__(self._act)
        self.grant = grant or self.granted
        self.forms: list[dict[str, str]] = []
        self.good: set[str] = set()

    def granted(self, number: int, life: int = 300) -> bytes:
        self.good.add(f"token-{number}")
        said = {"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": life}
        return reply(200, json.dumps(said).encode())

    async def _act(self, heard: Heard) -> bytes:
        if heard.path == "/token":
            self.forms.append({name: values[0] for name, values in parse_qs(heard.body.decode()).items()})
            return self.grant(len(self.forms))
        bearer = heard.headers.get("authorization", "").removeprefix("Bearer ")
        return reply(200) if bearer in self.good else reply(401)

    def place_with(self, key: Any = KEY, **changes: Any) -> Place:
        text = key.as_pem(private=True).decode() if key.key_type != "EC" else json.dumps(key.as_dict(private=True))
        credentials = ClientCredentials(f"http://127.0.0.1:{self.port}/token", "hub", text, scope="students")
        return self.place(credentials=credentials, limits=limits(concurrent=32), **changes)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(KEY, "ES256"), (RSAKey.generate_key(2048), "PS256"), (ECKey.generate_key("P-384"), "ES384")],
)
async def test_the_proof_is_ours_short_and_for_the_token_address(key: Any, algorithm: str) -> None:
    async with School().serving() as school:
        assert isinstance(school, School)
        place = school.place_with(key)
        async with school.client(place) as client:
            assert (await client.send(GET, 5.0)).status == 200
    form = school.forms[0]
    assert (form["grant_type"], form["client_assertion_type"]) == ("client_credentials", PROOF)
    assert form["scope"] == "students"
    proof = jwt.decode(form["client_assertion"], key, algorithms=[algorithm])
    assert (proof.claims["iss"], proof.claims["sub"]) == ("hub", "hub")
    assert proof.claims["aud"] == f"http://127.0.0.1:{school.port}/token"
    assert proof.claims["exp"] - proof.claims["iat"] == 60
    assert len(proof.claims["jti"]) > 16
    assert proof.header.get("kid") == key.kid
    assert "PRIVATE" not in repr(place)
    assert '"d"' not in repr(place)


async def test_twenty_questions_share_one_token_until_shortly_before_its_end() -> None:
    clock, school = Clock(), School()
    async with school.serving(), school.client(school.place_with(), monotonic=clock) as client:
        await asyncio.gather(*(client.send(GET, 5.0) for _ in range(20)))
        clock.now += 269
        await client.send(GET, 5.0)
        assert len(school.forms) == 1
        clock.now += 2
        assert (await client.send(GET, 5.0)).status == 200
    assert len(school.forms) == 2
    proofs = [form["client_assertion"] for form in school.forms]
    assert jwt.decode(proofs[0], KEY).claims["jti"] != jwt.decode(proofs[1], KEY).claims["jti"]


async def test_a_token_that_the_source_refuses_is_dropped() -> None:
    school = School()
    async with school.serving(), school.client(school.place_with()) as client:
        await client.send(GET, 5.0)
        school.good.clear()
        assert (await client.send(GET, 5.0)).status == 401
        assert (await client.send(GET, 5.0)).status == 200
    assert len(school.forms) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(400, b'{"error":"invalid_client"}'), SourceRefused),
        (reply(503), SourceDown),
        (reply(200, b"[]"), SourceMalformed),
        (reply(200, b"<html>"), SourceMalformed),
        (reply(200, b'{"access_token":"t","token_type":"DPoP"}'), SourceMalformed),
        (reply(200, b'{"access_token":"t","token_type":"bearer","expires_in":-1}'), SourceMalformed),
        (reply(200, b" " * 100_000), SourceMalformed),
        (reply(302, location="http://127.0.0.1:1/"), SourceRefused),
    ],
)
async def test_without_a_token_the_source_is_not_asked(answer: bytes, error: type[Exception]) -> None:
    school = School(lambda _: answer)
    async with school.serving(), school.client(school.place_with(), sleep=Sleeper()) as client:
        with pytest.raises(error, match=r"^The token address ") as raised:
            await client.send(GET, 5.0)
    moved = "answered with a redirect; redirects are not followed." in str(raised.value)
    assert moved == answer.startswith(b"HTTP/1.1 302")
    assert {heard.path for heard in school.heard} == {"/token"}


async def test_a_token_that_cannot_be_sent_is_malformed() -> None:
    school = School(lambda _: reply(200, b'{"access_token":"a b\\r\\nc","token_type":"bearer"}'))
    async with school.serving(), school.client(school.place_with(), sleep=Sleeper()) as client:
        with pytest.raises(SourceMalformed):
            await client.send(GET, 5.0)
    assert {heard.path for heard in school.heard} == {"/token"}


async def test_a_hanging_token_address_costs_no_more_than_the_deadline_and_hurts_nobody_who_waits_longer() -> None:
    held = asyncio.Event()

    class Slow(School):
        async def _act(self, heard: Heard) -> bytes:
            if heard.path == "/token":
                await held.wait()
            return await super()._act(heard)

    school = Slow()
    async with school.serving(), school.client(school.place_with()) as client:
        patient = asyncio.create_task(client.send(GET, 5.0))
        await school.has_heard(1)
        results = await asyncio.gather(*(client.send(GET, 0.1) for _ in range(3)), return_exceptions=True)
        assert failure_of(results, SourceTimeout) == 3
        held.set()
        assert (await patient).status == 200
    assert len(school.forms) == 1


async def test_a_token_address_outside_the_sources_hosts_is_not_asked() -> None:
    school = School()
    async with school.serving():
        elsewhere = ClientCredentials("https://login.example/token", "hub", json.dumps(KEY.as_dict(private=True)))
        async with school.client(school.place(credentials=elsewhere)) as client:
            with pytest.raises(SourceDown, match="not allowed"):
                await client.send(GET, 5.0)
    assert school.connections == 0


async def test_a_key_that_cannot_be_used_is_said_without_quoting_it() -> None:
    school = School()
    async with school.serving():
        wrong = ClientCredentials(f"http://127.0.0.1:{school.port}/token", "hub", "not a key: Canary")
        async with school.client(school.place(credentials=wrong)) as client:
            with pytest.raises(SourceDown, match="key for this source") as caught:
                await client.send(GET, 5.0)
    assert "Canary" not in repr((caught.value, caught.value.__context__))
