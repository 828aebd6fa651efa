"""A new epoch for the event logs: after a restore from a backup, when the newest positions may be lost.

Laws
1. No epoch is used twice by a stream, also not one that this database has not seen, because it was begun after the
   backup from which this database came (0019_epoch.sql): an epoch is the second in which it begins, counted from 2025,
   or one more than the highest that is known here. So it grows with the clock, whatever was restored, and how often;
   and that second is over when `renew_epochs` returns, so that none that follows is the same.
2. It takes turns with the sequencer, by the lock of its lead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.session import session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.session import Connection

TURN = "SELECT FROM leader WHERE name = 'sequencer' FOR UPDATE"
# Nine digits, as positions are written (resolvers/webhooks.py), until 2056.
NEXT = """
SELECT greatest((SELECT max(h.epoch) + 1 FROM stream_head h), (SELECT e.epoch + 1 FROM event_epoch e),
    floor(extract(epoch FROM clock_timestamp() - timestamptz '2025-01-01T00:00Z'))::integer)
"""
# The least that is waited for is nothing; a second at most, also where the clock went back.
PAST = """
SELECT pg_sleep(least(1, extract(epoch FROM
    timestamptz '2025-01-01T00:00Z' + make_interval(secs => $1 + 1) - clock_timestamp())::float8))
"""
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
    async with session(url) as connection:
        async with connection.transaction():
            epoch, rows = await _renew(connection, party)
        await connection.execute(PAST, epoch)
    return rows


async def _renew(connection: Connection, party: str | None) -> tuple[int, Sequence[Mapping[str, Any]]]:
    await connection.execute(TURN)
    epoch: int = await connection.fetchval(NEXT)
    if party is None:
        await connection.execute(FROM_NOW_ON, epoch)
    rows = await connection.fetch(RENEW, epoch, party)
    return epoch, sorted((dict(row) for row in rows), key=lambda row: str(row["seer"]))
