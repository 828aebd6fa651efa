"""Placement (*plaatsing*): where a young person works, learns or spends the day.

    state      who                                   command           -> state
    (none)     own school, municipality, employer    startPlacement    PLANNED | RUNNING; the employer sees a given name
    PLANNED, RUNNING    the same                     extendPlacement   another last day
    RUNNING    the lead, the employer                answerPlacementEnd  EXTENDED: another last day; else what the last
                                                                       day brings (0017_clocks.sql, end_by_date)
    PLANNED, RUNNING    the same                     endPlacement      ENDED as was agreed
    PLANNED, RUNNING    the same                     reportUitval      ENDED; of an internship no more (process 6b),
                                                                       of anything else an uitval (resolvers/uitval.py)

A municipality is one that sees who it is; an employer acts for places of its own. Source: graph.md 5 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from auth.viewer import Role, Viewer
from resolvers.given import AMSTERDAM, check_day, key_of
from resolvers.held import Case, accept, hold, hold_case
from schema.errors import BadInput, Conflict, NotFound

Input = Mapping[str, Any]
WHOSE_PLACE = (
    "This is for whose place it is, and who sees who it is about: the own school, a municipality"
    " (participatie), its employer."
)
WHO_ANSWERS = (
    "This is for who has the lead (`student { lead }`) and for its employer; who it is about may not be yours to see."
)
MOST_HOURS, YEARS = 48, 6  # a week; how far a last day may lie ahead, as a whole course does


async def start_placement(viewer: Viewer, connection: Any, given: Input) -> str:
    """A young person begins somewhere. Raises BadInput, Conflict or NotFound."""
    hours, last, offer = given.get("hours"), given.get("to"), given.get("opportunity")
    if hours is not None and not 1 <= hours <= MOST_HOURS:
        raise BadInput(f"`hours` wants a number a week, 1 to {MOST_HOURS}.")
    _check_begin(given["from"])
    if last is not None:
        check_day("to", last, YEARS)
        if last < given["from"]:
            raise BadInput("`to` wants a day that is not before `from`.")
    held = await hold(viewer, connection, given["person"])
    leads_to = given.get("leadsTo")
    number = await connection.fetchval(
        "SELECT start_placement($1, $2, $3, $4, $5, $6, $7, $8)",
        held.student,
        given["kind"].value,
        given["employer"],
        key_of("Opportunity", offer) if offer is not None else None,
        hours,
        given["from"],
        last,
        leads_to.value if leads_to is not None else None,
    )
    if number is None:
        raise NotFound("There is no such employer or offer of it, or it has a running placement of this kind already.")
    return f"{held.alias}.{number}"


async def extend_placement(viewer: Viewer, connection: Any, given: Input) -> str:
    """Another last day, later than the one before."""
    check_day("to", given["to"], YEARS)
    case = await hold_case(viewer, connection, "Placement", given["placement"])
    told = await connection.fetchval("SELECT extend_placement($1, $2, $3)", case.student, case.n, given["to"])
    return _settled(case, told, "It has ended, has no last day, or ends later than that.")


async def answer_placement_end(viewer: Viewer, connection: Any, given: Input) -> str:
    """What becomes of it on its last day; who answers again changes the answer."""
    last, answer = given.get("to"), given["answer"].value
    if (answer == "EXTENDED") != (last is not None):
        raise BadInput("`to` comes with EXTENDED, and with nothing else.")
    if answer == "ENDS":
        check_known(viewer, given)
    if last is not None:
        check_day("to", last, YEARS)
    case = await hold_case(viewer, connection, "Placement", given["placement"])
    told = await connection.fetchval("SELECT answer_placement_end($1, $2, $3, $4)", case.student, case.n, answer, last)
    return _settled(case, told, "Nobody asks about its last day now, or it ends later than that.", WHO_ANSWERS)


async def end_placement(viewer: Viewer, connection: Any, given: Input) -> str:
    """It ended as was agreed."""
    check_past("endedOn", given["endedOn"])
    case = await hold_case(viewer, connection, "Placement", given["placement"])
    told = await connection.fetchval("SELECT end_placement($1, $2, $3)", case.student, case.n, given["endedOn"])
    return _settled(case, told, "It has ended already, or began later than that.")


def check_known(viewer: Viewer, given: Input) -> None:
    """Raises BadInput where an employer does not say that the young person knows."""
    if viewer.role is Role.EMPLOYER and given.get("youngPersonKnows") is not True:
        raise BadInput("An employer says `youngPersonKnows: true`: nobody hears it before the young person.")


def check_past(name: str, day: date) -> None:
    """Raises BadInput for a day that is still to come, or longer than a year ago."""
    today = datetime.now(AMSTERDAM).date()
    if day > today:
        raise BadInput(f"`{name}` wants today or an earlier day.")
    if (day.year + 1, day.month, day.day) < (today.year, today.month, today.day):
        raise BadInput(f"`{name}` wants a day within the past year.")


def _check_begin(day: date) -> None:
    today = datetime.now(AMSTERDAM).date()
    if abs(day.year - today.year) > 1:
        raise BadInput("`from` wants a day of this year, the last or the next.")


def _settled(case: Case, told: str, sentence: str, whose: str = WHOSE_PLACE) -> str:
    if told == "CONFLICT":
        raise Conflict(sentence)
    accept(told, whose)
    return case.reference
