"""What commands may ask of the keeper, asked as the role `command` itself: no seer gives, ends or moves what is not
its own, whatever a command would have let through.

Wall 3 alone: the commands check for themselves besides.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.walls.conftest import Raise
from tests.walls.data import EVER, World
from tests.walls.seers import Seer
from tests.walls.walls import Walls

POINT = "servicepoint:AM27-WERKCENTRUM#matching"
TABLES = (
    *("access", "consent", "lead", "link", "support_request", "handover", "safety_net", "lead_offer"),
    *("placement", "uitval", "outbox", "due", "placement_question"),
)
# The call, and whether its own school may: all that another seer may do to this student is nothing.
NOBODY = "service:nobody#participatie"
CALLS: dict[str, tuple[str, bool]] = {
    "present for an internship": (f"SELECT give(STUDENT, '{POINT}', 'STAGE_SEARCH', NULL, NULL)", True),
    "present for work, without consent": (f"SELECT give(STUDENT, '{POINT}', 'WORK_SEARCH', NULL, NULL)", False),
    "a purpose that no command gives": (f"SELECT give(STUDENT, '{POINT}', 'PLACED_FROM', NULL, NULL)", False),
    "a purpose of cases": (
        "SELECT give(STUDENT, 'municipality:GM0796#participatie', 'CONTINUE_SUPPORT', NULL, NULL)",
        False,
    ),
    "enrolment": ("SELECT give(STUDENT, 'school:90ZX01#guidance', 'ENROLMENT', NULL, NULL)", False),
    "to who may not have it": ("SELECT give(STUDENT, 'employer:90000001#mentor', 'STAGE_SEARCH', NULL, NULL)", False),
    "to an unknown party": (
        "SELECT give(STUDENT, 'servicepoint:AM27-NERGENS#matching', 'STAGE_SEARCH', NULL, NULL)",
        False,
    ),
    "a renewal of nothing": (f"SELECT renew(STUDENT, '{POINT}')", False),
    "consent": (f"SELECT record_consent(STUDENT, 'WORK_SEARCH', '{POINT}', 'SELF', '2026-09', now() + '1 day')", True),
    "consent that is over": (
        f"SELECT record_consent(STUDENT, 'WORK_SEARCH', '{POINT}', 'SELF', '2026-09', now())",
        False,
    ),
    "consent to what rests on none": (
        f"SELECT record_consent(STUDENT, 'STAGE_SEARCH', '{POINT}', 'SELF', '2026-09', now() + '1 day')",
        False,
    ),
    "withdrawal": ("SELECT withdraw_consent(STUDENT, 'INTRODUCTION', 'employer:90000001#mentor', 'SELF')", True),
    "the end of another's right": ("SELECT finish(STUDENT, 'uwv#uwv', NULL)", True),
    "the end of enrolment": ("SELECT finish(STUDENT, 'school:BRIN#guidance', 'ENROLMENT')", False),
    "a request": ("SELECT request_support(STUDENT, ARRAY[]::text[])", True),
    "an answer": ("SELECT answer_support(STUDENT, 'ACCEPTED', NULL)", False),
    "a handover without consent": ("SELECT start_handover(STUDENT)", False),
    "a renewal": ("SELECT renew_handover(STUDENT)", True),
    "a handover that is called off": (f"SELECT finish(STUDENT, '{NOBODY}', 'CONTINUE_SUPPORT')", True),
    "a handover's settlement": ("SELECT settle_handover(HANDOVER, 1, 'Z1', NULL)", False),
    "a handover's move": ("SELECT move_handover(STUDENT, 'CONFIRM', NULL, NULL)", False),
    "a net": ("SELECT set_safety_net(STUDENT, 'SCHOOL_FIRST')", True),
    "a net without consent": ("SELECT set_safety_net(STUDENT, 'INFORM_MUNICIPALITY_AT_ONCE')", False),
    "an offer of the lead": ("SELECT offer_lead(STUDENT, 'uwv#uwv')", True),
    "the lead": ("SELECT settle_lead(STUDENT, true)", False),
}


class _Undo(Exception):
    pass


async def prepare(walls: Walls, world: World) -> tuple[UUID, str, UUID]:
    """A young person of a school that sees nobody else's reason but `uwv`'s, a consent, and an open handover."""
    owner, school = walls.owner, world.schools[0]
    student = await owner.fetchval(
        "INSERT INTO student (school, municipality, source) VALUES ($1, 'GM0796', 'x') RETURNING id", school
    )
    add = "INSERT INTO access (seer, student, tier, purpose, ends_at) VALUES ($1, $2, 'IDENTIFIED', $3, $4)"
    await owner.execute(add, f"school:{school}#guidance", student, "ENROLMENT", EVER)
    await owner.execute(add, "uwv#uwv", student, "CARE_ROUTE", EVER)
    await owner.execute("INSERT INTO lead (student, seer) VALUES ($1, $2)", student, f"school:{school}#guidance")
    agree = (
        "INSERT INTO consent (student, kind, purpose, seer, given_by, text_version, until_at)"
        " VALUES ($1, $2, $3, $4, 'SELF', '2026-09', 'infinity') RETURNING id"
    )
    await owner.execute(agree, student, "TOESTEMMING", "INTRODUCTION", "employer:90000001#mentor")
    handover = await owner.fetchval(
        "INSERT INTO handover (student, n, from_seer, to_seer, consent) VALUES ($1, 1, $2, $3, $4) RETURNING id",
        student,
        f"school:{school}#guidance",
        NOBODY,
        await owner.fetchval(agree, student, "INSTEMMING", "CONTINUE_SUPPORT", NOBODY),
    )
    return student, school, handover


async def changes(walls: Walls, seer: Seer, student: UUID, sql: str) -> bool:
    """Whether the call, made by the role `command` for this seer, changes anything; it is undone."""
    changed = False
    with suppress(_Undo):
        async with walls.owner.transaction():
            before = await state(walls, student)
            with suppress(asyncpg.PostgresError):
                async with walls.owner.transaction(), walls.acting(seer, "command"):
                    await walls.owner.fetch(sql)
            changed = await state(walls, student) != before
            raise _Undo
    return changed


async def state(walls: Walls, student: UUID) -> dict[str, Any]:
    sql = "SELECT coalesce(string_agg(t::text, ' ' ORDER BY t::text), '') FROM {} t WHERE student = $1"
    return {table: await walls.owner.fetchval(sql.format(table), student) for table in TABLES}


async def test_only_who_may_changes_anything(raised: Raise) -> None:
    async with raised(1) as (walls, world):
        student, school, handover = await prepare(walls, world)
        for name, (sql, school_may) in CALLS.items():
            call = sql.replace("STUDENT", f"'{student}'").replace("BRIN", school).replace("HANDOVER", f"'{handover}'")
            for seer in world.seers:
                may = school_may and seer == Seer(f"school:{school}", "guidance")
                may = may or (name.startswith("the end of another") and seer.key == "uwv#uwv")  # it is its own
                assert await changes(walls, seer, student, call) == may, f"{seer}: {name}"


async def test_a_hold_gives_nobody_whom_the_seer_does_not_see(raised: Raise) -> None:
    async with raised(1) as (walls, world):
        for seer in world.seers:
            own: list[Any] = []
            others: list[Any] = []
            for row in walls.sights[:4000]:
                (own if row["seer"] == seer.key else others).append(row)
            async with walls.acting(seer, "command"):
                for row in [*own[:30], *others[:30]]:
                    held = await walls.owner.fetch("SELECT student FROM hold($1)", row["alias"])
                    seen = row["seer"] == seer.key and row["student"] in walls.oracle.sight(seer)
                    assert [one["student"] for one in held] == ([row["student"]] if seen else [])


async def test_commands_have_no_right_on_the_tables_of_rights(raised: Raise) -> None:
    async with raised(1) as (walls, world):
        await prepare(walls, world)
        for table in (*TABLES, "sight", "student", "handover_try", "access_rule"):
            for sql in (f"SELECT FROM {table}", f"DELETE FROM {table}", f"INSERT INTO {table} DEFAULT VALUES"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with walls.owner.transaction(), walls.acting(world.holders[0], "command"):
                        await walls.owner.execute(sql)
