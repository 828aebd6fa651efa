"""Lead (*regie*): exactly one party has it at any moment.

    state      who         command        -> state
    (held)     the lead    transferLead   OFFERED to who sees the young person as IDENTIFIED; a newer offer lapses it
    OFFERED    addressed   acceptLead     ACCEPTED: it has the lead from that instant, at which the other's ends
    OFFERED    addressed   declineLead    DECLINED: nothing moves
    (held)     -           -              its last reason ends: back to the school while its guidance runs, else closed

The last move is a trigger (0010_access.sql): it holds for whoever ends the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auth.viewer import Viewer
from resolvers.held import accept, hold

Input = Mapping[str, Any]


async def transfer_lead(viewer: Viewer, connection: Any, given: Input) -> str:
    """The lead offers it."""
    held = await hold(viewer, connection, given["student"])
    receiver = f"{given['party']}#{given['function']}"
    accept(await connection.fetchval("SELECT offer_lead($1, $2)", held.student, receiver))
    return held.alias


async def accept_lead(viewer: Viewer, connection: Any, given: Input) -> str:
    """The addressed takes it."""
    held = await hold(viewer, connection, given["student"])
    accept(await connection.fetchval("SELECT settle_lead($1, true)", held.student))
    return held.alias


async def decline_lead(viewer: Viewer, connection: Any, given: Input) -> str:
    """The addressed leaves it where it is."""
    held = await hold(viewer, connection, given["student"])
    accept(await connection.fetchval("SELECT settle_lead($1, false)", held.student))
    return held.alias
