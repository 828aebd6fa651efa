"""A new epoch for the event logs: after a restore from a backup, when the newest positions may be lost.

Laws
1. No epoch is used twice by a stream, also not by one that this database has not seen (0019_epoch.sql).
2. It takes turns with the sequencer, by the lock of its lead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.session import session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.session import Connection

TURN = "SELECT FROM leader WHERE name = 'sequencer' FOR UPDATE"
NEXT = "SELECT 1 + greatest((SELECT max(h.epoch) FROM stream_head h), (SELECT e.epoch FROM event_epoch e))"
FROM_NOW_ON = "UPDATE event_epoch SET epoch = $1"
# A party's functions are seers of their own, each with its stream.
RENEW = """
UPDATE stream_head h SET epoch = $1, pos = 0, kept_after = 0
FROM stream_head o WHERE o.seer = h.seer AND ($2::text IS NULL OR split_part(h.seer, '#', 1) = $2)
RETURNING h.seer, o.epoch AS was_epoch, o.pos AS was_pos, h.epoch
"""


async def renew_epochs(url: str, party: str | None = None) -> Sequence[Mapping[str, Any]]:
    """Begins a new epoch for every stream, or for those of one party; gives seer, was_epoch, was_pos, epoch of each.

    Raises as `registry.session` does.
    """
    async with session(url) as connection, connection.transaction():
        return await _renew(connection, party)


async def _renew(connection: Connection, party: str | None) -> Sequence[Mapping[str, Any]]:
    await connection.execute(TURN)
    epoch = await connection.fetchval(NEXT)
    if party is None:
        await connection.execute(FROM_NOW_ON, epoch)
    rows = await connection.fetch(RENEW, epoch, party)
    return sorted((dict(row) for row in rows), key=lambda row: str(row["seer"]))
