"""A support request: sent to who covers the municipality of residence, answered by it alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import OTHER_TOWN, SCHOOL, TOWN, Scene, at_once, open_scene

if TYPE_CHECKING:
    from registry.migrate import Logins

ASKED = "student { supportRequests { state from to supportWanted reason answeredOn } }"
WANTED: dict[str, Any] = {"supportWanted": ["VASTE_TAKEN"]}


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as made:
        yield made


async def test_the_municipality_of_residence_sees_who_it_is_asked_for(scene: Scene) -> None:
    student = await scene.student()
    (request,) = (await scene.done(SCHOOL, "requestSupport", ASKED, student=student, **WANTED))["student"][
        "supportRequests"
    ]
    assert request == {
        "state": "SENT",
        "from": "school:90ZX00",
        "to": "municipality:GM0796",
        "supportWanted": ["VASTE_TAKEN"],
        "reason": None,
        "answeredOn": None,
    }
    assert await scene.sees(TOWN, student) == "IDENTIFIED"
    assert await scene.sees(OTHER_TOWN, student) is None
    assert codes(await scene.do(SCHOOL, "requestSupport", student=student, **WANTED)) == ["CONFLICT"]


async def test_it_goes_through_triage_to_an_answer(scene: Scene) -> None:
    student = await scene.student()
    await scene.done(SCHOOL, "requestSupport", student=student, **WANTED)
    known = await scene.known(await scene.key(student), TOWN)
    for answer in ("IN_TRIAGE", "ACCEPTED"):
        payload = await scene.done(TOWN, "answerSupportRequest", ASKED, student=known, answer=answer)
        assert payload["student"]["supportRequests"][0]["state"] == answer
    again = await scene.do(TOWN, "answerSupportRequest", student=known, answer="IN_TRIAGE")
    assert codes(again) == ["NOT_FOUND"], "it is answered"
    assert await scene.sees(TOWN, student) == "IDENTIFIED"


async def test_who_declines_gives_a_reason_and_sees_no_more(scene: Scene) -> None:
    student = await scene.student()
    await scene.done(SCHOOL, "requestSupport", student=student, **WANTED)
    known = await scene.known(await scene.key(student), TOWN)
    assert codes(await scene.do(TOWN, "answerSupportRequest", student=known, answer="DECLINED")) == ["BAD_INPUT"]
    reason = {"answer": "DECLINED", "reason": "OTHER_ROUTE"}
    assert await scene.done(TOWN, "answerSupportRequest", ASKED, student=known, **reason) == {"student": None}
    assert await scene.sees(TOWN, student) is None
    body = await scene.hub.ask(SCHOOL, f'{{ student(id: "{student}") {{ supportRequests {{ state reason }} }} }}')
    assert body["data"]["student"]["supportRequests"] == [{"state": "DECLINED", "reason": "OTHER_ROUTE"}]
    await scene.done(SCHOOL, "requestSupport", student=student, **WANTED)
    assert await scene.sees(TOWN, student) == "IDENTIFIED", "a new request is a new reason"


async def test_a_town_without_a_party_of_its_own_is_covered_by_its_centre_municipality(scene: Scene) -> None:
    centre = "SELECT m.code FROM municipality m JOIN region r ON r.code = m.region WHERE r.centre = $1 AND m.code <> $1"
    town = await scene.owner.fetchval(centre + " ORDER BY 1 LIMIT 1", "GM0796")
    await scene.owner.execute("UPDATE covers SET until_at = now() WHERE municipality = $1", town)
    student = await scene.student(town=town)
    await scene.done(SCHOOL, "requestSupport", student=student, **WANTED)
    assert await scene.sees(TOWN, student) == "IDENTIFIED"
    nowhere = await scene.student(town=None)
    assert codes(await scene.do(SCHOOL, "requestSupport", student=nowhere, **WANTED)) == ["NOT_FOUND"]


async def test_two_requests_at_once_are_one(scene: Scene) -> None:
    student = await scene.student()
    bodies = await at_once(*(scene.do(SCHOOL, "requestSupport", student=student, **WANTED) for _ in range(3)))
    assert sorted(codes(one) for one in bodies) == [[], ["CONFLICT"], ["CONFLICT"]]


async def test_another_s_request_is_not_found(scene: Scene) -> None:
    student = await scene.student()
    await scene.done(SCHOOL, "requestSupport", student=student, **WANTED)
    key = await scene.key(student)
    await scene.reason(key, OTHER_TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED")
    for known in (await scene.known(key, OTHER_TOWN), await scene.known(key, TOWN), f"Student:{uuid4()}"):
        body = await scene.do(OTHER_TOWN, "answerSupportRequest", student=known, answer="ACCEPTED")
        assert codes(body) == ["NOT_FOUND"]
    known = await scene.known(key, OTHER_TOWN)
    body = await scene.hub.ask(OTHER_TOWN, f'{{ student(id: "{known}") {{ supportRequests {{ state }} }} }}')
    assert body["data"]["student"]["supportRequests"] == []
