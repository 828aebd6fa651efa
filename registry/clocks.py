"""The clocks in the store: for whom something is to be done, and the doing, one young person at a time.

Laws
1. What is done is done by who leads: the token is asked under its lock, in the statement that does it (as in
   0014_events.sql). Who was replaced does nothing, and hears of it.
2. One young person is one statement and one transaction; what is begun twice is done once (0017_clocks.sql).
3. One for whom it fails stops nobody else's: it is Internal, and tried again in the next round.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from registry.event_log import SECONDS, Lead
from registry.holidays import bring_holidays
from registry.session import session
from schema.errors import Internal

if TYPE_CHECKING:
    from registry.session import Connection

NAME = "clocks"
# The lock comes before the doing: a subquery that locks is never flattened, and what stands above it runs per row.
_LED = "(SELECT FROM leader l WHERE l.name = 'clocks' AND l.token = $1 FOR SHARE) led"
WAITING = "SELECT clocks_waiting(coalesce($1, now()), $2, $3) AS student"
TICK = f"SELECT clocks_tick($2, coalesce($3, now())) FROM {_LED}"  # noqa: S608 - our own names
COUNT = f"SELECT count_overdue(coalesce($2, now())) FROM {_LED}"  # noqa: S608 - our own names
THIS_YEAR = "SELECT extract(year FROM today())::int"
# What is wrong with one young person's rows, and not with the server.
_OF_ONE = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.PLPGSQLError,
    asyncpg.DeadlockDetectedError,
    asyncpg.ProgramLimitExceededError,
)


@asynccontextmanager
async def clocks(url: str) -> AsyncIterator[Clocks]:
    """The clocks on a connection of their own. Raises as `registry.session` does."""
    settings = {"application_name": "spil clocks", "statement_timeout": f"{SECONDS:.0f}s"}
    async with session(url, command_timeout=SECONDS + 1, **settings) as connection:
        yield Clocks(connection)


class Clocks:
    """The lead of the clocks, and what it does. `at` None: now."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.lead = Lead(connection, NAME)

    async def waiting(self, at: datetime | None, behind: UUID | None, most: int) -> list[UUID]:
        """The next young people, in key order, for whom something is to be done."""
        return [row["student"] for row in await self._connection.fetch(WAITING, at, behind, most)]

    async def tick(self, token: int, young: UUID, at: datetime | None) -> int | None:
        """Does it; how many things, or None to who leads no more. Raises Internal where it fails for this one."""
        try:
            done: int | None = await self._connection.fetchval(TICK, token, young, at)
        except _OF_ONE as error:
            raise Internal from error
        return done

    async def count(self, token: int, at: datetime | None) -> int | None:
        """Makes the country's figure anew; how many of its rows changed, or None to who leads no more."""
        changed: int | None = await self._connection.fetchval(COUNT, token, at)
        return changed

    async def top_up(self) -> int:
        """Brings the holidays to this year's library; how many days changed."""
        async with self._connection.transaction():
            return await bring_holidays(self._connection, await self._connection.fetchval(THIS_YEAR))
