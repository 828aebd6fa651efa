"""What one reading of a source did: its row, its counts, its quarantine, and the cursor that moves with each page.

Laws
1. `advance` runs in the transaction of its page and nowhere else.
2. The quarantine holds position, field and reason; it is cut at MOST rows a run, the count is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from registry.session import Connection

MOST = 1000
BREAK_OFF = "UPDATE source_run SET state = 'BROKEN_OFF', ended_at = now() WHERE source = $1 AND state = 'RUNNING'"
BEGIN = "INSERT INTO source_run (source) VALUES ($1) RETURNING id"
COUNT = """
UPDATE source_run SET pages = pages + 1, added = added + $2, changed = changed + $3, unchanged = unchanged + $4,
    ended = ended + $5, rejected = rejected + $6 WHERE id = $1
"""
KEEP = """
INSERT INTO quarantine (run, n, position, field, reason)
SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[])
"""
MOVE = "UPDATE source SET cursor = $2, full_sync = $3 WHERE key = $1"
END = "UPDATE source_run SET state = $2, code = $3, ended_at = now() WHERE id = $1"
CLOSE_SYNC = "UPDATE source SET full_sync = NULL WHERE key = $1 AND full_sync IS NOT NULL"
MARK = """
UPDATE harvested SET seen_in = $3
WHERE source = $1 AND reference = ANY ($2::text[]) AND gone_at IS NULL AND seen_in IS DISTINCT FROM $3
"""
# Who left is no longer in the export of a school, and its guidance runs on: only those who are there can be missed.
# A municipality's case goes on after school, and is missed whoever it is about.
UNNAMED = """
SELECT h.reference, h.seen_in IS DISTINCT FROM $2 AS missed FROM harvested h
LEFT JOIN student_profile p ON p.student = h.student
WHERE h.source = $1 AND h.gone_at IS NULL AND (p.left_on IS NULL OR $3) ORDER BY h.reference
"""


@dataclass(slots=True)
class Counts:
    """Records, by what became of them."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    ended: int = 0
    rejected: int = 0

    def add(self, other: Counts) -> None:
        for name, more in asdict(other).items():
            setattr(self, name, getattr(self, name) + more)


async def begin_run(connection: Connection, source: str) -> UUID:
    """A new run. One that was left running, by a process that was killed, was broken off."""
    await connection.execute(BREAK_OFF, source)
    run: UUID = await connection.fetchval(BEGIN, source)
    return run


async def advance(
    connection: Connection, run: UUID, counts: Counts, notes: Sequence[tuple[str, str, str]], n: int
) -> None:
    """Adds one page's counts and its quarantine, of which `n` rows are there already."""
    await connection.execute(COUNT, run, counts.added, counts.changed, counts.unchanged, counts.ended, counts.rejected)
    kept = notes[: max(0, MOST - n)]
    if kept:
        numbers = list(range(n + 1, n + 1 + len(kept)))
        await connection.execute(KEEP, run, numbers, *(list(column) for column in zip(*kept, strict=True)))


async def move_cursor(connection: Connection, source: str, cursor: str | None, full_sync: UUID | None) -> None:
    """Where reading goes on, and the mark of the full sync that is under way."""
    await connection.execute(MOVE, source, cursor, full_sync)


async def end_run(
    connection: Connection, source: str, run: UUID, state: str, code: str | None = None, *, beside: bool = False
) -> None:
    """Ends a run as DONE, FAILED, SHRANK or BROKEN_OFF, with the code of the error.

    `beside`: it was none of the source's own records, and a full sync that is under way stays so.
    """
    async with connection.transaction():
        await connection.execute(END, run, state, code)
        if state == "DONE" and not beside:
            await connection.execute(CLOSE_SYNC, source)


async def mark(connection: Connection, source: str, references: Iterable[str], sync: UUID) -> None:
    """What was named counts as there, whether it was taken or not."""
    await connection.execute(MARK, source, list(references), sync)


async def unnamed(connection: Connection, source: str, sync: UUID, *, leavers: bool) -> tuple[list[str], int]:
    """What a full sync did not name, by reference, and of how many that the source was known to hold.

    `leavers`: those who left school count too.
    """
    rows = await connection.fetch(UNNAMED, source, sync, leavers)
    return [row["reference"] for row in rows if row["missed"]], len(rows)
