"""A stack of connections to one login: opened when they are needed, the latest used first, never more than `size`.

asyncpg's own pool wraps every call and makes a task for every release: as much work as a short statement.

Laws
1. A connection is in one pair of hands. One that comes back closed is dropped, one that closed
   while idle is passed over.
2. Who gets none within `patience` seconds, new or given back, has a TimeoutError.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg


class Connections:
    """`take` one and `give` it back; `options` are those of asyncpg.connect."""

    def __init__(self, url: str, size: int, patience: float, **options: Any) -> None:
        self._url, self._size, self._patience, self._options = url, size, patience, options
        self._free = asyncio.Semaphore(size)
        self._idle: list[Any] = []
        self._taken: set[Any] = set()

    async def take(self) -> Any:
        """A connection of one's own until `give`. Raises TimeoutError, and what asyncpg.connect raises."""
        if self._free.locked():
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        else:
            await self._free.acquire()
        try:
            connection = self._latest() or await asyncpg.connect(self._url, timeout=self._patience, **self._options)
        except BaseException:
            self._free.release()
            raise
        self._taken.add(connection)
        return connection

    def give(self, connection: Any) -> None:
        """Takes it back. Nothing may be under way on it, and nothing of its session changed."""
        self._taken.discard(connection)
        if not connection.is_closed():
            self._idle.append(connection)
        self._free.release()

    async def close(self, seconds: float = 2.0) -> None:
        """Ends them all; what is under way has `seconds`. Nobody gets one afterwards."""
        try:
            async with asyncio.timeout(seconds):
                for _ in range(self._size):
                    await self._free.acquire()
                for connection in self._idle:
                    await connection.close()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            for connection in (*self._idle, *self._taken):
                connection.terminate()

    def _latest(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None
