"""The log as its owner reads it: what erasure takes and leaves, what a cursor that lives no more says, and what nobody
may find out by asking (graph.md 6, tables.md).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import EMPLOYER, OTHER_SCHOOL, POINT, SCHOOL, TOWN, Scene, today
from tests.resolvers.uitval_kit import UITVAL, Placed, open_places, placed, presumed, report, sequenced, told

if TYPE_CHECKING:
    from registry.migrate import Logins

SEERS = (SCHOOL, TOWN, EMPLOYER)
GO_ON = "query Q($c: Cursor) { events(after: $c) { nodes { pos } } }"


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_places(fresh_database, fresh_logins) as made:
        yield made


async def story(scene: Scene) -> Placed:
    """Somebody whose place was lost, whom a town and a service point saw; the service point sees them no more."""
    who = await placed(scene)
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    point = {"party": POINT.partition("#")[0], "function": "matching"}
    await scene.done(
        SCHOOL, "presentCandidate", student=who.student, purpose="STAGE_SEARCH", servicePoint="AM27-WERKCENTRUM"
    )
    await scene.done(SCHOOL, "endAccess", person=who.student, **point)
    body = await report(scene, EMPLOYER, who.employers)
    assert "errors" not in body, body
    return who


async def test_erasure_leaves_positions_and_nothing_behind_them(scene: Scene) -> None:
    who, stays = await story(scene), await story(scene)
    before = {seer: await told(scene, seer) for seer in (*SEERS, POINT)}
    known = {seer: await scene.known(who.key, seer) for seer in (*SEERS, POINT)}
    assert any(event["forget"] == known[POINT] for event in before[POINT])
    cursor = before[SCHOOL][0]["cursor"]
    await scene.owner.execute("DELETE FROM student WHERE id = $1", who.key)
    for seer in (*SEERS, POINT):
        after = await told(scene, seer)
        assert [event["pos"] for event in after] == [event["pos"] for event in before[seer]], seer
        assert [event["cursor"] for event in after] == [event["cursor"] for event in before[seer]], seer
        gone = [event for event, earlier in zip(after, before[seer], strict=True) if event != earlier]
        assert gone, seer
        assert all(event["withheld"] for event in gone), seer
        bare = {name for event in gone for name, value in event.items() if value is not None}
        assert bare == {"cursor", "epoch", "pos", "withheld"}, seer
        assert known[seer].partition(":")[2] not in str(after), seer
    others = str(await told(scene, SCHOOL))
    assert stays.student in others
    assert codes(await scene.hub.ask(SCHOOL, GO_ON, {"c": cursor})) == []


async def test_erasure_takes_the_young_person_out_of_every_table_of_the_log(scene: Scene) -> None:
    who = await story(scene)
    await sequenced(scene)
    aliases = await scene.owner.fetch("SELECT alias FROM sight WHERE student = $1", who.key)
    await scene.owner.execute("DELETE FROM student WHERE id = $1", who.key)
    for table in ("outbox", "event_log", "uitval", "placement", "access", "sight", "lead"):
        rows = str(await scene.owner.fetch(f"SELECT t::text FROM {table} t"))
        for key in (who.key, *(row["alias"] for row in aliases)):
            assert str(key) not in rows, table
    holes = (
        "SELECT seer FROM event_log GROUP BY seer, epoch HAVING count(*) <> max(pos) - min(pos) + 1 OR min(pos) <> 1"
    )
    assert await scene.owner.fetch(holes) == []


async def test_a_cursor_of_an_epoch_that_is_over_says_so_even_where_nothing_follows(scene: Scene) -> None:
    await story(scene)
    *_, last = await told(scene, SCHOOL)
    assert codes(await scene.hub.ask(SCHOOL, GO_ON, {"c": last["cursor"]})) == []
    await scene.owner.execute("UPDATE stream_head SET epoch = epoch + 1, pos = 0 WHERE seer = $1", SCHOOL)
    try:
        assert codes(await scene.hub.ask(SCHOOL, GO_ON, {"c": last["cursor"]})) == ["EPOCH_CHANGED"]
    finally:
        await scene.owner.execute(
            "UPDATE stream_head SET epoch = epoch - 1, pos = $2 WHERE seer = $1", SCHOOL, last["pos"]
        )


async def test_a_cursor_behind_what_is_kept_says_so(scene: Scene) -> None:
    await story(scene)
    first, second, *_ = await told(scene, SCHOOL)
    await scene.owner.execute("UPDATE stream_head SET kept_after = $2 WHERE seer = $1", SCHOOL, second["pos"])
    try:
        assert codes(await scene.hub.ask(SCHOOL, GO_ON, {"c": first["cursor"]})) == ["CURSOR_EXPIRED"]
        assert codes(await scene.hub.ask(SCHOOL, GO_ON, {"c": second["cursor"]})) == []
    finally:
        await scene.owner.execute("UPDATE stream_head SET kept_after = 0 WHERE seer = $1", SCHOOL)


async def test_nobody_but_the_lead_finds_out_that_a_silence_was_noted(scene: Scene) -> None:
    """The same words whether or not one was."""
    silent, plain = [await placed(scene, to=str(today() + timedelta(days=9))) for _ in range(2)]
    await scene.owner.execute("UPDATE placement SET to_on = today() - 1 WHERE student = $1", plain.key)
    await presumed(scene, silent.key)
    said: list[Any] = []
    for who in (silent, plain):
        await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
        card = await scene.known(who.key, TOWN)
        fields = "placements { nodes { id state kind } }"
        body = await scene.hub.ask(TOWN, f'{{ student(id: "{card}") {{ {fields} }} }}')
        (place,) = body["data"]["student"]["placements"]["nodes"]
        body = await scene.do(TOWN, "confirmUitval", UITVAL, placement=place.pop("id"), how="MOVED")
        said.append((place, codes(body), body["errors"][0]["message"]))
    assert said[0] == said[1]
    assert said[0][1] == ["BAD_INPUT"]


@pytest.mark.parametrize("part", ["", "\x00", "0123456789a", "0123456789ab'", "é", "0" * 300])
async def test_an_id_that_is_none_is_not_found(scene: Scene, part: str) -> None:
    who = await placed(scene)
    alias = who.placement.partition(":")[2].partition(".")[0]
    for reference in (f"Placement:{alias}.{part}", f"Placement:{uuid4()}.{part}", f"Uitval:{alias}.{part}"):
        assert codes(await report(scene, SCHOOL, reference)) == ["NOT_FOUND"]


async def test_what_is_left_of_an_old_epoch_is_read_and_then_the_new_one_is_named(scene: Scene) -> None:
    """As after `spil events renew`."""
    for _ in range(3):
        await report(scene, EMPLOYER, (await placed(scene)).employers)
    every = await told(scene, SCHOOL)
    before = await scene.owner.fetchrow("SELECT epoch, pos FROM stream_head WHERE seer = $1", SCHOOL)
    await scene.owner.execute(
        "UPDATE stream_head SET epoch = epoch + 1, pos = 0, kept_after = 0 WHERE seer = $1", SCHOOL
    )
    try:
        await report(scene, EMPLOYER, (await placed(scene)).employers)
        await sequenced(scene)
        rest = await scene.hub.ask(SCHOOL, GO_ON, {"c": every[-3]["cursor"]})
        assert [node["pos"] for node in rest["data"]["events"]["nodes"]] == [before["pos"] - 1, before["pos"]]
        over = await scene.hub.ask(SCHOOL, GO_ON, {"c": every[-1]["cursor"]})
        assert codes(over) == ["EPOCH_CHANGED"]
        new = await scene.hub.ask(SCHOOL, GO_ON, {"c": over["errors"][0]["extensions"]["cursor"]})
        assert new["data"]["events"]["nodes"][0]["pos"] == 1
    finally:
        await scene.owner.execute("DELETE FROM event_log WHERE seer = $1 AND epoch > $2", SCHOOL, before["epoch"])
        await scene.owner.execute("UPDATE stream_head SET epoch = $2, pos = $3 WHERE seer = $1", SCHOOL, *before)


END = """query Q($a: Cursor, $b: Cursor, $n: Int) {
  events(last: $n, after: $a, before: $b) { pageInfo { startCursor endCursor } }
}"""


async def ends(scene: Scene, seer: str, n: int = 1, **where: str) -> tuple[str | None, str | None]:
    """Where a page of the log begins and ends."""
    body = await scene.hub.ask(seer, END, {"n": n, **where})
    assert "errors" not in body, body
    info = body["data"]["events"]["pageInfo"]
    return info["startCursor"], info["endCursor"]


async def test_who_was_never_told_anything_begins_exactly_where_its_log_does(scene: Scene) -> None:
    """The recipe of docs/streams.md, and then the first event that there is."""
    assert await scene.owner.fetchval("SELECT count(*) FROM stream_head WHERE seer = $1", OTHER_SCHOOL) == 0
    start, end = await ends(scene, OTHER_SCHOOL)
    assert start is None
    assert end is not None
    assert await ends(scene, OTHER_SCHOOL, a=end) == (None, end)
    await scene.owner.execute(
        "INSERT INTO outbox (type, subject_kind, seers)"
        " VALUES ('nl.arbeidstoeleiding.termijn-overschreden.v1', 'NONE', ARRAY[$1])",
        OTHER_SCHOOL,
    )
    await sequenced(scene)
    body = await scene.hub.ask(OTHER_SCHOOL, GO_ON, {"c": end})
    assert [node["pos"] for node in body["data"]["events"]["nodes"]] == [1]


async def test_an_empty_page_of_the_log_ends_where_the_log_does_and_never_passes_anything_over(scene: Scene) -> None:
    await story(scene)
    first, *_, last = await told(scene, SCHOOL)
    assert await ends(scene, SCHOOL, a=last["cursor"]) == (None, last["cursor"])
    assert await ends(scene, SCHOOL, 0) == (None, None)
    assert await ends(scene, SCHOOL, 0, a=first["cursor"]) == (None, None)
    assert await ends(scene, SCHOOL, b=first["cursor"]) == (None, None)
    await scene.owner.execute("UPDATE stream_head SET epoch = epoch + 1, pos = 0 WHERE seer = $1", SCHOOL)
    try:
        over = await scene.hub.ask(SCHOOL, GO_ON, {"c": last["cursor"]})
        begin = over["errors"][0]["extensions"]["cursor"]
        assert await ends(scene, SCHOOL, a=begin) == (None, begin)
    finally:
        await scene.owner.execute(
            "UPDATE stream_head SET epoch = epoch - 1, pos = $2 WHERE seer = $1", SCHOOL, last["pos"]
        )


async def test_an_empty_page_of_any_other_list_has_no_cursor(scene: Scene) -> None:
    body = await scene.hub.ask(OTHER_SCHOOL, "{ uitvallen(first: 1) { pageInfo { startCursor endCursor } } }")
    assert body["data"]["uitvallen"]["pageInfo"] == {"startCursor": None, "endCursor": None}
