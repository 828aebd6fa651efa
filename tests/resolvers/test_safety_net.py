"""The safety net: a choice that rests on a consent, and gives nobody a right until it is used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import OTHER_SCHOOL, SCHOOL, TOWN, Scene, at_once, open_scene

if TYPE_CHECKING:
    from registry.migrate import Logins

AT_ONCE = {"choice": "INFORM_MUNICIPALITY_AT_ONCE"}


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as made:
        yield made


async def open_nets(scene: Scene, student: str) -> list[tuple[str, str | None]]:
    sql = "SELECT choice, municipality FROM safety_net WHERE student = $1 AND ended_at = 'infinity'"
    return [tuple(row) for row in await scene.owner.fetch(sql, await scene.key(student))]


async def test_telling_the_municipality_at_once_rests_on_instemming(scene: Scene) -> None:
    student = await scene.student("18_PLUS")
    assert codes(await scene.do(SCHOOL, "setSafetyNet", student=student, **AT_ONCE)) == ["CONSENT_MISSING"]
    await scene.agree(student, "SAFETY_NET")
    await scene.done(SCHOOL, "setSafetyNet", student=student, **AT_ONCE)
    assert await open_nets(scene, student) == [("INFORM_MUNICIPALITY_AT_ONCE", TOWN)]
    assert await scene.sees(TOWN, student) is None, "no row until it is used"


async def test_a_new_choice_ends_the_one_before(scene: Scene) -> None:
    student = await scene.student("18_PLUS")
    for choice in ("SCHOOL_FIRST", "NONE", "SCHOOL_FIRST"):
        await scene.done(SCHOOL, "setSafetyNet", student=student, choice=choice)
        assert await open_nets(scene, student) == [(choice, None)]
    await at_once(*(scene.do(SCHOOL, "setSafetyNet", student=student, choice="NONE") for _ in range(3)))
    assert await open_nets(scene, student) == [("NONE", None)]


async def test_a_withdrawal_ends_the_net_that_rests_on_it(scene: Scene) -> None:
    student = await scene.student("18_PLUS")
    await scene.agree(student, "SAFETY_NET")
    await scene.done(SCHOOL, "setSafetyNet", student=student, **AT_ONCE)
    await scene.done(SCHOOL, "withdrawConsent", person=student, purpose="SAFETY_NET", by="SELF")
    assert await open_nets(scene, student) == []


async def test_another_s_student_is_not_found(scene: Scene) -> None:
    student = await scene.student()
    assert codes(await scene.do(OTHER_SCHOOL, "setSafetyNet", student=student, choice="NONE")) == ["NOT_FOUND"]
