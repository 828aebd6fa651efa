"""Somebody leads while a loss is open, and what a net catches stays caught (0026_nobody_alone.sql)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import EMPLOYER, OTHER_TOWN, SCHOOL, TOWN, Scene, today
from tests.resolvers.uitval_kit import UITVAL, Placed, noon, open_places, own_id, placed, report, types_about

if TYPE_CHECKING:
    from registry.migrate import Logins

OPEN_DUE = "SELECT seer, step FROM due WHERE student = $1 AND done_at IS NULL ORDER BY step"
TO_TOWN = {"party": "municipality:GM0796", "function": "participatie"}


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_places(fresh_database, fresh_logins) as made:
        yield made


async def tick(worker: Any, who: Placed, day: date) -> None:
    await worker.fetchval("SELECT clocks_tick($1, $2)", who.key, noon(day))


async def net(scene: Scene, who: Placed) -> None:
    await scene.agree(who.student, "SAFETY_NET", by="PARENT")
    await scene.done(SCHOOL, "setSafetyNet", student=who.student, choice="INFORM_MUNICIPALITY_AT_ONCE")


async def end_guidance(scene: Scene, key: UUID) -> None:
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE student = $1 AND seer = $2", key, SCHOOL)


async def lead_of(scene: Scene, key: UUID) -> str | None:
    query = "SELECT seer FROM lead WHERE student = $1 AND until_at = 'infinity'"
    found: str | None = await scene.owner.fetchval(query, key)
    return found


async def test_where_no_school_leads_the_net_gives_the_lead_and_the_loss_goes_its_way(scene: Scene) -> None:
    who = await placed(scene)
    await net(scene, who)
    await end_guidance(scene, who.key)
    assert await lead_of(scene, who.key) is None
    assert "errors" not in await report(scene, EMPLOYER, who.employers)
    assert await lead_of(scene, who.key) == TOWN
    assert await types_about(scene, TOWN, who.key) == ["regie-overgedragen", "uitval-gemeld"]
    assert [tuple(row) for row in await scene.owner.fetch(OPEN_DUE, who.key)] == [(TOWN, "PICK_UP")]
    one = await own_id(scene, TOWN, who.key, "Uitval", 1)
    for name, more in (("acknowledgeUitval", {}), ("recordNextStep", {"step": "NEW_PLACEMENT"}), ("closeUitval", {})):
        await scene.done(TOWN, name, UITVAL, uitval=one, **more)
    assert await lead_of(scene, who.key) is None, "the row of the net ended with the loss, and the lead with it"


async def test_who_follows_gets_the_lead_when_it_falls_in_the_middle(scene: Scene) -> None:
    who = await placed(scene)
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await report(scene, SCHOOL, who.placement)
    at = await scene.owner.fetchval("SELECT due_at FROM due WHERE student = $1 AND done_at IS NULL", who.key)
    await end_guidance(scene, who.key)
    assert await lead_of(scene, who.key) == TOWN
    row = await scene.owner.fetchrow(
        "SELECT seer, step, due_at FROM due WHERE student = $1 AND done_at IS NULL", who.key
    )
    assert tuple(row) == (TOWN, "PICK_UP", at), "the term is what it was"


async def test_nobody_leads_where_nothing_was_lost(scene: Scene) -> None:
    who = await placed(scene)
    await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await end_guidance(scene, who.key)
    assert await lead_of(scene, who.key) is None


async def test_a_silence_that_nobody_can_answer_is_over(scene: Scene, worker: Any) -> None:
    last = today() + timedelta(days=5)
    who = await placed(scene, to=str(last))
    await tick(worker, who, last + timedelta(days=1))
    await end_guidance(scene, who.key)
    assert await scene.owner.fetchval("SELECT state FROM uitval WHERE student = $1", who.key) == "WITHDRAWN"
    await tick(worker, who, last + timedelta(days=2))
    assert await scene.owner.fetchval("SELECT state FROM placement WHERE student = $1", who.key) == "ENDED"


async def test_a_lead_needs_to_see_who_it_is(scene: Scene) -> None:
    who = await placed(scene)
    reason = await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await scene.reason(who.key, TOWN, "EVIDENCE", "GIVEN_NAME")
    await scene.done(SCHOOL, "transferLead", student=who.student, **TO_TOWN)
    await scene.done(TOWN, "acceptLead", student=await scene.known(who.key, TOWN))
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE id = $1", reason)
    assert await lead_of(scene, who.key) == SCHOOL


async def test_an_offer_lapses_with_the_right_of_whom_it_was_made_to(scene: Scene) -> None:
    who = await placed(scene)
    reason = await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await scene.done(SCHOOL, "transferLead", student=who.student, **TO_TOWN)
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE id = $1", reason)
    await scene.reason(who.key, TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED")
    assert codes(await scene.do(TOWN, "acceptLead", student=await scene.known(who.key, TOWN))) == ["NOT_FOUND"]
    assert await scene.owner.fetch(OPEN_DUE, who.key) == []


async def test_nobody_is_late_when_the_lead_ends_with_the_term(scene: Scene, worker: Any) -> None:
    who = await placed(scene)
    await report(scene, SCHOOL, who.placement)
    query = "SELECT max(next_at) FROM due WHERE student = $1"
    await worker.fetchval("SELECT clocks_tick($1, $2)", who.key, await scene.owner.fetchval(query, who.key))
    await scene.owner.execute(
        "UPDATE access SET ends_at = now() + interval '10 days' WHERE student = $1 AND seer = $2", who.key, SCHOOL
    )
    late = datetime.now(UTC) + timedelta(days=100)
    await worker.fetchval("SELECT clocks_tick($1, $2)", who.key, late)
    assert await scene.owner.fetchval("SELECT count(*) FROM overdue WHERE escalated_at = $1", late) == 0
    assert await scene.owner.fetch(OPEN_DUE, who.key) == []


async def test_the_net_holds_when_a_row_that_was_open_ends_before_the_loss(scene: Scene) -> None:
    who = await placed(scene)
    await net(scene, who)
    asked = await scene.reason(who.key, TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED")
    await report(scene, EMPLOYER, who.employers)
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE id = $1", asked)
    assert await scene.sees(TOWN, who.student) == "IDENTIFIED"
    await scene.done(SCHOOL, "acknowledgeUitval", UITVAL, uitval=await own_id(scene, SCHOOL, who.key, "Uitval", 1))
    assert await types_about(scene, TOWN, who.key) == ["uitval-gemeld", "uitval-opgepakt"]


async def test_a_consent_withdrawn_after_a_move_disarms_the_net_of_the_old_town_too(scene: Scene) -> None:
    who = await placed(scene)
    await net(scene, who)
    await scene.owner.execute("UPDATE student SET municipality = 'GM0344' WHERE id = $1", who.key)
    await scene.agree(who.student, "SAFETY_NET", by="PARENT")
    await scene.done(SCHOOL, "withdrawConsent", "student { id }", person=who.student, purpose="SAFETY_NET", by="PARENT")
    await report(scene, EMPLOYER, who.employers)
    for town in (TOWN, OTHER_TOWN):
        assert await types_about(scene, town, who.key) == []
