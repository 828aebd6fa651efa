"""The country of the uitval bench: students with a job each, the parties that follow them, and reports ready to send.

All of it is made by plain inserts: what is measured begins with the first report.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import orjson

from bench.data import Database
from registry import reference
from registry.demo import empty
from registry.embedded import Embedded
from registry.migrate import LOGINS, make_logins, migrate

NAME = "bench_uitval"
SCHOOL, EMPLOYER = ("school:90ZX00", "guidance"), ("employer:90000001", "mentor")
TOWNS = tuple((f"service:werk-{n}", "participatie") for n in range(1, 20))  # with the school twenty who may follow
REPORT = "mutation Report($input: ReportUitvalInput!) { reportUitval(input: $input) { uitval { id how endedOn } } }"
PARTIES = """
INSERT INTO school (brin, name, kind, municipality, region, fictitious, source, digest, seen_on)
    SELECT '90ZX00', 'School', 'PRO', m.code, m.region, true, 'bench', 'x', today()
    FROM municipality m WHERE m.code = 'GM0796';
INSERT INTO employer (kvk, name) VALUES ('90000001', 'Bakkerij De Proef');
"""
# One statement per table: the trigger on `access` makes `sight` of all of them at once.
STUDENTS = """
INSERT INTO student (school, municipality, source) SELECT '90ZX00', 'GM0796', $2 FROM generate_series(1, $1)
"""
REST = """
WITH profile AS (
    INSERT INTO student_profile (student) SELECT id FROM student WHERE source = $1 RETURNING student
), led AS (
    INSERT INTO lead (student, seer) SELECT student, 'school:90ZX00#guidance' FROM profile
), placed AS (
    INSERT INTO placement (student, n, kind, employer, hours, from_on, state)
        SELECT student, 1, 'WERK', '90000001', 24, today() - 90, 'RUNNING' FROM profile
)
INSERT INTO access (seer, student, tier, purpose, case_type, case_n, ends_at)
    SELECT 'school:90ZX00#guidance', student, 'IDENTIFIED', 'ENROLMENT', NULL, NULL::integer, now() + interval '1 year'
    FROM profile
    UNION ALL
    SELECT 'employer:90000001#mentor', student, 'GIVEN_NAME', 'EMPLOYMENT', 'PLACEMENT', 1, 'infinity' FROM profile
"""
FOLLOWED = """
INSERT INTO access (seer, student, tier, purpose, ends_at)
    SELECT t.seer, s.id, 'IDENTIFIED', 'CONTINUE_SUPPORT', now() + interval '1 year'
    FROM unnest($2::text[]) t(seer), student s WHERE s.source = $1
"""
FILLED = (
    "student, student_profile, access, sight, placement, lead, party, party_agreement, employer, school, municipality"
)
PLACES = """
SELECT 'Placement:' || t.alias || '.' || left(md5(t.id_salt::text || 'Placement' || '1'), 12) AS id
FROM sight t JOIN student s ON s.id = t.student
WHERE t.seer = 'employer:90000001#mentor' AND s.source = $1 ORDER BY s.id
"""


@dataclass(frozen=True)
class Batch:
    """Students of one measurement, by the mark in `student.source`; each is reported once."""

    mark: str
    many: int
    followers: tuple[tuple[str, str], ...] = ()


async def make(server: Embedded, batches: tuple[Batch, ...]) -> Database:
    """The database, made anew: a place is lost once."""
    owner = server.url_of(NAME)
    await empty(server, NAME)
    await migrate(owner)
    await reference.load(owner)
    logins = await make_logins(owner, dict.fromkeys(LOGINS, "bench"))
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute(PARTIES)
        parties = [party for party, _ in (SCHOOL, EMPLOYER, *TOWNS)]
        await connection.execute(
            "INSERT INTO party (key, kind, name) SELECT k, split_part(k, ':', 1), k FROM unnest($1::text[]) k", parties
        )
        await connection.execute(
            "INSERT INTO party_agreement (party, kind, version, signed_at)"
            " SELECT k, CASE WHEN k LIKE 'employer:%' THEN 'TERMS' ELSE 'COVENANT' END, '1', now()"
            " FROM unnest($1::text[]) k",
            parties,
        )
        for batch in batches:
            await connection.execute(STUDENTS, batch.many, batch.mark)
            await connection.execute(REST, batch.mark)
            await connection.execute(FOLLOWED, batch.mark, ["#".join(one) for one in batch.followers])
        # Only what has rows: an empty table that was vacuumed counts as empty in every plan until it is analysed again.
        await connection.execute(f"VACUUM (ANALYZE) {FILLED}")
    finally:
        await connection.close()
    return Database(0, owner, logins)


async def report_bodies(owner: str, batch: Batch) -> bytes:
    """One request body a line: each place of the batch is lost."""
    connection = await asyncpg.connect(owner)
    try:
        rows = await connection.fetch(PLACES, batch.mark)
        day = await connection.fetchval("SELECT today()::text")
    finally:
        await connection.close()
    return b"\n".join(_bodies([row["id"] for row in rows], day)) + b"\n"


def _bodies(places: list[str], day: str) -> Iterator[bytes]:
    for place in places:
        given = {"placement": place, "how": "CONTRACT_ENDED", "endedOn": day, "youngPersonKnows": True}
        yield orjson.dumps({"query": REPORT, "variables": {"input": {"key": str(uuid.uuid4()), **given}}})
