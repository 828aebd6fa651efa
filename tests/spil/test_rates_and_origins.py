"""How fast a client may ask, and from which pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from schema.errors import TooManyRequests
from spil.rates import Rates, Slower
from tests.spil.hub_kit import Country, Hub, codes, hub_of

ORIGIN = "https://portal.example"
ME = "{ me { role } }"


@pytest.fixture(scope="module")
async def slow_hub(country: Country) -> AsyncIterator[Hub]:
    """A hub of one request a minute, three at once; the demo's client has a page of its own."""
    async with hub_of(country, SPIL_RATE="1", SPIL_BURST="3", SPIL_CORS=f'{{"demo": ["{ORIGIN}"]}}') as running:
        yield running


@pytest.fixture(scope="module")
async def portal_hub(country: Country) -> AsyncIterator[Hub]:
    async with hub_of(country, SPIL_CORS=f'{{"demo": ["{ORIGIN}"], "other": ["https://other.example"]}}') as running:
        yield running


async def test_a_caller_that_is_too_fast_waits_as_long_as_it_is_told(slow_hub: Hub, country: Country) -> None:
    await slow_hub.token(country.school)
    answers = [await slow_hub.ask(ME) for _ in range(8)]
    assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 4
    assert codes(refused[0]) == ["TOO_MANY_REQUESTS"]
    assert int(refused[0].headers["retry-after"]) >= 1
    assert "data" not in refused[0].json()
    # The client with a token has a bucket of its own, whatever its address did.
    assert (await slow_hub.ask(ME, as_party=country.school)).status_code == 200


async def test_bad_tokens_count_for_their_address(country: Country) -> None:
    async with hub_of(country, SPIL_RATE="1", SPIL_BURST="2") as running:
        answers = [await running.ask(ME, authorization="Bearer a.b.c") for _ in range(4)]
        assert [answer.status_code for answer in answers[:2]] == [401, 401]
        assert 429 in [answer.status_code for answer in answers[2:]]


def test_a_bucket_fills_at_its_rate_and_no_higher_than_its_burst() -> None:
    now = 0.0
    rates = Rates(2, 4, monotonic=lambda: now)
    for _ in range(4):
        rates.take("a")
    with pytest.raises(Slower) as caught:
        rates.take("a")
    assert isinstance(caught.value, TooManyRequests)
    assert caught.value.seconds == pytest.approx(0.5)
    rates.take("b")
    now = 0.5
    rates.take("a")
    now = 100.0
    for _ in range(4):
        rates.take("a")
    with pytest.raises(Slower):
        rates.take("a")


def test_the_longest_idle_callers_are_forgotten() -> None:
    rates = Rates(1, 1, most=2, monotonic=lambda: 0.0)
    for caller in ("a", "b", "c"):
        rates.take(caller)
    rates.take("a")  # forgotten, so its bucket is full again
    with pytest.raises(Slower):
        rates.take("c")


async def test_by_default_no_page_elsewhere_reads_an_answer(hub: Hub, country: Country) -> None:
    for who in (None, country.school):
        answer = await hub.ask(ME, as_party=who, origin=ORIGIN)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = await hub.send(b"", method="OPTIONS", origin=ORIGIN, access_control_request_method="POST")
    assert preflight.status_code == 204
    assert "access-control-allow-origin" not in preflight.headers


async def test_a_clients_own_page_reads_its_answers_and_no_other_page(portal_hub: Hub, country: Country) -> None:
    own = await portal_hub.ask(ME, as_party=country.school, origin=ORIGIN)
    assert own.headers["access-control-allow-origin"] == ORIGIN
    assert "x-request-id" in own.headers["access-control-expose-headers"]
    assert "Origin" in own.headers["vary"]
    assert "access-control-allow-credentials" not in own.headers
    for origin in ("https://other.example", "https://evil.example", "null", ORIGIN + ".evil.example", ORIGIN + ":444"):
        other = await portal_hub.ask(ME, as_party=country.school, origin=origin)
        assert "access-control-allow-origin" not in other.headers
    assert "access-control-allow-origin" not in (await portal_hub.ask(ME, origin=ORIGIN)).headers


async def test_a_listed_page_reads_that_its_token_was_refused(portal_hub: Hub) -> None:
    for origin, read in ((ORIGIN, True), ("https://evil.example", False)):
        refused = await portal_hub.ask(ME, origin=origin, authorization="Bearer nonsense")
        assert refused.status_code == 401
        assert ("access-control-allow-origin" in refused.headers) is read


async def test_a_preflight_is_answered_for_listed_origins_alone(portal_hub: Hub) -> None:
    async def preflight(origin: str) -> httpx.Response:
        return await portal_hub.send(
            b"",
            method="OPTIONS",
            origin=origin,
            access_control_request_method="POST",
            access_control_request_headers="authorization,content-type",
        )

    yes = await preflight(ORIGIN)
    assert yes.status_code == 204
    assert yes.headers["access-control-allow-origin"] == ORIGIN
    assert yes.headers["access-control-allow-methods"] == "POST"
    assert "authorization" in yes.headers["access-control-allow-headers"]
    no = await preflight("https://evil.example")
    assert not [name for name in no.headers if name.startswith("access-control")]
