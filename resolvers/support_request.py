"""Support request (*verzoek ondersteuning*): a school asks who covers the municipality of residence.

    state       who           command                 -> state
    (none)      own school    requestSupport          SENT: the municipality sees the young person because of it
    SENT        addressed     answerSupportRequest    IN_TRIAGE | ACCEPTED | DECLINED (with a reason: it sees no more)
    IN_TRIAGE   addressed     answerSupportRequest    ACCEPTED | DECLINED

Source: graph.md 3 (INVOLVE_MUNICIPALITY) and 6, process 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auth.viewer import Viewer
from federation.catalogue import Expression, Form, Many, Rows
from resolvers.below import SIGHT
from resolvers.held import accept, hold, hold_own
from schema.errors import BadInput

Input = Mapping[str, Any]
CODE = Form.CODE

SUPPORT_REQUEST = Rows(
    "support_request",
    {
        "state": Expression("{state}", CODE),
        "from": Expression("split_part({from_seer}, '#', 1)", CODE),
        "to": Expression("split_part({to_seer}, '#', 1)", CODE),
        "supportWanted": Expression("{wanted}", Form.JSON),
        "reason": Expression("{reason}", CODE),
        "sentOn": Expression("({sent_at} AT TIME ZONE 'Europe/Amsterdam')::date", CODE),
        "answeredOn": Expression("({answered_at} AT TIME ZONE 'Europe/Amsterdam')::date", CODE),
    },
    joins={"person": SIGHT},
    person="student",
)
SUPPORT_REQUESTS = Many(
    "SupportRequest", "{student} = {parent.student}", ("{n}",), given="{until_candidate} > now()", limit=20
)


async def request_support(viewer: Viewer, connection: Any, given: Input) -> str:
    """Asks the municipality; which one follows from where the young person lives."""
    held = await hold_own(viewer, connection, given["student"])
    wanted = sorted({one.value for one in given["supportWanted"]})
    accept(await connection.fetchval("SELECT request_support($1, $2)", held.student, wanted))
    return held.alias


async def answer_support_request(viewer: Viewer, connection: Any, given: Input) -> str:
    """The addressed municipality answers the open request; a refusal has a reason, and only a refusal."""
    held = await hold(viewer, connection, given["student"])
    answer, reason = given["answer"].value, given.get("reason")
    if (answer == "DECLINED") != (reason is not None):
        raise BadInput("`reason` comes with DECLINED, and with nothing else.")
    told = await connection.fetchval(
        "SELECT answer_support($1, $2, $3)", held.student, answer, reason.value if reason else None
    )
    accept(told)
    return held.alias
