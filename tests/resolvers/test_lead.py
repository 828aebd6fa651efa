"""The lead: exactly one party has it at any moment, whoever moves or ends what at the same time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import OTHER_TOWN, SCHOOL, TOWN, Scene, at_once, open_scene

if TYPE_CHECKING:
    from registry.migrate import Logins

TO_TOWN = {"party": "municipality:GM0796", "function": "participatie"}
OFFERED = "{ dueItems(first: 100) { nodes { id process step reminded student { id } case { __typename } } } }"
LEAD = "student { lead { party function } }"


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as made:
        yield made


async def led(scene: Scene) -> tuple[str, UUID, str]:
    """A student that TOWN sees: as the school has it, its key, as the town has it."""
    student = await scene.student()
    key = await scene.key(student)
    await scene.reason(key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    return student, key, await scene.known(key, TOWN)


async def leads(scene: Scene, key: UUID) -> list[str]:
    """Who had the lead, one after the other; without a gap or an overlap, or the test fails."""
    rows = await scene.owner.fetch("SELECT seer, from_at, until_at FROM lead WHERE student = $1 ORDER BY from_at", key)
    assert all(one["until_at"] == after["from_at"] for one, after in pairwise(rows))
    return [row["seer"] for row in rows]


async def test_it_moves_on_acceptance_and_not_before(scene: Scene) -> None:
    student, key, known = await led(scene)
    assert codes(await scene.do(TOWN, "acceptLead", student=known)) == ["NOT_FOUND"], "nobody offered it"
    await scene.done(SCHOOL, "transferLead", student=student, **TO_TOWN)
    assert await leads(scene, key) == [SCHOOL]
    payload = await scene.done(TOWN, "acceptLead", LEAD, student=known)
    assert payload["student"]["lead"] == {"party": "municipality:GM0796", "function": "participatie"}
    assert await leads(scene, key) == [SCHOOL, TOWN]
    assert codes(await scene.do(SCHOOL, "transferLead", student=student, **TO_TOWN)) == ["NOT_FOUND"], "not the lead"


async def offered(scene: Scene, seer: str, known: str) -> list[str]:
    """The due items of a seer that say that the lead of this young person is offered to it."""
    nodes = (await scene.hub.ask(seer, OFFERED))["data"]["dueItems"]["nodes"]
    found = [one for one in nodes if one["process"] == "LEAD" and one["student"]["id"] == known]
    assert all((one["step"], one["reminded"], one["case"]) == ("ANSWER", False, None) for one in found)
    return [one["id"] for one in found]


async def test_an_offer_is_due_to_whom_it_is_made_until_it_is_settled(scene: Scene) -> None:
    for settle in ("acceptLead", "declineLead"):
        student, key, known = await led(scene)
        assert await offered(scene, TOWN, known) == []
        await scene.done(SCHOOL, "transferLead", student=student, **TO_TOWN)
        (first,) = await offered(scene, TOWN, known)
        assert await offered(scene, SCHOOL, student) == [], "who offers it has nothing to do"
        await scene.done(SCHOOL, "transferLead", student=student, **TO_TOWN)
        (second,) = await offered(scene, TOWN, known)
        assert first != second, "a newer offer takes the place of the older"
        assert codes(await scene.do(TOWN, "closeDueItem", item=second)) == ["NOT_FOUND"], "it is answered, not closed"
        await scene.done(TOWN, settle, student=known)
        assert await offered(scene, TOWN, known) == []
        states = await scene.owner.fetch("SELECT state FROM lead_offer WHERE student = $1 ORDER BY n", key)
        assert [row["state"] for row in states] == ["LAPSED", "ACCEPTED" if settle == "acceptLead" else "DECLINED"]


async def test_an_offer_of_who_has_the_lead_no_more_is_due_to_nobody(scene: Scene) -> None:
    student, key, known = await led(scene)
    await scene.reason(key, OTHER_TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await scene.done(SCHOOL, "transferLead", student=student, **TO_TOWN)
    assert len(await offered(scene, TOWN, known)) == 1
    async with scene.owner.transaction():
        await scene.owner.execute("UPDATE lead SET until_at = now() WHERE student = $1 AND until_at = 'infinity'", key)
        await scene.owner.execute("INSERT INTO lead (student, seer, from_at) VALUES ($1, $2, now())", key, OTHER_TOWN)
    assert await offered(scene, TOWN, known) == []
    assert await offered(scene, OTHER_TOWN, await scene.known(key, OTHER_TOWN)) == [], "nor to the new lead"
    assert codes(await scene.do(TOWN, "acceptLead", student=known)) == ["NOT_FOUND"]


async def test_who_declines_leaves_it_where_it_is(scene: Scene) -> None:
    student, key, known = await led(scene)
    await scene.done(SCHOOL, "transferLead", student=student, **TO_TOWN)
    await scene.done(TOWN, "declineLead", student=known)
    assert codes(await scene.do(TOWN, "acceptLead", student=known)) == ["NOT_FOUND"]
    assert await leads(scene, key) == [SCHOOL]


async def test_it_is_offered_only_to_who_sees_the_student(scene: Scene) -> None:
    student, key, _ = await led(scene)
    to = {"party": "municipality:GM0344", "function": "participatie"}
    assert codes(await scene.do(SCHOOL, "transferLead", student=student, **to)) == ["NOT_FOUND"]
    assert await leads(scene, key) == [SCHOOL]


async def test_it_returns_to_the_school_when_the_lead_s_last_reason_ends(scene: Scene) -> None:
    student, key, known = await led(scene)
    await scene.done(SCHOOL, "transferLead", student=student, **TO_TOWN)
    await scene.done(TOWN, "acceptLead", student=known)
    await scene.reason(key, TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED")
    await scene.done(TOWN, "endAccess", person=known, purpose="CONTINUE_SUPPORT")
    assert await leads(scene, key) == [SCHOOL, TOWN], "it has a reason left"
    await scene.done(TOWN, "endAccess", person=known)
    assert await leads(scene, key) == [SCHOOL, TOWN, SCHOOL]


async def test_it_closes_when_the_school_s_guidance_runs_no_more(scene: Scene) -> None:
    student, key, known = await led(scene)
    await scene.done(SCHOOL, "transferLead", student=student, **TO_TOWN)
    await scene.done(TOWN, "acceptLead", student=known)
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE student = $1 AND seer = $2", key, SCHOOL)
    assert await leads(scene, key) == [SCHOOL, TOWN]
    await scene.done(TOWN, "endAccess", person=known)
    open_ones = "SELECT count(*) FROM lead WHERE student = $1 AND until_at = 'infinity'"
    assert await scene.owner.fetchval(open_ones, key) == 0


async def test_a_school_that_ends_enrolment_and_begins_guidance_keeps_it(scene: Scene) -> None:
    _, key, _ = await led(scene)
    async with scene.owner.transaction():
        await scene.owner.execute("UPDATE access SET ended_at = now() WHERE student = $1 AND seer = $2", key, SCHOOL)
        await scene.reason(key, SCHOOL, "CAREER_GUIDANCE", "IDENTIFIED")
    assert await leads(scene, key) == [SCHOOL]


async def test_acceptance_and_the_end_of_the_reason_at_once_leave_one_lead(scene: Scene) -> None:
    for _ in range(6):
        student, key, known = await led(scene)
        await scene.done(SCHOOL, "transferLead", student=student, **TO_TOWN)
        await at_once(
            scene.do(TOWN, "acceptLead", student=known),
            scene.do(SCHOOL, "endAccess", person=student, **TO_TOWN),
            scene.do(TOWN, "declineLead", student=known),
        )
        assert (await leads(scene, key))[-1] == SCHOOL
        open_ones = "SELECT count(*) FROM lead WHERE student = $1 AND until_at = 'infinity'"
        assert await scene.owner.fetchval(open_ones, key) == 1


async def test_another_s_student_is_not_found(scene: Scene) -> None:
    student, _, _ = await led(scene)
    for name, more in (("transferLead", TO_TOWN), ("acceptLead", {}), ("declineLead", {})):
        assert codes(await scene.do(OTHER_TOWN, name, student=student, **more)) == ["NOT_FOUND"]
