"""Consent: who agreed to what, for whom; and its withdrawal, which ends whatever rests on it.

    recordConsent     the own school                             -> open
    withdrawConsent   the own school; whose reason rests on it   -> withdrawn, for good: agreeing again is a new one

Source: graph.md 3, the rules of agreement (UAVG of 1-9-2026).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from auth.viewer import Viewer
from resolvers.given import AMSTERDAM, check_day
from resolvers.held import hold, hold_own
from schema.errors import BadInput, NotFound

Input = Mapping[str, Any]

# Purpose -> the kind of agreement; the function at the party it is for, None: who covers the municipality; and how many
# years one agreement may last: a TOESTEMMING covers one renewal of six months, an INSTEMMING the 24 months of a net.
# Then the young person is asked again. What rests on it may be shorter (`access_rule`), never longer.
AGREED: Mapping[str, tuple[str, str | None, int]] = {
    "WORK_SEARCH": ("TOESTEMMING", "matching", 1),
    "INTRODUCTION": ("TOESTEMMING", "mentor", 1),
    "CONTINUE_SUPPORT": ("INSTEMMING", None, 2),
    "SAFETY_NET": ("INSTEMMING", None, 2),
}
# Who may agree, by kind and age band. Of unknown age the school knows more than the hub: its word stands.
PARENTS, SELF = frozenset({"PARENT", "REPRESENTATIVE"}), frozenset({"SELF"})
MAY_AGREE: Mapping[tuple[str, str], frozenset[str]] = {
    ("TOESTEMMING", "12_15"): PARENTS,
    ("TOESTEMMING", "16_17"): SELF,
    ("TOESTEMMING", "18_PLUS"): SELF,
    ("INSTEMMING", "12_15"): PARENTS,
    ("INSTEMMING", "16_17"): PARENTS,
    ("INSTEMMING", "18_PLUS"): SELF,
}
TEXT_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}(-[a-z0-9]{1,8})?")


async def record_consent(viewer: Viewer, connection: Any, given: Input) -> str:
    """The own school writes down an agreement. Raises BadInput where the one who agreed may not."""
    held = await hold_own(viewer, connection, given["student"])
    purpose, by = given["purpose"].value, given["by"].value
    if purpose not in AGREED:
        raise BadInput("This purpose rests on no agreement.")
    kind, function, years = AGREED[purpose]
    if by not in MAY_AGREE.get((kind, held.age_band or ""), PARENTS | SELF):
        raise BadInput("At this age somebody else agrees to this: see `ConsentGiver`.")
    if not TEXT_VERSION.fullmatch(given["textVersion"]):
        raise BadInput("`textVersion` wants the version of the text that was read, such as 2026-09.")
    check_day("until", given["until"], years)
    made = await connection.fetchval(
        "SELECT record_consent($1, $2, $3, $4, $5, $6)",
        held.student,
        purpose,
        seer_for(given.get("party"), function),
        by,
        given["textVersion"],
        end_of(given["until"]),
    )
    if made is None:
        raise NotFound("There is no such party for this purpose.")
    return held.alias


async def withdraw_consent(viewer: Viewer, connection: Any, given: Input) -> str:
    """Withdraws what was agreed for a party and purpose, on the word of who may."""
    held = await hold(viewer, connection, given["person"])
    purpose = given["purpose"].value
    if purpose not in AGREED:
        raise BadInput("This purpose rests on no agreement.")
    whose = seer_for(given.get("party"), AGREED[purpose][1])
    if not held.own_school and whose not in (None, viewer.seer):
        raise NotFound
    withdrawn = await connection.fetchval(
        "SELECT withdraw_consent($1, $2, $3, $4)", held.student, purpose, whose, given["by"].value
    )
    if not withdrawn:
        raise NotFound("There is no such consent.")
    return held.alias


def seer_for(party: str | None, function: str | None) -> str | None:
    """The seer of a party for a purpose; None: the hub routes, or it is who acts."""
    return None if party is None else f"{party}#{function or 'participatie'}"


def end_of(day: date) -> datetime:
    """The midnight after a day: dates are inclusive, Europe/Amsterdam."""
    return datetime.combine(day + timedelta(days=1), time(), AMSTERDAM)
