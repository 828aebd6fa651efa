"""What a school's dossiers do not tell: brought beside them, kept apart, and filled in whenever a dossier is read.

Laws
1. Where a dossier tells something itself, that counts; `told` says where.
2. Only students whom the source's dossiers named are told of; a stranger's row is refused, and nothing of it stays.
3. A sidecar names nobody in the sense of a full sync: it begins, marks and ends none.
4. Students are locked first, in key order, as for every page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from registry.harvest_endings import LOCK
from registry.harvest_runs import Counts
from registry.sources import UNKNOWN

if TYPE_CHECKING:
    from registry.session import Connection
    from registry.sources import Source

FIELDS: Final = ("destination_aim", "leaves_on", "hours")
UNTOLD: Final = (None, "ONBEKEND")
NAMED = """
SELECT reference, student FROM harvested
WHERE source = $1 AND reference = ANY ($2::text[]) AND gone_at IS NULL AND student IS NOT NULL
"""
# What is known before a first sidecar came from the dossiers.
PUT = """
INSERT INTO sidecar AS s (source, student, destination_aim, leaves_on, hours, told)
SELECT $1, g.id, g.destination_aim, g.leaves_on, g.hours, array_remove(ARRAY[
    CASE WHEN p.destination_aim <> 'ONBEKEND' THEN 'destination_aim' END,
    CASE WHEN p.leaves_on IS NOT NULL THEN 'leaves_on' END, CASE WHEN p.hours IS NOT NULL THEN 'hours' END], NULL)
FROM json_to_recordset($2::json) g(id uuid, destination_aim text, leaves_on date, hours smallint)
JOIN student_profile p ON p.student = g.id
ON CONFLICT (source, student) DO UPDATE
SET destination_aim = excluded.destination_aim, leaves_on = excluded.leaves_on, hours = excluded.hours
WHERE (s.destination_aim, s.leaves_on, s.hours)
    IS DISTINCT FROM (excluded.destination_aim, excluded.leaves_on, excluded.hours)
RETURNING s.student, s.xmax = 0 AS fresh
"""
APPLY = """
UPDATE student_profile p SET
    destination_aim = CASE WHEN 'destination_aim' = ANY (s.told) THEN p.destination_aim
                           ELSE coalesce(s.destination_aim, 'ONBEKEND') END,
    leaves_on = CASE WHEN 'leaves_on' = ANY (s.told) THEN p.leaves_on ELSE s.leaves_on END,
    hours = CASE WHEN 'hours' = ANY (s.told) THEN p.hours ELSE s.hours END
FROM sidecar s WHERE s.source = $1 AND s.student = ANY ($2::uuid[]) AND p.student = s.student
"""
BESIDE = (
    "SELECT student, destination_aim, leaves_on, hours FROM sidecar WHERE source = $1 AND student = ANY ($2::uuid[])"
)
TOLD = """
UPDATE sidecar s SET told = g.told FROM json_to_recordset($2::json) g(id uuid, told text[])
WHERE s.source = $1 AND s.student = g.id AND s.told <> g.told
"""


async def put_sidecar(
    connection: Connection, source: Source, rows: Sequence[Mapping[str, Any]]
) -> tuple[Counts, list[tuple[str, str, str]]]:
    """One page of sidecar rows (connectors' SidecarRow), in the caller's transaction. Gives counts and notes."""
    found = await connection.fetch(NAMED, source.key, [one["reference"] for one in rows])
    known = {row["reference"]: row["student"] for row in found}
    taken = [{**one, "id": known[one["reference"]]} for one in rows if one["reference"] in known]
    notes = [(one["position"], "reference", "NOT_KNOWN") for one in rows if one["reference"] not in known]
    counts = Counts(rejected=len(notes))
    if taken:
        await connection.execute(LOCK, sorted(one["id"] for one in taken))
        body = orjson.dumps(taken, default=str).decode()  # the driver's UUIDs
        written = await connection.fetch(PUT, source.key, body)
        counts.added = sum(row["fresh"] for row in written)
        counts.changed = len(written) - counts.added
        counts.unchanged = len(taken) - len(written)
        await connection.execute(APPLY, source.key, [row["student"] for row in written])
    return counts, notes


async def fill(connection: Connection, source: Source, taken: Sequence[dict[str, Any]]) -> None:
    """Fills what dossiers do not tell with what stands beside them; notes what they do tell. They are locked."""
    rows = await connection.fetch(BESIDE, source.key, [one["id"] for one in taken])
    beside = {row["student"]: row for row in rows}
    told = []
    for one in taken:
        row = beside.get(one["id"])
        if row is not None:
            told.append({"id": one["id"], "told": [name for name in FIELDS if one[name] not in UNTOLD]})
            one.update({name: row[name] for name in FIELDS if one[name] in UNTOLD})
    if told:
        await connection.execute(TOLD, source.key, orjson.dumps(told, default=str).decode())


async def unknown(connection: Connection, source: str) -> dict[str, int]:
    """Of a source's students who are there: how many, and how many are without aim, day of leaving and hours."""
    return dict(await connection.fetchrow(f"{UNKNOWN} AND h.source = $1", source) or {})
