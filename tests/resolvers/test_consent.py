"""Consent: who may agree for whom, and that a withdrawal ends all that rests on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import (
    EMPLOYER,
    NEXT_YEAR,
    OTHER_POINT,
    OTHER_SCHOOL,
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

CONSENT = {"by": "SELF", "textVersion": "2026-09", "until": NEXT_YEAR}
WORK = {"purpose": "WORK_SEARCH", "party": "servicepoint:AM27-WERKCENTRUM"}
PRESENT = {"purpose": "WORK_SEARCH", "servicePoint": "AM27-WERKCENTRUM"}


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as made:
        yield made


@pytest.mark.parametrize(
    ("age", "purpose", "party", "good", "bad"),
    [
        ("12_15", "WORK_SEARCH", "servicepoint:AM27-WERKCENTRUM", ["PARENT", "REPRESENTATIVE"], ["SELF"]),
        ("16_17", "INTRODUCTION", "employer:90000001", ["SELF"], ["PARENT", "REPRESENTATIVE"]),
        ("18_PLUS", "WORK_SEARCH", "servicepoint:AM27-WERKCENTRUM", ["SELF"], ["PARENT"]),
        ("16_17", "CONTINUE_SUPPORT", None, ["PARENT", "REPRESENTATIVE"], ["SELF"]),
        ("18_PLUS", "SAFETY_NET", "municipality:GM0796", ["SELF"], ["PARENT"]),
        (None, "WORK_SEARCH", "servicepoint:AM27-WERKCENTRUM", ["SELF", "PARENT", "REPRESENTATIVE"], []),
    ],
)
async def test_who_agrees_follows_from_age_and_kind(
    scene: Scene, age: str | None, purpose: str, party: str | None, good: list[str], bad: list[str]
) -> None:
    student = await scene.student(age)
    given = {**CONSENT, "student": student, "purpose": purpose, **({"party": party} if party else {})}
    for by in good:
        assert (await scene.done(SCHOOL, "recordConsent", **{**given, "by": by}))["student"] == {"id": student}
    for by in bad:
        assert codes(await scene.do(SCHOOL, "recordConsent", **{**given, "by": by})) == ["BAD_INPUT"]
    rows = await scene.owner.fetch("SELECT seer, kind FROM consent WHERE student = $1", await scene.key(student))
    assert len(rows) == len(good)
    assert len({tuple(row) for row in rows}) == 1


async def test_without_a_consent_nothing_that_rests_on_one_is_given(scene: Scene) -> None:
    student = await scene.student()
    present = {"student": student, **PRESENT}
    assert codes(await scene.do(SCHOOL, "presentCandidate", **present)) == ["CONSENT_MISSING"]
    await scene.agree(student, "WORK_SEARCH", "servicepoint:AM01-WERKCENTRUM")
    assert codes(await scene.do(SCHOOL, "presentCandidate", **present)) == ["CONSENT_MISSING"], "for another party"
    await scene.agree(student, "INTRODUCTION", "employer:90000002")
    introduce = {"student": student, "employer": "90000001"}
    assert codes(await scene.do(SCHOOL, "introduce", **introduce)) == ["CONSENT_MISSING"]
    assert await scene.sees(POINT, student) is None
    await scene.agree(student, **WORK)
    await scene.done(SCHOOL, "presentCandidate", **present)
    assert await scene.sees(POINT, student) == "CANDIDATE"


async def test_a_reason_ends_no_later_than_the_consent_it_rests_on(scene: Scene) -> None:
    student = await scene.student()
    soon = today() + timedelta(days=3)
    await scene.agree(student, **WORK, until=str(soon))
    await scene.done(SCHOOL, "presentCandidate", student=student, **PRESENT)
    sql = "SELECT a.ends_at = c.until_at FROM access a JOIN consent c ON c.id = a.consent WHERE a.student = $1"
    assert await scene.owner.fetchval(sql, await scene.key(student)) is True


async def test_a_withdrawal_ends_all_that_rests_on_it_and_nothing_else(scene: Scene) -> None:
    student = await scene.student()
    await scene.agree(student, **WORK)
    await scene.agree(student, "WORK_SEARCH", "servicepoint:AM01-WERKCENTRUM")
    await scene.agree(student, "INTRODUCTION", "employer:90000001")
    for code in ("AM27-WERKCENTRUM", "AM01-WERKCENTRUM"):
        await scene.done(SCHOOL, "presentCandidate", student=student, purpose="WORK_SEARCH", servicePoint=code)
    await scene.done(SCHOOL, "introduce", student=student, employer="90000001")
    await scene.done(SCHOOL, "withdrawConsent", person=student, **WORK, by="SELF")
    sql = "SELECT seers, details::text FROM outbox WHERE student = $1 AND type LIKE '%toestemming-ingetrokken%'"
    told = await scene.owner.fetch(sql, await scene.key(student))
    assert [tuple(row) for row in told] == [([POINT], '{"purpose": "WORK_SEARCH"}')]
    assert [await scene.sees(one, student) for one in (POINT, OTHER_POINT, EMPLOYER)] == [
        None,
        "CANDIDATE",
        "GIVEN_NAME",
    ]
    assert codes(await scene.do(SCHOOL, "presentCandidate", student=student, **PRESENT)) == ["CONSENT_MISSING"]
    assert codes(await scene.do(SCHOOL, "withdrawConsent", person=student, **WORK, by="SELF")) == ["NOT_FOUND"]


async def test_who_holds_a_reason_that_rests_on_it_withdraws_it_too(scene: Scene) -> None:
    student = await scene.student()
    await scene.agree(student, "INTRODUCTION", "employer:90000001")
    await scene.agree(student, **WORK)
    await scene.done(SCHOOL, "introduce", student=student, employer="90000001")
    await scene.done(SCHOOL, "presentCandidate", student=student, **PRESENT)
    mine = await scene.known(await scene.key(student), EMPLOYER)
    foreign = {"person": mine, **WORK, "by": "SELF"}
    assert codes(await scene.do(EMPLOYER, "withdrawConsent", **foreign)) == ["NOT_FOUND"], "another's"
    payload = await scene.done(EMPLOYER, "withdrawConsent", person=mine, purpose="INTRODUCTION", by="SELF")
    assert payload == {"candidate": None}, "the payload is read under today's rights"
    assert await scene.sees(EMPLOYER, student) is None
    assert await scene.sees(POINT, student) == "CANDIDATE"
    again = await scene.do(EMPLOYER, "withdrawConsent", person=mine, purpose="INTRODUCTION", by="SELF")
    assert codes(again) == ["NOT_FOUND"]


async def test_a_withdrawal_and_a_giving_at_once_leave_nothing_open(scene: Scene) -> None:
    for _ in range(6):
        student = await scene.student()
        await scene.agree(student, **WORK)
        await at_once(
            scene.do(SCHOOL, "presentCandidate", student=student, **PRESENT),
            scene.do(SCHOOL, "withdrawConsent", person=student, **WORK, by="SELF"),
        )
        assert await scene.sees(POINT, student) is None


@pytest.mark.parametrize("seer", [OTHER_SCHOOL, TOWN])
async def test_another_s_student_is_not_found(scene: Scene, seer: str) -> None:
    student = await scene.student()
    for known in (student, f"Student:{uuid4()}", "Student:x", "Candidate:" + student.partition(":")[2]):
        body = await scene.do(seer, "withdrawConsent", person=known, **WORK, by="SELF")
        assert codes(body) == ["NOT_FOUND"]
    if seer == OTHER_SCHOOL:
        assert codes(await scene.do(seer, "recordConsent", student=student, **WORK, **CONSENT)) == ["NOT_FOUND"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"purpose": "STAGE_SEARCH"}, "BAD_INPUT"),
        ({"purpose": "ENROLMENT"}, "BAD_INPUT"),
        ({"textVersion": "Jan zegt ja"}, "BAD_INPUT"),
        ({"until": "2020-01-01"}, "BAD_INPUT"),
        ({"party": "servicepoint:AM99-NERGENS"}, "NOT_FOUND"),
        ({"party": "employer:90000001"}, "NOT_FOUND"),
        ({"party": "school:90ZX01"}, "NOT_FOUND"),
    ],
)
async def test_what_is_no_consent_is_refused(scene: Scene, more: dict[str, str], code: str) -> None:
    given = {"student": await scene.student(), **WORK, **CONSENT, **more}
    assert codes(await scene.do(SCHOOL, "recordConsent", **given)) == [code]


async def test_a_repeat_records_once_and_other_content_is_key_reused(scene: Scene) -> None:
    student = await scene.student()
    given = {"student": student, **WORK, **CONSENT, "key": str(uuid4())}
    answers = await at_once(*(scene.do(SCHOOL, "recordConsent", **given) for _ in range(3)))
    assert all(one == answers[0] for one in answers)
    sql = "SELECT count(*) FROM consent WHERE student = $1"
    assert await scene.owner.fetchval(sql, await scene.key(student)) == 1
    other = {**given, "textVersion": "2026-10"}
    assert codes(await scene.do(SCHOOL, "recordConsent", **other)) == ["KEY_REUSED"]
