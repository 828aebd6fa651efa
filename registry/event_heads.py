"""Where the logs of some seers end: one statement of the worker's login for all that have subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from registry.connections import Connections
from registry.database import AWAY, CONNECT, statement_options
from schema.errors import Unavailable

REST = "SELECT pos FROM event_log WHERE seer = $1 AND epoch = $2 AND pos > $3 ORDER BY pos LIMIT $4"
HEADS = "SELECT seer, epoch, pos, kept_after FROM stream_head WHERE seer = ANY ($1::text[])"


@dataclass(frozen=True, slots=True)
class Head:
    """The last position given, and the last one that is too old to be had. Who was never told anything is at 0."""

    epoch: int = 1
    pos: int = 0
    kept_after: int = 0


class EventHeads:
    """Reads heads over at most two connections; they are opened when somebody asks."""

    def __init__(self, worker_url: str) -> None:
        self._connections = Connections(worker_url, 2, CONNECT, **statement_options(5.0))

    async def read(self, seers: Sequence[str]) -> Mapping[str, Head]:
        """The heads of all of these, also of those that have none. Raises Unavailable."""
        rows = await self._fetch(HEADS, list(seers))
        found = {row["seer"]: Head(row["epoch"], row["pos"], row["kept_after"]) for row in rows}
        return {seer: found.get(seer, Head()) for seer in seers}

    async def rest(self, seer: str, epoch: int, after: int, most: int) -> Sequence[int]:
        """What an epoch still holds after this position: the first so many positions. Raises Unavailable."""
        return [row["pos"] for row in await self._fetch(REST, seer, epoch, after, most)]

    async def _fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        try:
            connection = await self._connections.take()
            try:
                rows: Sequence[Any] = await connection.fetch(sql, *values)
            except asyncio.CancelledError:
                connection.terminate()
                raise
            finally:
                self._connections.give(connection)
        except (asyncpg.PostgresError, *AWAY):
            raise Unavailable from None
        return rows

    async def close(self) -> None:
        await self._connections.close()
