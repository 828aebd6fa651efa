"""Where the logs of some seers end: one statement of the worker's login for all that have subscribers.

And whether a place in one leads on: by the rule that the pages ask too (0028_cursors_whole.sql).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from registry.connections import Connections
from registry.database import AWAY, CONNECT, OURS, statement_options
from schema.errors import CursorMoved, Unavailable

REST = "SELECT pos FROM event_log WHERE seer = $1 AND epoch = $2 AND pos > $3 ORDER BY pos LIMIT $4"
MOVED = "SELECT why, to_epoch, to_pos FROM cursor_moved($1, $2, $3)"
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

    async def moved(self, seer: str, epoch: int, pos: int) -> CursorMoved | None:
        """Why a place leads nowhere, and from where to go on; None where it leads on. Raises Unavailable."""
        (row,) = await self._fetch(MOVED, seer, epoch, pos)
        why = OURS.get(row["why"])
        return why(place=(row["to_epoch"], row["to_pos"])) if why else None

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
