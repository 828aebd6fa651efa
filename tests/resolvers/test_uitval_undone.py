"""What is withdrawn is as it was; what another system says takes back nothing that was said here (migration 0026)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry.harvest_endings import END
from registry.harvest_students import CHANGE_PLACEMENTS, MOVED
from tests.hub_kit import codes
from tests.resolvers.access_kit import EMPLOYER, POINT, SCHOOL, TOWN, Scene, today
from tests.resolvers.uitval_kit import (
    KVK,
    UITVAL,
    Placed,
    noon,
    open_places,
    own_id,
    placed,
    report,
    sequenced,
    types_about,
)

if TYPE_CHECKING:
    from registry.migrate import Logins

OTHER = "school:90ZX01#guidance"
FREE = "plaats-vrijgekomen"


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_places(fresh_database, fresh_logins) as made:
        yield made


async def tick(worker: Any, who: Placed, day: date) -> None:
    await worker.fetchval("SELECT clocks_tick($1, $2)", who.key, noon(day))


async def losses(scene: Scene, who: Placed) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in await scene.owner.fetch("SELECT n, basis, state FROM uitval WHERE student = $1 ORDER BY n", who.key)
    ]


async def place(scene: Scene, who: Placed) -> tuple[Any, ...]:
    return tuple(await scene.owner.fetchrow("SELECT state, to_on FROM placement WHERE student = $1 AND n = 1", who.key))


async def withdraw(scene: Scene, who: Placed, number: int = 1) -> Any:
    one = await own_id(scene, SCHOOL, who.key, "Uitval", number)
    return await scene.do(SCHOOL, "withdrawUitval", UITVAL, uitval=one)


async def harvested(worker: Any, who: Placed, ends: date | None) -> None:
    """The school's own system tells of the placement again."""
    said: dict[str, str | None] = {"kind": "WERK", "employer_kvk": KVK, "from_on": str(today() - timedelta(days=30))}
    said |= {"to_on": str(ends) if ends else None, "hours": None, "leads_to": None}
    async with worker.transaction():
        for row in await worker.fetch(CHANGE_PLACEMENTS, json.dumps([{"id": str(who.key), "placements": [said]}])):
            if row["moved"]:
                await worker.execute(MOVED, row["student"], row["n"], SCHOOL, row["later"])


# ---- what is withdrawn


async def test_an_answer_is_done_once_however_often_its_loss_is_withdrawn(scene: Scene, worker: Any) -> None:
    last = today() + timedelta(days=20)
    who = await placed(scene, to=str(last))
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await tick(worker, who, today())
    given = {"placement": who.employers, "answer": "ENDS", "youngPersonKnows": True}
    await scene.done(EMPLOYER, "answerPlacementEnd", "placement { state }", **given)
    await tick(worker, who, last + timedelta(days=1))
    assert await losses(scene, who) == [(1, "TOLD", "REPORTED")]
    assert "errors" not in await withdraw(scene, who)
    await tick(worker, who, last + timedelta(days=1))
    assert (await losses(scene, who))[1:] == [(2, "PRESUMED", "SIGNALLED")], (
        "a silence again, which the lead alone hears"
    )
    assert await types_about(scene, TOWN, who.key) == ["uitval-gemeld", "uitval-ingetrokken"]


@pytest.mark.parametrize("days", [0, 5, 200])
async def test_an_end_that_was_agreed_is_one_again(scene: Scene, worker: Any, days: int) -> None:
    who = await placed(scene, **{"from": str(today() - timedelta(days=300))}, to=str(today() + timedelta(days=100)))
    ended = today() - timedelta(days=days)
    await scene.done(SCHOOL, "endPlacement", "placement { state }", placement=who.placement, endedOn=str(ended))
    assert "errors" not in await report(scene, SCHOOL, who.placement, endedOn=str(ended))
    assert "errors" not in await withdraw(scene, who)
    assert await place(scene, who) == ("ENDED", ended)
    await tick(worker, who, today() + timedelta(days=1))
    assert await losses(scene, who) == [(1, "TOLD", "WITHDRAWN")]
    assert (await scene.sees(EMPLOYER, who.student) is None) == (days > 56)


async def test_nobody_opens_an_end_of_long_ago_again_by_a_later_day(scene: Scene) -> None:
    who = await placed(scene, **{"from": str(today() - timedelta(days=300))})
    ended = today() - timedelta(days=200)
    await scene.done(SCHOOL, "endPlacement", "placement { state }", placement=who.placement, endedOn=str(ended))
    assert codes(await report(scene, SCHOOL, who.placement)) == ["CONFLICT"]
    assert await scene.sees(EMPLOYER, who.student) is None
    assert await place(scene, who) == ("ENDED", ended)


async def test_a_place_that_was_begun_anew_is_not_given_back_beside_it(scene: Scene) -> None:
    who = await placed(scene)
    await report(scene, SCHOOL, who.placement)
    again = {"person": who.student, "kind": "WERK", "employer": KVK, "from": str(today())}
    await scene.done(SCHOOL, "startPlacement", "placement { id }", **again)
    assert codes(await withdraw(scene, who)) == ["CONFLICT"]
    assert (await place(scene, who))[0] == "ENDED"


async def test_the_question_that_nobody_answered_is_due_again(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(today() + timedelta(days=20)))
    await tick(worker, who, today())
    open_due = "SELECT step, due_at FROM due WHERE student = $1 AND done_at IS NULL"
    before = await scene.owner.fetch(open_due, who.key)
    assert [row["step"] for row in before] == ["ANSWER"]
    await report(scene, SCHOOL, who.placement)
    await withdraw(scene, who)
    assert await scene.owner.fetch(open_due, who.key) == before


async def test_a_place_is_told_to_be_free_once(scene: Scene) -> None:
    offer = await scene.owner.fetchval(
        "INSERT INTO opportunity (kind, title, employer, municipality, region, service_point, source, seen_on)"
        " VALUES ('WERK', 'Hulp', '90000001', 'GM0796', 'AM27', 'servicepoint:AM27-WERKCENTRUM', 'x', today())"
        " RETURNING id"
    )
    who = await placed(scene, opportunity=f"Opportunity:{offer}")
    ended = {"placement": who.placement, "endedOn": str(today() - timedelta(days=5))}
    await scene.done(SCHOOL, "endPlacement", "placement { state }", **ended)
    await report(scene, SCHOOL, who.placement, endedOn=str(today() - timedelta(days=6)))
    await sequenced(scene)
    query = "SELECT count(*) FROM outbox WHERE type LIKE $1 AND details ->> 'opportunity' = $2 AND $3 = ANY (seers)"
    assert await scene.owner.fetchval(query, f"%{FREE}%", str(offer), POINT) == 1


async def test_an_end_that_somebody_told_is_not_lost_when_the_clocks_stood_still(scene: Scene, worker: Any) -> None:
    last = today() + timedelta(days=20)
    who = await placed(scene, to=str(last))
    await tick(worker, who, today())
    given = {"placement": who.employers, "answer": "ENDS", "youngPersonKnows": True}
    await scene.done(EMPLOYER, "answerPlacementEnd", "placement { state }", **given)
    await tick(worker, who, last + timedelta(days=90))
    assert await losses(scene, who) == [(1, "TOLD", "REPORTED")]


# ---- what a school's system says


async def test_a_harvest_takes_back_no_extension(scene: Scene, worker: Any) -> None:
    last, later = today() + timedelta(days=20), today() + timedelta(days=400)
    who = await placed(scene, to=str(last))
    await tick(worker, who, today())
    given = {"placement": who.employers, "answer": "ENDS", "youngPersonKnows": True}
    await scene.done(EMPLOYER, "answerPlacementEnd", "placement { state }", **given)
    await scene.done(EMPLOYER, "extendPlacement", "placement { to }", placement=who.employers, to=str(later))
    for _ in range(2):
        await harvested(worker, who, last)
    assert await place(scene, who) == ("RUNNING", later)
    await tick(worker, who, last + timedelta(days=1))
    assert await losses(scene, who) == []


async def test_what_the_schools_system_said_last_gives_way_to_what_it_says_next(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(today() + timedelta(days=30)))
    ends = [today() + timedelta(days=days) for days in (300, 200, 250)]
    for day in ends:
        await harvested(worker, who, day)
        assert await place(scene, who) == ("RUNNING", day)
    await harvested(worker, who, None)
    assert await place(scene, who) == ("RUNNING", None)


async def test_rights_move_with_an_end_that_a_harvest_moved_and_who_follows_hears_of_it(
    scene: Scene, worker: Any
) -> None:
    who = await placed(scene, to=str(today() + timedelta(days=30)))
    await harvested(worker, who, today() + timedelta(days=300))
    query = "SELECT max((ends_at AT TIME ZONE 'Europe/Amsterdam')::date) FROM access WHERE student = $1 AND seer = $2"
    ends = await scene.owner.fetchval(f"{query} AND ended_at = 'infinity'", who.key, EMPLOYER)
    assert ends == today() + timedelta(days=357)
    for seer in (SCHOOL, EMPLOYER):
        assert (await types_about(scene, seer, who.key))[-1] == "plaatsing-verlengd"


async def test_a_transfer_leaves_the_employer_what_rests_on_the_placement(scene: Scene, worker: Any) -> None:
    who = await placed(scene)
    await scene.reason(who.key, OTHER, "ENROLMENT", "IDENTIFIED")
    async with worker.transaction():
        await worker.execute("UPDATE student SET school = '90ZX01' WHERE id = $1", who.key)
        await worker.execute(END, [who.key], "school:90ZX00")
    assert "errors" not in await report(scene, EMPLOYER, who.employers)
    assert (await types_about(scene, OTHER, who.key))[-1] == "uitval-gemeld"


# ---- what comes in at the door

TAKE = "SELECT take_inbound($1, $2, NULL, $3::jsonb)"


async def of_town(scene: Scene, who: Placed) -> str:
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    return await scene.known(who.key, TOWN)


async def begin(scene: Scene, who: Placed, kind: str) -> str:
    given = {"person": who.student, "kind": kind, "employer": KVK, "from": str(today() - timedelta(days=9))}
    return str((await scene.done(SCHOOL, "startPlacement", "placement { id }", **given))["placement"]["id"])


async def test_an_event_that_could_mean_two_losses_names_one_or_is_refused(scene: Scene, worker: Any) -> None:
    who = await placed(scene)
    known = await of_town(scene, who)
    second = await begin(scene, who, "BBL")
    await scene.done(SCHOOL, "transferLead", student=who.student, party="municipality:GM0796", function="participatie")
    await scene.done(TOWN, "acceptLead", student=known)
    for lost in (who.placement, second):
        await report(scene, SCHOOL, lost)
    assert await worker.fetchval(TAKE, TOWN, "uitval-opgepakt", json.dumps({"student": known})) == "REFUSED"
    named = {"student": known, "uitval": await own_id(scene, TOWN, who.key, "Uitval", 1)}
    assert await worker.fetchval(TAKE, TOWN, "uitval-opgepakt", json.dumps(named)) == "GIVEN"
    assert await losses(scene, who) == [(1, "TOLD", "PICKED_UP"), (2, "TOLD", "REPORTED")]


async def test_a_report_that_could_mean_two_places_is_not_taken_for_known(scene: Scene, worker: Any) -> None:
    who = await placed(scene)
    known = await of_town(scene, who)
    await report(scene, SCHOOL, who.placement)
    told = json.dumps({"student": known, "ended_on": str(today())})
    assert await worker.fetchval(TAKE, TOWN, "uitval-gemeld", told) == "OPEN_ALREADY"
    for kind in ("BBL", "MBO"):
        await begin(scene, who, kind)
    assert await worker.fetchval(TAKE, TOWN, "uitval-gemeld", told) == "REFUSED"


async def test_a_contract_of_other_days_is_not_taken_for_known(scene: Scene, worker: Any) -> None:
    last = today() + timedelta(days=10)
    who = await placed(scene, to=str(last))
    told = {"student": await of_town(scene, who), "kind": "WERK", "employer_kvk": KVK}
    same = {"from_on": str(today() - timedelta(days=30)), "to_on": str(last)}
    other = {"from_on": str(today()), "to_on": str(today() + timedelta(days=300))}
    assert await worker.fetchval(TAKE, TOWN, "plaatsing-gestart", json.dumps(told | same)) == "OPEN_ALREADY"
    assert await worker.fetchval(TAKE, TOWN, "plaatsing-gestart", json.dumps(told | other)) == "CONFLICT"
