"""Uitval: a young person lost a job, a course or a day activity; who must know hears it, and somebody picks it up.

    state               who                  command              -> state
    (none)              whose place it is    reportUitval         REPORTED, on the basis TOLD: who follows is told
    (none)              the clocks           -                    SIGNALLED, PRESUMED: the lead alone is told
    SIGNALLED           lead, employer       confirmUitval        REPORTED, TOLD
    REPORTED            lead                 acknowledgeUitval    PICKED_UP                    within 2 office days
    REPORTED, PICKED_UP, INTERVIEW_PLANNED   planInterview        INTERVIEW_PLANNED            within 10
    INTERVIEW_PLANNED   lead                 holdInterview        INTERVIEW_HELD               within 20
    PICKED_UP .. NEXT_STEP                   recordNextStep       NEXT_STEP
    NEXT_STEP           lead                 closeUitval          CLOSED: the safety net's reason ends
    SIGNALLED .. NEXT_STEP                   withdrawUitval       WITHDRAWN: the placement is as it was

Laws
1. Who is told is computed where it happens (0015_uitval.sql): a municipality with an open reason or a net.
2. An employer reports only what the young person knows.
3. How it ended is one of nine codes; nothing else about the reason is asked.

Source: graph.md 6, process 6; the moves themselves are the table `uitval_move`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from auth.viewer import Role, Viewer
from federation.catalogue import Column, Expression, Filter, Form, One, Page, Rows
from resolvers.below import SIGHT, id_below, lookup_below
from resolvers.given import check_day
from resolvers.held import Case, accept, hold_case
from resolvers.people import OF_MANY
from resolvers.placements import WHOSE_PLACE, check_known, check_past
from schema.errors import BadInput, Conflict, NobodyHears

Input = Mapping[str, Any]
CODE = Form.CODE
WHO_LEADS = "This is for who has the lead (`student { lead }`), and who it is about may not be yours to see."
AHEAD = 1  # years within which an interview is planned
DAY = "({%s} AT TIME ZONE 'Europe/Amsterdam')::date"

UITVAL = Rows(
    "uitval",
    {
        "id": id_below("Uitval"),
        "state": Column("state", CODE),
        "basis": Column("basis", CODE),
        "how": Column("how", CODE),
        "endedOn": Column("ended_on", CODE),
        "reportedOn": Expression(DAY % "reported_at", CODE),
        "reportedBy": Expression("split_part({reported_by}, '#', 1)", CODE),
        "pickedUpOn": Expression(DAY % "picked_up_at", CODE),
        "interviewOn": Column("interview_on", CODE),
        "interviewHeldOn": Column("held_on", CODE),
        "nextStep": Column("next_step", CODE),
        "closedOn": Expression(DAY % "closed_at", CODE),
        "placement": One("Placement", "{person.student} = {parent.student} AND {n} = {parent.placement_n}"),
        "student": One("Student", "{student} = {parent.student}", through="sight_case"),
        "candidate": One("Candidate", "{student} = {parent.student}", through="sight_case"),
    },
    joins={"person": SIGHT},
    person="student",
    lookup=lookup_below("Uitval"),
)
UITVALLEN = Page("Uitval", None, {"ID": OF_MANY["ID"]}, {"state": Filter("{state} = ANY ({value})", "text[]")})


async def report_uitval(viewer: Viewer, connection: Any, given: Input) -> str:
    """Whose place it is tells that it was lost. Raises BadInput, Conflict, NotFound or NobodyHears."""
    check_known(viewer, given)
    check_past("endedOn", given["endedOn"])
    case = await hold_case(viewer, connection, "Placement", given["placement"])
    return await _report(connection, case, given["how"].value, given["endedOn"])


async def confirm_uitval(viewer: Viewer, connection: Any, given: Input) -> str:
    """The lead by the uitval, the employer by its placement: what was presumed is so."""
    by_placement = given.get("placement") is not None  # a silence is the lead's: it alone can have an id of it
    if by_placement is (given.get("uitval") is not None) or by_placement is not (viewer.role is Role.EMPLOYER):
        raise BadInput("`uitval` by the lead, `placement` by the employer: exactly one.")
    check_known(viewer, given)
    if by_placement:
        case = await hold_case(viewer, connection, "Placement", given["placement"])
        return await _report(connection, case, given["how"].value, None)
    case = await hold_case(viewer, connection, "Uitval", given["uitval"])
    told = await connection.fetchval("SELECT confirm_uitval($1, $2, $3)", case.student, case.n, given["how"].value)
    return _settled(case, told)


async def acknowledge_uitval(viewer: Viewer, connection: Any, given: Input) -> str:
    """The lead takes it up."""
    return await _move(viewer, connection, given, "ACKNOWLEDGE")


async def plan_interview(viewer: Viewer, connection: Any, given: Input) -> str:
    """The lead plans the reorientation interview."""
    check_day("on", given["on"], AHEAD)
    return await _move(viewer, connection, given, "PLAN", day=given["on"])


async def hold_interview(viewer: Viewer, connection: Any, given: Input) -> str:
    """It was held."""
    check_past("on", given["on"])
    return await _move(viewer, connection, given, "HOLD", day=given["on"])


async def record_next_step(viewer: Viewer, connection: Any, given: Input) -> str:
    """What comes next."""
    return await _move(viewer, connection, given, "NEXT_STEP", step=given["step"].value)


async def close_uitval(viewer: Viewer, connection: Any, given: Input) -> str:
    """The next step is made."""
    return await _move(viewer, connection, given, "CLOSE")


async def withdraw_uitval(viewer: Viewer, connection: Any, given: Input) -> str:
    """It was not so."""
    return await _move(viewer, connection, given, "WITHDRAW")


async def _report(connection: Any, case: Case, how: str, last: date | None) -> str:
    row = await connection.fetchrow(
        "SELECT word, number FROM report_uitval($1, $2, $3, $4)", case.student, case.n, how, last
    )
    if row["word"] == "OPEN_ALREADY":
        raise Conflict("The loss of this place was reported already.")
    _settled(case, row["word"], WHOSE_PLACE)
    return f"{case.alias}.{row['number'] or 0}"  # of an internship there is none: 0 finds nothing


async def _move(
    viewer: Viewer, connection: Any, given: Input, move: str, day: date | None = None, step: str | None = None
) -> str:
    case = await hold_case(viewer, connection, "Uitval", given["uitval"])
    told = await connection.fetchval("SELECT move_uitval($1, $2, $3, $4, $5)", case.student, case.n, move, day, step)
    return _settled(case, told)


def _settled(case: Case, told: str, whose: str = WHO_LEADS) -> str:
    if told == "CONFLICT":
        raise Conflict("The state that it is in does not lead there.")
    if told == "NOBODY":
        raise NobodyHears
    accept(told, whose)
    return case.reference
