"""The parts of a gateway, chosen once and handed down: no globals, no framework."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
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
class Parts:
    """What the app is built from; `close` ends it in the right order."""

    settings: Settings
    engine: Engine
    gate: TokenGate
    database: Database
    reads_log: ReadsLog
    trust: Trust
    keys: KeyRing
    trust_pool: Any
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
        await self.trust.close()
        await self.reads_log.close()
        await self.database.close()
        self.trust_pool.terminate()


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
    limits = limits_of(settings)
    database = await Database.open(
        settings.gateway_url, settings.directory_url, size=settings.pool_size, seconds=settings.deadline
    )
    reads_log = ReadsLog(settings.gateway_url, settings.reads_log_timeout)
    reads_log.start()
    trust_pool = await worker_pool(settings.worker_url)
    trust = Trust(partial(load_trust, trust_pool), stamp=partial(trust_stamp, trust_pool))
    fetch = partial(fetch_json_bytes, deadline=5, cap=CAP, allow_private=listed_hosts)
    keys = KeyRing(fetch, trust.issuers)
    await trust.start()
    keys.start()
    made, printed = contracts()
    readings = Readings(settings.worker_url, Log())
    sources = LiveSources(partial(_active_sources, trust_pool), os.environ, Log(), readings.agents)
    sources.start()
    live = LiveLayers(sources.find, settings.live_deadline)
    codes = Codes.under(settings.cursor_key)
    everything = catalogue({**live.layers(), LAYER: codes.ask}, live.finders())
    cursors = Cursors(settings.cursor_key)
    runner = _runner(settings, database, codes)
    record, gate = partial(_record, reads_log), TokenGate(trust, keys)
    engine = Engine(made, everything, database, record, cursors, limits, runner)
    heads, streaming = EventHeads(settings.worker_url), Streaming(engine, cursors)
    streams = Streams(streaming, heads.read, heads.rest)
    told = (settings, engine, gate, database, reads_log, trust, keys, trust_pool, printed)
    return Parts(*told, sources, live, readings, heads, streaming, streams)


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
    limits = limits_of(settings)
    database = await Database.open(
        settings.gateway_url, settings.gateway_url, size=settings.pool_size, seconds=settings.deadline
    )
    reads_log = ReadsLog(settings.gateway_url, settings.reads_log_timeout)
    reads_log.start()
    pool = await worker_pool(settings.worker_url)
    trust = Trust(partial(load_trust, pool), stamp=partial(trust_stamp, pool))
    await trust.start()
    codes = Codes.under(settings.cursor_key)
    record, cursors = partial(_record, reads_log), Cursors(settings.cursor_key)
    everything, runner = catalogue({LAYER: codes.ask}), _runner(settings, database, codes)
    engine = Engine(contracts()[0], everything, database, record, cursors, limits, runner)
    try:
        yield Hands(settings, settings.worker_url, engine, trust, say)
    finally:
        await trust.close()
        await reads_log.close()
        await database.close()
        pool.terminate()


def _runner(settings: Settings, database: Database, codes: Codes) -> Runner:
    assert settings.cursor_key is not None
    return Runner(database, codes, Making(Safe.under(settings.cursor_key), settings.webhook_private_hosts))


async def _record(log: ReadsLog, read: ReadOf) -> None:
    who = read.viewer
    asked = (read.operation_hash, read.request_id, read.layers, read.students, read.subscribers)
    await log.record(Entry(who.seer, who.subject, who.client, who.purpose, *asked))


async def _active_sources(pool: Any) -> Sequence[Source]:
    async with pool.acquire() as connection:
        return await active_sources(connection)
