"""One source: what is sent, the total deadline, retries, caps."""

from __future__ import annotations

import asyncio
import gzip
import os
import time
import zlib
from datetime import UTC, datetime

import pytest

from schema.errors import SourceDown, SourceMalformed, SourceRefused, SourceTimeout
from tests.wire.partner_kit import Clock, Dialler, Heard, Partner, Sleeper, always, in_turn, limits, reply
from wire.budget import Budget, retry_after
from wire.careful import DEADLINE_HEADER
from wire.messages import Answer, Ask
from wire.place import FixedHeaders

GET = Ask("GET", "/x")


async def test_a_question_arrives_as_it_was_asked_and_connections_are_kept() -> None:
    async with Partner(always(reply(200, b'{"a":1}', ETag='"v1"'))).serving() as partner:
        place = partner.place(base_url=f"http://127.0.0.1:{partner.port}/api/")
        async with partner.client(place) as client:
            ask = Ask("POST", "/students", (("page", "2"), ("q", "a&b c")), {"X-Kind": "demo"}, b"[1]")
            answer = await client.send(ask, 5.0)
            await client.send(ask, 5.0)
    assert (answer.status, answer.json, answer.etag) == (200, {"a": 1}, '"v1"')
    heard = partner.heard[0]
    assert (heard.method, heard.path, heard.body) == ("POST", "/api/students?page=2&q=a%26b+c", b"[1]")
    assert heard.headers["x-kind"] == "demo"
    assert heard.headers["host"] == f"127.0.0.1:{partner.port}"
    assert partner.connections == 1


async def test_an_empty_path_is_the_base_address_itself() -> None:
    async with Partner(always(reply())).serving() as partner:
        place = partner.place(base_url=f"http://127.0.0.1:{partner.port}/feed/jobs.json?v=1")
        async with partner.client(place) as client:
            await client.send(Ask("GET", ""), 5.0)
    assert partner.heard[0].path == "/feed/jobs.json?v=1"


@pytest.mark.parametrize(
    "path", ["/../secret", "/a/%2e%2e/b", "x", "@other.example/", "http://other.example/", "https://169.254.169.254/"]
)
async def test_a_path_cannot_leave_the_source(path: str) -> None:
    dialler = Dialler()
    async with Partner(always(reply())).serving() as partner:
        for base in ("", "/api"):
            place = partner.place(base_url=f"http://127.0.0.1:{partner.port}{base}")
            async with partner.client(place, inner=dialler) as client:
                with pytest.raises(SourceDown):
                    await client.send(Ask("GET", path), 5.0)
    assert dialler.dialled == []


async def test_the_next_page_may_be_a_whole_address_and_gets_no_credentials_elsewhere() -> None:
    async with (
        Partner(always(reply())).serving() as home,
        Partner(always(reply())).serving() as pages,
    ):
        both = frozenset({f"127.0.0.1:{home.port}", f"127.0.0.1:{pages.port}"})
        place = home.place(private=both, credentials=FixedHeaders({"x-api-key": "secret"}))
        async with home.client(place) as client:
            await client.send(Ask("GET", f"http://127.0.0.1:{home.port}/1"), 5.0)
            await client.send(Ask("GET", f"http://127.0.0.1:{pages.port}/2"), 5.0)
    assert home.heard[0].headers["x-api-key"] == "secret"
    assert "x-api-key" not in pages.heard[0].headers
    assert "secret" not in repr(place)


async def test_the_source_is_told_what_is_left_of_the_deadline_and_it_shrinks() -> None:
    clock = Clock()

    async def late(heard: Heard) -> bytes:
        told = int(heard.headers[DEADLINE_HEADER])
        await _tick()  # the answer takes some time
        return reply(503) if len(partner.heard) < 2 else reply(200, str(told).encode())

    partner = Partner(late)
    async with partner.serving(), partner.client(monotonic=clock, sleep=Sleeper()) as client:
        clock.now += 1
        assert (await client.send(GET, 5.0)).status == 200
    first, second = (int(heard.headers[DEADLINE_HEADER]) for heard in partner.heard)
    assert 4000 < second < first <= 5000


async def test_the_deadline_is_for_the_whole_answer_also_when_it_drips() -> None:
    async def drip(heard: Heard) -> bytes:
        heard.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not heard.writer.is_closing():
            heard.writer.write(b"x")
            await heard.writer.drain()
            await _tick()
        return b""

    async with Partner(drip).serving() as partner, partner.client() as client:
        start = time.monotonic()
        with pytest.raises(SourceTimeout):
            await client.send(GET, 0.2)
        assert time.monotonic() - start < 0.6


async def test_a_source_that_never_answers_times_out_once_and_is_not_asked_again() -> None:
    async def hang(_: Heard) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with Partner(hang).serving() as partner, partner.client() as client:
        with pytest.raises(SourceTimeout):
            await client.send(GET, 0.1)
    assert len(partner.heard) == 1


async def test_what_may_be_over_in_a_moment_is_asked_again_with_jitter() -> None:
    clock, sleeper = Clock(), Sleeper()
    async with (
        Partner(in_turn(reply(503), b"", reply(200))).serving() as partner,
        partner.client(monotonic=clock, sleep=sleeper, uniform=lambda _, most: most) as client,
    ):
        clock.now += 2
        assert (await client.send(GET, 5.0)).status == 200
    assert len(partner.heard) == 3
    assert sleeper.slept == [0.1, 0.2]


async def test_at_most_two_retries() -> None:
    clock, sleeper = Clock(), Sleeper()
    async with (
        Partner(always(reply(503))).serving() as partner,
        partner.client(partner.place(limits=limits()), monotonic=clock, sleep=sleeper) as client,
    ):
        clock.now += 10
        answer = await client.send(GET, 5.0)
    assert (len(partner.heard), len(sleeper.slept)) == (3, 2)
    with pytest.raises(SourceDown):
        answer.ok()


@pytest.mark.parametrize("answer", [reply(503), b"", reply(429, retry_after="0")])
async def test_what_may_not_be_asked_twice_is_asked_once(answer: bytes) -> None:
    clock = Clock()
    async with (
        Partner(always(answer)).serving() as partner,
        partner.client(monotonic=clock, sleep=Sleeper()) as client,
    ):
        clock.now += 10
        await asyncio.gather(client.send(Ask("POST", "/x", retry=False), 5.0), return_exceptions=True)
    assert len(partner.heard) == 1


@pytest.mark.parametrize("status", [400, 404, 500, 501])
async def test_what_will_fail_again_is_not_asked_again(status: int) -> None:
    clock = Clock()
    async with (
        Partner(always(reply(status))).serving() as partner,
        partner.client(monotonic=clock, sleep=Sleeper()) as client,
    ):
        clock.now += 10
        assert (await client.send(GET, 5.0)).status == status
    assert len(partner.heard) == 1


@pytest.mark.parametrize("seconds_each", [0, 0.05])
async def test_when_everything_fails_retries_stay_within_a_tenth_and_one_a_second(seconds_each: float) -> None:
    clock, calls = Clock(), 200
    async with (
        Partner(always(reply(503))).serving() as partner,
        partner.client(partner.place(limits=limits()), monotonic=clock, sleep=Sleeper()) as client,
    ):
        for _ in range(calls):
            clock.now += seconds_each
            assert (await client.send(GET, 5.0)).status == 503
    allowed = calls * 1.1 + calls * seconds_each
    assert allowed - 2 <= len(partner.heard) <= allowed


def test_a_budget_cannot_be_saved_up_for_a_storm() -> None:
    clock = Clock()
    budget = Budget(clock)
    clock.now += 3600
    assert sum(budget.spend() for _ in range(100)) == 10


async def test_retry_after_is_followed_at_429() -> None:
    clock, sleeper = Clock(), Sleeper()
    async with (
        Partner(in_turn(reply(429, retry_after="3"), reply(200))).serving() as partner,
        partner.client(monotonic=clock, sleep=sleeper) as client,
    ):
        clock.now += 1
        assert (await client.send(GET, 5.0)).status == 200
    assert sleeper.slept == [3.0]


@pytest.mark.parametrize("answer", [reply(429, retry_after="60"), reply(429), reply(429, retry_after="soon")])
async def test_429_is_handed_over_when_it_says_nothing_or_longer_than_the_deadline(answer: bytes) -> None:
    clock, sleeper = Clock(), Sleeper()
    async with (
        Partner(always(answer)).serving() as partner,
        partner.client(monotonic=clock, sleep=sleeper) as client,
    ):
        clock.now += 10
        assert (await client.send(GET, 5.0)).status == 429
    assert (len(partner.heard), sleeper.slept) == (1, [])


async def test_retry_after_counts_at_429_only() -> None:
    clock, sleeper = Clock(), Sleeper()
    async with (
        Partner(in_turn(reply(503, retry_after="3"), reply(200))).serving() as partner,
        partner.client(monotonic=clock, sleep=sleeper) as client,
    ):
        clock.now += 1
        await client.send(GET, 5.0)
    assert sleeper.slept[0] <= 0.1


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
    assert retry_after("Mon, 02 Nov 2026 08:00:30 GMT", lambda: now) == 30.0
    assert retry_after("Mon, 02 Nov 2026 07:00:00 GMT", lambda: now) == 0.0


@pytest.mark.parametrize(
    "header",
    [
        "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 99999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2026 99999999999999999999:00:00 GMT",
        "Mon, 99 Jan 2026 00:00:00 GMT",
        "9" * 50,
        "-1",
        "",
    ],
)
def test_a_retry_after_that_cannot_be_is_none(header: str) -> None:
    assert retry_after(header) is None


async def test_an_endless_answer_is_cut_at_the_cap() -> None:
    async def endless(heard: Heard) -> bytes:
        heard.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not heard.writer.is_closing():
            heard.writer.write(b"x" * 65536)
            await heard.writer.drain()
        return b""

    async with (
        Partner(endless).serving() as partner,
        partner.client(partner.place(limits=limits(cap=1 << 20))) as client,
    ):
        with pytest.raises(SourceMalformed, match="more than"):
            await client.send(GET, 5.0)


async def test_a_packed_answer_is_unpacked() -> None:
    body = b'{"rows":[' + b",".join(b'{"id":%d}' % number for number in range(10_000)) + b"]}"
    async with (
        Partner(always(reply(200, gzip.compress(body), content_encoding="gzip"))).serving() as partner,
        partner.client() as client,
    ):
        assert (await client.send(GET, 5.0)).body == body


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        pytest.param(gzip.compress(b"0" * 50_000_000), "gzip", id="a bomb, far below the cap"),
        pytest.param(gzip.compress(os.urandom(300_000).hex().encode()), "gzip", id="above the cap when unpacked"),
        pytest.param(gzip.compress(b"{}")[:-4], "gzip", id="cut off"),
        pytest.param(gzip.compress(b"{}") + b"more", "gzip", id="something behind it"),
        pytest.param(b"{}", "gzip", id="not packed at all"),
        pytest.param(zlib.compress(b"{}"), "deflate", id="not agreed"),
        pytest.param(gzip.compress(gzip.compress(b"{}")), "gzip, gzip", id="twice"),
    ],
)
async def test_a_packed_answer_that_grows_too_much_or_is_broken_is_refused(body: bytes, encoding: str) -> None:
    cap = 500_000 if len(body) > 100_000 else 1 << 30
    async with (
        Partner(always(reply(200, body, content_encoding=encoding))).serving() as partner,
        partner.client(partner.place(limits=limits(cap=cap))) as client,
    ):
        with pytest.raises(SourceMalformed):
            await client.send(GET, 5.0)


async def test_redirects_are_handed_over_and_never_followed() -> None:
    async with Partner(always(reply())).serving() as other:
        moved = reply(302, location=f"http://127.0.0.1:{other.port}/")
        async with Partner(always(moved)).serving() as partner, partner.client() as client:
            answer = await client.send(GET, 5.0)
    assert answer.status == 302
    with pytest.raises(SourceRefused, match=r"^A source answered with a redirect; redirects are not followed\.$"):
        answer.ok()
    assert other.connections == 0
    with pytest.raises(SourceRefused):
        answer.ok()


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Partner(always(reply())).serving() as proxy, Partner(always(reply())).serving() as partner:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with partner.client() as client:
            await client.send(GET, 5.0)
    assert (proxy.connections, partner.connections) == (0, 1)


async def test_a_header_that_cannot_be_sent_is_malformed_and_harms_nothing_else() -> None:
    async with Partner(always(reply())).serving() as partner, partner.client() as client:
        for value in ("a\r\nx-evil: 1", "\u20ac"):
            with pytest.raises(SourceMalformed):
                await client.send(Ask("GET", "/x", headers={"if-none-match": value}), 5.0)
        assert (await client.send(GET, 5.0)).status == 200


async def test_a_closed_client_asks_nobody() -> None:
    async with Partner(always(reply())).serving() as partner, partner.client() as client:
        await client.send(GET, 5.0)
        await client.close()
        with pytest.raises(SourceDown):
            await client.send(GET, 5.0)
    assert len(partner.heard) == 1


def test_questions_and_answers_do_not_print_what_they_carry() -> None:
    carried = Ask("POST", "/x", (("q", "Canary"),), {"x": "Canary"}, b"Canary"), Answer(200, {"x": "Canary"}, b"Canary")
    assert "Canary" not in repr(carried)
    with pytest.raises(SourceMalformed) as caught:
        _ = carried[1].json
    assert caught.value.__context__ is None


async def _tick() -> None:
    """A hundredth of a second of the partner's time."""
    moment = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, moment.set)
    await moment.wait()
