"""Access in motion: presented, introduced, renewed and ended; and the list that the own school reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import (
    EMPLOYER,
    OTHER_SCHOOL,
    OTHER_TOWN,
    POINT,
    SCHOOL,
    TOWN,
    Scene,
    at_once,
    open_scene,
    today,
)

if TYPE_CHECKING:
    from registry.migrate import Logins

STAGE = {"purpose": "STAGE_SEARCH", "servicePoint": "AM27-WERKCENTRUM"}
WORK = {"purpose": "WORK_SEARCH", "servicePoint": "AM27-WERKCENTRUM"}
WHO = "{ student(id: %s) { access { party function purpose tier since until why } } }"
OF_POINT = {"party": "servicepoint:AM27-WERKCENTRUM", "function": "matching"}


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as made:
        yield made


async def test_a_search_for_an_internship_shows_a_card_until_the_school_year_ends(scene: Scene) -> None:
    student = await scene.student()
    await scene.done(SCHOOL, "presentCandidate", student=student, **STAGE)
    assert await scene.sees(POINT, student) == "CANDIDATE"
    day = today()
    row = (await scene.hub.ask(SCHOOL, WHO % f'"{student}"'))["data"]["student"]["access"]
    assert [(one["party"], one["purpose"], one["tier"]) for one in row] == [
        ("school:90ZX00", "ENROLMENT", "IDENTIFIED"),
        ("servicepoint:AM27-WERKCENTRUM", "STAGE_SEARCH", "CANDIDATE"),
    ]
    assert row[1]["until"] == f"{day.year + (day.month >= 8)}-07-31"
    assert row[1]["why"].startswith("The school asked this service point")
    assert codes(await scene.do(SCHOOL, "presentCandidate", student=student, **STAGE)) == ["CONFLICT"], "open already"


async def test_an_introduction_lasts_four_weeks_and_shows_a_given_name(scene: Scene) -> None:
    student = await scene.student()
    await scene.agree(student, "INTRODUCTION", "employer:90000001")
    await scene.done(SCHOOL, "introduce", student=student, employer="90000001")
    assert await scene.sees(EMPLOYER, student) == "GIVEN_NAME"
    sql = "SELECT ends_at - started_at FROM access WHERE purpose = 'INTRODUCTION' AND student = $1"
    assert await scene.owner.fetchval(sql, await scene.key(student)) == timedelta(weeks=4)
    assert codes(await scene.do(SCHOOL, "introduce", student=student, employer="99999999")) == ["NOT_FOUND"]


async def test_an_ending_is_effective_in_the_next_request(scene: Scene) -> None:
    student = await scene.student()
    await scene.done(SCHOOL, "presentCandidate", student=student, **STAGE)
    assert await scene.sees(POINT, student) == "CANDIDATE"
    await scene.done(SCHOOL, "endAccess", person=student, **OF_POINT, purpose="STAGE_SEARCH")
    assert await scene.sees(POINT, student) is None
    sql = "SELECT split_part(type, '.', 3), subject_kind, seers FROM outbox WHERE student = $1 ORDER BY recorded"
    told = [tuple(row) for row in await scene.owner.fetch(sql, await scene.key(student))]
    assert told == [("kandidaat-voorgedragen", "STUDENT", [POINT]), ("toegang-beeindigd", "ENDING", [POINT])]
    body = await scene.do(SCHOOL, "endAccess", person=student, **OF_POINT, purpose="STAGE_SEARCH")
    assert codes(body) == ["NOT_FOUND"]


async def test_a_party_ends_its_own_right_and_nobody_else_s(scene: Scene) -> None:
    student = await scene.student()
    key = await scene.key(student)
    await scene.reason(key, TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED")
    await scene.done(SCHOOL, "presentCandidate", student=student, **STAGE)
    known = await scene.known(key, TOWN)
    assert codes(await scene.do(TOWN, "endAccess", person=known, **OF_POINT)) == ["NOT_FOUND"]
    school = {"party": "school:90ZX00", "function": "guidance"}
    assert codes(await scene.do(TOWN, "endAccess", person=known, **school)) == ["NOT_FOUND"]
    assert await scene.done(TOWN, "endAccess", person=known) == {"student": None}
    assert (await scene.sees(TOWN, student), await scene.sees(POINT, student)) == (None, "CANDIDATE")


async def test_enrolment_cannot_be_ended_here_and_a_party_and_its_function_come_together(scene: Scene) -> None:
    student = await scene.student()
    for more, code in (
        ({"purpose": "ENROLMENT"}, "BAD_INPUT"),
        ({"party": "school:90ZX00"}, "BAD_INPUT"),
        ({}, "NOT_FOUND"),
    ):
        assert codes(await scene.do(SCHOOL, "endAccess", person=student, **more)) == [code]
    assert await scene.sees(SCHOOL, student) == "IDENTIFIED"


async def test_two_endings_at_once_leave_no_right(scene: Scene) -> None:
    for _ in range(6):
        student = await scene.student()
        key = await scene.key(student)
        await scene.agree(student, "WORK_SEARCH", "servicepoint:AM27-WERKCENTRUM")
        for given in (STAGE, WORK):
            await scene.done(SCHOOL, "presentCandidate", student=student, **given)
        mine = await scene.known(key, POINT)
        await at_once(
            scene.do(SCHOOL, "endAccess", person=student, **OF_POINT, purpose="WORK_SEARCH"),
            scene.do(POINT, "endAccess", person=mine, purpose="STAGE_SEARCH"),
        )
        assert await scene.sees(POINT, student) is None


async def test_the_lead_may_present_for_work_and_for_nothing_else(scene: Scene) -> None:
    student = await scene.student()
    key = await scene.key(student)
    await scene.reason(key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await scene.agree(student, "WORK_SEARCH", "servicepoint:AM27-WERKCENTRUM")
    known = await scene.known(key, TOWN)
    assert codes(await scene.do(TOWN, "presentCandidate", student=known, **WORK)) == ["NOT_FOUND"], "not the lead"
    await scene.owner.execute("UPDATE lead SET until_at = clock_timestamp() WHERE student = $1", key)
    await scene.owner.execute("INSERT INTO lead (student, seer) VALUES ($1, $2)", key, TOWN)
    assert codes(await scene.do(TOWN, "presentCandidate", student=known, **STAGE)) == ["NOT_FOUND"]
    await scene.done(TOWN, "presentCandidate", student=known, **WORK)
    assert await scene.sees(POINT, student) == "CANDIDATE"


async def test_a_search_for_work_is_renewed_while_its_consent_stands(scene: Scene) -> None:
    student = await scene.student()
    key = await scene.key(student)
    renew = {"student": student, "servicePoint": "AM27-WERKCENTRUM"}
    assert codes(await scene.do(SCHOOL, "renewAccess", **renew)) == ["NOT_FOUND"]
    await scene.agree(student, "WORK_SEARCH", "servicepoint:AM27-WERKCENTRUM")
    await scene.done(SCHOOL, "presentCandidate", student=student, **WORK)
    before = await scene.known(key, POINT)
    await scene.done(SCHOOL, "renewAccess", **renew)
    sql = "SELECT purpose, ended_at < now() FROM access WHERE student = $1 AND seer = $2 ORDER BY started_at"
    rows = await scene.owner.fetch(sql, key, POINT)
    assert [tuple(row) for row in rows] == [("WORK_SEARCH", True), ("WORK_SEARCH", False)]
    assert await scene.known(key, POINT) == before, "its pseudonym stays"
    await scene.owner.execute("UPDATE consent SET until_at = now() WHERE student = $1", key)
    assert codes(await scene.do(SCHOOL, "renewAccess", **renew)) == ["CONSENT_MISSING"]
    assert await scene.sees(POINT, student) == "CANDIDATE", "a refusal changes nothing"


async def test_only_the_own_school_reads_who_sees_a_student(scene: Scene) -> None:
    student = await scene.student()
    key = await scene.key(student)
    await scene.reason(key, OTHER_SCHOOL, "ENROLMENT", "IDENTIFIED")
    await scene.reason(key, TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED", ends_at=datetime.now(UTC) + timedelta(days=1))
    ended = await scene.reason(key, OTHER_TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED")
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE id = $1", ended)
    other = await scene.known(key, OTHER_SCHOOL)
    body = await scene.hub.ask(OTHER_SCHOOL, WHO % f'"{other}"')
    assert body["data"] == {"student": {"access": None}}
    parties = (await scene.hub.ask(SCHOOL, WHO % f'"{student}"'))["data"]["student"]["access"]
    assert [one["party"] for one in parties] == ["municipality:GM0796", "school:90ZX00", "school:90ZX01"]
    assert {one["since"] for one in parties} == {str(await scene.owner.fetchval("SELECT today()"))}
    assert codes(await scene.hub.ask(TOWN, WHO % f'"{student}"')) == ["INVALID_DOCUMENT"]


@pytest.mark.parametrize("seer", [OTHER_SCHOOL, "school:90ZX00#administration"])
async def test_another_s_student_is_not_found(scene: Scene, seer: str) -> None:
    student = await scene.student()
    for known in (student, f"Student:{uuid4()}"):
        assert codes(await scene.do(seer, "presentCandidate", student=known, **STAGE)) == ["NOT_FOUND"]
        assert codes(await scene.do(seer, "introduce", student=known, employer="90000001")) == ["NOT_FOUND"]
        assert codes(await scene.do(seer, "endAccess", person=known)) == ["NOT_FOUND"]


async def test_a_repeat_gives_once_and_is_answered_under_today_s_rights(scene: Scene) -> None:
    student = await scene.student()
    given = {"student": student, **STAGE, "key": str(uuid4())}
    answers = await at_once(*(scene.do(SCHOOL, "presentCandidate", **given) for _ in range(3)))
    assert all(one == answers[0] and "errors" not in one for one in answers)
    sql = "SELECT count(*) FROM access WHERE student = $1 AND seer = $2"
    assert await scene.owner.fetchval(sql, await scene.key(student), POINT) == 1
    ended = await scene.done(SCHOOL, "endAccess", person=student, **OF_POINT)
    assert ended["student"]["id"] == student
    assert await scene.do(SCHOOL, "presentCandidate", **given) == answers[0], "a repeat does not give it again"
    assert await scene.sees(POINT, student) is None
