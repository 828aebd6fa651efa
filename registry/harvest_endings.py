"""What ends when a school no longer has a student: its rights, what it granted, its link, and with them the lead.

Laws
1. What a school granted ends with what it had, a handover that nobody accepted too: its code is dead. What rests on a
   placement was nobody's to grant, and ends with the placement.
2. One who another source of the same school still names is not gone.
3. Who loses a right hears of it, the school itself aside; the row says for which purpose, and no more.
4. A lead whose last right ended goes on as pass_lead says (0026_nobody_alone.sql).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from registry.harvest_runs import Counts

if TYPE_CHECKING:
    from registry.session import Connection
    from registry.sources import Source

LOCK = "SELECT id FROM student WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
GONE = """
SELECT h.reference, h.student, EXISTS (
    SELECT FROM harvested o JOIN source s ON s.key = o.source
    WHERE o.student = h.student AND o.source <> h.source AND o.gone_at IS NULL AND s.party = $3 AND s.state = 'ACTIVE'
) AS elsewhere
FROM harvested h WHERE h.source = $1 AND h.reference = ANY ($2::text[]) AND h.gone_at IS NULL ORDER BY h.student
"""
END = """
WITH ended AS (
    UPDATE access a SET ended_at = now()
    WHERE a.student = ANY ($1::uuid[]) AND a.ended_at = 'infinity'
      AND ($2 = split_part(a.seer, '#', 1)
           OR ($2 = split_part(a.granted_by, '#', 1) AND a.purpose NOT IN ('STAGE', 'EMPLOYMENT', 'PLACED_FROM')))
    RETURNING a.seer, a.student, a.purpose, a.case_type, a.case_n, a.ends_at
)
INSERT INTO outbox (type, subject_kind, student, case_type, case_n, seers, details)
SELECT 'nl.arbeidstoeleiding.toegang-beeindigd.v1', 'ENDING', e.student, e.case_type, e.case_n, ARRAY[e.seer],
    jsonb_build_object('purpose', e.purpose)
FROM ended e WHERE e.ends_at > now() AND split_part(e.seer, '#', 1) <> $2
ORDER BY e.student, e.seer, e.purpose, e.case_n
"""
CALL_OFF = """
UPDATE handover SET state = 'WITHDRAWN'
WHERE student = ANY ($1::uuid[]) AND split_part(from_seer, '#', 1) = $2 AND state = 'STARTED'
"""
UNLINK = """
UPDATE link SET until_at = now() WHERE source = $2 AND student = ANY ($1::uuid[]) AND until_at = 'infinity'
"""
HAND_ON = "SELECT pass_lead(g, now()) FROM unnest($1::uuid[]) g"
MARK_GONE = (
    "UPDATE harvested SET gone_at = now() WHERE source = $1 AND reference = ANY ($2::text[]) AND gone_at IS NULL"
)


async def end_students(connection: Connection, source: Source, references: Sequence[str]) -> Counts:
    """Ends what the school had and granted, of those whom it no longer has; in the caller's transaction."""
    rows = await connection.fetch(GONE, source.key, list(references), source.party)
    students = [row["student"] for row in rows if not row["elsewhere"]]
    if rows:
        await connection.execute(LOCK, students)
        await connection.execute(END, students, source.party)
        await connection.execute(CALL_OFF, students, source.party)
        await connection.execute(UNLINK, students, source.party)
        await keep_lead(connection, students)
        await connection.execute(MARK_GONE, source.key, [row["reference"] for row in rows])
    return Counts(ended=len(rows))


async def keep_lead(connection: Connection, students: Sequence[UUID]) -> None:
    """Law 4, after rights of these students ended. They are locked."""
    if students:
        await connection.execute(HAND_ON, list(students))
