"""The parts of a gateway, chosen once and handed down: no globals, no framework."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from auth.contracts import cut
from auth.keys import CAP, KeyRing
from auth.policy import PREDICATES, directory_tables
from auth.tokens import TokenGate
from auth.trust import Trust
from auth.viewer import Role
from events.signing import Safe
from federation.catalogue import Ask, Finder
from federation.cursors import Cursors
from federation.engine import Contract, Engine, ReadOf
from federation.limits import Limits
from federation.plan import Rules
from federation.streaming import Streaming
from registry.database import Database, worker_pool
from registry.event_heads import EventHeads
from registry.reads_log import Entry, ReadsLog
from registry.sources import Source, active_sources
from registry.trust import load_trust, trust_stamp
from resolvers.commands import Runner
from resolvers.everything import catalogue
from resolvers.handover import LAYER, Codes
from resolvers.live import LiveLayers
from resolvers.streams import Streams
from resolvers.webhooks import Making
from schema.full import build_schema
from schema.print import graphql_core, print_contract
from spil.agent_readings import Readings
from spil.deliver import Hands
from spil.live_sources import LiveSources
from spil.log import Log, Sink
from spil.settings import Settings, require
from wire.client import fetch_json_bytes


@dataclass
class Ground:
    """What a gateway and `spil deliver` both stand on: the logins, the reads log, and whom the hub trusts."""

    settings: Settings
    database: Database
    reads_log: ReadsLog
    worker_pool: Any
    trust: Trust

    @classmethod
    async def lay(cls, settings: Settings, directory_url: str) -> Ground:
        """Opens and starts it. `directory_url`: the login that reads the directory, the gateway's where nobody does."""
        assert settings.gateway_url is not None
        assert settings.worker_url is not None
        size, seconds = settings.pool_size, settings.deadline
        database = await Database.open(settings.gateway_url, directory_url, size=size, seconds=seconds)
        reads_log = ReadsLog(settings.gateway_url, settings.reads_log_timeout)
        reads_log.start()
        pool = await worker_pool(settings.worker_url)
        trust = Trust(partial(load_trust, pool), stamp=partial(trust_stamp, pool))
        await trust.start()
        return cls(settings, database, reads_log, pool, trust)

    def make_engine(
        self,
        made: dict[str, Contract],
        layers: Mapping[str, Ask] | None = None,
        finders: Mapping[str, Finder] | None = None,
    ) -> Engine:
        """The engine over the contracts, with what live sources add."""
        assert self.settings.cursor_key is not None
        codes = Codes.under(self.settings.cursor_key)
        everything = catalogue({**(layers or {}), LAYER: codes.ask}, finders)
        making = Making(Safe.under(self.settings.cursor_key), self.settings.webhook_private_hosts)
        runner = Runner(self.database, codes, making)
        record, cursors = partial(_record, self.reads_log), Cursors(self.settings.cursor_key)
        return Engine(made, everything, self.database, record, cursors, limits_of(self.settings), runner)

    async def close(self) -> None:
        await self.trust.close()
        await self.reads_log.close()
        await self.database.close()
        self.worker_pool.terminate()


@dataclass
class Parts(Ground):
    """What the app is built from; `close` ends it in the right order."""

    engine: Engine
    gate: TokenGate
    keys: KeyRing
    sdl: dict[str, str]
    sources: LiveSources
    live: LiveLayers
    readings: Readings
    heads: EventHeads
    streaming: Streaming
    streams: Streams

    async def close(self) -> None:
        await self.streams.close()
        await self.heads.close()
        await self.readings.close()
        await self.live.close()
        await self.sources.close()
        await self.keys.close()
        await super().close()


def limits_of(settings: Settings) -> Limits:
    """The engine's limits, from the knobs."""
    return Limits(
        tokens=settings.max_tokens,
        depth=settings.max_depth,
        introspection_depth=settings.max_introspection_depth,
        aliases=settings.max_aliases,
        selections=settings.max_selections,
        cost=settings.max_cost,
        page=settings.max_page,
        answer_bytes=settings.max_answer_bytes,
        seconds=settings.deadline,
    )


def contracts() -> tuple[dict[str, Contract], dict[str, str]]:
    """Every role's contract, and its SDL."""
    full = build_schema()
    made, printed = {}, {}
    for role in Role:
        schema = cut(graphql_core(full), role)
        printed[role.value] = print_contract(full, schema)
        rules = Rules(role.value.lower(), PREDICATES[role], directory_tables(role), {"sdl": printed[role.value]})
        made[role.value] = Contract(schema, rules)
    return made, printed


async def build(settings: Settings, listed_hosts: frozenset[str] = frozenset()) -> Parts:
    """Builds and starts everything but the server. `listed_hosts`: private addresses of issuers (the demo's)."""
    require(settings, "gateway_url", "directory_url", "worker_url", "cursor_key")
    assert settings.gateway_url is not None
    assert settings.directory_url is not None
    assert settings.worker_url is not None
    assert settings.cursor_key is not None
    ground = await Ground.lay(settings, settings.directory_url)
    fetch = partial(fetch_json_bytes, deadline=5, cap=CAP, allow_private=listed_hosts)
    keys = KeyRing(fetch, ground.trust.issuers)
    keys.start()
    made, printed = contracts()
    readings = Readings(settings.worker_url, Log())
    sources = LiveSources(partial(_active_sources, ground.worker_pool), os.environ, Log(), readings.agents)
    sources.start()
    live = LiveLayers(sources.find, settings.live_deadline)
    engine = ground.make_engine(made, live.layers(), live.finders())
    heads, streaming = EventHeads(settings.worker_url), Streaming(engine, Cursors(settings.cursor_key))
    streams = Streams(streaming, heads.read, heads.rest, heads.moved, Log())
    gate = TokenGate(ground.trust, keys)
    below = (settings, ground.database, ground.reads_log, ground.worker_pool, ground.trust)
    return Parts(*below, engine, gate, keys, printed, sources, live, readings, heads, streaming, streams)


def hands_in(parts: Parts, say: Sink) -> Hands:
    """What the loops of `spil deliver` work with, inside a gateway: the demo's."""
    assert parts.settings.worker_url is not None
    return Hands(parts.settings, parts.settings.worker_url, parts.engine, parts.trust, say)


@asynccontextmanager
async def hands_of(settings: Settings, say: Sink) -> AsyncIterator[Hands]:
    """What `spil deliver` works with: an engine that renders what leaves, without the directory and without sources."""
    require(settings, "gateway_url", "worker_url", "cursor_key")
    assert settings.gateway_url is not None
    assert settings.worker_url is not None
    assert settings.cursor_key is not None
    ground = await Ground.lay(settings, settings.gateway_url)
    try:
        yield Hands(settings, settings.worker_url, ground.make_engine(contracts()[0]), ground.trust, say)
    finally:
        await ground.close()


async def _record(log: ReadsLog, read: ReadOf) -> None:
    who = read.viewer
    asked = (read.operation_hash, read.request_id, read.layers, read.students, read.subscribers)
    await log.record(Entry(who.seer, who.subject, who.client, who.purpose, *asked))


async def _active_sources(pool: Any) -> Sequence[Source]:
    async with pool.acquire() as connection:
        return await active_sources(connection)
