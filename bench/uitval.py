"""Uitval under load: a burst, a steady stream to subscribers and webhooks, twice as much until it breaks, many ears.

    scripts/bench uitval [--short]

Laws
1. fsync and synchronous_commit are on, and are printed; load, listeners and sinks are processes of their own, and their
   processor time is printed beside that of hub, deliverer and Postgres.
2. An event is late from `outbox.recorded`, the begin of its transaction: no moment of the way is left out.
3. What was accepted and did not arrive fails the run.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx

from bench import data
from bench.contestants import contestants, trust
from bench.load import Tokens
from bench.uitval_processes import Cast, Clocks, Sink, deliverer, hub_settings, listeners, reports, sinks
from bench.uitval_world import EMPLOYER, SCHOOL, TOWNS, Batch, make, report_bodies
from registry.embedded import Embedded
from schema.errors import SetUp

FULL_DOCUMENT = (
    "subscription { events { epoch pos withheld type recorded student { id }"
    " case { ... on Uitval { id state endedOn } } } }"
)
SHORT_DOCUMENT = "subscription { events { epoch pos type } }"
PULL = (
    "query($after: Cursor) { events(first: 100, after: $after) { nodes { pos } pageInfo { hasNextPage endCursor } } }"
)
THREE = (SCHOOL, *TOWNS[:2])
RECORDED = """
SELECT e.seer, e.epoch || '.' || e.pos AS id, extract(epoch FROM o.recorded)::float8 AS at
FROM event_log e JOIN outbox o ON o.id = e.event JOIN student s ON s.id = o.student WHERE s.source = $1
"""


@dataclass(frozen=True)
class Length:
    """Reports a second and seconds of each part; listeners."""

    burst: int = 300
    seconds: int = 60
    steady: int = 30
    more: tuple[int, ...] = (60, 120, 240)
    more_seconds: int = 15
    idle: int = 2_000
    rest: int = 30
    each: int = 50


SHORT = Length(50, 3, 10, (20,), 3, 100, 2, 2)


@dataclass(frozen=True)
class Late:
    """Milliseconds from `recorded`."""

    p50: float
    p99: float
    many: int


@dataclass
class UitvalResults:
    """What was found, in milliseconds, seconds and kB."""

    length: Length
    settings: str = ""
    burst_rate: float = 0.0
    caught_up: float = 0.0
    pulled: float = 0.0
    subscriber: dict[int, Late] = field(default_factory=dict)  # by rate
    webhook: dict[int, Late] = field(default_factory=dict)
    idle_kb: float = 0.0
    fan_out: Late | None = None
    cpu: list[str] = field(default_factory=list)


def late(
    received: list[tuple[str, str, float]], recorded: dict[tuple[str, str], float], wanted: int, what: str
) -> Late:
    """How late they were. Raises SetUp when not all arrived."""
    first: dict[tuple[str, str, int], float] = {}
    seen: dict[tuple[str, str], int] = {}
    for seer, identity, at in received:
        if (seer, identity) in recorded:
            seen[seer, identity] = seen.get((seer, identity), 0) + 1
            first[seer, identity, seen[seer, identity]] = (at - recorded[seer, identity]) * 1000
    if len(first) < wanted:
        raise SetUp(f"{what}: {len(first)} of {wanted} arrived.")
    took = sorted(first.values())
    return Late(took[len(took) // 2], took[int(len(took) * 0.99)], len(took))


async def measure(server: Embedded, folder: Path, length: Length, tell: data.Tell) -> UitvalResults:
    """Everything, in a database of its own. Raises SetUp."""
    rates = (length.steady, *length.more)
    several = {rate: Batch(f"rate-{rate}", rate * _seconds(length, rate), THREE[1:]) for rate in rates}
    burst, fan = Batch("burst", length.burst * length.seconds), Batch("fan", 5, TOWNS)
    database = await make(server, (burst, *several.values(), fan))
    found = UitvalResults(length)
    connection = await asyncpg.connect(database.owner)
    try:
        found.settings = await connection.fetchval(
            "SELECT string_agg(name || '=' || setting, ', ' ORDER BY name) FROM pg_settings"
            " WHERE name IN ('fsync', 'synchronous_commit')"
        )
        with sinks(len(THREE)) as receivers:
            settings = hub_settings(THREE, receivers)
            with (
                contestants(database, folder / "servers.log", "a", settings) as one,
                deliverer(database, folder / "servers.log", settings) as process,
            ):
                hub = one["a"]
                await trust(database, hub)
                async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
                    papers = (folder, connection, database.owner, client)
                    cast = Cast(hub, process, data.postmaster(server), Tokens(hub), *papers)
                    await cast.patiently(EMPLOYER)
                    await _parts(cast, (burst, several, fan), receivers, found, tell)
    finally:
        await connection.close()
    return found


async def _parts(
    cast: Cast,
    batches: tuple[Batch, dict[int, Batch], Batch],
    receivers: list[Sink],
    found: UitvalResults,
    tell: data.Tell,
) -> None:
    burst, several, fan = batches
    await _burst(cast, burst, found)
    tell("uitval, burst: measured")
    await cast.register(THREE, receivers)
    for rate, batch in several.items():
        await _steady(cast, batch, rate, found)
        tell(f"uitval, {rate} a second: measured")
    await _many(cast, fan, found)
    tell("uitval, many who listen: measured")
    await _webhooks(cast, several, receivers, found)


def _seconds(length: Length, rate: int) -> int:
    return length.seconds if rate == length.steady else length.more_seconds


async def _burst(cast: Cast, batch: Batch, found: UitvalResults) -> None:
    """(a): no endpoints; afterwards all of it is in the log, and is pulled."""
    cast.write("burst", await report_bodies(cast.owner_url, batch))
    clocks = Clocks(cast)
    told = await reports(cast, cast.folder / "burst", found.length.burst, EMPLOYER)
    found.cpu.append(f"burst: {clocks.used()}, load {told['cpu']:.1f}")
    if told["accepted"] != batch.many:
        raise SetUp(f"burst: {told['accepted']} of {batch.many} accepted. {told['refused']}")
    found.burst_rate = told["sent"] / told["seconds"]
    await cast.sequenced()
    found.caught_up = max(0.0, time.time() - told["last"])
    began = time.time()
    positions = await cast.pull(PULL, SCHOOL)
    found.pulled = time.time() - began
    if positions != list(range(1, batch.many + 1)):
        raise SetUp(f"burst: {len(positions)} positions were pulled, of {batch.many}.")


async def _steady(cast: Cast, batch: Batch, rate: int, found: UitvalResults) -> None:
    """(b) and (c): three receivers, each with a webhook and a subscriber."""
    path = cast.write(batch.mark, await report_bodies(cast.owner_url, batch))
    clocks = Clocks(cast)
    async with listeners(cast, [(seer, FULL_DOCUMENT) for seer in THREE]) as listening:
        told = await reports(cast, path, rate, EMPLOYER)
        await cast.settled()
        heard = await listening.end()
    found.cpu.append(f"{rate} a second: {clocks.used()}, load {told['cpu']:.1f}, listeners {heard['cpu']:.1f}")
    recorded = {(row["seer"], row["id"]): row["at"] for row in await cast.owner.fetch(RECORDED, batch.mark)}
    wanted = told["accepted"] * len(THREE)
    if told["accepted"] != batch.many or len(recorded) != wanted:
        raise SetUp(
            f"{rate} a second: {told['accepted']} of {batch.many} accepted, {len(recorded)} told. {told['refused']}"
        )
    found.subscriber[rate] = late(heard["received"], recorded, wanted, f"{rate} a second, subscribers")


async def _webhooks(cast: Cast, several: dict[int, Batch], receivers: list[Sink], found: UitvalResults) -> None:
    """What the sinks noted, by rate: they tell when they end."""
    noted = [
        ("#".join(THREE[int(path)]), identity, at)
        for sink in receivers
        for path, identity, at in (await asyncio.to_thread(sink.end))["received"]
    ]
    found.cpu.append(f"sinks {sum(sink.end()['cpu'] for sink in receivers):.1f}")
    for rate, batch in several.items():
        recorded = {(row["seer"], row["id"]): row["at"] for row in await cast.owner.fetch(RECORDED, batch.mark)}
        found.webhook[rate] = late(noted, recorded, batch.many * len(THREE), f"{rate} a second, webhooks")


async def _many(cast: Cast, fan: Batch, found: UitvalResults) -> None:
    """(d): what an idle subscriber weighs, and one event to many."""
    length = found.length
    before = cast.hub_kb()
    every = [(SCHOOL, *TOWNS)[n % 20] for n in range(length.idle)]
    async with listeners(cast, [(seer, SHORT_DOCUMENT) for seer in every], own_tokens=True):
        await asyncio.sleep(length.rest)
        found.idle_kb = (cast.hub_kb() - before) / length.idle
    cast.write("fan", await report_bodies(cast.owner_url, fan))
    some = [(seer, (FULL_DOCUMENT, SHORT_DOCUMENT)[n % 2]) for seer in (SCHOOL, *TOWNS) for n in range(length.each)]
    async with listeners(cast, some) as listening:
        await asyncio.sleep(1)
        await reports(cast, cast.folder / "fan", 0.5, EMPLOYER)
        await cast.settled()
        heard = await listening.end()
    recorded = {(row["seer"], row["id"]): row["at"] for row in await cast.owner.fetch(RECORDED, fan.mark)}
    found.fan_out = late(heard["received"], recorded, fan.many * len(some), "one event to many")
    found.cpu.append(f"one event to {len(some)}: listeners {heard['cpu']:.1f}")


def lines(found: UitvalResults) -> list[str]:
    """As the report prints it."""
    length = found.length
    rows = [
        f"| uitval ({found.settings}) | p50 ms | p99 ms | |",
        "|---|---:|---:|---|",
    ]
    burst = f"all in the log {found.caught_up:.2f} s after the last answer; pulled in {found.pulled:.1f} s"
    rows.append(f"| burst of {length.burst} reports/s for {length.seconds} s | | | {found.burst_rate:.0f}/s; {burst} |")
    for rate, one in found.subscriber.items():
        rows.append(f"| {rate} reports/s, three receivers: commit to subscriber | {one.p50:.0f} | {one.p99:.0f} | |")
        hook = found.webhook[rate]
        rows.append(f"| {rate} reports/s, three receivers: commit to webhook 200 | {hook.p50:.0f} | {hook.p99:.0f} | |")
    rows.append(f"| an idle subscriber, of {length.idle:,} with tokens of their own | | | {found.idle_kb:.1f} kB |")
    if found.fan_out:
        one = found.fan_out
        many = one.many // 5
        rows.append(
            f"| one event to {many:,} subscribers of 20 parties, two documents | {one.p50:.0f} | {one.p99:.0f} | |"
        )
    return [*rows, "", *(f"Processor seconds, {one}." for one in found.cpu), ""]
