"""Many writers at once whose transactions commit in another order than they began: every event has its place all the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from uuid import UUID

import asyncpg

from tests.chaos.rig import Rig
from tests.chaos.scenarios import Outcome, run_of
from tests.chaos.world import NET_TOWN, RECEIVERS

WRITERS = 16
Hears = Mapping[UUID, frozenset[str]]
TURNS = "CREATE TABLE IF NOT EXISTS chaos_turn (student uuid PRIMARY KEY, n integer NOT NULL)"
PEOPLE = """
INSERT INTO chaos_turn SELECT id, 0 FROM student ORDER BY id LIMIT 200 ON CONFLICT (student) DO UPDATE SET n = 0
RETURNING student
"""
# As a command does: the young person's lock first, then what happened to them. `n` is the order of commits.
TELL = """
WITH turn AS (UPDATE chaos_turn SET n = n + 1 WHERE student = $1 RETURNING n)
INSERT INTO outbox (type, subject_kind, student, seers, details)
SELECT 'nl.arbeidstoeleiding.leerling-verhuisd.v1', 'STUDENT', $1, $2, jsonb_build_object('turn', n) FROM turn
"""
TOLD = "SELECT coalesce(sum(cardinality(seers)), 0) FROM outbox WHERE details ? 'turn'"
ORDER = """
SELECT count(*) FILTER (WHERE turn <> place) FROM (
    SELECT (o.details ->> 'turn')::int AS turn, row_number() OVER (PARTITION BY o.student ORDER BY l.epoch, l.pos) AS place
    FROM event_log l JOIN outbox o ON o.id = l.event WHERE l.seer = $1 AND o.details ? 'turn') t
"""
LOGGED = "SELECT count(*) FROM event_log l JOIN outbox o ON o.id = l.event WHERE o.details ? 'turn'"


async def out_of_order(rig: Rig, events: int, seed: int) -> Outcome:
    """Sixteen writers, so many events; some are undone, some are slow to commit."""
    await rig.world.take(1)  # there are young people
    wrong: list[str] = []

    async def act() -> str:
        owner = await asyncpg.connect(rig.world.owner)
        try:
            await owner.execute(TURNS)
            # Who sees them today; a net that nobody used yet lets nobody see.
            hears = {row["student"]: rig.world.hears[row["student"]] - {NET_TOWN} for row in await owner.fetch(PEOPLE)}
            told, share = await owner.fetchval(TOLD), events // WRITERS
            each = [_write(rig.world.owner, hears, random.Random(seed * 100 + n), share) for n in range(WRITERS)]
            done = [sum(column) for column in zip(*await asyncio.gather(*each), strict=True)]
            await rig.settle()
            if (now := await owner.fetchval(TOLD)) != told + done[1]:
                wrong.append(f"{done[1]} were to be told, {now - told} are")
            if (logged := await owner.fetchval(LOGGED)) != now:
                wrong.append(f"{now} were told, {logged} have a position")
            for seer in RECEIVERS:
                if out := await owner.fetchval(ORDER, seer):
                    wrong.append(f"{seer} has {out} out of their order")
        finally:
            await owner.close()
        return f"{done[0]} committed by {WRITERS} writers"

    outcome = await run_of(rig, "commits out of order", seed, act)
    outcome.wrong.extend(wrong)
    return outcome


async def _write(url: str, hears: Hears, rng: random.Random, count: int) -> tuple[int, int]:
    """How many events were committed, and to how many receivers."""
    connection = await asyncpg.connect(url)
    people, done, all_told = sorted(hears), 0, 0
    try:
        while done < count:
            transaction = connection.transaction()
            await transaction.start()
            some, told = rng.randint(1, 5), 0
            for student in sorted(rng.sample(people, some)):
                await connection.execute(TELL, student, sorted(hears[student]))
                told += len(hears[student])
            await asyncio.sleep(rng.random() * 0.005)
            if rng.random() < 0.05:
                await transaction.rollback()
            else:
                await transaction.commit()
                done += some
                all_told += told
    finally:
        await connection.close()
    return done, all_told
