"""Streams: one reading for all who ask the same, no gap and no double, and what ends one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from federation.document import Problems
from federation.limits import Limits
from federation.streaming import Position
from resolvers.subscriber import LOW, MOST
from tests.resolvers.access_kit import SCHOOL, TOWN, Scene, open_scene
from tests.resolvers.stream_world import EVENTS, World, world_of
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


# ---- sharing


async def test_one_reading_serves_all_who_ask_the_same_and_names_them(scene: Scene, world: World) -> None:
    student = await scene.student()
    whos = [f"portal person-{number % 3}" for number in range(20)]
    clients = [await world.client(SCHOOL, who=who) for who in whos]
    await world.telling.tell(SCHOOL, "regie-overgedragen", student=await scene.key(student))
    events = [(await client.until(1))[0] for client in clients]
    assert world.streams.readings == 1
    assert {json.dumps(event) for event in events} == {json.dumps(events[0])}
    assert events[0]["student"] == {"id": student}
    (read,) = world.hub.reads
    assert read.subscribers == ("portal person-0", "portal person-1", "portal person-2")
    assert read.viewer.seer == SCHOOL
    assert read.viewer.subject is None
    assert len(read.students) == 1


async def test_who_differs_in_where_it_began_alone_shares_the_reading(world: World) -> None:
    first = await world.client(SCHOOL)
    await world.telling.many(SCHOOL, 2)
    await first.until(2)
    second = await world.client(SCHOOL, first.got[1].cursor)
    before = world.streams.readings
    await world.telling.many(SCHOOL, 1)
    await first.until(3)
    await second.until(1)
    assert world.streams.readings == before + 1


async def test_another_document_and_another_seer_are_read_by_themselves(world: World) -> None:
    clients = [
        await world.client(SCHOOL),
        await world.client(SCHOOL, query=EVENTS.replace("type", "t: type")),
        await world.client(TOWN),
    ]
    await world.telling.many(SCHOOL, 1)
    await world.telling.many(TOWN, 1)
    for client in clients:
        await client.until(1)
    assert world.streams.readings == 3


async def test_a_reader_ends_with_its_last_subscriber(world: World) -> None:
    first, second = await world.client(SCHOOL), await world.client(SCHOOL)
    world.streams.leave(first.subscriber)
    world.streams.leave(first.subscriber)
    await world.telling.many(SCHOOL, 1)
    await second.until(1)
    world.streams.leave(second.subscriber)
    assert (first.got, world.streams._readers, world.streams._of) == ([], {}, {})


# ---- no gap and no double


async def test_resumption_is_exact_from_every_position(world: World) -> None:
    first = await world.client(SCHOOL)
    await world.telling.many(SCHOOL, 130)
    positions = await first.positions(130)
    assert positions == list(range(positions[0], positions[0] + 130))
    for cut in (0, 1, 57, 99, 100, 128):
        client = await world.client(SCHOOL, first.got[cut].cursor)
        assert await client.positions(129 - cut) == positions[cut + 1 :]
        world.streams.leave(client.subscriber)


async def test_clients_that_come_and_go_while_events_come_miss_none(world: World) -> None:
    witness = await world.client(SCHOOL)
    await world.telling.many(SCHOOL, 1)
    await witness.until(1)
    cursor, taken = witness.got[0].cursor, []
    for _ in range(12):
        client = await world.client(SCHOOL, cursor)
        await world.telling.many(SCHOOL, 7)
        await client.until(3)
        world.streams.leave(client.subscriber)
        taken += [frame.pos for frame in client.got]
        cursor = client.got[-1].cursor
    last = await world.client(SCHOOL, cursor)
    rest = (await world.telling.head(SCHOOL))[1] - taken[-1]
    taken += await last.positions(rest)
    assert taken == [frame.pos for frame in witness.got][1:] or taken == (await witness.positions(len(taken) + 1))[1:]


async def test_while_the_registry_is_away_a_stream_waits_and_then_goes_on(world: World) -> None:
    client = await world.client(SCHOOL)
    world.heads.away = True
    await world.telling.many(SCHOOL, 3)
    with pytest.raises(Problems):
        await world.client(TOWN)
    world.heads.away = False
    assert len(await client.positions(3)) == 3


async def test_who_joins_during_a_reading_reads_that_batch_by_itself(
    scene: Scene, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is read for is named: the newcomer's own reading names it."""
    student = await scene.key(await scene.student())
    first = await world.client(SCHOOL, who="portal first")
    started, go_on = asyncio.Event(), asyncio.Event()
    texts = world.streaming._texts

    async def slowly(*asked: Any) -> Any:
        started.set()
        await go_on.wait()
        return await texts(*asked)

    monkeypatch.setattr(world.streaming, "_texts", slowly)
    heads = await world.telling.head(SCHOOL)
    await world.telling.tell(SCHOOL, "regie-overgedragen", student=student)
    await within(10, started.wait())
    cursor = world.streaming.cursor(SCHOOL, Position(*heads))
    second = await world.client(SCHOOL, cursor, who="portal second")
    go_on.set()
    assert await first.positions(1) == await second.positions(1)
    assert [read.subscribers for read in world.hub.reads] == [("portal first",), ("portal second",)]


# ---- rights


async def test_what_is_no_longer_seen_comes_withheld_and_its_end_comes_with_whom_to_forget(
    scene: Scene, world: World
) -> None:
    student = await scene.student()
    key = await scene.key(student)
    await scene.reason(key, TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED")
    known = await scene.known(key, TOWN)
    client = await world.client(TOWN)
    await world.telling.tell(TOWN, "uitval-gemeld", student=key)
    assert (await client.until(1))[0]["student"] == {"id": known}
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE student = $1 AND seer = $2", key, TOWN)
    await world.telling.tell(TOWN, "uitval-opgepakt", student=key)
    await world.telling.tell(TOWN, "toegang-beeindigd", student=key, kind="ENDING")
    withheld, ending = (await client.until(3))[1:]
    assert (withheld["withheld"], withheld["type"], withheld["student"]) == (True, None, None)
    assert (ending["withheld"], ending["type"], ending["forget"]) == (False, "TOEGANG_BEEINDIGD", known)
    # A replay tells no more than today's rights: the first one is withheld by now.
    again = await world.client(TOWN, world.streaming.cursor(TOWN, Position(1, client.got[0].pos - 1)))
    assert [event["withheld"] for event in await again.until(3)] == [True, True, False]


# ---- what ends a stream


async def test_a_slow_client_is_ended_with_the_cursor_to_go_on_from_and_the_others_have_all(world: World) -> None:
    slow, quick = await world.client(SCHOOL, shut=True), await world.client(SCHOOL)
    await world.telling.many(SCHOOL, MOST + 150)
    positions = await quick.positions(MOST + 150)
    slow.open.set()
    code, cursor = await slow.end()
    assert code == "SLOW_CONSUMER"
    assert [frame.pos for frame in slow.got] == positions[: len(slow.got)]
    assert slow.subscriber not in world.streams._of
    again = await world.client(SCHOOL, cursor)
    rest = len(positions) - len(slow.got)
    assert [frame.pos for frame in slow.got] + await again.positions(rest) == positions


async def test_a_client_that_takes_nothing_at_all_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.subscriber.PATIENCE", 0.01)
    client = await world.client(SCHOOL, shut=True)
    await world.telling.many(SCHOOL, 1)
    assert (await client.end())[0] == "SLOW_CONSUMER"
    assert client.got == []


async def test_a_client_that_catches_up_slowly_is_waited_for(world: World) -> None:
    first = await world.client(SCHOOL)
    await world.telling.many(SCHOOL, 3 * MOST)
    await first.until(3 * MOST)
    client = await world.client(SCHOOL, first.got[0].cursor, shut=True)
    await world.telling.many(SCHOOL, 1)
    await first.until(3 * MOST + 1)
    assert len(client.subscriber._waiting or ()) <= MOST
    assert LOW < MOST
    client.open.set()
    assert await client.positions(3 * MOST) == [frame.pos for frame in first.got[1:]]


async def test_a_new_epoch_ends_streams_when_the_old_one_is_read_and_says_the_place_to_go_on(
    scene: Scene, world: World
) -> None:
    seer = "municipality:GM0344#participatie"
    client = await world.client(seer)
    await world.telling.many(seer, 2)
    await client.until(2)
    await scene.owner.execute("UPDATE stream_head SET epoch = 2, pos = 0, kept_after = 0 WHERE seer = $1", seer)
    code, cursor = await client.end()
    assert code == "EPOCH_CHANGED"
    assert await world.refused(seer, client.got[1].cursor) == ("EPOCH_CHANGED", cursor)
    late = await world.client(seer, client.got[0].cursor)
    assert await late.end() == ("EPOCH_CHANGED", cursor)
    assert [(frame.pos, frame.cursor) for frame in late.got] == [(2, client.got[1].cursor)]
    await world.telling.many(seer, 3)
    again = await world.client(seer, cursor)
    assert await again.positions(3) == [1, 2, 3]


async def test_what_nobody_had_read_when_the_epoch_ended_comes_before_the_end(scene: Scene, world: World) -> None:
    seer = "municipality:GM0405#participatie"
    clients = [await world.client(seer) for _ in range(2)]
    world.heads.away = True  # the heads are not seen between these
    await world.telling.many(seer, 120)
    await scene.owner.execute("DELETE FROM event_log WHERE seer = $1 AND pos = 7", seer)
    await scene.owner.execute("UPDATE stream_head SET epoch = 2, pos = 0, kept_after = 0 WHERE seer = $1", seer)
    world.heads.away = False
    for client in clients:
        code, cursor = await client.end()
        assert (code, world.streaming.place(seer, cursor)) == ("EPOCH_CHANGED", Position(2, 0))
        assert [frame.pos for frame in client.got] == [one for one in range(1, 121) if one != 7]
    assert (world.streams._of, world.streams._readers) == ({}, {})


async def test_a_cursor_from_before_what_is_kept_says_the_oldest_that_can_be_had(scene: Scene, world: World) -> None:
    seer = "servicepoint:AM01-WERKCENTRUM#matching"
    client = await world.client(seer, query="subscription { events { pos } }")
    await world.telling.many(seer, 5)
    await client.until(5)
    await scene.owner.execute("UPDATE stream_head SET kept_after = 3 WHERE seer = $1", seer)
    await scene.owner.execute("DELETE FROM event_log WHERE seer = $1 AND pos <= 3", seer)
    query = "subscription($after: Cursor) { events(after: $after) { pos } }"
    with pytest.raises(Problems) as problems:
        await world.client(seer, client.got[1].cursor, query)
    problem = problems.value.problems[0]
    assert problem.error.code == "CURSOR_EXPIRED"
    again = await world.client(seer, str(problem.details["cursor"]), query)
    assert await again.positions(2) == [4, 5]


async def test_a_cursor_that_the_log_has_not_reached_is_no_place_to_wait_at(world: World) -> None:
    """As after a restore that nobody renewed: what comes would be numbered below it, and passed over."""
    epoch, pos = await world.telling.head(TOWN)
    code, cursor = await world.refused(TOWN, world.streaming.cursor(TOWN, Position(epoch, pos + 5)))
    assert code == "EPOCH_CHANGED"
    assert world.streaming.place(TOWN, str(cursor)).pos == 0


async def test_a_log_that_lost_its_tail_ends_the_streams_that_read_further(scene: Scene, world: World) -> None:
    """A restore that nobody renewed: who waited on would pass over what is numbered below."""
    seer = "employer:90000001#mentor"
    query = "subscription { events { pos } }"
    client = await world.client(seer, query=query)
    await world.telling.many(seer, 5)
    await client.until(5)
    await scene.owner.execute("DELETE FROM event_log WHERE seer = $1 AND pos > 3", seer)
    await scene.owner.execute("UPDATE stream_head SET pos = 3 WHERE seer = $1", seer)
    code, cursor = await client.end()
    assert code == "EPOCH_CHANGED"
    assert world.streaming.place(seer, cursor).pos == 0


async def test_a_cursor_of_another_party_is_refused(world: World) -> None:
    code, _ = await world.refused(TOWN, world.streaming.cursor(SCHOOL, Position(1, 1)))
    assert code == "BAD_CURSOR"


# ---- what fails


async def test_an_event_that_fails_says_so_at_its_place_and_takes_no_other_with_it(
    scene: Scene, fresh_logins: Logins
) -> None:
    student = await scene.key(await scene.student())
    async with world_of(scene, fresh_logins, Limits(answer_bytes=400)) as world:
        client = await world.client(
            SCHOOL, query="subscription { events { pos type student { id sectors leavesOn } } }"
        )
        await world.telling.many(SCHOOL, 4)
        await client.until(4)
        long = "a" * 90 + ": id "
        query = (
            "subscription { events { pos student { " + "".join(long.replace("a:", f"a{n}:") for n in range(5)) + "} } }"
        )
        wide = await world.client(SCHOOL, query=query)
        await world.telling.tell(SCHOOL, "plaats-vrijgekomen")
        await world.telling.tell(SCHOOL, "regie-overgedragen", student=student)
        await world.telling.tell(SCHOOL, "plaats-vrijgekomen")

        async def three() -> None:
            while len(wide.got) < 3:
                wide.heard.clear()
                await wide.heard.wait()

        await within(20, three())
    bodies = [json.loads(frame.body) for frame in wide.got]
    assert [body["errors"][0]["extensions"]["code"] for body in bodies if "errors" in body] == ["ANSWER_TOO_LARGE"]
    assert bodies[1]["data"] is None
    assert bodies[1]["extensions"]["cursor"] == wide.got[1].cursor
    assert [frame.pos for frame in wide.got] == [wide.got[0].pos + n for n in range(3)]
