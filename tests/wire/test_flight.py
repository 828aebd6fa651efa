"""Equal questions at one moment are one request."""

from __future__ import annotations

import asyncio

import pytest

from schema.errors import SourceDown
from tests.wire.partner_kit import Heard, Partner, always, failure_of, limits, reply
from wire.flight import Flights
from wire.messages import Answer, Ask
from wire.source_client import SourceClient

KEY = ("source", "identity", ("L1", "L2"), "school:90ZA00", "NAME", "CAREER_GUIDANCE")


class Held:
    """A partner that answers when it is told to."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.partner = Partner(self._act)

    async def _act(self, _: Heard) -> bytes:
        await self.release.wait()
        return reply(200, b"[1]")


async def _ask(client: SourceClient) -> Answer:
    return await client.send(Ask("GET", "/x"), 5.0)


async def test_fifty_equal_calls_are_one_request() -> None:
    held, flights = Held(), Flights[Answer]()
    async with held.partner.serving(), held.partner.client() as client:
        tasks = [asyncio.create_task(flights.share(KEY, lambda: _ask(client))) for _ in range(50)]
        await held.partner.has_heard(1)
        held.release.set()
        answers = await asyncio.gather(*tasks)
    assert [answer.body for answer in answers] == [b"[1]"] * 50
    assert len(held.partner.heard) == 1


async def test_another_party_or_tier_is_another_flight() -> None:
    async with Partner(always(reply())).serving() as partner, partner.client() as client:
        flights = Flights[Answer]()
        keys = [KEY, (*KEY[:3], "municipality:GM0796", *KEY[4:]), (*KEY[:4], "GIVEN_NAME", KEY[5])]
        await asyncio.gather(*(flights.share(key, lambda: _ask(client)) for key in keys))
    assert len(partner.heard) == 3


async def test_nothing_is_kept_after_the_flight() -> None:
    async with Partner(always(reply())).serving() as partner, partner.client() as client:
        flights = Flights[Answer]()
        for _ in range(2):
            await flights.share(KEY, lambda: _ask(client))
    assert len(partner.heard) == 2


async def test_one_who_stops_waiting_does_not_stop_the_others() -> None:
    held, flights = Held(), Flights[Answer]()
    async with held.partner.serving(), held.partner.client() as client:
        first, second = (asyncio.create_task(flights.share(KEY, lambda: _ask(client))) for _ in range(2))
        await held.partner.has_heard(1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        held.release.set()
        assert (await second).body == b"[1]"
    assert first.cancelled()
    assert len(held.partner.heard) == 1


async def test_when_nobody_waits_the_question_is_withdrawn() -> None:
    held, flights = Held(), Flights[Answer]()
    async with (
        held.partner.serving(),
        held.partner.client(held.partner.place(limits=limits(concurrent=1))) as client,
    ):
        tasks = [asyncio.create_task(flights.share(KEY, lambda: _ask(client))) for _ in range(3)]
        await held.partner.has_heard(1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        held.release.set()
        assert (await flights.share(KEY, lambda: _ask(client))).body == b"[1]"  # the only seat is free
    assert len(held.partner.heard) == 2


async def test_an_error_is_everybodys_and_is_not_kept() -> None:
    flights, release, asked = Flights[int](), asyncio.Event(), 0

    async def fail() -> int:
        nonlocal asked
        asked += 1
        await release.wait()
        raise SourceDown

    tasks = [asyncio.create_task(flights.share(KEY, fail)) for _ in range(5)]
    release.set()
    assert failure_of(await asyncio.gather(*tasks, return_exceptions=True), SourceDown) == 5
    assert asked == 1
    with pytest.raises(SourceDown):
        await flights.share(KEY, fail)
    assert asked == 2
