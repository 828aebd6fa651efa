"""What is to be delivered to webhooks: leased, settled and counted, each in one short transaction of the worker's.

Laws
1. No transaction stands open while something is sent: a delivery is held by a lease that ends by itself.
2. A lease is settled with its token; what is not told back did not count: somebody else has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

# What is leased, with its endpoint, and the sealed keys that are valid now, the newest first.
LEASE = """
SELECT l.webhook, l.epoch, l.pos, l.token, l.tries, w.url, w.seer, w.types <> '{}' AS filtered,
       coalesce(h.stream::text, '') AS stream,
       ARRAY (SELECT k.sealed FROM webhook_key k
              WHERE k.webhook = l.webhook AND k.from_at <= now() AND k.until_at > now()
              ORDER BY k.n DESC LIMIT 2) AS keys
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
# What was given a position while its endpoint ended: listed as what waited then is (`end_webhook`).
SWEEP = """
UPDATE delivery d SET state = CASE WHEN d.done_at IS NULL THEN 'DEAD' ELSE 'DONE' END,
    ended_at = coalesce(d.done_at, now()), code = coalesce(d.code, 'DISABLED')
FROM webhook w WHERE w.id = d.webhook AND w.state IN ('FAILED', 'DISABLED') AND d.state IN ('WAITING', 'SENDING')
"""
# Done is done: what is remembered of it serves a look at the last week. The dead stay as long as the log does.
FORGET = """
DELETE FROM delivery d USING webhook w LEFT JOIN stream_head h ON h.seer = w.seer
WHERE w.id = d.webhook AND ((d.state = 'DONE' AND d.ended_at < now() - $1::interval)
    OR (d.state = 'DEAD' AND d.epoch > 0 AND d.epoch <= h.epoch AND d.pos <= h.kept_after
        AND d.ended_at < now() - $1::interval))
"""


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
        """Writes what came of these leases; gives those that did not count."""
        rows = await self._pool.fetch(
            SETTLE,
            [one.leased.webhook for one in settled],
            [one.leased.epoch for one in settled],
            [one.leased.pos for one in settled],
            [one.leased.token for one in settled],
            [one.outcome for one in settled],
            [one.code for one in settled],
            [timedelta(seconds=one.pause) for one in settled],
        )
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

    async def forget(self, days: int) -> None:
        """Removes what was delivered so long ago, and the dead of which the log itself is gone."""
        await self._pool.execute(FORGET, timedelta(days=days))
