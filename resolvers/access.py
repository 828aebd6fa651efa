"""Who sees a young person and why: presented, introduced, renewed, ended; and the list that the own school reads.

    presentCandidate   the own school; for work also who has the lead   -> STAGE_SEARCH or WORK_SEARCH, service point
    introduce          the own school                                   -> INTRODUCTION, employer, 4 weeks
    renewAccess        the own school                                   -> WORK_SEARCH again for 6 months, from today
    endAccess          the own school any but enrolment; a party its own -> ended; a started handover too, by the school

Tier, length and agreement of each are rows of `access_rule` (0010_access.sql), not choices of a caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auth.viewer import Viewer
from federation.catalogue import Expression, Form, Many, Rows
from resolvers.held import accept, finish, give, hold, hold_own
from schema.errors import BadInput, NotFound

Input = Mapping[str, Any]
CODE = Form.CODE

# Why, in words for a young person and a parent at the table. One for each purpose of graph.md 3.
WHY: Mapping[str, str] = {
    "ENROLMENT": "The student is enrolled at this school.",
    "CAREER_GUIDANCE": "The school offers guidance for two years after leaving.",
    "STAGE_SEARCH": "The school asked this service point to look for an internship; nobody is named there.",
    "WORK_SEARCH": "With consent, this service point looks for work; nobody is named there.",
    "INTRODUCTION": "With consent, the student was introduced to this employer by given name.",
    "STAGE": "The student has an internship at this employer.",
    "EMPLOYMENT": "The student works at this employer.",
    "INVOLVE_MUNICIPALITY": "The school asked the municipality for support; the family was told.",
    "CONTINUE_SUPPORT": "With consent, the municipality continues the support.",
    "SAFETY_NET": "A place was lost, and it was agreed that the municipality would be told then.",
    "CONSULTATION": "The Doorstroompunt asks the school about this student; it sees no name here.",
    "CARE_ROUTE": "With consent, this party judges a request for care or benefits.",
    "EVIDENCE": "This party gives evidence for a praktijkverklaring.",
    "PLACED_FROM": "The place came from this service point; it sees the placement and no person.",
}
_SENTENCES = " ".join(f"WHEN '{purpose}' THEN '{sentence}'" for purpose, sentence in WHY.items())

GRANT = Rows(
    "access",
    {
        "party": Expression("split_part({seer}, '#', 1)", CODE),
        "function": Expression("split_part({seer}, '#', 2)", CODE),
        "purpose": Expression("{purpose}", CODE),
        "tier": Expression("{tier}", CODE),
        "since": Expression("({started_at} AT TIME ZONE 'Europe/Amsterdam')::date", CODE),
        "until": Expression(
            "CASE WHEN {ends_at} < 'infinity'"
            " THEN (({ends_at} - interval '1 microsecond') AT TIME ZONE 'Europe/Amsterdam')::date END",
            CODE,
        ),
        "why": Expression(f"CASE {{purpose}} {_SENTENCES} END"),
    },
    policy="access_grant",
)
GRANTS = Many(
    "AccessGrant",
    "{student} = {parent.student} AND {ended_at} = 'infinity' AND {ends_at} > now()",
    ('{seer} COLLATE "C"', '{purpose} COLLATE "C"', "{started_at}", "{id}"),
    given="{until_identified} > now() AND {seer} = 'school:' || {school} || '#guidance'",
)


async def present_candidate(viewer: Viewer, connection: Any, given: Input) -> str:
    """Shows a card that does not recognise to a service point."""
    held = await hold(viewer, connection, given["student"])
    seer = f"servicepoint:{given['servicePoint']}#matching"
    await give(connection, held, seer, given["purpose"].value)
    return held.alias


async def introduce(viewer: Viewer, connection: Any, given: Input) -> str:
    """Introduces the young person to an employer, by given name, for four weeks."""
    held = await hold_own(viewer, connection, given["student"])
    await give(connection, held, f"employer:{given['employer']}#mentor", "INTRODUCTION")
    return held.alias


async def renew_access(viewer: Viewer, connection: Any, given: Input) -> str:
    """Six months more of WORK_SEARCH, if the consent still stands. The old reason ends as the new one begins."""
    held = await hold_own(viewer, connection, given["student"])
    seer = f"servicepoint:{given['servicePoint']}#matching"
    accept(await connection.fetchval("SELECT renew($1, $2)", held.student, seer))
    return held.alias


async def end_access(viewer: Viewer, connection: Any, given: Input) -> str:
    """Ends why a party sees a young person, for one purpose or for all; it sees nothing more in its next request."""
    held = await hold(viewer, connection, given["person"])
    purpose = given["purpose"].value if given.get("purpose") else None
    if (given.get("party") is None) != (given.get("function") is None):
        raise BadInput("`party` and `function` come together, or neither: then it is your own right.")
    seer = f"{given['party']}#{given['function']}" if given.get("party") else viewer.seer
    if purpose == "ENROLMENT":
        raise BadInput("Enrolment ends at the school's own system.")
    if not await finish(connection, held, seer, purpose):
        raise NotFound("There is no such open right, or it is not yours to end.")
    return held.alias
