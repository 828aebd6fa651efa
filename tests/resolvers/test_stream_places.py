"""Where a cursor leads, and where to go on: the page and the stream say the same, and pass over nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from federation.streaming import Position
from tests.resolvers.access_kit import Scene, open_scene
from tests.resolvers.stream_world import World, world_of

if TYPE_CHECKING:
    from registry.migrate import Logins

SEER = "municipality:GM0405#participatie"
PAGE = "query($after: Cursor) { events(first: 50, after: $after) { nodes { epoch pos } } }"
Place = tuple[int, int]
Log = Mapping[int, Sequence[int]]

# What each epoch holds; the head (epoch, pos, kept_after); the cursor; what is said and where to go on, None: it lives.
CASES: Mapping[str, tuple[Log, tuple[int, int, int] | None, Place, tuple[str, Place] | None]] = {
    "it lives": ({1: [1, 2, 3]}, (1, 3, 0), (1, 1), None),
    "at the end": ({1: [1, 2, 3]}, (1, 3, 0), (1, 3), None),
    "before the first that is kept": ({1: [3, 4]}, (1, 4, 2), (1, 2), None),
    "aged": ({1: [3, 4]}, (1, 4, 2), (1, 1), ("CURSOR_EXPIRED", (1, 2))),
    "beyond the end": ({1: [1, 2, 3]}, (1, 3, 0), (1, 9), ("EPOCH_CHANGED", (1, 0))),
    "beyond the end of what is kept": ({1: [3, 4]}, (1, 4, 2), (1, 9), ("EPOCH_CHANGED", (1, 2))),
    "old, with a rest": ({1: [1, 2, 3], 2: [1]}, (2, 1, 0), (1, 1), None),
    "old, without a rest": ({1: [1, 2, 3], 2: [1]}, (2, 1, 0), (1, 3), ("EPOCH_CHANGED", (2, 0))),
    "old, and aged at its beginning": ({1: [4, 5], 2: [1]}, (2, 1, 0), (1, 1), ("CURSOR_EXPIRED", (1, 3))),
    "old, before the first that is held": ({1: [4, 5], 2: [1]}, (2, 1, 0), (1, 3), None),
    "old, all of it aged": ({2: [1, 2]}, (2, 2, 0), (1, 1), ("EPOCH_CHANGED", (2, 0))),
    "old, and the new one aged too": ({2: [8, 9]}, (2, 9, 7), (1, 1), ("EPOCH_CHANGED", (2, 7))),
    "two restores ago": ({1: [1], 2: [3, 4], 5: [1]}, (5, 1, 0), (1, 1), ("EPOCH_CHANGED", (2, 2))),
    "of an epoch to come": ({1: [1, 2]}, (1, 2, 0), (3, 1), ("EPOCH_CHANGED", (1, 0))),
    "of one who was never told anything": ({}, None, (1, 4), ("EPOCH_CHANGED", (1, 0))),
}
LOG = """
INSERT INTO event_log (seer, epoch, pos, event, logged_at)
SELECT $1, $2, p, (SELECT id FROM outbox WHERE $1 = ANY (seers) LIMIT 1), now() FROM unnest($3::bigint[]) p
"""
HEAD = "INSERT INTO stream_head (seer, epoch, pos, kept_after) VALUES ($1, $2, $3, $4)"


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as one:
        yield one


@pytest.fixture
async def world(scene: Scene, fresh_logins: Logins) -> AsyncIterator[World]:
    async with world_of(scene, fresh_logins) as one:
        yield one


async def as_it_was(world: World, log: Log, head: tuple[int, int, int] | None) -> None:
    owner = world.telling.owner
    await world.telling.many(SEER, 1)
    await owner.execute("DELETE FROM event_log WHERE seer = $1", SEER)
    await owner.execute("DELETE FROM stream_head WHERE seer = $1", SEER)
    for epoch, positions in log.items():
        await owner.execute(LOG, SEER, epoch, positions)
    if head:
        await owner.execute(HEAD, SEER, *head)


async def page(world: World, place: Place) -> tuple[list[Place], tuple[str, Place] | None]:
    """What a page after it has, or what is said."""
    cursor = world.streaming.cursor(SEER, Position(*place))
    body: Any = await world.hub.ask(SEER, PAGE, {"after": cursor})
    if "errors" not in body:
        return [(node["epoch"], node["pos"]) for node in body["data"]["events"]["nodes"]], None
    told = body["errors"][0]["extensions"]
    return [], (told["code"], place_of(world, told["cursor"]))


def place_of(world: World, cursor: str) -> Place:
    found = world.streaming.place(SEER, cursor)
    return found.epoch, found.pos


@pytest.mark.parametrize("case", CASES)
async def test_page_and_stream_say_the_same_of_a_cursor(world: World, case: str) -> None:
    log, head, place, said = CASES[case]
    await as_it_was(world, log, head)
    rest = [(place[0], pos) for pos in log.get(place[0], ()) if pos > place[1]]
    assert await page(world, place) == (([], said) if said else (rest, None))
    cursor = world.streaming.cursor(SEER, Position(*place))
    if said:
        code, told = await world.refused(SEER, cursor)
        assert (code, place_of(world, told)) == said
    else:
        client = await world.client(SEER, cursor)
        assert await client.positions(len(rest)) == [pos for _, pos in rest]


@pytest.mark.parametrize("case", [name for name in CASES if "beyond" not in name and "to come" not in name])
async def test_who_goes_on_where_it_is_told_reads_all_that_is_held_after_its_cursor(world: World, case: str) -> None:
    log, head, place, _ = CASES[case]
    await as_it_was(world, log, head)
    held = [(epoch, pos) for epoch, positions in log.items() for pos in positions if (epoch, pos) > place]
    found: list[Place] = []
    while True:
        nodes, said = await page(world, place)
        found += nodes
        if not nodes and said is None:
            break
        place = said[1] if said else nodes[-1]
    assert found == held


async def test_what_is_numbered_anew_after_a_restore_that_nobody_renewed_is_read(world: World) -> None:
    await as_it_was(world, {1: [1, 2, 3, 4, 5]}, (1, 5, 0))
    await world.telling.owner.execute("DELETE FROM event_log WHERE seer = $1 AND pos > 3", SEER)
    await world.telling.owner.execute("UPDATE stream_head SET pos = 3 WHERE seer = $1", SEER)
    await world.telling.many(SEER, 1)  # is 1.4 now, and the receiver has another 1.4
    _, said = await page(world, (1, 5))
    assert said is not None
    assert said[0] == "EPOCH_CHANGED"
    assert (1, 4) in (await page(world, said[1]))[0]


async def test_what_ages_while_a_stream_reads_an_old_epoch_is_told(world: World) -> None:
    await as_it_was(world, {1: range(1, 301), 2: [1]}, (2, 1, 0))
    client = await world.client(SEER, world.streaming.cursor(SEER, Position(1, 0)), shut=True)
    await world.telling.owner.execute("DELETE FROM event_log WHERE seer = $1 AND epoch = 1 AND pos <= 250", SEER)
    client.open.set()
    code, cursor = await client.end()
    assert (code, place_of(world, cursor)) == ("CURSOR_EXPIRED", (1, 250))
    assert [frame.pos for frame in client.got] == list(range(1, len(client.got) + 1))
    again = await world.client(SEER, cursor)
    assert await again.positions(50) == list(range(251, 301))
    assert (await again.end())[0] == "EPOCH_CHANGED"
