"""The country of the chaos runs: young people with many jobs each, at employers that report the loss of them.

Of three young people one is followed by a municipality, one has a safety net with another, one has nobody but the school.
Who should hear of a loss is known here, by how they were made; the checker asks nobody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import orjson

from registry import reference
from registry.demo import empty
from registry.migrate import LOGINS, Logins, make_logins, migrate
from tests.chaos.servers import Postgres

NAME = "chaos"
SCHOOL, TOWN, NET_TOWN = (
    "school:90ZX00#guidance",
    "municipality:GM0796#participatie",
    "municipality:GM0344#participatie",
)
EMPLOYERS = tuple(f"employer:9000000{n}#mentor" for n in range(1, 5))
RECEIVERS = (SCHOOL, TOWN, NET_TOWN)
PLACES_EACH = 4
REPORT = "mutation Report($input: ReportUitvalInput!) { reportUitval(input: $input) { uitval { id endedOn } } }"
PARTIES = """
INSERT INTO school (brin, name, kind, municipality, region, fictitious, source, digest, seen_on)
    SELECT '90ZX00', 'School', 'PRO', m.code, m.region, true, 'chaos', 'x', today() FROM municipality m WHERE m.code = 'GM0796';
INSERT INTO employer (kvk, name) SELECT '9000000' || n, 'Bakkerij De Proef' FROM generate_series(1, 4) n;
INSERT INTO covers (party, function, municipality) VALUES ('municipality:GM0344', 'participatie', 'GM0344')
    ON CONFLICT DO NOTHING;
"""
KEYS = """
INSERT INTO party (key, kind, name) SELECT k, split_part(k, ':', 1), k FROM unnest($1::text[]) k ON CONFLICT DO NOTHING
"""
SIGNED = """
INSERT INTO party_agreement (party, kind, version, signed_at)
    SELECT k, CASE WHEN k LIKE 'employer:%' THEN 'TERMS' ELSE 'COVENANT' END, '1', now() FROM unnest($1::text[]) k
"""
STUDENTS = (
    "INSERT INTO student (school, municipality, source) SELECT '90ZX00', 'GM0796', $2 FROM generate_series(1, $1)"
)
# One statement for the reasons: the trigger on `access` makes `sight` of all of them at once.
REST = """
WITH profile AS (
    INSERT INTO student_profile (student) SELECT id FROM student WHERE source = $1 RETURNING student
), led AS (
    INSERT INTO lead (student, seer) SELECT student, $2 FROM profile
), placed AS (
    INSERT INTO placement (student, n, kind, employer, hours, from_on, state)
        SELECT student, n, 'WERK', '9000000' || n, 8, today() - 90, 'RUNNING' FROM profile, generate_series(1, 4) n
)
INSERT INTO access (seer, student, tier, purpose, case_type, case_n, ends_at)
    SELECT $2, student, 'IDENTIFIED', 'ENROLMENT', NULL, NULL::integer, now() + interval '1 year' FROM profile
    UNION ALL
    SELECT 'employer:9000000' || n || '#mentor', student, 'GIVEN_NAME', 'EMPLOYMENT', 'PLACEMENT', n, 'infinity'
    FROM profile, generate_series(1, 4) n
"""
FOLLOWED = """
INSERT INTO access (seer, student, tier, purpose, ends_at)
    SELECT $2, s, 'IDENTIFIED', 'CONTINUE_SUPPORT', now() + interval '1 year' FROM unnest($1::uuid[]) s
"""
NETS = """
WITH agreed AS (
    INSERT INTO consent (student, kind, purpose, seer, given_by, text_version, until_at)
        SELECT s, 'INSTEMMING', 'SAFETY_NET', $2, 'SELF', '2026-09', now() + interval '1 year' FROM unnest($1::uuid[]) s
        RETURNING id, student
)
INSERT INTO safety_net (student, n, choice, municipality, consent, until_at)
    SELECT student, 1, 'INFORM_MUNICIPALITY_AT_ONCE', $2, id, now() + interval '1 year' FROM agreed
"""
PLACES = """
SELECT s.id AS student, t.seer, right(split_part(t.seer, '#', 1), 1)::int AS n,
    'Placement:' || t.alias || '.' || left(md5(t.id_salt::text || 'Placement' || right(split_part(t.seer, '#', 1), 1)), 12) AS id
FROM sight t JOIN student s ON s.id = t.student WHERE t.seer LIKE 'employer:%' AND s.source = $1 ORDER BY s.id, n
"""


@dataclass(frozen=True)
class Place:
    """A job that is to be lost: whose, at which employer, and the id by which that employer reports it."""

    student: UUID
    n: int
    employer: str
    id: str


@dataclass
class World:
    """A database, its logins, and what has not been lost yet. `hears`: who should hear of a young person's loss."""

    owner: str
    logins: Logins
    today: str = ""
    hears: dict[UUID, frozenset[str]] = field(default_factory=dict)
    left: Iterator[list[Place]] = field(default_factory=lambda: iter(()))
    batches: int = 0

    async def more(self, students: int) -> None:
        """Young people beside those that there are; those that are left over are forgotten."""
        self.batches += 1
        mark = f"chaos-{self.batches}"
        connection = await asyncpg.connect(self.owner)
        try:
            await connection.execute(STUDENTS, students, mark)
            await connection.execute(REST, mark, SCHOOL)
            rows = await connection.fetch("SELECT id FROM student WHERE source = $1 ORDER BY id", mark)
            followed, netted = [r["id"] for r in rows[::3]], [r["id"] for r in rows[1::3]]
            await connection.execute(FOLLOWED, followed, TOWN)
            await connection.execute(NETS, netted, NET_TOWN)
            places = await connection.fetch(PLACES, mark)
            self.today = await connection.fetchval("SELECT today()::text")
        finally:
            await connection.close()
        self.hears.update({r["id"]: frozenset({SCHOOL}) for r in rows})
        self.hears.update({key: frozenset({SCHOOL, TOWN}) for key in followed})
        self.hears.update({key: frozenset({SCHOOL, NET_TOWN}) for key in netted})
        of: dict[UUID, list[Place]] = defaultdict(list)
        for row in places:
            of[row["student"]].append(Place(row["student"], row["n"], row["seer"], row["id"]))
        self.left = iter(list(of.values()))

    async def take(self, students: int) -> list[list[Place]]:
        """The places of so many young people, in the order in which each loses them."""
        taken = [places for _, places in zip(range(students), self.left, strict=False)]
        if len(taken) < students:
            await self.more(max(300, students))
            taken += [places for _, places in zip(range(students - len(taken)), self.left, strict=False)]
        return taken


def body_of(place: Place, day: str, key: str) -> bytes:
    """The request that reports the loss."""
    given = {"key": key, "placement": place.id, "how": "CONTRACT_ENDED", "endedOn": day, "youngPersonKnows": True}
    return orjson.dumps({"query": REPORT, "variables": {"input": given}})


def new_key() -> str:
    return str(uuid4())


async def make_world(server: Postgres) -> World:
    """The database, made anew."""
    owner = server.server.url_of(NAME)
    await empty(server.server, NAME)
    await migrate(owner)
    await reference.load(owner)
    logins = await make_logins(owner, dict.fromkeys(LOGINS, "only-for-tests"))
    parties = [seer.partition("#")[0] for seer in (*RECEIVERS, *EMPLOYERS)]
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute(KEYS, parties)
        await connection.execute(PARTIES)
        await connection.execute(SIGNED, parties)
    finally:
        await connection.close()
    return World(owner, logins)
