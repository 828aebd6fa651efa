"""Losses at the edges: two within one net, one nobody would hear, one before its first day, one that was not so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import EMPLOYER, POINT, SCHOOL, TOWN, Scene, today
from tests.resolvers.uitval_kit import KVK, UITVAL, open_places, own_id, placed, presumed, report, told, types_about

if TYPE_CHECKING:
    from registry.migrate import Logins


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_places(fresh_database, fresh_logins) as made:
        yield made


async def test_the_end_of_one_loss_takes_nobody_from_another(scene: Scene) -> None:
    who = await placed(scene)
    await scene.agree(who.student, "SAFETY_NET", by="PARENT")
    await scene.done(SCHOOL, "setSafetyNet", student=who.student, choice="INFORM_MUNICIPALITY_AT_ONCE")
    begun = await scene.done(
        SCHOOL,
        "startPlacement",
        "placement { id }",
        person=who.student,
        kind="BBL",
        employer=KVK,
        **{"from": str(today() - timedelta(days=9))},
    )
    for place in (who.placement, begun["placement"]["id"]):
        assert "errors" not in await report(scene, SCHOOL, place)
    first = await own_id(scene, SCHOOL, who.key, "Uitval", 1)
    await scene.done(SCHOOL, "withdrawUitval", UITVAL, uitval=first)
    assert await scene.sees(TOWN, who.student) == "IDENTIFIED", "because of the second"
    second = await own_id(scene, SCHOOL, who.key, "Uitval", 2)
    await scene.done(SCHOOL, "acknowledgeUitval", UITVAL, uitval=second)
    assert (await types_about(scene, TOWN, who.key))[-1] == "uitval-opgepakt"


async def test_an_internship_that_nobody_hears_of_is_not_broken_off(scene: Scene) -> None:
    who = await placed(scene, "STAGE")
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE student = $1 AND seer = $2", who.key, SCHOOL)
    assert codes(await report(scene, EMPLOYER, who.employers)) == ["NOBODY_HEARS"]
    assert await scene.owner.fetchval("SELECT state FROM placement WHERE student = $1", who.key) == "RUNNING"


async def test_what_falls_through_before_its_first_day_can_be_told(scene: Scene) -> None:
    begins = {"from": str(today() + timedelta(days=20))}
    lost, off = await placed(scene, **begins), await placed(scene, **begins)
    body = await report(scene, EMPLOYER, lost.employers)
    assert body["data"]["reportUitval"]["uitval"]["endedOn"] == str(today())
    ended = await scene.done(
        SCHOOL, "endPlacement", "placement { state }", placement=off.placement, endedOn=str(today())
    )
    assert ended["placement"] == {"state": "ENDED"}


async def test_who_was_told_of_a_silence_hears_that_it_was_not_so_whoever_leads(scene: Scene) -> None:
    who = await placed(scene, to=str(today()))
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await presumed(scene, who.key)
    to = {"party": "municipality:GM0796", "function": "participatie"}
    await scene.done(SCHOOL, "transferLead", student=who.student, **to)
    await scene.done(TOWN, "acceptLead", student=await scene.known(who.key, TOWN))
    uitval = await own_id(scene, TOWN, who.key, "Uitval", 1)
    await scene.done(TOWN, "withdrawUitval", UITVAL, uitval=uitval)
    assert "uitval-ingetrokken" in await types_about(scene, SCHOOL, who.key)


async def test_a_withdrawal_after_the_last_day_leaves_the_place_to_the_clocks(scene: Scene) -> None:
    who = await placed(scene, to=str(today()))
    await presumed(scene, who.key)
    uitval = await own_id(scene, SCHOOL, who.key, "Uitval", 1)
    await scene.done(SCHOOL, "confirmUitval", UITVAL, uitval=uitval, how="CONTRACT_ENDED")
    await scene.done(SCHOOL, "withdrawUitval", UITVAL, uitval=uitval)
    assert await scene.owner.fetchval("SELECT state FROM placement WHERE student = $1", who.key) == "RUNNING"


async def test_who_sees_nobody_any_more_hears_whom_to_forget(scene: Scene) -> None:
    offer = await scene.owner.fetchval(
        "INSERT INTO opportunity (kind, title, employer, municipality, region, service_point, source, seen_on)"
        " VALUES ('WERK', 'Hulp', '90000001', 'GM0796', 'AM27', 'servicepoint:AM27-WERKCENTRUM', 'x', today())"
        " RETURNING id"
    )
    who = await placed(scene, opportunity=f"Opportunity:{offer}", **{"from": str(today() - timedelta(days=200))})
    await report(scene, SCHOOL, who.placement, endedOn=str(today() - timedelta(days=60)))
    fields = "type forget candidate { id }"
    for seer in (EMPLOYER, POINT):
        last = next(e for e in reversed(await told(scene, seer, fields)) if e["type"] == "TOEGANG_BEEINDIGD")
        assert last["forget"] == await scene.known(who.key, seer)
        assert last["candidate"] is None


async def test_an_employer_that_answers_for_the_young_person_says_that_they_know(scene: Scene) -> None:
    who = await placed(scene, to=str(today() + timedelta(days=20)))
    for more, code in (({}, "BAD_INPUT"), ({"youngPersonKnows": True}, "CONFLICT")):  # a CONFLICT: nobody asked yet
        given = {"placement": who.employers, "answer": "ENDS", **more}
        assert codes(await scene.do(EMPLOYER, "answerPlacementEnd", "placement { id }", **given)) == [code]
