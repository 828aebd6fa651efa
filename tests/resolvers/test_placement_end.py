"""The end of a placement, as the process is described: extended, ends, unknown? And what its last day brings (6.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import EMPLOYER, OTHER_TOWN, SCHOOL, TOWN, Scene, today
from tests.resolvers.uitval_kit import KVK, UITVAL, Placed, noon, open_places, placed, told, types_about

if TYPE_CHECKING:
    from registry.migrate import Logins

DAYS = 70  # a placement's time that is left: fewer than 12 weeks, more than 8
LAST = today() + timedelta(days=DAYS)
DUE = "{ dueItems(first: 100) { nodes { id process step dueAt reminded student { id } case { __typename } } } }"
ENDS_SOON, REPORTED, ENDED = "plaatsing-eindigt-binnenkort", "uitval-gemeld", "plaatsing-beeindigd"


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_places(fresh_database, fresh_logins) as made:
        yield made


async def tick(worker: Any, who: Placed, day: date) -> int:
    """What the clocks do for one young person on a day; they are asked whether there is something first."""
    waits = [row[0] for row in await worker.fetch("SELECT clocks_waiting($1, NULL, 10000)", noon(day))]
    done: int = await worker.fetchval("SELECT clocks_tick($1, $2)", who.key, noon(day))
    assert (done > 0) == (who.key in waits), "what is looked for is what is done"
    assert await worker.fetchval("SELECT clocks_tick($1, $2)", who.key, noon(day)) == 0, "and done once"
    return done


async def due(scene: Scene, seer: str, known: str) -> list[tuple[str, str]]:
    body = await scene.hub.ask(seer, DUE)
    assert "errors" not in body, body
    items = body["data"]["dueItems"]["nodes"]
    return [(one["step"], one["dueAt"]) for one in items if (one["student"] or {}).get("id") == known]


async def answer(scene: Scene, seer: str, placement: str, said: str, **more: Any) -> Any:
    told = {"youngPersonKnows": True} if seer == EMPLOYER and said == "ENDS" else {}
    given = {"placement": placement, "answer": said, **told, **more}
    return await scene.do(seer, "answerPlacementEnd", "placement { state to }", **given)


async def state(scene: Scene, who: Placed) -> tuple[str, date]:
    row = await scene.owner.fetchrow("SELECT state, to_on FROM placement WHERE student = $1 AND n = 1", who.key)
    return row["state"], row["to_on"]


async def uitvallen(scene: Scene, who: Placed) -> list[tuple[str, str]]:
    rows = await scene.owner.fetch("SELECT basis, state FROM uitval WHERE student = $1 ORDER BY n", who.key)
    return [(row["basis"], row["state"]) for row in rows]


def instant(day: date) -> str:
    """The beginning of a day in Amsterdam, as the graph says it."""
    at = datetime.combine(day, time(0), ZoneInfo("Europe/Amsterdam")).astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


async def test_lead_and_employer_are_asked_twelve_eight_and_four_weeks_before(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(LAST))
    for day, weeks in ((today(), 12), (LAST - timedelta(days=56), 8), (LAST - timedelta(days=28), 4)):
        assert await tick(worker, who, day) == 1
        assert (
            await worker.fetchval("SELECT min(days) FROM placement_question WHERE student = $1", who.key) == weeks * 7
        )
        assert (await types_about(scene, SCHOOL, who.key)).count(ENDS_SOON) == (await asked(worker, who))
        assert (await types_about(scene, EMPLOYER, who.key)).count(ENDS_SOON) == (await asked(worker, who))
        wanted = {12: LAST - timedelta(days=56), 8: LAST - timedelta(days=28), 4: LAST + timedelta(days=1)}[weeks]
        assert await due(scene, SCHOOL, who.student) == [("ANSWER", instant(wanted))]
        assert await tick(worker, who, day + timedelta(days=3)) == 0, "each moment is asked once"


async def asked(worker: Any, who: Placed) -> int:
    found: int = await worker.fetchval("SELECT count(*) FROM placement_question WHERE student = $1", who.key)
    return found


async def test_after_a_time_away_the_last_moment_is_asked_and_no_other(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(LAST))
    await tick(worker, who, LAST - timedelta(days=5))
    assert await worker.fetch("SELECT days FROM placement_question WHERE student = $1", who.key) == [(28,)]


async def test_no_answer_is_taken_before_it_is_asked_nor_of_who_may_not(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(LAST))
    assert codes(await answer(scene, SCHOOL, who.placement, "ENDS")) == ["CONFLICT"]
    await tick(worker, who, today())
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    body = await scene.hub.ask(TOWN, "{ placements(first: 100) { nodes { id student { id } } } }")
    known = await scene.known(who.key, TOWN)
    (its,) = [one["id"] for one in body["data"]["placements"]["nodes"] if one["student"]["id"] == known]
    refused = await answer(scene, TOWN, its, "ENDS")
    assert codes(refused) == ["NOT_FOUND"], "it sees the place and does not lead"
    assert "who has the lead" in refused["errors"][0]["message"]
    assert codes(await answer(scene, OTHER_TOWN, who.placement, "ENDS")) == ["NOT_FOUND"]
    assert codes(await answer(scene, SCHOOL, who.placement, "EXTENDED")) == ["BAD_INPUT"]
    assert codes(await answer(scene, SCHOOL, who.placement, "ENDS", to=str(LAST))) == ["BAD_INPUT"]


async def test_extended_is_asked_about_anew_before_its_new_end(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(today() + timedelta(days=20)))
    await tick(worker, who, today())
    body = await answer(scene, EMPLOYER, who.employers, "EXTENDED", to=str(LAST))
    assert body["data"]["answerPlacementEnd"]["placement"] == {"state": "RUNNING", "to": str(LAST)}
    assert await due(scene, SCHOOL, who.student) == [], "nobody waits for an answer"
    assert (await types_about(scene, SCHOOL, who.key))[-1] == "plaatsing-verlengd"
    assert await tick(worker, who, today()) == 1, "less than twelve weeks are left of the new time too"
    assert [
        row["to_on"]
        for row in await worker.fetch("SELECT to_on FROM placement_question WHERE student = $1 ORDER BY to_on", who.key)
    ] == [today() + timedelta(days=20), LAST]
    assert codes(await answer(scene, SCHOOL, who.placement, "EXTENDED", to=str(LAST))) == ["CONFLICT"], "not later"


async def test_what_ends_is_asked_no_more_and_told_as_uitval_on_its_day(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(LAST))
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await tick(worker, who, today())
    await answer(scene, EMPLOYER, who.employers, "ENDS")
    assert await due(scene, SCHOOL, who.student) == []
    assert await tick(worker, who, LAST - timedelta(days=28)) == 0
    assert await tick(worker, who, LAST) == 0, "the last day is still one of it"
    assert await tick(worker, who, LAST + timedelta(days=1))
    assert await state(scene, who) == ("ENDED", LAST)
    assert await uitvallen(scene, who) == [("TOLD", "REPORTED")]
    row = await scene.owner.fetchrow("SELECT how, reported_by, ended_on FROM uitval WHERE student = $1", who.key)
    assert tuple(row) == ("CONTRACT_ENDED", EMPLOYER, LAST)
    assert REPORTED in await types_about(scene, SCHOOL, who.key)
    assert REPORTED in await types_about(scene, TOWN, who.key)
    assert [step for step, _ in await due(scene, SCHOOL, who.student)] == ["PICK_UP"]


async def test_a_safety_net_opens_on_the_day_and_not_before(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(LAST))
    await scene.agree(who.student, "SAFETY_NET", by="PARENT")
    await scene.done(SCHOOL, "setSafetyNet", student=who.student, choice="INFORM_MUNICIPALITY_AT_ONCE")
    await tick(worker, who, today())
    await answer(scene, SCHOOL, who.placement, "ENDS")
    assert await scene.sees(TOWN, who.student) is None
    await tick(worker, who, LAST + timedelta(days=1))
    assert await scene.sees(TOWN, who.student) == "IDENTIFIED"


@pytest.mark.parametrize("last_word", [None, "UNKNOWN"])
async def test_silence_is_presumed_and_told_to_the_lead_alone(scene: Scene, worker: Any, last_word: str | None) -> None:
    who = await placed(scene, to=str(LAST))
    await scene.agree(who.student, "SAFETY_NET", by="PARENT")
    await scene.done(SCHOOL, "setSafetyNet", student=who.student, choice="INFORM_MUNICIPALITY_AT_ONCE")
    await scene.reason(who.key, OTHER_TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED")
    await tick(worker, who, today())
    if last_word:
        await answer(scene, SCHOOL, who.placement, last_word)
        assert await due(scene, SCHOOL, who.student) == []
        assert await tick(worker, who, LAST - timedelta(days=56)) == 1, "it is asked again"
    assert await tick(worker, who, LAST + timedelta(days=1)) == 1
    assert await uitvallen(scene, who) == [("PRESUMED", "SIGNALLED")]
    assert (await types_about(scene, SCHOOL, who.key))[-1] == REPORTED
    for other in (TOWN, OTHER_TOWN, EMPLOYER):
        assert not {REPORTED, ENDED} & set(await types_about(scene, other, who.key)), other
    assert await scene.sees(TOWN, who.student) is None, "a silence opens nothing"
    assert [step for step, _ in await due(scene, SCHOOL, who.student)] == ["CONFIRM"]
    assert await scene.owner.fetchval("SELECT next_at FROM due WHERE student = $1 AND done_at IS NULL", who.key) is None


async def test_what_was_presumed_is_confirmed_and_its_clock_begins(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(LAST))
    await tick(worker, who, LAST + timedelta(days=1))
    *_, last = await told(scene, SCHOOL)
    await scene.done(SCHOOL, "confirmUitval", UITVAL, uitval=last["case"]["id"], how="CONTRACT_ENDED")
    assert await uitvallen(scene, who) == [("TOLD", "REPORTED")]
    assert [step for step, _ in await due(scene, SCHOOL, who.student)] == ["PICK_UP"]


@pytest.mark.parametrize("said", ["ENDS", None])
@pytest.mark.parametrize(("begins", "lost"), [(-30, False), (31, False), (32, True)])
async def test_a_place_that_another_follows_was_not_lost(
    scene: Scene, worker: Any, said: str | None, begins: int, lost: bool
) -> None:
    who = await placed(scene, to=str(LAST))
    await tick(worker, who, today())
    if said:
        await answer(scene, SCHOOL, who.placement, said)
    begin = LAST + timedelta(days=begins) if begins > 0 else today() + timedelta(days=begins)
    await scene.done(
        SCHOOL,
        "startPlacement",
        "placement { id }",
        person=who.student,
        kind="BBL",
        employer=KVK,
        **{"from": str(begin)},
    )
    await tick(worker, who, LAST + timedelta(days=1))
    assert bool(await uitvallen(scene, who)) == lost
    assert ((await types_about(scene, SCHOOL, who.key))[-1] == ENDED) == (not lost)


async def test_an_internship_just_ends_and_nobody_is_asked(scene: Scene, worker: Any) -> None:
    who = await placed(scene, "STAGE", to=str(LAST))
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    assert await tick(worker, who, LAST - timedelta(days=5)) == 0
    await tick(worker, who, LAST + timedelta(days=1))
    assert await state(scene, who) == ("ENDED", LAST)
    assert await uitvallen(scene, who) == []
    assert (await types_about(scene, SCHOOL, who.key))[-1] == ENDED
    assert await types_about(scene, TOWN, who.key) == []


async def test_what_ended_long_ago_is_ended_and_nobody_presumes_anything(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(today()))
    await tick(worker, who, today() + timedelta(days=57))
    assert (await state(scene, who))[0] == "ENDED"
    assert await uitvallen(scene, who) == []


async def test_what_nobody_would_hear_is_no_uitval(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(LAST))
    await tick(worker, who, today())
    await answer(scene, EMPLOYER, who.employers, "ENDS")
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE student = $1 AND seer = $2", who.key, SCHOOL)
    await tick(worker, who, LAST + timedelta(days=1))
    assert (await state(scene, who))[0] == "ENDED"
    assert await uitvallen(scene, who) == []


async def test_a_planned_place_runs_from_its_day(scene: Scene, worker: Any) -> None:
    who = await placed(scene, **{"from": str(today() + timedelta(days=3))})
    assert await tick(worker, who, today() + timedelta(days=2)) == 0
    assert await tick(worker, who, today() + timedelta(days=3)) == 1
    assert (await state(scene, who))[0] == "RUNNING"


async def test_a_report_before_the_end_closes_the_question(scene: Scene, worker: Any) -> None:
    who = await placed(scene, to=str(LAST))
    await tick(worker, who, today())
    given = {"placement": who.placement, "how": "BY_AGREEMENT", "endedOn": str(today())}
    await scene.done(SCHOOL, "reportUitval", UITVAL, **given)
    assert [step for step, _ in await due(scene, SCHOOL, who.student)] == ["PICK_UP"]
    assert codes(await answer(scene, SCHOOL, who.placement, "UNKNOWN")) == ["CONFLICT"]
    await tick(worker, who, LAST + timedelta(days=1))
    assert await uitvallen(scene, who) == [("TOLD", "REPORTED")]
