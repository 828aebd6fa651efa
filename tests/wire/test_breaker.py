"""A source that fails or is slow is left alone, and asked again when it may have healed."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from schema.errors import SourceDown, SourceTimeout
from tests.wire.partner_kit import Clock, Dialler, Heard, Partner, Sleeper, always, failure_of, in_turn, limits, reply
from wire.breaker import Breaker, Patience
from wire.messages import Ask
from wire.place import Place
from wire.source_client import SourceClient

GET = Ask("GET", "/x")
PATIENCE = Patience(window=10, least=5, share=0.5, pause=5)


async def test_a_thousand_calls_to_a_dead_source_are_a_handful_of_connections() -> None:
    with socket.socket() as held:  # a port at which nobody listens
        held.bind(("127.0.0.1", 0))
        here = f"127.0.0.1:{held.getsockname()[1]}"
        place = Place(f"http://{here}", frozenset({"127.0.0.1"}), frozenset({here}))
        dialler = Dialler()
        client = SourceClient(place, monotonic=Clock(), sleep=Sleeper(), inner=dialler)
        start = time.monotonic()
        results = [
            result
            for _ in range(1000)
            for result in await asyncio.gather(client.send(GET, 2.0), return_exceptions=True)
        ]
        assert time.monotonic() - start < 2.0
        await client.close()
    assert failure_of(results, SourceDown) == 1000
    assert len(dialler.dialled) <= 6


async def test_a_slow_source_opens_the_breaker_though_it_answers() -> None:
    clock = Clock()

    async def slow(_: Heard) -> bytes:
        clock.now += 1.7  # of the 2 seconds that it is given
        return reply()

    async with (
        Partner(slow).serving() as partner,
        partner.client(partner.place(limits=limits(patience=PATIENCE)), monotonic=clock) as client,
    ):
        for _ in range(5):
            await client.send(GET, 2.0)
        with pytest.raises(SourceDown):
            await client.send(GET, 2.0)
        assert (await client.send(Ask("GET", "/x", operation="other"), 2.0)).status == 200
    assert len(partner.heard) == 6


async def test_a_hanging_source_opens_the_breaker() -> None:
    async def hang(_: Heard) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with (
        Partner(hang).serving() as partner,
        partner.client(partner.place(limits=limits(patience=PATIENCE)), monotonic=Clock()) as client,
    ):
        five = await asyncio.gather(*(client.send(GET, 0.1) for _ in range(5)), return_exceptions=True)
        with pytest.raises(SourceDown):
            await client.send(GET, 0.1)
    assert failure_of(five, SourceTimeout) == 5
    assert len(partner.heard) == 5


async def test_a_caller_who_leaves_says_nothing_about_the_source() -> None:
    held = asyncio.Event()

    async def wait(_: Heard) -> bytes:
        await held.wait()
        return reply()

    async with (
        Partner(wait).serving() as partner,
        partner.client(partner.place(limits=limits(patience=PATIENCE))) as client,
    ):
        tasks = [asyncio.create_task(client.send(GET, 30.0)) for _ in range(8)]
        await partner.has_heard(8)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        held.set()
        assert (await client.send(GET, 5.0)).status == 200


async def test_half_open_asks_once_and_closes_when_that_goes_well() -> None:
    clock, release = Clock(), asyncio.Event()

    async def heal(_: Heard) -> bytes:
        if len(partner.heard) <= 5:
            return reply(500)
        await release.wait()
        return reply()

    partner = Partner(heal)
    async with (
        partner.serving(),
        partner.client(partner.place(limits=limits(patience=PATIENCE)), monotonic=clock) as client,
    ):
        for _ in range(5):
            await client.send(GET, 5.0)
        with pytest.raises(SourceDown):
            await client.send(GET, 5.0)
        clock.now += 5
        probe = asyncio.create_task(client.send(GET, 5.0))
        await partner.has_heard(6)
        with pytest.raises(SourceDown):  # one question at a time
            await client.send(GET, 5.0)
        release.set()
        assert (await probe).status == 200
        answers = await asyncio.gather(*(client.send(GET, 5.0) for _ in range(10)))
    assert [answer.status for answer in answers] == [200] * 10
    assert len(partner.heard) == 16


async def test_half_open_opens_again_when_the_one_question_fails() -> None:
    clock = Clock()
    async with (
        Partner(always(reply(500))).serving() as partner,
        partner.client(partner.place(limits=limits(patience=PATIENCE)), monotonic=clock) as client,
    ):
        for _ in range(5):
            await client.send(GET, 5.0)
        clock.now += 5
        await client.send(GET, 5.0)
        for _ in range(20):
            with pytest.raises(SourceDown):
                await client.send(GET, 5.0)
    assert len(partner.heard) == 6


async def test_an_error_of_the_question_is_no_failure_of_the_source() -> None:
    async with (
        Partner(in_turn(reply(404), reply(400), reply(403))).serving() as partner,
        partner.client(partner.place(limits=limits(patience=PATIENCE))) as client,
    ):
        for _ in range(50):
            await client.send(GET, 5.0)
    assert len(partner.heard) == 50


def test_a_cancelled_probe_gives_its_place_back() -> None:
    breaker, clock = _opened()
    clock.now += 5
    breaker.leave(breaker.enter(), None)
    breaker.leave(breaker.enter(), False)
    assert breaker.enter() == breaker.enter()


def test_what_was_asked_before_it_opened_cannot_close_it() -> None:
    clock = Clock()
    breaker = Breaker(PATIENCE, clock)
    turns = [breaker.enter() for _ in range(6)]
    for turn in turns[:5]:
        breaker.leave(turn, True)
    clock.now += 5
    breaker.enter()
    breaker.leave(turns[5], False)
    with pytest.raises(SourceDown):
        breaker.enter()


def test_a_good_answer_never_opens_it() -> None:
    breaker = Breaker(PATIENCE, Clock())
    for bad in (True, True, True, True, False):
        breaker.leave(breaker.enter(), bad)
    breaker.leave(breaker.enter(), True)
    with pytest.raises(SourceDown):
        breaker.enter()


def test_failures_before_the_window_are_forgotten() -> None:
    clock = Clock()
    breaker = Breaker(PATIENCE, clock)
    for _ in range(40):
        clock.now += 3  # at most four in the window
        breaker.leave(breaker.enter(), True)
    breaker.enter()


def _opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(PATIENCE, clock)
    for _ in range(5):
        breaker.leave(breaker.enter(), True)
    with pytest.raises(SourceDown):
        breaker.enter()
    return breaker, clock
