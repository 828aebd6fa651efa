"""Events that came in at the door: each kept once, and counted in the source's run of that day.

Laws
1. What was said to be taken is committed, with its effect; what came before with the same content changes nothing.
2. Events of one source take turns, so that a day has one run.
3. A refusal is kept by field and reason, as every row that was refused.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from registry.harvest_runs import MOST, Counts
from registry.session import session
from schema.errors import KeyReused

if TYPE_CHECKING:
    from registry.session import Connection

OTHER_CONTENT = "An event of this source and id came before, with other content."
TURN = "SELECT pg_advisory_xact_lock(hashtextextended('spil events ' || $1, 0))"
PUT = """
INSERT INTO inbound_event (source, id, event_source, type, time, subject, data)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb) ON CONFLICT (source, id) DO NOTHING RETURNING true
"""
SAME = """
SELECT (event_source, type, time, data) = ($3, $4, $5::timestamptz, $7::jsonb) AND subject IS NOT DISTINCT FROM $6::uuid
FROM inbound_event WHERE source = $1 AND id = $2
"""
EFFECT = """
WITH done AS (SELECT take_inbound($1, $2, $3::uuid, $4::jsonb) AS word),
    kept AS (
        UPDATE inbound_event e SET outcome = d.word FROM done d WHERE e.source = $5 AND e.id = $6 AND d.word = ANY ($7)
    )
SELECT word FROM done
"""
DONE = ("GIVEN", "OPEN_ALREADY")  # what was known already came true before: nothing is lost
OF_TODAY = """
SELECT id FROM source_run WHERE source = $1 AND started_at >= today()::timestamp AT TIME ZONE 'Europe/Amsterdam'
ORDER BY started_at DESC, id LIMIT 1
"""
BEGIN = "INSERT INTO source_run (source, state, ended_at) VALUES ($1, 'DONE', now()) RETURNING id"
COUNT = """
UPDATE source_run SET added = added + $2, unchanged = unchanged + $3, rejected = rejected + $4, ended_at = now()
WHERE id = $1 RETURNING rejected
"""
NOTE = "INSERT INTO quarantine (run, n, position, field, reason) VALUES ($1, $2, 'event', $3, $4)"


class NotDone(Exception):
    """An event whose effect is refused; `word` says why, as the keeper does (0018_inbound_effects.sql)."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


async def take_event(url: str, source: str, seer: str, event: Any) -> bool:
    """Keeps an event (connectors' KeptEvent) and does what it says, as `seer`; False when it is here already.

    Raises KeyReused over other content, and NotDone when the effect is refused: then nothing is kept either.
    """
    told = asdict(event)
    values = (told["source"], told["type"], told["time"], told["subject"], orjson.dumps(told["data"]).decode())
    async with session(url) as connection, connection.transaction():
        await connection.execute(TURN, source)
        is_new = bool(await connection.fetchval(PUT, source, told["id"], *values))
        if not is_new and not await connection.fetchval(SAME, source, told["id"], *values):
            raise KeyReused(OTHER_CONTENT)
        if is_new:
            what = told["type"].split(".")[2]
            word = await connection.fetchval(
                EFFECT, seer, what, told["subject"], values[-1], source, told["id"], list(DONE)
            )
            if word not in DONE:
                raise NotDone(word)
        await _count(connection, source, Counts(added=int(is_new), unchanged=int(not is_new)))
    return is_new


async def refuse_event(url: str, source: str, field: str, reason: str) -> None:
    """Counts an event that was not taken, and keeps why."""
    async with session(url) as connection, connection.transaction():
        await connection.execute(TURN, source)
        run, rejected = await _count(connection, source, Counts(rejected=1))
        if rejected <= MOST:
            await connection.execute(NOTE, run, rejected, field, reason)


async def _count(connection: Connection, source: str, counts: Counts) -> tuple[UUID, int]:
    run: UUID = await connection.fetchval(OF_TODAY, source) or await connection.fetchval(BEGIN, source)
    rejected: int = await connection.fetchval(COUNT, run, counts.added, counts.unchanged, counts.rejected)
    return run, rejected
