"""One page of a municipality's cases: a case that was closed there ends the reasons that last until it is.

Laws
1. Only cases that a handover linked are known: others are about somebody whom the hub has no reason to hold.
2. A case ends what its own party and function may see; nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from registry.harvest_endings import LOCK, keep_lead
from registry.harvest_runs import Counts

if TYPE_CHECKING:
    from registry.session import Connection
    from registry.sources import Source

LINKED = """
SELECT l.key, l.student, h.digest FROM link l
LEFT JOIN harvested h ON h.source = $1 AND h.reference = l.key AND h.gone_at IS NULL
WHERE l.source IN ($1, $2) AND l.key = ANY ($3::text[]) AND l.until_at = 'infinity'
"""
END = """
UPDATE access a SET ended_at = now()
WHERE a.student = ANY ($1::uuid[]) AND split_part(a.seer, '#', 1) = $2 AND a.ended_at = 'infinity'
  AND a.purpose IN ('INVOLVE_MUNICIPALITY', 'CONTINUE_SUPPORT')
"""
UNLINK = (
    "UPDATE link SET until_at = now() WHERE source IN ($1, $2) AND key = ANY ($3::text[]) AND until_at = 'infinity'"
)
KEEP = """
INSERT INTO harvested (source, reference, digest, student, seen_in)
SELECT $1, * , $5 FROM unnest($2::text[], $3::text[], $4::uuid[])
ON CONFLICT (source, reference) DO UPDATE SET digest = excluded.digest, student = excluded.student,
    seen_in = excluded.seen_in, gone_at = NULL
"""
GONE = "SELECT reference FROM harvested WHERE source = $1 AND reference = ANY ($2::text[]) AND gone_at IS NULL"
MARK_GONE = (
    "UPDATE harvested SET gone_at = now() WHERE source = $1 AND reference = ANY ($2::text[]) AND gone_at IS NULL"
)


async def put_cases(
    connection: Connection, source: Source, records: Sequence[Mapping[str, Any]], sync: UUID
) -> tuple[Counts, list[tuple[str, str, str]]]:
    """Reads records: the fields of connectors' CaseRecord, and `digest`. A stranger's case counts as unchanged."""
    rows = await connection.fetch(LINKED, source.key, source.party, [one["reference"] for one in records])
    known = {row["key"]: row for row in rows}
    changed = [
        one for one in records if one["reference"] in known and known[one["reference"]]["digest"] != one["digest"]
    ]
    counts = Counts(unchanged=len(records) - len(changed))
    if changed:
        keys = [one["reference"] for one in changed]
        students = [known[key]["student"] for key in keys]
        await connection.execute(LOCK, students)
        await connection.execute(KEEP, source.key, keys, [one["digest"] for one in changed], students, sync)
        counts.added = sum(known[key]["digest"] is None for key in keys)
        counts.changed = len(keys) - counts.added
        await _close(connection, source, {one["reference"] for one in changed if one["state"] == "CLOSED"})
    return counts, []


async def end_cases(connection: Connection, source: Source, references: Sequence[str]) -> Counts:
    """A case that its municipality no longer has was closed."""
    gone = [row["reference"] for row in await connection.fetch(GONE, source.key, list(references))]
    await _close(connection, source, set(gone))
    await connection.execute(MARK_GONE, source.key, gone)
    return Counts(ended=len(gone))


async def cases_read(_: Connection, __: Source, ___: UUID) -> None:
    """A full sync came to its end: a case has no day of its own to keep."""


async def _close(connection: Connection, source: Source, keys: set[str]) -> None:
    if keys:
        rows = await connection.fetch(LINKED, source.key, source.party, sorted(keys))
        students = sorted({row["student"] for row in rows})
        await connection.execute(LOCK, students)
        await connection.execute(END, students, source.party)
        await connection.execute(UNLINK, source.key, source.party, sorted(keys))
        await keep_lead(connection, students)
