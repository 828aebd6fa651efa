"""What commands may ask of the keeper about placements and losses, asked as the role `command` itself: by everybody,
with every right that is not enough.

Wall 3 alone: the commands check for themselves besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.walls.conftest import Raise
from tests.walls.data import EVER, World
from tests.walls.rows import insert
from tests.walls.seers import Seer
from tests.walls.test_keeper import changes
from tests.walls.walls import Walls

TOWN = "municipality:GM0796#participatie"
PLACES, LEADS, ASKED, SEES, NOBODY = "who places", "who leads", "who is asked", "who sees", "nobody"
MOVE, STEP = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"  # that are due to the lead
# The call, and who may: the own school, the employer whose place it is and a town that sees who it is; the lead.
CALLS: dict[str, tuple[str, str]] = {
    "one elsewhere": ("SELECT start_placement(STUDENT, 'WERK', 'OTHER', NULL, 24, today(), NULL, NULL)", SEES),
    "a placement here": ("SELECT start_placement(STUDENT, 'BBL', 'EMPLOYER', NULL, 24, today(), NULL, NULL)", PLACES),
    "one like another": ("SELECT start_placement(STUDENT, 'WERK', 'EMPLOYER', NULL, 24, today(), NULL, NULL)", NOBODY),
    "one at nobody": ("SELECT start_placement(STUDENT, 'WERK', '00000000', NULL, 24, today(), NULL, NULL)", NOBODY),
    "another's offer": ("SELECT start_placement(STUDENT, 'BBL', 'EMPLOYER', OFFER, 24, today(), NULL, NULL)", NOBODY),
    "a later end": ("SELECT extend_placement(STUDENT, 1, today() + 99)", PLACES),
    "an earlier end": ("SELECT extend_placement(STUDENT, 1, today() + 1)", NOBODY),
    "another's number": ("SELECT extend_placement(STUDENT, 9, today() + 99)", NOBODY),
    "an end": ("SELECT end_placement(STUDENT, 1, today())", PLACES),
    "an end before its begin": ("SELECT end_placement(STUDENT, 1, today() - 99)", NOBODY),
    "an end of what ended": ("SELECT end_placement(STUDENT, 2, today())", NOBODY),
    "a loss": ("SELECT report_uitval(STUDENT, 1, 'MOVED', today())", PLACES),
    "a loss that is presumed": ("SELECT report_uitval(STUDENT, 2, 'MOVED', NULL)", PLACES),
    "a loss that was told": ("SELECT report_uitval(STUDENT, 3, 'MOVED', today())", NOBODY),
    "a loss of nothing": ("SELECT report_uitval(STUDENT, 9, 'MOVED', today())", NOBODY),
    "a silence of nothing": ("SELECT report_uitval(STUDENT, 1, 'MOVED', NULL)", NOBODY),
    "a loss before the begin": ("SELECT report_uitval(STUDENT, 1, 'MOVED', today() - 99)", NOBODY),
    "a confirmation": ("SELECT confirm_uitval(STUDENT, 1, 'MOVED')", LEADS),
    "a confirmation of what was told": ("SELECT confirm_uitval(STUDENT, 2, 'MOVED')", NOBODY),
    "a step": ("SELECT move_uitval(STUDENT, 2, 'ACKNOWLEDGE', NULL, NULL)", LEADS),
    "a withdrawal of a silence": ("SELECT move_uitval(STUDENT, 1, 'WITHDRAW', NULL, NULL)", LEADS),
    "a step that does not follow": ("SELECT move_uitval(STUDENT, 2, 'HOLD', today(), NULL)", NOBODY),
    "a step that there is not": ("SELECT move_uitval(STUDENT, 2, 'FORGET', NULL, NULL)", NOBODY),
    "a step of nothing": ("SELECT move_uitval(STUDENT, 9, 'ACKNOWLEDGE', NULL, NULL)", NOBODY),
    "an answer": ("SELECT answer_placement_end(STUDENT, 1, 'UNKNOWN', NULL)", ASKED),
    "an answer with a later end": ("SELECT answer_placement_end(STUDENT, 1, 'EXTENDED', today() + 99)", ASKED),
    "an answer with an earlier end": ("SELECT answer_placement_end(STUDENT, 1, 'EXTENDED', today() + 1)", NOBODY),
    "an answer that nobody asked": ("SELECT answer_placement_end(STUDENT, 2, 'ENDS', NULL)", NOBODY),
    "an answer about nothing": ("SELECT answer_placement_end(STUDENT, 9, 'ENDS', NULL)", NOBODY),
    "a move that was seen": (f"SELECT close_due('{MOVE}')", LEADS),
    "a step that is closed by hand": (f"SELECT close_due('{STEP}')", NOBODY),
    "the clocks": ("SELECT clocks_tick(STUDENT, now() + '60 days')", NOBODY),
    "a silence": ("SELECT presume_uitval(STUDENT, 1)", NOBODY),
    "who follows": ("SELECT followers(STUDENT, false)", NOBODY),
    "a word about it": ("SELECT tell('uitval-gemeld', STUDENT, 'UITVAL', 1, ARRAY['uwv#uwv'], '{}')", NOBODY),
}


async def prepare(walls: Walls, world: World, lead: str) -> UUID:
    """A young person in three places of one employer: one runs, one ended in silence, the loss of one was told.

    Beside those who may stands somebody of every kind who sees as much, and may not.
    """
    owner, school = walls.owner, world.schools[0]
    student: UUID = await owner.fetchval(
        "INSERT INTO student (school, municipality, source) VALUES ($1, 'GM0796', 'x') RETURNING id", school
    )
    identified = [f"school:{school}#guidance", f"school:{world.schools[1]}#guidance", TOWN, "municipality:GM0796#wmo"]
    reasons = [(seer, student, "IDENTIFIED", "CARE_ROUTE", EVER) for seer in (*identified, "uwv#uwv")]
    named = [f"employer:{kvk}#mentor" for kvk in world.employers[:2]]
    reasons += [(seer, student, "GIVEN_NAME", "EVIDENCE", EVER) for seer in named]
    others = [str(one) for one in world.holders if one.role in ("SERVICE_POINT", "MUNICIPALITY")]
    reasons += [(seer, student, "CANDIDATE", "STAGE_SEARCH", EVER) for seer in others if seer not in identified]
    await insert(owner, "access", ("seer", "student", "tier", "purpose", "ends_at"), reasons)
    await owner.execute("INSERT INTO lead (student, seer) VALUES ($1, $2)", student, lead)
    await owner.execute(
        "INSERT INTO placement (student, n, kind, employer, from_on, to_on, state)"
        " SELECT $1, n, 'WERK', $2, today() - 60, today() + CASE n WHEN 1 THEN 30 ELSE -1 END,"
        " CASE n WHEN 1 THEN 'RUNNING' ELSE 'ENDED' END FROM generate_series(1, 3) n",
        student,
        world.employers[0],
    )
    await owner.execute(
        "INSERT INTO uitval (student, n, placement_n, basis, state, ended_on, reported_by) VALUES"
        " ($1, 1, 2, 'PRESUMED', 'SIGNALLED', today() - 1, NULL), ($1, 2, 3, 'TOLD', 'REPORTED', today() - 1, $2)",
        student,
        named[0],
    )
    await owner.execute(
        "INSERT INTO placement_question (student, placement_n, to_on, days, asked_at)"
        " VALUES ($1, 1, today() + 30, 56, now())",
        student,
    )
    await owner.execute("UPDATE due SET id = $2 WHERE student = $1", student, UUID(STEP))
    due = [(UUID(MOVE), lead, student, "MOVE", "REVIEW", await owner.fetchval("SELECT now()"))]
    await insert(owner, "due", ("id", "seer", "student", "process", "step", "due_at"), due)
    return student


@pytest.mark.parametrize("leads", ["school", "town"])
async def test_only_who_places_or_leads_changes_anything(raised: Raise, leads: str) -> None:
    async with raised(1) as (walls, world):
        school = f"school:{world.schools[0]}#guidance"
        lead = school if leads == "school" else TOWN
        student = await prepare(walls, world, lead)
        may = {PLACES: {school, TOWN, f"employer:{world.employers[0]}#mentor"}, LEADS: {lead}, NOBODY: set()}
        may[ASKED] = {lead, f"employer:{world.employers[0]}#mentor"}
        may[SEES] = {school, TOWN, f"employer:{world.employers[1]}#mentor"}  # the other's own place
        offer = await walls.owner.fetchval(
            "SELECT id FROM opportunity WHERE employer IS DISTINCT FROM $1 ORDER BY id LIMIT 1", world.employers[0]
        )
        named = {"STUDENT": f"'{student}'", "OFFER": f"'{offer}'"}
        named |= {"EMPLOYER": world.employers[0], "OTHER": world.employers[1]}
        for name, (call, who) in CALLS.items():
            for seer in world.seers:
                changed = await changes(walls, seer, student, _filled(call, named))
                assert changed == (str(seer) in may[who]), f"{seer}: {name}"


async def test_who_sees_nobody_any_more_changes_nothing(raised: Raise) -> None:
    async with raised(1) as (walls, world):
        student = await prepare(walls, world, f"school:{world.schools[0]}#guidance")
        await walls.owner.execute("UPDATE access SET ended_at = now() WHERE student = $1", student)
        named = {"STUDENT": f"'{student}'", "OFFER": "NULL"}
        named |= {"EMPLOYER": world.employers[0], "OTHER": world.employers[1]}
        for name, (call, _) in CALLS.items():
            for seer in world.holders:
                assert not await changes(walls, seer, student, _filled(call, named)), f"{seer}: {name}"


async def test_a_case_is_held_by_its_own_id_of_who_sees_the_young_person(raised: Raise) -> None:
    hold = "SELECT student, n FROM hold_case($1, $2, $3)"
    async with raised(1) as (walls, world):
        held = 0
        for seer in world.seers:
            mine, other = _cases(walls, seer), _cases(walls, next(one for one in world.holders if one != seer))
            async with walls.acting(seer, "command"):
                for kind, alias, part, (student, n) in mine[:60]:
                    found = [tuple(row) for row in await walls.owner.fetch(hold, alias, kind, part)]
                    assert found == ([(student, n)] if student in walls.oracle.sight(seer) else [])
                    held += len(found)
                    swapped = "Placement" if kind == "Uitval" else "Uitval"
                    for wrong in ((alias, swapped, part), (alias, "Credential", part), (alias, kind, part[:11])):
                        assert await walls.owner.fetch(hold, *wrong) == []
                for kind, alias, part, _ in other[:30]:
                    assert await walls.owner.fetch(hold, alias, kind, part) == []
                    assert await walls.owner.fetch(hold, uuid4(), kind, part) == []
        assert held > 100


def _filled(call: str, named: Mapping[str, str]) -> str:
    """The call with its words replaced."""
    for word, value in named.items():
        call = call.replace(word, value)
    return call


def _cases(walls: Walls, seer: Seer) -> list[tuple[str, UUID, str, Any]]:
    """(type, alias, part, what it stands for) of the ids that this seer ever had of placements and losses."""
    found = []
    for identity, key in walls.keys(seer).items():
        kind, _, rest = identity.partition(":")
        alias, _, part = rest.partition(".")
        if kind in ("Placement", "Uitval"):
            found.append((kind, UUID(alias), part, key))
    return sorted(found)
