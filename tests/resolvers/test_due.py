"""Due, then late: the lead is reminded, the coordinator of its region sees that it is late, the country how many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import EMPLOYER, OTHER_TOWN, POINT, SCHOOL, TOWN, Scene, open_scene, today
from tests.resolvers.uitval_kit import UITVAL, Placed, placed, report, sequenced, types_about

if TYPE_CHECKING:
    from registry.migrate import Logins

COORDINATOR, OTHER_COORDINATOR, NATIONAL = (
    "coordinator:AM27#coordinator",
    "coordinator:AM01#coordinator",
    "national#lead",
)
DUE = (
    "{ dueItems(first: 100) { nodes { id process step dueAt reminded student { id }"
    " case { __typename ... on Uitval { id } } } } }"
)
LATE = (
    "query Q($open: Boolean) { overdueItems(first: 100, filter: {open: $open}) { totalCount nodes"
    " { id process step lateParty region { code } dueOn escalatedOn clearedOn } } }"
)
TO_TOWN = {"party": "municipality:GM0796", "function": "participatie"}
VERY_LATE = timedelta(days=60)


@pytest.fixture(scope="module")
async def made(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as scene:
        await scene.owner.execute("INSERT INTO employer (kvk, name) VALUES ('90000001', 'Bakkerij De Proef')")
        yield scene


@pytest.fixture
async def scene(made: Scene) -> Scene:
    """Without what an earlier test left."""
    await made.owner.execute("DELETE FROM student; DELETE FROM overdue; DELETE FROM figure_overdue")
    return made


async def lost(scene: Scene) -> tuple[Placed, str]:
    """A young person whose place was lost just now, and the uitval as the school has it."""
    who = await placed(scene)
    done = await report(scene, SCHOOL, who.placement)
    return who, done["data"]["reportUitval"]["uitval"]["id"]


async def dues(scene: Scene, seer: str) -> list[dict[str, Any]]:
    body = await scene.hub.ask(seer, DUE)
    assert "errors" not in body, body
    return list(body["data"]["dueItems"]["nodes"])


async def late(scene: Scene, seer: str, only_open: bool | None = None) -> list[dict[str, Any]]:
    body = await scene.hub.ask(seer, LATE, {"open": only_open})
    assert "errors" not in body, body
    assert body["data"]["overdueItems"]["totalCount"] == len(body["data"]["overdueItems"]["nodes"])
    return list(body["data"]["overdueItems"]["nodes"])


async def figures(scene: Scene) -> list[tuple[str | None, str, str]]:
    body = await scene.hub.ask(NATIONAL, "{ overdueFigures { region { code } process step items } }")
    assert "errors" not in body, body
    return [
        (one["region"]["code"] if one["region"] else None, one["step"], one["items"])
        for one in body["data"]["overdueFigures"]
    ]


async def due_at(scene: Scene, who: Placed) -> datetime:
    sql = "SELECT due_at FROM due WHERE student = $1 AND done_at IS NULL"
    found: datetime = await scene.owner.fetchval(sql, who.key)
    return found


async def tick(worker: Any, who: Placed, at: datetime) -> int:
    done: int = await worker.fetchval("SELECT clocks_tick($1, $2)", who.key, at)
    return done


async def very_late(scene: Scene, worker: Any, who: Placed) -> None:
    """Reminded, and then left lying until the coordinator is told."""
    first = await due_at(scene, who)
    await tick(worker, who, first)
    await tick(worker, who, await scene.owner.fetchval("SELECT max(next_at) FROM due WHERE student = $1", who.key))


async def test_each_step_is_due_to_the_lead_counted_from_the_report(scene: Scene) -> None:
    who, uitval = await lost(scene)
    begun = await scene.owner.fetchval("SELECT reported_at FROM uitval WHERE student = $1", who.key)
    for step, days, name, more in (
        ("PICK_UP", 2, "acknowledgeUitval", {}),
        ("PLAN_INTERVIEW", 10, "planInterview", {"on": str(today() + timedelta(days=9))}),
        ("HOLD_INTERVIEW", 20, "holdInterview", {"on": str(today())}),
    ):
        (item,) = await dues(scene, SCHOOL)
        assert (item["process"], item["step"], item["reminded"]) == ("UITVAL", step, False)
        assert item["student"]["id"] == who.student
        assert item["case"] == {"__typename": "Uitval", "id": uitval}
        wanted = await scene.owner.fetchval("SELECT due_after($1, $2, 'OFFICE', NULL)", begun, days)
        assert item["dueAt"] == f"{wanted.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        assert await dues(scene, TOWN) == []
        await scene.done(SCHOOL, name, UITVAL, uitval=uitval, **more)
    assert await dues(scene, SCHOOL) == [], "nothing is due of what is recorded when it comes"


async def test_a_step_in_time_reminds_nobody(scene: Scene, worker: Any) -> None:
    who, uitval = await lost(scene)
    at = await due_at(scene, who)
    assert await tick(worker, who, at - timedelta(microseconds=1)) == 0
    await scene.done(SCHOOL, "planInterview", UITVAL, uitval=uitval, on=str(today()))
    assert await tick(worker, who, at) == 0
    assert "uitval-termijn-verlopen" not in await types_about(scene, SCHOOL, who.key)


async def test_late_is_reminded_once_then_seen_by_the_coordinator_without_the_young_person(
    scene: Scene, worker: Any
) -> None:
    who, _ = await lost(scene)
    at = await due_at(scene, who)
    assert await tick(worker, who, at) == 1
    assert await tick(worker, who, at + timedelta(hours=1)) == 0
    assert (await types_about(scene, SCHOOL, who.key))[-1] == "uitval-termijn-verlopen"
    (item,) = await dues(scene, SCHOOL)
    assert item["reminded"] is True
    assert await late(scene, COORDINATOR) == []
    told_at = await scene.owner.fetchval("SELECT due_after($1, 2, 'OFFICE', NULL)", at)
    assert await tick(worker, who, told_at - timedelta(microseconds=1)) == 0
    assert await tick(worker, who, told_at) == 1
    (seen,) = await late(scene, COORDINATOR)
    assert await late(scene, SCHOOL) == [seen], "the same item, the same id"
    assert (seen["lateParty"], seen["step"], seen["region"]) == ("school:90ZX00", "PICK_UP", {"code": "AM27"})
    last_day = (at - timedelta(seconds=1)).astimezone(UTC).date()
    assert (seen["dueOn"], seen["clearedOn"]) == (str(last_day), None)
    for other in (OTHER_COORDINATOR, TOWN, OTHER_TOWN, EMPLOYER, POINT):
        assert await late(scene, other) == [], other
    known = {who.student, str(who.key), who.student.partition(":")[2]}
    assert not known & {str(value) for value in seen.values()}


async def test_the_coordinator_is_told_by_an_event_about_nobody(scene: Scene, worker: Any) -> None:
    who, _ = await lost(scene)
    await very_late(scene, worker, who)
    await sequenced(scene)
    asked = "{ events(last: 1) { nodes { withheld type overdue { id step lateParty } } } }"
    (seen,) = await late(scene, COORDINATOR)
    for seer in (COORDINATOR, SCHOOL):
        (node,) = (await scene.hub.ask(seer, asked))["data"]["events"]["nodes"]
        assert (node["type"], node["withheld"]) == ("TERMIJN_OVERSCHREDEN", False)
        assert node["overdue"] == {"id": seen["id"], "step": "PICK_UP", "lateParty": "school:90ZX00"}
    body = await scene.hub.ask(COORDINATOR, f'{{ node(id: "{seen["id"]}") {{ ... on OverdueItem {{ dueOn }} }} }}')
    assert body["data"]["node"] == {"dueOn": seen["dueOn"]}
    body = await scene.hub.ask(OTHER_COORDINATOR, f'{{ node(id: "{seen["id"]}") {{ id }} }}')
    assert body["data"]["node"] is None


async def test_what_is_done_late_is_cleared(scene: Scene, worker: Any) -> None:
    who, uitval = await lost(scene)
    await very_late(scene, worker, who)
    await scene.done(SCHOOL, "acknowledgeUitval", UITVAL, uitval=uitval)
    (seen,) = await late(scene, COORDINATOR)
    assert seen["clearedOn"] == str(today())
    assert await late(scene, COORDINATOR, only_open=True) == []
    assert await late(scene, COORDINATOR, only_open=False) == [seen]


async def test_who_is_erased_leaves_nobody_late(scene: Scene, worker: Any) -> None:
    who, _ = await lost(scene)
    await very_late(scene, worker, who)
    assert len(await late(scene, COORDINATOR, only_open=True)) == 1
    await scene.owner.execute("DELETE FROM student WHERE id = $1", who.key)
    assert await late(scene, COORDINATOR, only_open=True) == []


async def led_by_town(scene: Scene, who: Placed) -> str:
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await scene.done(SCHOOL, "transferLead", student=who.student, **TO_TOWN)
    known = await scene.known(who.key, TOWN)
    await scene.done(TOWN, "acceptLead", student=known)
    return known


async def test_what_is_due_follows_the_lead_under_an_id_of_its_own(scene: Scene, worker: Any) -> None:
    who, _ = await lost(scene)
    await very_late(scene, worker, who)
    (before,) = await dues(scene, SCHOOL)
    known = await led_by_town(scene, who)
    assert await dues(scene, SCHOOL) == []
    (after,) = await dues(scene, TOWN)
    assert (after["dueAt"], after["student"]["id"]) == (before["dueAt"], known)
    assert after["id"] != before["id"]
    assert after["reminded"] is False
    assert [one["clearedOn"] for one in await late(scene, SCHOOL)] == [str(today())], "it is late no more"
    at = (await due_at(scene, who)) + VERY_LATE
    assert await tick(worker, who, at) == 1, "reminded first"
    assert await late(scene, TOWN) == []
    told_at = await scene.owner.fetchval("SELECT due_after($1, 2, 'OFFICE', NULL)", at)
    assert await tick(worker, who, told_at) == 1
    assert [one["lateParty"] for one in await late(scene, TOWN)] == ["municipality:GM0796"]


async def test_what_nobody_leads_is_due_to_nobody_and_to_the_next_lead_again(scene: Scene) -> None:
    who, _ = await lost(scene)
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE student = $1", who.key)
    assert await scene.owner.fetchval("SELECT count(*) FROM due WHERE done_at IS NULL") == 0
    await scene.reason(who.key, SCHOOL, "CAREER_GUIDANCE", "IDENTIFIED")
    await scene.owner.execute("INSERT INTO lead (student, seer) VALUES ($1, $2)", who.key, SCHOOL)
    assert [one["step"] for one in await dues(scene, SCHOOL)] == ["PICK_UP"]


async def test_who_sees_the_young_person_no_more_sees_no_item(scene: Scene) -> None:
    who, _ = await lost(scene)
    await scene.owner.execute("UPDATE access SET ends_at = now() WHERE student = $1 AND seer = $2", who.key, SCHOOL)
    assert await dues(scene, SCHOOL) == []


async def test_a_service_that_works_for_several_is_late_where_the_young_person_lives(scene: Scene, worker: Any) -> None:
    await scene.owner.execute("""
        INSERT INTO party (key, kind, name) VALUES ('service:samen', 'service', 'Samen') ON CONFLICT DO NOTHING;
        INSERT INTO covers (party, function, municipality)
            VALUES ('service:samen', 'wmo', 'GM0014'), ('service:samen', 'wmo', 'GM0796') ON CONFLICT DO NOTHING""")
    who, _ = await lost(scene)
    await scene.reason(who.key, "service:samen#wmo", "CARE_ROUTE", "IDENTIFIED")
    await scene.done(SCHOOL, "transferLead", student=who.student, party="service:samen", function="wmo")
    known = await scene.known(who.key, "service:samen#wmo")
    await scene.done("service:samen#wmo", "acceptLead", "student { id }", student=known)
    await very_late(scene, worker, who)
    assert [one["lateParty"] for one in await late(scene, COORDINATOR)] == ["service:samen"]


async def test_a_move_is_due_until_the_lead_has_seen_it(scene: Scene) -> None:
    student = await scene.student()
    key = await scene.key(student)
    move = "UPDATE student SET municipality = $2 WHERE id = $1"
    for town in ("GM0344", "GM0796", "GM0796"):
        await scene.owner.execute(move, key, town)
    (item,) = await dues(scene, SCHOOL)
    assert (item["process"], item["step"], item["case"]) == ("MOVE", "REVIEW", None)
    assert item["student"]["id"] == student
    assert codes(await scene.do(TOWN, "closeDueItem", item=item["id"])) == ["NOT_FOUND"]
    assert codes(await scene.do(SCHOOL, "closeDueItem", item="DueItem:x")) == ["NOT_FOUND"]
    done = await scene.done(SCHOOL, "closeDueItem", item=item["id"])
    assert done["student"]["id"] == student
    assert await dues(scene, SCHOOL) == []
    assert codes(await scene.do(SCHOOL, "closeDueItem", item=item["id"])) == ["NOT_FOUND"]


async def test_only_a_move_is_closed_by_hand(scene: Scene) -> None:
    await lost(scene)
    (item,) = await dues(scene, SCHOOL)
    assert codes(await scene.do(SCHOOL, "closeDueItem", item=item["id"])) == ["NOT_FOUND"]


async def test_the_country_sees_how_many_and_never_how_few(scene: Scene, worker: Any) -> None:
    add = (
        "INSERT INTO overdue (region, late_seer, process, step, due_at, escalated_at)"
        " SELECT $1, 'municipality:GM0796#participatie', 'UITVAL', $2, now(), now() FROM generate_series(1, $3)"
    )
    for region, step, many in (("AM27", "PICK_UP", 4), ("AM01", "PICK_UP", 7), ("AM02", "HOLD_INTERVIEW", 5)):
        await scene.owner.execute(add, region, step, many)
    await worker.fetchval("SELECT count_overdue(now())")
    assert await figures(scene) == [
        (None, "HOLD_INTERVIEW", "5"),
        (None, "PICK_UP", "8-11"),
        ("AM01", "PICK_UP", "7"),
        ("AM02", "HOLD_INTERVIEW", "5"),
        ("AM27", "PICK_UP", "<5"),
    ]
    assert await worker.fetchval("SELECT count_overdue(now())") == 0, "what did not change is not written"
    await scene.owner.execute("UPDATE overdue SET cleared_at = now() WHERE region = 'AM27'")
    await worker.fetchval("SELECT count_overdue(now())")
    assert (None, "PICK_UP", "7") in await figures(scene)
    for other in (COORDINATOR, SCHOOL, TOWN):
        assert codes(await scene.hub.ask(other, "{ overdueFigures { items } }")) == ["INVALID_DOCUMENT"]


async def test_a_lead_whose_last_reason_expired_returns_to_the_school(scene: Scene, worker: Any) -> None:
    who, _ = await lost(scene)
    known = await led_by_town(scene, who)
    soon = datetime.now(UTC) + timedelta(hours=1)
    await scene.owner.execute("UPDATE access SET ends_at = $2 WHERE student = $1 AND seer = $3", who.key, soon, TOWN)
    assert await worker.fetchval("SELECT count(*) FROM clocks_waiting($1, NULL, 99)", soon - timedelta(seconds=1)) == 0
    assert [row[0] for row in await worker.fetch("SELECT clocks_waiting($1, NULL, 99)", soon)] == [who.key]
    await tick(worker, who, soon)
    assert (await types_about(scene, SCHOOL, who.key))[-1] == "regie-overgedragen"
    assert [one["student"]["id"] for one in await dues(scene, SCHOOL)] == [who.student]
    assert known not in [one["student"]["id"] for one in await dues(scene, TOWN)]
    open_ones = "SELECT seer FROM lead WHERE student = $1 AND until_at = 'infinity'"
    assert [row[0] for row in await scene.owner.fetch(open_ones, who.key)] == [SCHOOL]


async def test_a_net_past_its_term_is_taken_down(scene: Scene, worker: Any) -> None:
    who = await placed(scene)
    await scene.agree(who.student, "SAFETY_NET", by="PARENT", until=str(today() + timedelta(days=30)))
    await scene.done(SCHOOL, "setSafetyNet", student=who.student, choice="INFORM_MUNICIPALITY_AT_ONCE")
    until = await scene.owner.fetchval("SELECT until_at FROM safety_net WHERE student = $1", who.key)
    assert await tick(worker, who, until - timedelta(seconds=1)) == 0
    assert await tick(worker, who, until) == 1
    assert await scene.owner.fetchval("SELECT ended_at FROM safety_net WHERE student = $1", who.key) == until
