"""Which gateway holds a source's agent, and the word that it is to be read: between gateways and the command line.

Laws
1. That an agent is held is a shared advisory lock of its gateway's own connection: it ends with the gateway, however
   that ends. No column could say so after a kill.
2. A word (NOTIFY) holds keys of sources, ids and codes; nothing that a source sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import asyncpg
import orjson

from registry.session import session
from schema.errors import NotFound, SourceDown, SpilError, Unavailable

if TYPE_CHECKING:
    from registry.session import Connection

CHANNEL: Final = "spil_agent"
AGAIN: Final = 5.0  # seconds between two tries to reach the database
LOOK: Final = 0.2  # seconds between two looks at a run
NO_AGENT: Final = "No agent of this source is connected to a gateway."
HOLD = "SELECT pg_advisory_lock_shared(hashtextextended('spil agent ' || $1, 0))"
LEAVE = "SELECT pg_advisory_unlock_shared(hashtextextended('spil agent ' || $1, 0))"
SAY = "SELECT pg_notify('spil_agent', $1)"
# pg_locks shows the 64 bits of a lock in two halves.
LOCKED = """
SELECT k FROM unnest($2::text[]) k WHERE hashtextextended($1 || k, 0) IN (
    SELECT (l.classid::bigint << 32) | l.objid::bigint FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted)
"""
RUN = "SELECT id, state, code, pages, added, changed, unchanged, ended, rejected FROM source_run WHERE id = $1"
NOTES = "SELECT position, field, reason FROM quarantine WHERE run = $1 ORDER BY n LIMIT 100"

Word = Mapping[str, Any]


async def held(connection: Connection, keys: Collection[str]) -> set[str]:
    """Those of these sources whose agent is connected to some gateway."""
    return {row["k"] for row in await connection.fetch(LOCKED, "spil agent ", list(keys))}


class Board:
    """One gateway's connection for what it holds, and for what it hears and says. `heard` takes each word."""

    def __init__(self, url: str, heard: Callable[[Word], None]) -> None:
        self._url, self._heard = url, heard
        self._keys: frozenset[str] = frozenset()
        self._words: list[bytes] = []
        self._stirred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def hold(self, keys: Collection[str]) -> None:
        """From now on these, and no others, are held here."""
        self._keys = frozenset(keys)
        self._stir()

    def say(self, **word: Any) -> None:
        """Tells everybody who listens, as soon as the database is there."""
        self._words.append(orjson.dumps(word))
        self._stir()

    async def close(self) -> None:
        """Lets go of everything."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _stir(self) -> None:
        self._stirred.set()
        if self._task is None:
            self._task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            with suppress(SpilError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                async with session(self._url) as connection:
                    await self._tend(connection)
            await asyncio.sleep(AGAIN)

    async def _tend(self, connection: Connection) -> None:
        """Keeps one connection in step with what is to be held and said, until it is lost."""
        locked: set[str] = set()
        connection.add_termination_listener(lambda *_: self._stirred.set())
        await connection.add_listener(CHANNEL, self._hear)
        while not connection.is_closed():
            self._stirred.clear()
            for key in locked - self._keys:
                await connection.execute(LEAVE, key)
            for key in self._keys - locked:
                await connection.execute(HOLD, key)
            locked = set(self._keys)
            while self._words:
                await connection.execute(SAY, self._words[0].decode())
                self._words.pop(0)
            await self._stirred.wait()

    def _hear(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        word = _read(payload)
        if word is not None:
            self._heard(word)


def _read(payload: object) -> Word | None:
    try:
        word = orjson.loads(str(payload))
    except ValueError:
        return None
    return word if isinstance(word, dict) else None


async def have_read(url: str, key: str, tell: Callable[[str], None], *, confirm: bool) -> tuple[Word, list[Word]]:
    """Asks the gateway that holds a source's agent to read it; gives the run's row when it has ended, and its notes.

    Raises NotFound, SourceDown (no gateway holds it, or it went), Unavailable, and what the gateway refused with as
    `code` in a row of its own.
    """
    async with session(url) as connection:
        request, words = str(uuid4()), asyncio.Queue[Word]()

        def hear(_connection: Any, _pid: int, _channel: str, payload: object) -> None:
            word = _read(payload)
            if word is not None and word.get("request") == request and "read" not in word:
                words.put_nowait(word)

        await connection.add_listener(CHANNEL, hear)
        await _still(connection, key)
        word = orjson.dumps({"read": key, "request": request, "confirm": confirm}).decode()
        await connection.execute(SAY, word)
        begun = await _answered(connection, key, words)
        if "run" not in begun:
            return {"state": "FAILED", **begun}, []
        row = await _ended(connection, key, UUID(begun["run"]), tell)
        return row, [dict(note) for note in await connection.fetch(NOTES, row["id"])]


async def _still(connection: Connection, key: str) -> None:
    if not await held(connection, [key]):
        raise SourceDown(NO_AGENT)


async def _answered(connection: Connection, key: str, words: asyncio.Queue[Word]) -> Word:
    """The gateway's word; a reading that is under way may have to end before it comes."""
    while True:
        try:
            async with asyncio.timeout(1):
                return await words.get()
        except TimeoutError:
            await _still(connection, key)


async def _ended(connection: Connection, key: str, run: UUID, tell: Callable[[str], None]) -> Word:
    while True:
        row = await connection.fetchrow(RUN, run)
        if row is None:
            raise NotFound
        if row["state"] != "RUNNING":
            return dict(row)
        records = row["added"] + row["changed"] + row["unchanged"] + row["rejected"]
        tell(f"{row['pages']} pages, {records:,} records")
        if not await connection.fetch(LOCKED, "spil harvest ", [key]):
            row = await connection.fetchrow(RUN, run)
            if row is not None and row["state"] == "RUNNING":
                raise Unavailable("The gateway that read this source has ended. Read it again.")
        await asyncio.sleep(LOOK)
