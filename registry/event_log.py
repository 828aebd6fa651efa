"""The event log as its leader writes it: the lead with its token, positions for what waits, and what is too old.

Laws
1. Every step is one statement, so that whoever is stopped in the middle of it holds no lock.
2. A token is asked where something is written (0014_events.sql, law 2); that a lease ran out proves nothing.
3. Positions are committed synchronously whatever the database's default is: one that was given is never given again.
4. A log loses its oldest rows only, and `kept_after` moves in that statement.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from registry.session import session

if TYPE_CHECKING:
    from registry.session import Connection

SECONDS = 10.0  # that a statement of the leader may take
TAKE = """
UPDATE leader
SET token = token + 1, holder = $2, since_at = clock_timestamp(), until_at = clock_timestamp() + $3::interval
WHERE name = $1 AND until_at < clock_timestamp() RETURNING token
"""
KEEP = """
UPDATE leader SET until_at = clock_timestamp() + $3::interval WHERE name = $1 AND token = $2 RETURNING true
"""
GIVE_UP = "UPDATE leader SET holder = NULL, until_at = '-infinity' WHERE name = $1 AND token = $2"
WAITS = "SELECT EXISTS (SELECT FROM outbox WHERE sequenced_at IS NULL)"
SEQUENCE = "SELECT sequence_events($1, $2, $3)"
# How long the oldest has waited is told by when it was recorded; a command that took long before its commit adds to it.
LAG = """
SELECT w.waiting, w.oldest, extract(epoch FROM clock_timestamp() - w.oldest)::float8 AS seconds,
    CASE WHEN l.until_at > clock_timestamp() THEN l.holder END AS holder,
    CASE WHEN l.until_at > clock_timestamp() THEN l.since_at END AS since, l.token
FROM leader l, (SELECT count(*) AS waiting, min(o.recorded) AS oldest FROM outbox o WHERE o.sequenced_at IS NULL) w
WHERE l.name = 'sequencer'
"""
# A seer's oldest rows, few at a time. The instants of a log only grow, so that what is old is its beginning.
AGE_LOG = """
WITH worn AS (
    SELECT l.seer, l.epoch, l.pos FROM event_log l
    WHERE l.seer = (SELECT h.seer FROM stream_head h WHERE EXISTS (
                        SELECT FROM event_log o WHERE o.seer = h.seer AND o.logged_at < $1) LIMIT 1)
      AND l.logged_at < $1 ORDER BY l.epoch, l.pos LIMIT $2
), gone AS (
    DELETE FROM event_log l USING worn w WHERE (l.seer, l.epoch, l.pos) = (w.seer, w.epoch, w.pos)
    RETURNING l.seer, l.epoch, l.pos
), moved AS (
    UPDATE stream_head h SET kept_after = greatest(h.kept_after, g.pos)
    FROM (SELECT seer, epoch, max(pos) AS pos FROM gone GROUP BY seer, epoch) g
    WHERE (h.seer, h.epoch) = (g.seer, g.epoch)
)
SELECT count(*) FROM gone
"""
AGE_INBOUND = """
WITH worn AS (SELECT i.source, i.id FROM inbound_event i WHERE i.received_at < $1 LIMIT $2),
    gone AS (DELETE FROM inbound_event i USING worn w WHERE (i.source, i.id) = (w.source, w.id) RETURNING 1)
SELECT count(*) FROM gone
"""
AGE_OUTBOX = """
WITH worn AS (
    SELECT o.id FROM outbox o WHERE o.sequenced_at < $1 AND NOT EXISTS (SELECT FROM event_log l WHERE l.event = o.id)
    ORDER BY o.sequenced_at LIMIT $2
), gone AS (DELETE FROM outbox o USING worn w WHERE o.id = w.id RETURNING 1)
SELECT count(*) FROM gone
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """How many events wait for their positions, since when, and who leads; `holder` None: nobody does."""

    waiting: int
    oldest: datetime | None
    seconds: float | None
    holder: str | None
    since: datetime | None
    token: int


@asynccontextmanager
async def leading(url: str, name: str = "sequencer") -> AsyncIterator[Lead]:
    """A connection of one's own on which the lead `name` is taken and used. Raises as `registry.session` does."""
    settings = {"application_name": f"spil {name}", "synchronous_commit": "on", "statement_timeout": f"{SECONDS:.0f}s"}
    async with session(url, command_timeout=SECONDS + 1, **settings) as connection:
        yield Lead(connection, name)


class Lead:
    """The lead of one name, as one process has it or waits for it."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection, self._name = connection, name

    async def take(self, holder: str, lease: timedelta) -> int | None:
        """The token of a lead that was free; None while another has it."""
        token: int | None = await self._connection.fetchval(TAKE, self._name, holder, lease)
        return token

    async def keep(self, token: int, lease: timedelta) -> bool:
        """Renews the lease; False to who leads no more."""
        return bool(await self._connection.fetchval(KEEP, self._name, token, lease))

    async def give_up(self, token: int) -> None:
        """Lets the next one in at once. Nothing, to who leads no more."""
        await self._connection.execute(GIVE_UP, self._name, token)

    async def waits(self) -> bool:
        """Whether an event waits for its positions."""
        return bool(await self._connection.fetchval(WAITS))

    async def sequence(self, token: int, most: int, lease: timedelta) -> int | None:
        """Gives positions to what waits, and renews the lease; how many, or None to who leads no more."""
        given: int | None = await self._connection.fetchval(SEQUENCE, token, most, lease)
        return given

    async def lag(self) -> Lag:
        """What waits, and who leads."""
        return await _lag(self._connection)

    async def age(self, before: datetime, most: int) -> int:
        """Takes away at most `most` log rows of one seer, or outbox rows in no log, or what came in; how many."""
        gone: int = 0
        for statement in (AGE_LOG, AGE_OUTBOX, AGE_INBOUND):
            gone = gone or await self._connection.fetchval(statement, before, most)
        return gone


async def lag_of(url: str) -> Lag:
    """The same, on a connection of its own. Raises as `registry.session` does."""
    async with session(url) as connection:
        return await _lag(connection)


async def _lag(connection: Connection) -> Lag:
    return Lag(**dict((await connection.fetch(LAG))[0]))
