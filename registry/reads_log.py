"""The reads log: who read whom, confirmed before an answer leaves.

Group commit: one writer, one batch and one commit for all that waits.

Laws
1. A read that is not confirmed within `timeout` is Unavailable: no bytes leave, and no source is asked.
2. The commit is synchronous whatever the database's default is.
3. The writer's connection may insert here and do nothing else.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from registry.migrate import role_prefix
from schema.errors import Unavailable

# Not COPY: for the few rows of a group that is two round trips, and this is one.
INSERT = """
INSERT INTO read (at, seer, subject, client, purpose, operation_hash, request_id, layers, students, subscribers)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::uuid[], $10)
"""
RETRY = 0.2  # seconds between attempts to reach the database


@dataclass(frozen=True)
class Entry:
    """One operation's reads. `students` are the 16 bytes of each key."""

    seer: str
    subject: str | None
    client: str | None
    purpose: str | None
    operation_hash: str
    request_id: str
    layers: tuple[str, ...]
    students: frozenset[bytes]
    subscribers: tuple[str, ...] = ()  # of a reading that several share: `client subject` of each


class ReadsLog:
    """The one writer of this process. `start` it, `record` with it, `close` it."""

    def __init__(self, url: str, timeout: float = 2.0) -> None:
        self._url, self._timeout = url, timeout
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: Any = None
        self.groups = 0

    def start(self) -> None:
        """Starts the writer; it connects when there is something to write."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="reads log")

    async def close(self) -> None:
        """Ends the writer; what still waits is Unavailable."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._fail(self._waiting)
        await self._drop()

    async def record(self, entry: Entry) -> None:
        """Returns when the entry is committed. Raises Unavailable."""
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, confirmed))
        self._wake.set()
        try:
            async with asyncio.timeout(self._timeout):
                await confirmed
        except TimeoutError:
            raise Unavailable from None

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            group, self._waiting = [w for w in self._waiting if not w[1].done()], []
            if not group:
                continue
            try:
                async with asyncio.timeout(self._timeout):
                    await self._write([entry for entry, _ in group])
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                self._fail(group)
                await self._drop()
                await asyncio.sleep(RETRY)
            except asyncio.CancelledError:
                self._fail(group)
                raise
            else:
                self.groups += 1
                for _, confirmed in group:
                    if not confirmed.done():
                        confirmed.set_result(None)

    @staticmethod
    def _fail(group: list[tuple[Entry, asyncio.Future[None]]]) -> None:
        for _, confirmed in group:
            if not confirmed.done():
                confirmed.set_exception(Unavailable())

    async def _write(self, entries: list[Entry]) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        now = datetime.now(UTC)
        rows = [
            (
                now,
                e.seer,
                e.subject,
                e.client,
                e.purpose,
                e.operation_hash,
                e.request_id,
                e.layers,
                _uuids(e.students),
                e.subscribers,
            )
            for e in entries
        ]
        await self._connection.executemany(INSERT, rows)

    async def _connect(self) -> Any:
        connection = await asyncpg.connect(
            self._url,
            server_settings={"synchronous_commit": "on", "TimeZone": "UTC", "application_name": "spil reads log"},
        )
        database = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'SET ROLE "{role_prefix(database)}_scribe"')
        return connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _uuids(keys: frozenset[bytes]) -> str:
    """As Postgres writes an array: a fifth of the driver's time for a list of UUIDs."""
    return f"{{{','.join([key.hex() for key in sorted(keys)])}}}"
