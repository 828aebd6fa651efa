"""One page of a school's students into the registry: key, profile, link, rights and lead, in the caller's transaction.

Laws
1. Students are locked first, in key order; all else about them is read and written after that.
2. A record whose digest is known changes nothing but the mark that it was named.
3. ENROLMENT is for who is there, CAREER_GUIDANCE for who left, until 24 months later; each is opened once, when the
   record tells of it, so that a guidance that was declined stays ended.
4. A move ends nothing: who has the lead hears of it.
5. What a source no longer tells of placements and credentials stays: others refer to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import orjson

from registry.harvest_endings import LOCK, keep_lead
from registry.harvest_opportunities import EMPLOYERS
from registry.harvest_runs import Counts
from registry.harvest_sidecar import fill

if TYPE_CHECKING:
    from registry.session import Connection
    from registry.sources import Source

Row = dict[str, Any]
Notes = list[tuple[str, str, str]]

KNOWN = """
SELECT r.reference, h.digest, coalesce(l.student, h.student) AS student,
    l.student IS NULL OR h.gone_at IS NOT NULL AS away
FROM unnest($3::text[]) r(reference)
LEFT JOIN harvested h ON h.source = $1 AND h.reference = r.reference
LEFT JOIN link l ON l.source = $2 AND l.key = r.reference AND l.until_at = 'infinity'
WHERE h.student IS NOT NULL OR l.student IS NOT NULL
"""
DAYS = (
    "SELECT today() AS today, (today() - interval '24 months')::date AS over,"
    " (today() - interval '10 years')::date AS long_ago"
)
TOWNS = "SELECT code FROM municipality WHERE code = ANY ($1::text[])"
BEFORE = """
SELECT s.id, s.municipality, p.left_on FROM student s LEFT JOIN student_profile p ON p.student = s.id
WHERE s.id = ANY ($1::uuid[])
"""
ADD = """
INSERT INTO student (id, school, municipality, source)
SELECT g.id, $2, g.municipality, $3 FROM json_to_recordset($1::json) g(id uuid, municipality text, fresh boolean)
WHERE g.fresh ORDER BY g.id
"""
MOVE = """
UPDATE student s SET municipality = g.municipality FROM json_to_recordset($1::json) g(id uuid, municipality text)
WHERE s.id = g.id AND s.municipality IS DISTINCT FROM g.municipality
"""
PROFILE = """
INSERT INTO student_profile AS p (student, destination_aim, school_year, leaves_on, left_on, age_band, sectors, hours,
    travel_limit, support_wanted, work_processes)
SELECT g.id, coalesce(g.destination_aim, 'ONBEKEND'), g.school_year, g.leaves_on, g.left_on, g.age_band,
    coalesce(g.sectors, '{}'), g.hours, g.travel_limit, coalesce(g.support_wanted, '{}'),
    coalesce(g.work_processes, '{}')
FROM json_to_recordset($1::json) g(id uuid, destination_aim text, school_year smallint, leaves_on date, left_on date,
    age_band text, sectors text[], hours smallint, travel_limit smallint, support_wanted text[], work_processes text[])
ON CONFLICT (student) DO UPDATE SET destination_aim = excluded.destination_aim, school_year = excluded.school_year,
    leaves_on = excluded.leaves_on, left_on = excluded.left_on, age_band = excluded.age_band,
    sectors = excluded.sectors,
    hours = excluded.hours, travel_limit = excluded.travel_limit, support_wanted = excluded.support_wanted,
    work_processes = excluded.work_processes, harvested_at = excluded.harvested_at
"""
LINK = """
INSERT INTO link (student, source, key)
SELECT g.id, $2, g.reference FROM json_to_recordset($1::json) g(id uuid, reference text, away boolean) WHERE g.away
ON CONFLICT (source, key) WHERE until_at = 'infinity' DO NOTHING
"""
UNTIL = "((g.left_on + interval '24 months')::date + 1)::timestamp AT TIME ZONE 'Europe/Amsterdam'"
OPEN = f"""
INSERT INTO access (seer, student, tier, purpose, granted_by, ends_at)
SELECT $2, g.id, 'IDENTIFIED', g.opens, $2, CASE WHEN g.opens = 'ENROLMENT' THEN 'infinity' ELSE {UNTIL} END
FROM json_to_recordset($1::json) g(id uuid, opens text, left_on date)
WHERE g.opens IS NOT NULL AND NOT EXISTS (
    SELECT FROM access a WHERE a.seer = $2 AND a.student = g.id AND a.purpose = g.opens AND a.ended_at = 'infinity'
        AND a.ends_at > now())
ORDER BY g.id
"""  # noqa: S608 - our own names
CLOSE = """
UPDATE access a SET ended_at = now() FROM json_to_recordset($1::json) g(id uuid, closes text)
WHERE a.student = g.id AND a.seer = $2 AND a.purpose = g.closes AND a.ended_at = 'infinity'
"""
SHIFT = f"""
UPDATE access a SET ends_at = {UNTIL} FROM json_to_recordset($1::json) g(id uuid, shifts boolean, left_on date)
WHERE g.shifts AND a.student = g.id AND a.seer = $2 AND a.purpose = 'CAREER_GUIDANCE' AND a.ended_at = 'infinity'
"""  # noqa: S608 - our own names
LEAD = """
INSERT INTO lead (student, seer)
SELECT g.id, $2 FROM json_to_recordset($1::json) g(id uuid, away boolean) WHERE g.away
ON CONFLICT (student) WHERE until_at = 'infinity' DO NOTHING
"""
KEEP = """
INSERT INTO harvested (source, reference, digest, student, seen_in)
SELECT $2, g.reference, g.digest, g.id, $3 FROM json_to_recordset($1::json) g(id uuid, reference text, digest text)
ON CONFLICT (source, reference) DO UPDATE SET digest = excluded.digest, student = excluded.student,
    seen_in = excluded.seen_in, gone_at = NULL
"""
STATE = """CASE WHEN g.from_on > today() THEN 'PLANNED' WHEN g.to_on < today() THEN 'ENDED' ELSE 'RUNNING' END"""
OF_PLACEMENTS = """
(SELECT DISTINCT ON (s.id, p.kind, p.employer_kvk, p.from_on) s.id, p.*
 FROM json_to_recordset($1::json) s(id uuid, placements json), json_to_recordset(s.placements) p(kind text,
    employer_kvk text, from_on date, to_on date, hours smallint, leads_to text)
 ORDER BY s.id, p.kind, p.employer_kvk, p.from_on, p.to_on DESC NULLS FIRST)"""
# A placement that ended here stays ended: a report is quicker than a school's own system. One whose day is over goes on
# until the clocks end it (0017_clocks.sql): whether it was lost is asked there, once. An end that was said here gives
# way to a later one alone; one that the school's system said, to whatever it says next (0026_nobody_alone.sql).
GOES_ON = "CASE WHEN g.from_on > today() THEN 'PLANNED' ELSE 'RUNNING' END"
CHANGE_PLACEMENTS = f"""
WITH told AS (
    SELECT x.student, x.n, coalesce(x.to_on, 'infinity') AS was, x.said_to_on, coalesce(g.to_on, 'infinity') AS says,
        g.hours, g.leads_to, {GOES_ON} AS state
    FROM {OF_PLACEMENTS} g JOIN placement x ON x.student = g.id AND x.state <> 'ENDED'
        AND (x.kind, x.employer, x.from_on) = (g.kind, g.employer_kvk, g.from_on)
), meant AS (
    SELECT t.*, CASE WHEN t.says > t.was OR t.was = t.said_to_on THEN t.says ELSE t.was END AS ends FROM told t
)
UPDATE placement x SET to_on = nullif(m.ends, 'infinity'), said_to_on = m.says, hours = m.hours, leads_to = m.leads_to,
    state = m.state
FROM meant m
WHERE x.student = m.student AND x.n = m.n AND (m.was, x.said_to_on, x.hours, x.leads_to, x.state)
    IS DISTINCT FROM (m.ends, m.says, m.hours, m.leads_to, m.state)
RETURNING x.student, x.n, m.ends <> m.was AS moved, m.ends > m.was AS later
"""  # noqa: S608 - our own names
MOVED = "SELECT placement_moved($1, $2, $3, $4)"
ADD_PLACEMENTS = f"""
INSERT INTO placement (student, n, kind, employer, hours, from_on, to_on, said_to_on, leads_to, state)
SELECT g.id, coalesce((SELECT max(y.n) FROM placement y WHERE y.student = g.id), 0)
    + row_number() OVER (PARTITION BY g.id ORDER BY g.from_on, g.kind, g.employer_kvk),
    g.kind, g.employer_kvk, g.hours, g.from_on, g.to_on, coalesce(g.to_on, 'infinity'), g.leads_to, {STATE}
FROM {OF_PLACEMENTS} g
WHERE NOT EXISTS (SELECT FROM placement x WHERE x.student = g.id
                  AND (x.kind, x.employer, x.from_on) = (g.kind, g.employer_kvk, g.from_on))
"""  # noqa: S608 - our own names
ADD_CREDENTIALS = """
INSERT INTO credential (student, n, kind, level, title, work_processes, issued_on)
SELECT g.id, coalesce((SELECT max(y.n) FROM credential y WHERE y.student = g.id), 0)
    + row_number() OVER (PARTITION BY g.id ORDER BY g.issued_on, g.kind, g.level, g.work_processes, g.title),
    g.kind, g.level, g.title, g.work_processes, g.issued_on
FROM (SELECT DISTINCT s.id, c.* FROM json_to_recordset($1::json) s(id uuid, credentials json),
      json_to_recordset(s.credentials) c(kind text, issued_on date, level smallint, title text,
          work_processes text[])) g
WHERE NOT EXISTS (SELECT FROM credential x WHERE x.student = g.id AND (x.kind, x.issued_on, x.work_processes)
                  = (g.kind, g.issued_on, g.work_processes) AND x.level IS NOT DISTINCT FROM g.level)
"""
READ_TODAY = """
UPDATE student_profile p SET harvested_at = now() FROM harvested h
WHERE h.source = $1 AND h.seen_in = $2 AND h.gone_at IS NULL AND p.student = h.student
  AND p.harvested_at < today()::timestamp AT TIME ZONE 'Europe/Amsterdam'
"""
TITLES = {
    "PRAKTIJKVERKLARING": "Praktijkverklaring",
    "BRANCHECERTIFICAAT": "Branchecertificaat",
    "MBO_CERTIFICAAT": "Mbo-certificaat",
    "SCHOOLDIPLOMA": "Schooldiploma",
    "DIPLOMA": "Diploma",
}


async def put_students(
    connection: Connection, source: Source, records: Sequence[Mapping[str, Any]], sync: UUID
) -> tuple[Counts, Notes]:
    """Upserts records: the fields of connectors' StudentRecord, and `digest`. Gives counts and notes on refusals."""
    known = await _known(connection, source, [one["reference"] for one in records])
    changed = [dict(one) for one in records if _differs(one, known.get(one["reference"]))]
    counts, notes = Counts(unchanged=len(records) - len(changed)), Notes()
    days = await connection.fetchrow(DAYS)
    taken = [one for one in changed if _placed(one, known.get(one["reference"]), days, notes)]
    counts.rejected = len(changed) - len(taken)
    counts.added = sum(one["fresh"] for one in taken)
    counts.changed = len(taken) - counts.added
    if taken:
        await _towns(connection, taken, notes)
        await _write(connection, source, taken, sync)
    return counts, notes


async def lock_students(
    connection: Connection, source: Source, records: Sequence[Mapping[str, Any]], ended: Sequence[str]
) -> None:
    """Locks whom a page changes and whom it ends, together, in key order (law 1)."""
    known = await _known(connection, source, [*(one["reference"] for one in records), *ended])
    written = [one["reference"] for one in records if _differs(one, known.get(one["reference"]))]
    await connection.execute(LOCK, sorted({known[key]["student"] for key in (*written, *ended) if key in known}))


async def students_read(connection: Connection, source: Source, sync: UUID) -> None:
    """A full sync came to its end: the profiles that it named were read today. Writes once a day."""
    await connection.execute(READ_TODAY, source.key, sync)


async def _known(connection: Connection, source: Source, references: list[str]) -> dict[str, Any]:
    rows = await connection.fetch(KNOWN, source.key, source.party, references)
    return {row["reference"]: row for row in rows}


def _differs(record: Mapping[str, Any], known: Any) -> bool:
    return known is None or known["away"] or known["digest"] != record["digest"]


def _placed(one: Row, known: Any, days: Any, notes: Notes) -> bool:
    """Fills `id`, `fresh` and `away`. A day of leaving that lies ahead is one that is expected.

    False for a stranger who left so long ago that nobody guides them any more: there is no reason to hold them.
    """
    one["id"], one["fresh"] = (uuid4(), True) if known is None else (known["student"], False)
    one["away"] = known is None or known["away"]
    for name in ("leaves_on", "left_on"):
        if one[name] is not None and one[name] < days["long_ago"]:  # a birth date that slipped into this column
            notes.append((one["reference"], name, "RANGE"))
            return False
    left: date | None = one["left_on"]
    if left is not None and left > days["today"]:
        one["leaves_on"], one["left_on"] = left, None
    elif left is not None and left < days["over"] and one["fresh"]:
        notes.append((one["reference"], "left_on", "RANGE"))
        return False
    for credential in one["credentials"] or ():
        crebo = credential.get("crebo")
        credential["title"] = TITLES[credential["kind"]] + (f" (crebo {crebo})" if crebo else "")
    return True


async def _towns(connection: Connection, taken: list[Row], notes: Notes) -> None:
    """A code that no municipality has becomes none, with a note."""
    codes = {one["municipality"] for one in taken if one["municipality"]}
    known = {row["code"] for row in await connection.fetch(TOWNS, list(codes))}
    for one in taken:
        if one["municipality"] and one["municipality"] not in known:
            one["municipality"] = None
            notes.append((one["reference"], "municipality", "UNKNOWN_CODE"))


async def _write(connection: Connection, source: Source, taken: list[Row], sync: UUID) -> None:
    guidance, ids = f"{source.party}#guidance", sorted(one["id"] for one in taken)
    await connection.execute(LOCK, ids)
    await fill(connection, source, taken)
    before = {row["id"]: row for row in await connection.fetch(BEFORE, ids)}
    for one in taken:
        _turn(one, before.get(one["id"]))
    body = _json(taken)
    await connection.execute(ADD, body, source.party.partition(":")[2], source.key)
    await connection.execute(MOVE, body)
    await connection.execute(PROFILE, body)
    await connection.execute(LINK, body, source.party)
    await connection.execute(OPEN, body, guidance)
    await connection.execute(CLOSE, body, guidance)
    await connection.execute(SHIFT, body, guidance)
    await connection.execute(LEAD, body, guidance)
    await keep_lead(connection, [one["id"] for one in taken if one["closes"]])
    await _below(connection, taken, guidance)
    await connection.execute(KEEP, body, source.key, sync)


def _turn(one: Row, before: Any) -> None:
    """What this record opens, closes and shifts, beside what was known."""
    left, had_left = one["left_on"], before["left_on"] if before is not None else None
    turned = one["away"] or (left is None) != (had_left is None)
    one["opens"] = ("ENROLMENT" if left is None else "CAREER_GUIDANCE") if turned else None
    one["closes"] = ("CAREER_GUIDANCE" if left is None else "ENROLMENT") if turned else None
    one["shifts"] = not turned and left != had_left


async def _below(connection: Connection, taken: list[Row], guidance: str) -> None:
    """Placements and credentials, of whom the source tells them; employers by their number alone."""
    numbers = sorted({placed["employer_kvk"] for one in taken for placed in one["placements"] or ()})
    if numbers:
        await connection.execute(EMPLOYERS, numbers, [None] * len(numbers))
        body = _json([{"id": one["id"], "placements": one["placements"] or []} for one in taken])
        for row in await connection.fetch(CHANGE_PLACEMENTS, body):
            if row["moved"]:
                await connection.execute(MOVED, row["student"], row["n"], guidance, row["later"])
        await connection.execute(ADD_PLACEMENTS, body)
    if any(one["credentials"] for one in taken):
        body = _json([{"id": one["id"], "credentials": one["credentials"] or []} for one in taken])
        await connection.execute(ADD_CREDENTIALS, body)


def _json(rows: list[Row]) -> str:
    return orjson.dumps(rows, default=str).decode()  # the driver's UUIDs
