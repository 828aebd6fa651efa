"""How old an answer may be when it goes out, what a slow client is read for, and what breaks without ending streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from federation.streaming import Frame
from resolvers.subscriber import LOW, Subscriber
from schema.errors import SpilError
from tests.resolvers.access_kit import SCHOOL, Scene, open_scene
from tests.resolvers.stream_world import World, world_of
from tests.stream_kit import within

if TYPE_CHECKING:
    from registry.migrate import Logins


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as one:
        yield one


@pytest.fixture
async def world(scene: Scene, fresh_logins: Logins) -> AsyncIterator[World]:
    async with world_of(scene, fresh_logins) as one:
        yield one


async def test_what_waited_too_long_is_read_anew_under_todays_rights(
    scene: Scene, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.subscriber.PATIENCE", 1.0)
    key = await scene.key(await scene.student())
    before = await world.client(SCHOOL)
    await world.telling.many(SCHOOL, 1)
    (frame,) = (await before.until(1), before.got)[1]
    slow = await world.client(SCHOOL, frame.cursor, shut=True)
    for _ in range(5):
        await world.telling.tell(SCHOOL, "regie-overgedragen", student=key)
    assert [event["withheld"] for event in (await before.until(6))[1:]] == [False] * 5
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE student = $1", key)
    code, cursor = await slow.end()
    slow.open.set()
    assert (code, cursor, slow.got) == ("SLOW_CONSUMER", frame.cursor, [])
    again = await world.client(SCHOOL, cursor)
    assert [event["withheld"] for event in await again.until(5)] == [True] * 5


async def test_an_answer_that_is_too_old_does_not_go_out_though_it_could(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, ended = [], asyncio.get_running_loop().create_future()

    async def send(frame: Frame) -> None:
        sent.append(frame.pos)
        if frame.pos == 1:
            monkeypatch.setattr("resolvers.subscriber.PATIENCE", -1.0)  # as if it had taken so long

    async def over(error: SpilError, cursor: str) -> None:
        ended.set_result((error.code, cursor))

    Subscriber("portal someone", send, over).take([Frame(pos, f"c{pos}", b"{}") for pos in (1, 2, 3)], 3)
    assert await within(10, ended) == ("SLOW_CONSUMER", "c1")
    assert sent == [1]


async def test_an_answer_whose_sending_breaks_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, ended = [], asyncio.get_running_loop().create_future()

    async def send(frame: Frame) -> None:
        if frame.pos == 2:
            raise ValueError
        sent.append(frame.pos)

    async def over(error: SpilError, cursor: str) -> None:
        ended.set_result((error.code, cursor))

    one = Subscriber("portal someone", send, over)
    one.take([Frame(pos, f"c{pos}", b"{}") for pos in (1, 2, 3)], 3)
    assert await within(10, ended) == ("INTERNAL", "c1")
    one.take([Frame(4, "c4", b"{}")], 4)
    assert (sent, one.over) == ([1], True)


async def test_who_takes_slowly_and_steadily_catches_up_without_an_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So slowly that a whole batch, and what waits before it, would be too old before its last."""
    count, pace, patience = 120, 0.03, 2.5
    assert (100 + LOW) * pace > patience
    monkeypatch.setattr("resolvers.subscriber.PATIENCE", patience)
    first = await world.client(SCHOOL)
    await world.telling.many(SCHOOL, count + 1)
    positions = await first.positions(count + 1)
    client = await world.client(SCHOOL, first.got[0].cursor, shut=True)
    send = client.subscriber._send

    async def slowly(frame: Frame) -> None:
        await asyncio.sleep(pace)  # what a frame takes on its wire
        await send(frame)

    client.subscriber._send = slowly
    client.open.set()
    assert await client.positions(count) == positions[1:]
    assert client.ended == []


async def test_whatever_breaks_in_a_look_at_the_heads_the_next_one_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await world.client(SCHOOL)
    await world.telling.many(SCHOOL, 1)
    await client.until(1)
    heads, broken = world.streams._heads, asyncio.Event()

    async def once(seers: Sequence[str]) -> Mapping[str, Any]:
        if not broken.is_set():
            broken.set()
            raise RuntimeError("words")
        return await heads(seers)

    monkeypatch.setattr(world.streams, "_heads", once)
    await within(10, broken.wait())
    await world.telling.many(SCHOOL, 1)
    await client.until(2)
    assert world.lines == [{"event": "loop broke", "loop": "streams", "why": "RuntimeError", "again_in": 0.5}]
