"""Endpoints and logged events, as the sequencer would leave them, and what tests ask of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from registry.deliveries import Deliveries, Leased, Settled

TOWN, POINT = "municipality:GM0796#participatie", "servicepoint:AM27-WERKCENTRUM#matching"
REPORTED = "nl.arbeidstoeleiding.uitval-gemeld.v1"
FREE = "nl.arbeidstoeleiding.plaats-vrijgekomen.v1"
KEY = f"whpk_{'A' * 43}="
SCHOOL = """
INSERT INTO school (brin, name, kind, municipality, region, fictitious, source, digest, seen_on)
    SELECT '90ZX00', 'School', 'PRO', code, region, true, 'seed', 'x', '2026-01-01' FROM municipality
    WHERE code = 'GM0796' ON CONFLICT DO NOTHING
"""


async def student(owner: Any) -> UUID:
    await owner.execute(SCHOOL)
    sql = "INSERT INTO student (school, municipality, source) VALUES ('90ZX00', 'GM0796', 'x') RETURNING id"
    made: UUID = await owner.fetchval(sql)
    return made


async def hook(owner: Any, seer: str = TOWN, state: str = "ACTIVE", types: Sequence[str] = ()) -> UUID:
    """An endpoint in this state, with a key that opens nothing."""
    key = uuid4()
    sql = "INSERT INTO webhook (id, seer, url, types, state) VALUES ($1, $2, 'https://ontvanger.example/spil', $3, $4)"
    await owner.execute(sql, key, seer, list(types), state)
    await owner.execute("INSERT INTO webhook_key (webhook, n, key, sealed) VALUES ($1, 1, $2, 'x')", key, KEY)
    return key


async def log(owner: Any, people: Sequence[UUID | None], seer: str = TOWN) -> list[int]:
    """One event about each, positions given in one statement as the sequencer does; gives the positions."""
    about = "INSERT INTO outbox (type, subject_kind, student, seers) VALUES ($1, $2, $3, $4)"
    before = await owner.fetchval("SELECT coalesce(max(pos), 0) FROM stream_head WHERE seer = $1", seer) or 0
    for one in people:
        await owner.execute(about, REPORTED if one else FREE, "STUDENT" if one else "NONE", one, [seer])
    token = await owner.fetchval("SELECT token FROM leader WHERE name = 'sequencer'")
    await owner.fetchval("SELECT sequence_events($1, 100000, '1 minute')", token)
    return list(range(before + 1, before + len(people) + 1))


async def leased(deliveries: Deliveries, most: int = 100, each: int = 100, seconds: float = 60) -> list[Leased]:
    return await deliveries.lease(most, each, seconds)


async def settle(deliveries: Deliveries, outcome: str, *these: Leased, code: str = "200", pause: float = 0.0) -> int:
    """How many counted."""
    return len(these) - len(await deliveries.settle([Settled(one, outcome, code, pause) for one in these]))


async def states(owner: Any, webhook: UUID) -> dict[int, str]:
    """Position -> state, of events."""
    rows = await owner.fetch("SELECT pos, state FROM delivery WHERE webhook = $1 AND epoch > 0 ORDER BY pos", webhook)
    return {row["pos"]: row["state"] for row in rows}
