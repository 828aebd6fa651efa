"""What is to be delivered to webhooks: leased, settled and counted, each in one short transaction of the worker's.

Laws
1. No transaction stands open while something is sent: a delivery is held by a lease that ends by itself.
2. A lease is settled with its token; what is not told back did not count: somebody else has it.
3. Nothing here takes longer the more was delivered before: what has ended is found, and forgotten, a little at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from registry.database import AWAY
from schema.errors import Internal

# What is leased, with its endpoint, and the sealed keys that are valid now, the newest first.
LEASE = """
SELECT l.webhook, l.epoch, l.pos, l.token, l.tries, w.url, w.seer, w.types <> '{}' AS filtered,
       coalesce(h.stream::text, '') AS stream,
       ARRAY (SELECT k.sealed FROM webhook_key k
              WHERE k.webhook = l.webhook AND k.from_at <= now() AND k.until_at > now()
              ORDER BY k.n DESC LIMIT 3) AS keys
FROM lease_deliveries($1, $2, $3) l JOIN webhook w ON w.id = l.webhook LEFT JOIN stream_head h ON h.seer = w.seer
ORDER BY w.seer, l.epoch, l.pos
"""
SETTLE = "SELECT webhook, epoch, pos FROM settle_deliveries($1, $2, $3, $4, $5, $6, $7)"
# A test comes from a stream too, though there be no event yet.
VERIFIED = """
WITH verified AS (
    UPDATE webhook SET state = 'ACTIVE', verified_at = now() WHERE id = $1 AND state = 'PENDING' RETURNING seer
) INSERT INTO stream_head (seer) SELECT v.seer FROM verified v ON CONFLICT DO NOTHING
"""
END = "SELECT end_webhook($1, $2, $3)"
# What was given a position while its endpoint ended: listed as what waited then is (`end_webhook`). Each state has an
# index of its own.
SWEEP = """
WITH left_over AS (
    SELECT d.webhook, d.epoch, d.pos FROM webhook w JOIN delivery d ON d.webhook = w.id AND d.state = 'WAITING'
    WHERE w.state IN ('FAILED', 'DISABLED')
    UNION ALL
    SELECT d.webhook, d.epoch, d.pos FROM webhook w JOIN delivery d ON d.webhook = w.id AND d.state = 'SENDING'
    WHERE w.state IN ('FAILED', 'DISABLED')
)
UPDATE delivery d SET state = CASE WHEN d.done_at IS NULL THEN 'DEAD' ELSE 'DONE' END,
    ended_at = coalesce(d.done_at, now()), code = coalesce(d.code, 'DISABLED')
FROM left_over o WHERE (d.webhook, d.epoch, d.pos) = (o.webhook, o.epoch, o.pos) AND d.state IN ('WAITING', 'SENDING')
"""
# Done is done: what is remembered of it serves a look at the last week. The dead stay as long as the log does. Of what
# is no event the latest stays: the next test is numbered after it, and an id is never used twice.
FORGET = """
WITH old AS (
    (SELECT o.webhook, o.epoch, o.pos FROM webhook w CROSS JOIN LATERAL (
        SELECT d.webhook, d.epoch, d.pos FROM delivery d
        WHERE d.webhook = w.id AND d.state = 'DONE' AND d.ended_at < now() - $1::interval
          AND (d.epoch > 0 OR d.pos < (SELECT max(e.pos) FROM delivery e WHERE e.webhook = w.id AND e.epoch = 0))
        LIMIT $2) o)
    UNION ALL
    (SELECT o.webhook, o.epoch, o.pos FROM webhook w LEFT JOIN stream_head h ON h.seer = w.seer CROSS JOIN LATERAL (
        SELECT d.webhook, d.epoch, d.pos FROM delivery d
        WHERE d.seer = w.seer AND d.webhook = w.id AND d.state = 'DEAD' AND d.ended_at < now() - $1::interval
          AND CASE WHEN d.epoch = 0
                THEN d.pos < (SELECT max(e.pos) FROM delivery e WHERE e.webhook = w.id AND e.epoch = 0)
                ELSE d.epoch <= h.epoch AND d.pos <= h.kept_after END
        LIMIT $2) o)
    LIMIT $2
)
DELETE FROM delivery d USING old o WHERE (d.webhook, d.epoch, d.pos) = (o.webhook, o.epoch, o.pos)
  AND d.state IN ('DONE', 'DEAD')
"""
# What says nothing of the rows that were to be written: the same again may do.
_PASSING = (
    *AWAY,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
)


@dataclass(frozen=True, slots=True)
class Leased:
    """One delivery that is this process's to make. `epoch` 0 is no event: position 1 the challenge, others tests."""

    webhook: UUID
    epoch: int
    pos: int
    token: int
    tries: int
    url: str
    seer: str
    filtered: bool
    stream: str
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a lease: DONE, AGAIN or LATER after `pause` seconds, DEAD; `code` says how."""

    leased: Leased
    outcome: str
    code: str | None = None
    pause: float = 0.0


class Deliveries:
    """The deliveries as one deliverer sees them; `pool` is of the worker's login."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def lease(self, most: int, each: int, seconds: float) -> list[Leased]:
        """At most `most` that are due, at most `each` of one endpoint at a time, for so many seconds."""
        rows = await self._pool.fetch(LEASE, most, each, timedelta(seconds=seconds))
        return [Leased(**{**row, "keys": tuple(row["keys"])}) for row in rows]

    async def settle(self, settled: Sequence[Settled]) -> list[Settled]:
        """Writes what came of these leases, all or nothing; gives those that did not count.

        Raises Internal where one of them cannot be written, and else what the driver does.
        """
        columns = (
            [one.leased.webhook for one in settled],
            [one.leased.epoch for one in settled],
            [one.leased.pos for one in settled],
            [one.leased.token for one in settled],
            [one.outcome for one in settled],
            [one.code for one in settled],
            [timedelta(seconds=one.pause) for one in settled],
        )
        try:
            rows = await self._pool.fetch(SETTLE, *columns)
        except asyncpg.PostgresError as error:
            if isinstance(error, _PASSING):
                raise
            raise Internal from error
        counted = {(row["webhook"], row["epoch"], row["pos"]) for row in rows}
        return [one for one in settled if (one.leased.webhook, one.leased.epoch, one.leased.pos) not in counted]

    async def verified(self, webhook: UUID) -> None:
        """The challenge was answered: from now on events are delivered."""
        await self._pool.execute(VERIFIED, webhook)

    async def end(self, webhook: UUID, state: str, reason: str) -> None:
        """No more is sent there; what waits is dead."""
        await self._pool.execute(END, webhook, state, reason)

    async def sweep(self) -> int:
        """Ends what waits at endpoints that have ended; how many. Does nothing twice."""
        told: str = await self._pool.execute(SWEEP)
        return int(told.rpartition(" ")[2])

    async def forget(self, days: int, most: int = 1000) -> int:
        """Removes what was delivered so long ago, and the dead of which the log itself is gone: at most so many."""
        told: str = await self._pool.execute(FORGET, timedelta(days=days), most)
        return int(told.rpartition(" ")[2])
