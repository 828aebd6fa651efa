"""A source that hangs takes its own seats and no others."""

from __future__ import annotations

import asyncio

import pytest

from schema.errors import SourceDown
from tests.wire.partner_kit import Heard, Partner, always, limits, reply
from wire.messages import Ask

GET = Ask("GET", "/x")


async def test_a_full_source_refuses_at_once_and_others_do_not_notice() -> None:
    held = asyncio.Event()

    async def wait(_: Heard) -> bytes:
        await held.wait()
        return reply()

    async with (
        Partner(wait).serving() as slow,
        Partner(always(reply())).serving() as quick,
        slow.client(slow.place(limits=limits(concurrent=2))) as full,
        quick.client() as free,
    ):
        two = [asyncio.create_task(full.send(GET, 30.0)) for _ in range(2)]
        await slow.has_heard(2)
        async with asyncio.timeout(1):
            with pytest.raises(SourceDown, match="Too many"):
                await full.send(GET, 30.0)
            assert (await free.send(GET, 30.0)).status == 200
        held.set()
        assert [answer.status for answer in await asyncio.gather(*two)] == [200, 200]
        assert (await full.send(GET, 30.0)).status == 200
    assert len(slow.heard) == 3


async def test_a_caller_who_leaves_gives_the_seat_back() -> None:
    held = asyncio.Event()

    async def wait(_: Heard) -> bytes:
        await held.wait()
        return reply()

    async with (
        Partner(wait).serving() as partner,
        partner.client(partner.place(limits=limits(concurrent=1))) as client,
    ):
        task = asyncio.create_task(client.send(GET, 30.0))
        await partner.has_heard(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        held.set()
        assert (await client.send(GET, 30.0)).status == 200
