"""The sources that answer live, as the registry lists them, and their clients, kept while their rows stay the same.

Laws
1. The hub starts, and answers all else, while every source and the registry itself are away.
2. A source that is paused, ended or changed is left within EVERY seconds; questions that are out are answered.
3. Why a source cannot be used stands in the log once, and again when its row or the reason changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from registry.sources import Source
from resolvers.live import Partner
from schema.errors import SpilError
from spil.agents import AgentClient, Agents
from spil.log import Sink
from spil.partners import AGENT, asking_options, client_of, protocol_of
from wire.careful import Client

EVERY = 5.0  # seconds between two readings of the list
GRACE = 30.0  # seconds after which the client of a source that was left is closed
Load = Callable[[], Awaitable[Sequence[Source]]]


@dataclass(frozen=True)
class _Connected:
    row: Source
    partner: Partner
    client: Client


class LiveSources:
    """`load` reads the active sources; `find` is what the live layers look into."""

    def __init__(self, load: Load, environ: Mapping[str, str], log: Sink, agents: Agents | None = None) -> None:
        self._load, self._environ, self._log, self._agents = load, environ, log, agents or Agents()
        self._known: dict[str, _Connected] = {}
        self._of: dict[tuple[str, str], Partner] = {}
        self._unusable: dict[str, tuple[Source, str, str]] = {}
        self._loop: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def find(self, party: str, kind: str) -> Partner | None:
        """The source of a party that gives this kind; of several the first by key."""
        return self._of.get((party, kind))

    def start(self) -> None:
        """Begins to read the list, now and every few seconds."""
        self._loop = asyncio.create_task(self._keep_reading())

    async def refresh(self) -> None:
        """Reads the list once."""
        known: dict[str, _Connected] = {}
        unusable: dict[str, tuple[Source, str, str]] = {}
        for row in await self._load():
            row = replace(row, cursor=None, full_sync=None)  # noqa: PLW2901 - a harvest moves these two
            old = self._known.get(row.key)
            try:
                one = old if old is not None and old.row == row else self._connect(row)
            except SpilError as error:
                unusable[row.key] = (row, error.code, error.message)
                continue
            if one is not None:
                known[row.key] = one
        self._tell(unusable)
        left = [old.client for key, old in self._known.items() if known.get(key) is not old]
        self._known = known
        self._of = {(one.row.party, one.row.kind): one.partner for one in reversed(known.values())}
        for client in left:
            task = asyncio.create_task(_close_later(client))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Ends the reading and every connection."""
        for task in (self._loop, *self._leaving):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        for one in self._known.values():
            await one.client.close()

    def _connect(self, row: Source) -> _Connected | None:
        """None for one that does not answer live. Raises SetUp, BadMapping and the like for one that cannot be used."""
        if not row.answers_live or row.base_url is None:
            return None
        spoken, by_agent = protocol_of(row), row.base_url == AGENT
        client = AgentClient(row.key, self._agents) if by_agent else client_of(row, self._environ)
        return _Connected(row, Partner(row.key, spoken, asking_options(row, self._environ), client), client)

    def _tell(self, unusable: dict[str, tuple[Source, str, str]]) -> None:
        """Law 3."""
        for key, why in unusable.items():
            if self._unusable.get(key) != why:
                self._log("source-unusable", source=key, code=why[1], what=why[2])
        self._unusable = unusable

    async def _keep_reading(self) -> None:
        while True:
            try:
                await self.refresh()
            except Exception as error:  # noqa: BLE001 - the registry may be away: what is known stays, and is read anew
                self._log("sources-unread", error=type(error).__name__)
            await asyncio.sleep(EVERY)


async def _close_later(client: Client) -> None:
    try:
        await asyncio.sleep(GRACE)
    finally:
        await client.close()
