"""Events for tests of streams: told as a command tells them, and given their positions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

FIELDS = "pos withheld type"
TELL = """
INSERT INTO outbox (type, subject_kind, student, seers, details)
    VALUES ('nl.arbeidstoeleiding.' || $1 || '.v1', $2, $3, $4, $5)
"""


LEAD = "UPDATE leader SET token = token + 1 WHERE name = 'sequencer' RETURNING token"


@dataclass
class Telling:
    """The owner's connection, and what is told by it."""

    owner: Any

    async def tell(self, seer: str, *whats: str, student: UUID | None = None, kind: str | None = None) -> None:
        """One event of each type to this seer, and their positions."""
        subject = kind or ("STUDENT" if student else "NONE")
        for what in whats:
            await self.owner.execute(TELL, what, subject, student, [seer], "{}")
        await self.sequence()

    async def many(self, seer: str, count: int, what: str = "plaats-vrijgekomen") -> None:
        """So many about nobody, in one statement."""
        await self.owner.execute(
            "INSERT INTO outbox (type, subject_kind, seers)"
            " SELECT 'nl.arbeidstoeleiding.' || $1 || '.v1', 'NONE', ARRAY[$2] FROM generate_series(1, $3)",
            what,
            seer,
            count,
        )
        await self.sequence()

    async def sequence(self) -> None:
        token = await self.owner.fetchval(
            "UPDATE leader SET token = token + 1 WHERE name = 'sequencer' RETURNING token"
        )
        while await self.owner.fetchval("SELECT sequence_events($1, 1000, interval '1 minute')", token):
            pass

    async def head(self, seer: str) -> tuple[int, int]:
        row = await self.owner.fetchrow("SELECT epoch, pos FROM stream_head WHERE seer = $1", seer)
        return (row["epoch"], row["pos"]) if row else (1, 0)

    async def seen_by(self, seer: str) -> UUID:
        """A young person whom this seer sees."""
        found: UUID = await self.owner.fetchval(
            "SELECT student FROM sight WHERE seer = $1 AND until_candidate > now() ORDER BY alias LIMIT 1", seer
        )
        return found


@asynccontextmanager
async def telling_of(owner_url: str) -> AsyncIterator[Telling]:
    connection = await asyncpg.connect(owner_url)
    try:
        yield Telling(connection)
    finally:
        await connection.close()


async def within(seconds: float, work: Any) -> Any:
    """Its result; a test that waits for ever fails here."""
    async with asyncio.timeout(seconds):
        return await work
