"""The end of a source, and what becomes of what it brought: closed, left as it is, or taken over by another source.

Laws
1. All of it is one transaction, made while nobody reads either source.
2. What is taken over is another source's from then on; what that one has itself stays as it has it.
3. Who took over is read from the start at its next reading: what it does not name then is gone, and what it names is
   written as it tells it, whatever its settings (no digest is known).
4. Of whom a school brought nobody ends here: only a source that does not name them can say that they are gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from registry.harvest_endings import MARK_GONE
from registry.harvest_opportunities import end_opportunities
from registry.session import session
from registry.sources import SET_STATE, find_source, take_leases
from schema.errors import Conflict

if TYPE_CHECKING:
    from registry.session import Connection
    from registry.sources import Source

ENDED = "This source has ended. What it left is taken over with --for."
NO_OTHER = "--for is another source that is active and harvests, of the same party and the same kind."
LIVING = "SELECT reference FROM harvested WHERE source = $1 AND gone_at IS NULL"
# What the other one knows as gone it does not have: the row of who still had it counts.
BOTH = """
SELECT h.reference FROM harvested h JOIN harvested o ON o.source = $2 AND o.reference = h.reference
WHERE h.source = $1 AND h.gone_at IS NULL AND o.gone_at IS NULL
"""
FORGET_GONE = """
DELETE FROM harvested o USING harvested h WHERE o.source = $2 AND o.gone_at IS NOT NULL
AND h.source = $1 AND h.reference = o.reference AND h.gone_at IS NULL
"""
TAKE = """
UPDATE harvested h SET source = $2, seen_in = NULL, digest = '' WHERE h.source = $1
AND NOT EXISTS (SELECT FROM harvested o WHERE o.source = $2 AND o.reference = h.reference)
RETURNING h.gone_at IS NULL
"""
TAKE_SIDECAR = """
UPDATE sidecar s SET source = $2 WHERE s.source = $1
AND NOT EXISTS (SELECT FROM sidecar o WHERE o.source = $2 AND o.student = s.student)
"""
DROP_SIDECAR = "DELETE FROM sidecar WHERE source = $1"
TAKE_LINKS = """
UPDATE link l SET source = $2 WHERE l.source = $1 AND l.until_at = 'infinity'
AND NOT EXISTS (SELECT FROM link o WHERE o.source = $2 AND o.key = l.key AND o.until_at = 'infinity')
"""
FROM_THE_START = "UPDATE source SET cursor = NULL, full_sync = NULL WHERE key = $1"


async def end_source(url: str, key: str) -> tuple[Source, int]:
    """Ends one for good; gives it, and how many of its opportunities closed or of its others stay as they are.

    Raises NotFound, Conflict.
    """
    async with _unread(url, key) as connection, connection.transaction():
        source = await find_source(connection, key)
        if not await connection.fetchval(SET_STATE, key, "ENDED", ["ACTIVE", "PAUSED"]):
            raise Conflict(ENDED)
        living = [row["reference"] for row in await connection.fetch(LIVING, key)]
        if source.kind == "servicepoint":
            await end_opportunities(connection, source, living)
        return source, len(living)


async def hand_on(url: str, key: str, other: str) -> tuple[Source, int]:
    """Ends one, or comes back to one that ended, and gives what it brought to `other`; gives how much that is.

    Raises NotFound, Conflict.
    """
    async with _unread(url, key, other) as connection, connection.transaction():
        source, taker = await find_source(connection, key), await find_source(connection, other)
        fits = (taker.party, taker.kind) == (source.party, source.kind)
        if key == other or not fits or taker.state != "ACTIVE" or not taker.harvests:
            raise Conflict(NO_OTHER)
        await connection.execute(SET_STATE, key, "ENDED", ["ACTIVE", "PAUSED"])
        both = [row["reference"] for row in await connection.fetch(BOTH, key, other)]
        if source.kind == "servicepoint":
            await end_opportunities(connection, source, both)
        await connection.execute(MARK_GONE, key, both)
        await connection.execute(FORGET_GONE, key, other)
        taken = [row[0] for row in await connection.fetch(TAKE, key, other)]
        await connection.execute(TAKE_SIDECAR, key, other)
        await connection.execute(DROP_SIDECAR, key)
        await connection.execute(TAKE_LINKS, key, other)
        await connection.execute(FROM_THE_START, other)
        return source, sum(taken)


@asynccontextmanager
async def _unread(url: str, *keys: str) -> AsyncIterator[Connection]:
    """A connection that holds the leases of these sources. Raises NotFound, Conflict."""
    async with session(url) as connection:
        for key in keys:
            await find_source(connection, key)
        await take_leases(connection, *keys)
        yield connection
