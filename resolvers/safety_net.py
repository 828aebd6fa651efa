"""Safety net (*vangnet*): what was agreed to happen when a place is lost; no party sees anybody because of it yet.

    choice                        rests on                        until
    INFORM_MUNICIPALITY_AT_ONCE   INSTEMMING for SAFETY_NET       24 months, or as long as the consent
    SCHOOL_FIRST, NONE            the interview                   24 months

A new choice ends the one before; a withdrawn consent ends the net that rests on it (0010_access.sql).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auth.viewer import Viewer
from resolvers.held import accept, hold_own

Input = Mapping[str, Any]


async def set_safety_net(viewer: Viewer, connection: Any, given: Input) -> str:
    """The own school writes down the choice."""
    held = await hold_own(viewer, connection, given["student"])
    accept(await connection.fetchval("SELECT set_safety_net($1, $2)", held.student, given["choice"].value))
    return held.alias
