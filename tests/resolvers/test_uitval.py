"""Uitval, as the process is described: a place is lost, who must know hears it, somebody picks it up (graph.md 6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import EMPLOYER, OTHER_TOWN, POINT, SCHOOL, TOWN, Scene, today
from tests.resolvers.uitval_kit import UITVAL, open_places, placed, presumed, report, sequenced, told, types_about

if TYPE_CHECKING:
    from registry.migrate import Logins


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_places(fresh_database, fresh_logins) as made:
        yield made


async def test_an_employer_reports_and_lead_and_school_hear_it(scene: Scene) -> None:
    who = await placed(scene)
    body = await report(scene, EMPLOYER, who.employers)
    assert "errors" not in body, body
    assert body["data"]["reportUitval"]["uitval"]["how"] == "ENDED_BY_EMPLOYER"
    *_, last = await told(scene, SCHOOL)
    assert (last["type"], last["student"]["id"], last["withheld"]) == ("UITVAL_GEMELD", who.student, False)
    assert last["case"] == {"__typename": "Uitval", "id": last["case"]["id"], "state": "REPORTED"}
    assert await types_about(scene, TOWN, who.key) == []


async def test_without_a_row_no_municipality_hears_by_any_road(scene: Scene) -> None:
    who = await placed(scene)
    await report(scene, SCHOOL, who.placement)
    await sequenced(scene)
    assert await scene.owner.fetchval("SELECT count(*) FROM event_log WHERE seer LIKE 'municipality:%'") == 0
    assert await scene.sees(TOWN, who.student) is None


async def test_with_an_open_row_the_municipality_hears_it(scene: Scene) -> None:
    who = await placed(scene)
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await report(scene, SCHOOL, who.placement)
    *_, last = await told(scene, TOWN)
    assert last["type"] == "UITVAL_GEMELD"
    assert last["student"]["id"] == await scene.known(who.key, TOWN)


async def test_a_safety_net_opens_when_it_is_needed_and_not_before(scene: Scene) -> None:
    who = await placed(scene)
    await scene.agree(who.student, "SAFETY_NET", by="PARENT")
    await scene.done(SCHOOL, "setSafetyNet", student=who.student, choice="INFORM_MUNICIPALITY_AT_ONCE")
    assert await scene.sees(TOWN, who.student) is None
    await report(scene, EMPLOYER, who.employers)
    assert await scene.sees(TOWN, who.student) == "IDENTIFIED"
    assert await types_about(scene, TOWN, who.key) == ["uitval-gemeld"]


async def test_a_withdrawn_consent_disarms_the_net(scene: Scene) -> None:
    who = await placed(scene)
    await scene.agree(who.student, "SAFETY_NET", by="PARENT")
    await scene.done(SCHOOL, "setSafetyNet", student=who.student, choice="INFORM_MUNICIPALITY_AT_ONCE")
    await scene.done(SCHOOL, "withdrawConsent", person=who.student, purpose="SAFETY_NET", by="SELF")
    await report(scene, EMPLOYER, who.employers)
    assert await scene.sees(TOWN, who.student) is None
    assert await types_about(scene, TOWN, who.key) == []


async def test_a_broken_off_internship_never_reaches_a_municipality(scene: Scene) -> None:
    who = await placed(scene, "STAGE")
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    body = await report(scene, EMPLOYER, who.employers)
    assert body["data"]["reportUitval"]["uitval"] is None
    assert await types_about(scene, SCHOOL, who.key) == ["plaatsing-gestart", "stage-afgebroken"]
    assert await types_about(scene, TOWN, who.key) == []


async def test_an_employer_says_that_the_young_person_knows(scene: Scene) -> None:
    who = await placed(scene)
    for given in ({"youngPersonKnows": False}, {"youngPersonKnows": None}):
        assert codes(await report(scene, EMPLOYER, who.employers, **given)) == ["BAD_INPUT"]
    assert "uitval-gemeld" not in await types_about(scene, SCHOOL, who.key)


async def test_it_is_reported_once(scene: Scene) -> None:
    who = await placed(scene)
    await report(scene, EMPLOYER, who.employers)
    assert codes(await report(scene, SCHOOL, who.placement)) == ["CONFLICT"]


async def test_the_lead_picks_it_up_and_sees_it_through(scene: Scene) -> None:
    who = await placed(scene)
    uitval = (await report(scene, EMPLOYER, who.employers))["data"]["reportUitval"]["uitval"]
    (node,) = [
        e for e in await told(scene, SCHOOL) if e["type"] == "UITVAL_GEMELD" and e["student"]["id"] == who.student
    ]
    known = node["case"]["id"]
    assert known != uitval["id"], "two seers share no value about one young person"
    assert codes(await scene.do(SCHOOL, "closeUitval", UITVAL, uitval=known)) == ["CONFLICT"]
    for name, more, state in (
        ("acknowledgeUitval", {}, "PICKED_UP"),
        ("planInterview", {"on": str(today() + timedelta(days=3))}, "INTERVIEW_PLANNED"),
        ("planInterview", {"on": str(today() + timedelta(days=4))}, "INTERVIEW_PLANNED"),
        ("holdInterview", {"on": str(today())}, "INTERVIEW_HELD"),
        ("recordNextStep", {"step": "LEERLIJN"}, "NEXT_STEP"),
        ("closeUitval", {}, "CLOSED"),
    ):
        done = await scene.done(SCHOOL, name, UITVAL, uitval=known, **more)
        assert done["uitval"]["state"] == state
    assert codes(await scene.do(SCHOOL, "withdrawUitval", UITVAL, uitval=known)) == ["CONFLICT"]
    seen = await scene.hub.ask(EMPLOYER, f'{{ node(id: "{uitval["id"]}") {{ ... on Uitval {{ pickedUpOn }} }} }}')
    assert seen["data"]["node"] == {"pickedUpOn": str(today())}


async def test_who_is_not_the_lead_moves_nothing(scene: Scene) -> None:
    who = await placed(scene)
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await report(scene, SCHOOL, who.placement)
    *_, last = await told(scene, TOWN)
    known = last["case"]["id"]
    for name, more in (
        ("acknowledgeUitval", {}),
        ("planInterview", {"on": str(today())}),
        ("recordNextStep", {"step": "LEERLIJN"}),
        ("closeUitval", {}),
        ("withdrawUitval", {}),
        ("confirmUitval", {"how": "MOVED"}),
    ):
        body = await scene.do(TOWN, name, UITVAL, uitval=known, **more)
        assert codes(body) == ["NOT_FOUND"], name
        assert body["errors"][0]["message"].startswith("This is for who has the lead (`student { lead }`)"), name
    assert codes(await scene.do(OTHER_TOWN, "acknowledgeUitval", UITVAL, uitval=last["case"]["id"])) == ["NOT_FOUND"]


async def test_what_was_withdrawn_is_as_it_was_and_the_net_s_reason_ends(scene: Scene) -> None:
    who = await placed(scene, to=str(today() + timedelta(days=60)))
    await scene.agree(who.student, "SAFETY_NET", by="PARENT")
    await scene.done(SCHOOL, "setSafetyNet", student=who.student, choice="INFORM_MUNICIPALITY_AT_ONCE")
    uitval = (await report(scene, SCHOOL, who.placement))["data"]["reportUitval"]["uitval"]
    await scene.done(SCHOOL, "withdrawUitval", UITVAL, uitval=uitval["id"])
    assert await scene.sees(TOWN, who.student) is None
    *_, withdrawn, ended = await told(scene, TOWN)
    assert (withdrawn["withheld"], withdrawn["type"], withdrawn["student"]) == (True, None, None)
    assert (ended["type"], ended["purpose"]) == ("TOEGANG_BEEINDIGD", "SAFETY_NET")
    assert ended["forget"] == await scene.known(who.key, TOWN)
    body = await scene.hub.ask(SCHOOL, f'{{ node(id: "{who.placement}") {{ ... on Placement {{ state to }} }} }}')
    assert body["data"]["node"] == {"state": "RUNNING", "to": str(today() + timedelta(days=60))}
    assert await scene.sees(EMPLOYER, who.student) == "GIVEN_NAME"


async def test_a_silence_is_the_lead_s_alone_until_it_is_confirmed(scene: Scene) -> None:
    who = await placed(scene, to=str(today()))
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await presumed(scene, who.key)
    assert (await types_about(scene, SCHOOL, who.key))[-1] == "uitval-gemeld"
    assert await types_about(scene, TOWN, who.key) == []
    listed = "{ uitvallen { nodes { id basis student { id } } totalCount } }"
    at_school = (await scene.hub.ask(SCHOOL, listed))["data"]["uitvallen"]["nodes"]
    (mine,) = [one for one in at_school if one["student"]["id"] == who.student]
    assert mine["basis"] == "PRESUMED"
    in_town = (await scene.hub.ask(TOWN, listed))["data"]["uitvallen"]["nodes"]
    assert await scene.known(who.key, TOWN) not in [one["student"]["id"] for one in in_town]
    done = await scene.done(SCHOOL, "confirmUitval", UITVAL, uitval=mine["id"], how="CONTRACT_ENDED")
    assert (done["uitval"]["state"], done["uitval"]["basis"]) == ("REPORTED", "TOLD")
    assert await types_about(scene, TOWN, who.key) == ["uitval-gemeld"]


async def test_an_employer_confirms_by_its_placement(scene: Scene) -> None:
    who = await placed(scene, to=str(today()))
    given = {"placement": who.employers, "how": "CONTRACT_ENDED", "youngPersonKnows": True}
    assert codes(await scene.do(EMPLOYER, "confirmUitval", "uitval { id }", **given)) == ["CONFLICT"]
    await presumed(scene, who.key)
    done = await scene.done(EMPLOYER, "confirmUitval", "uitval { how }", **given)
    assert done["uitval"] == {"how": "CONTRACT_ENDED"}


async def test_what_nobody_would_hear_is_not_taken(scene: Scene) -> None:
    who = await placed(scene)
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE student = $1 AND seer = $2", who.key, SCHOOL)
    assert codes(await report(scene, EMPLOYER, who.employers)) == ["NOBODY_HEARS"]
    assert await scene.owner.fetchval("SELECT state FROM placement WHERE student = $1", who.key) == "RUNNING"


async def test_the_service_point_learns_that_a_place_is_free_and_not_whose(scene: Scene) -> None:
    offer = await scene.owner.fetchval(
        "INSERT INTO opportunity (kind, title, employer, municipality, region, service_point, source, seen_on)"
        " VALUES ('WERK', 'Hulp in de bakkerij', '90000001', 'GM0796', 'AM27', 'servicepoint:AM27-WERKCENTRUM', 'x',"
        " today()) RETURNING id"
    )
    who = await placed(scene, opportunity=f"Opportunity:{offer}")
    await report(scene, SCHOOL, who.placement)
    await sequenced(scene)
    body = await scene.hub.ask(POINT, "{ events { nodes { type month candidate { id } opportunity { title } } } }")
    assert body["data"]["events"]["nodes"][-1] == {
        "type": "PLAATS_VRIJGEKOMEN",
        "month": str(today())[:7],
        "candidate": None,
        "opportunity": {"title": "Hulp in de bakkerij"},
    }


async def test_positions_have_no_hole_and_a_cursor_goes_on_exactly(scene: Scene) -> None:
    for _ in range(3):
        await report(scene, EMPLOYER, (await placed(scene)).employers)
    every = await told(scene, SCHOOL)
    assert [event["pos"] for event in every] == list(range(1, len(every) + 1))
    assert await told(scene, SCHOOL, after=every[-3]["cursor"]) == every[-2:]
    body = await scene.hub.ask(
        TOWN, "query Q($c: Cursor) { events(after: $c) { nodes { pos } } }", {"c": every[0]["cursor"]}
    )
    assert codes(body) == ["BAD_CURSOR"]


async def test_a_day_can_be_counted(scene: Scene) -> None:
    every = await told(scene, SCHOOL)
    body = await scene.hub.ask(SCHOOL, f'{{ completeness(date: "{today()}") {{ date count first last }} }}')
    assert body["data"]["completeness"] == {
        "date": str(today()),
        "count": len(every),
        "first": "1.1",
        "last": f"1.{every[-1]['pos']}",
    }


async def test_nobody_but_the_lead_can_tell_a_silence_from_a_place_that_goes_on(scene: Scene) -> None:
    who = await placed(scene, to=str(today()))
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await presumed(scene, who.key)
    town = await scene.known(who.key, TOWN)
    seen = await scene.hub.ask(TOWN, f'{{ student(id: "{town}") {{ placements {{ nodes {{ state }} }} }} }}')
    assert seen["data"]["student"]["placements"]["nodes"] == [{"state": "RUNNING"}]


async def test_another_last_day_drops_what_was_presumed(scene: Scene) -> None:
    who = await placed(scene, to=str(today()))
    await presumed(scene, who.key)
    later = str(today() + timedelta(days=200))
    await scene.done(EMPLOYER, "extendPlacement", "placement { to }", placement=who.employers, to=later)
    assert await scene.owner.fetchval("SELECT state FROM uitval WHERE student = $1", who.key) == "WITHDRAWN"
    assert (await types_about(scene, SCHOOL, who.key))[-2:] == ["uitval-ingetrokken", "plaatsing-verlengd"]


async def test_the_lead_says_of_a_silence_that_nothing_was_lost(scene: Scene) -> None:
    who = await placed(scene, to=str(today()))
    await presumed(scene, who.key)
    number = await scene.owner.fetchval(
        "SELECT left(md5(t.id_salt::text || 'Uitval' || '1'), 12) FROM sight t WHERE student = $1 AND seer = $2",
        who.key,
        SCHOOL,
    )
    uitval = f"Uitval:{who.student.partition(':')[2]}.{number}"
    await scene.done(SCHOOL, "withdrawUitval", UITVAL, uitval=uitval)
    assert await scene.owner.fetchval("SELECT state FROM placement WHERE student = $1", who.key) == "ENDED"
    assert (await types_about(scene, SCHOOL, who.key))[-2:] == ["uitval-ingetrokken", "plaatsing-beeindigd"]


async def test_who_reported_hears_that_it_was_taken_up_whichever_way(scene: Scene) -> None:
    who = await placed(scene)
    await report(scene, EMPLOYER, who.employers)
    (node,) = [
        e for e in await told(scene, SCHOOL) if e["type"] == "UITVAL_GEMELD" and e["student"]["id"] == who.student
    ]
    await scene.done(SCHOOL, "planInterview", UITVAL, uitval=node["case"]["id"], on=str(today() + timedelta(days=2)))
    assert (await types_about(scene, EMPLOYER, who.key))[-1] == "uitval-opgepakt"
    assert (await types_about(scene, SCHOOL, who.key))[-2:] == ["uitval-opgepakt", "loopbaangesprek-gepland"]
