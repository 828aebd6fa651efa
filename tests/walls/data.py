"""Rows that try the walls: on top of the seed, few young people with very many reasons, so that every condition
matters.

Everything is written in the caller's transaction and rolled back with it; `now()` stands still there, so a reason
    can end exactly now.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

from tests.walls.endpoint_rows import endpoints
from tests.walls.late import fall_due
from tests.walls.losses import happen
from tests.walls.rows import insert
from tests.walls.seers import TIERS, Seer

EVER = datetime.max  # noqa: DTZ901 - the driver's word for 'infinity'
PURPOSES = [
    "ENROLMENT",
    "CAREER_GUIDANCE",
    "STAGE_SEARCH",
    "WORK_SEARCH",
    "INTRODUCTION",
    "STAGE",
    "EMPLOYMENT",
    "INVOLVE_MUNICIPALITY",
    "CONTINUE_SUPPORT",
    "SAFETY_NET",
    "CONSULTATION",
    "CARE_ROUTE",
    "EVIDENCE",
    "PLACED_FROM",
]
CASES = ("PLACEMENT", "CREDENTIAL", "UITVAL")  # that a trace may be of
OTHER_CASES = ("SUPPORT_REQUEST", "HANDOVER", "CONSULTATION")
HOME, NEIGHBOUR, FAR, FARTHER = "AM27", "AM26", "AM01", "AM24"
STUDENTS = 60


@dataclass
class World:
    """The seers that are asked for, and the rows that were made for them."""

    holders: list[Seer]  # who may hold reasons
    others: list[Seer]  # who never does
    schools: list[str]
    employers: list[str]
    service_points: list[str]
    students: list[UUID] = field(default_factory=list)
    opportunities: list[UUID] = field(default_factory=list)

    @property
    def seers(self) -> list[Seer]:
        return [*self.holders, *self.others]


async def spread(owner: Any, rng: Random) -> World:
    """Makes the rows. The database holds a small seed."""
    world = await _cast(owner)
    now = await owner.fetchval("SELECT now()")
    rows = await owner.fetch("SELECT id FROM student WHERE school = ANY ($1) ORDER BY id", world.schools)
    rest = await owner.fetch("SELECT id FROM student WHERE school <> ALL ($1) ORDER BY id LIMIT 500", world.schools)
    world.students = [row["id"] for row in rng.sample(rows, STUDENTS * 3 // 4) + rng.sample(rest, STUDENTS // 4)]
    await _covers(owner, world, now)
    await _opportunities(owner, world, rng)
    counts = await _cases(owner, world, rng)
    await _links_and_leads(owner, world, now, rng)
    await _reasons(owner, world, now, rng, counts)
    await _requests(owner, world, rng)
    await _edges(owner, world, now, [row["id"] for row in rest if row["id"] not in set(world.students)])
    parties = [str(one) for one in world.seers if one.party]
    await happen(owner, world.students, parties, rng)
    await fall_due(owner, world.students, parties, rng)
    await endpoints(owner, parties)
    await _directory(owner, rng)
    await _sources(owner, world)
    commands = [(str(seer), uuid4(), "x", "x", "x") for seer in world.seers if seer.party]
    await insert(owner, "command", ("seer", "key", "name", "digest", "reference"), commands)
    await owner.execute(
        "ANALYZE access, sight, placement, credential, opportunity, link, lead, uitval, outbox, event_log"
    )
    return world


async def _cast(owner: Any) -> World:
    """Who plays: several parties of every kind, and several functions of one party."""
    schools = [
        row["brin"]
        for region in (HOME, HOME, NEIGHBOUR)
        for row in await owner.fetch(
            "SELECT brin FROM school WHERE region = $1 AND fictitious ORDER BY brin LIMIT 2", region
        )
    ]
    schools = sorted(set(schools))[:3]
    for key in ("uwv", "sbb"):
        await owner.execute("INSERT INTO party (key, kind, name) VALUES ($1, $1, $1) ON CONFLICT DO NOTHING", key)
    first = "SELECT key FROM party WHERE kind = $1 ORDER BY key LIMIT 1"
    service, doorstroompunt, board = [
        await owner.fetchval(first, kind) for kind in ("service", "doorstroompunt", "board")
    ]
    employers = [row["kvk"] for row in await owner.fetch("SELECT kvk FROM employer ORDER BY kvk LIMIT 6")]
    point = "SELECT code FROM service_point WHERE region = $1 AND kind IN ('WERKCENTRUM', 'WSP') ORDER BY code LIMIT 1"
    points = ["servicepoint:" + await owner.fetchval(point, region) for region in (HOME, NEIGHBOUR)]
    home = ("municipality:GM0796", "municipality:GM0855")
    holders = [Seer(f"school:{brin}", "guidance") for brin in schools]
    holders += [Seer(point, "matching") for point in points]
    holders += [Seer(party, "participatie") for party in (*home, service)] + [
        Seer(home[0], "wmo"),
        Seer(home[1], "doorstroompunt"),
    ]
    holders += [Seer(doorstroompunt, "doorstroompunt"), Seer("uwv", "uwv")]
    holders += [Seer(f"employer:{kvk}", "mentor") for kvk in employers[:4]]
    others = [Seer(f"school:{schools[0]}", "administration"), Seer(board, "figures"), Seer("sbb", "recognition")]
    others += [Seer(points[0], "information"), Seer(f"servicepoint:{HOME}-LEERWERKLOKET", "information")]
    others += [Seer(f"coordinator:{region}", "coordinator") for region in (HOME, FAR)]
    others += [Seer("national", function) for function in ("lead", "council", "reader")] + [Seer()]
    return World(holders, others, schools, employers, points)


async def _covers(owner: Any, world: World, now: datetime) -> None:
    """Every party once covered a place too many, or will:

    neither counts. Some cover what is not for their role to see by.
    """
    far_school = await owner.fetchval("SELECT brin FROM school WHERE region = $1 ORDER BY brin LIMIT 1", FAR)
    rows: list[tuple[Any, ...]] = []
    for party in sorted({seer.party for seer in world.seers if seer.party}):
        await owner.execute(
            "INSERT INTO party (key, kind, name) VALUES ($1, split_part($1, ':', 1), $1) ON CONFLICT DO NOTHING", party
        )
        for begin, end in ((now - timedelta(days=9), now), (now + timedelta(microseconds=1), EVER)):
            places = (("GM0014", None, None), (None, FAR, None), (None, None, far_school))
            rows += [(uuid4(), party, f"of {party}", *place, begin, end) for place in places]
        if party.startswith(("employer", "national")):
            rows.append((uuid4(), party, "x", None, FAR, None, now, EVER))
    rows.append((uuid4(), f"coordinator:{HOME}", "helps", None, NEIGHBOUR, None, now, EVER))
    columns = ("id", "party", "function", "municipality", "region", "school", "from_at", "until_at")
    await insert(owner, "covers", columns, rows)


async def _opportunities(owner: Any, world: World, rng: Random) -> None:
    """Every mix of region, public, service point;

    some of an employer that asks; some entered by who is no service point.
    """
    rows: list[tuple[Any, ...]] = []
    for region in (HOME, NEIGHBOUR, FAR, FARTHER):
        town = await owner.fetchval("SELECT code FROM municipality WHERE region = $1 ORDER BY code LIMIT 1", region)
        for public in (True, False):
            for point in (*world.service_points, None, None):
                employer = rng.choice(world.employers) if rng.random() < 0.8 else None
                rows.append(
                    (uuid4(), "WERK", "Plek", employer, town, region, point, public, "walls", date(2026, 11, 1))
                )
    parties = sorted({seer.party for seer in world.seers if seer.party and seer.role != "SERVICE_POINT"})
    rows += [
        (uuid4(), "WERK", "Plek", None, "GM0014", FAR, party, False, "walls", date(2026, 11, 1)) for party in parties
    ]
    columns = "id kind title employer municipality region service_point public source seen_on"
    await insert(owner, "opportunity", columns.split(), rows)
    world.opportunities = [row[0] for row in rows]


async def _cases(owner: Any, world: World, rng: Random) -> dict[UUID, int]:
    """Placements and credentials, numbered alike:

    a case of the wrong type must not open the other's row of that number.
    """
    placements: list[tuple[Any, ...]] = []
    credentials: list[tuple[Any, ...]] = []
    await owner.execute("DELETE FROM placement WHERE student = ANY ($1)", world.students)
    await owner.execute("DELETE FROM credential WHERE student = ANY ($1)", world.students)
    for student in world.students:
        for n in range(1, rng.randrange(2, 6)):
            opportunity = rng.choice(world.opportunities) if rng.random() < 0.8 else None
            placements.append(
                (student, n, "WERK", rng.choice(world.employers), opportunity, date(2026, n, 1), "RUNNING")
            )
        numbers = range(1, rng.randrange(2, 5))
        credentials += [(student, n, "DIPLOMA", n % 5, f"Titel {n}", date(2026, n, 1)) for n in numbers]
    columns = ("student", "n", "kind", "employer", "opportunity", "from_on", "state")
    await insert(owner, "placement", columns, placements)
    await insert(owner, "credential", ("student", "n", "kind", "level", "title", "issued_on"), credentials)
    return {student: sum(1 for row in placements if row[0] == student) for student in world.students}


async def _links_and_leads(owner: Any, world: World, now: datetime, rng: Random) -> None:
    await owner.execute("DELETE FROM link WHERE student = ANY ($1)", world.students)
    links: list[tuple[Any, ...]] = []
    leads = []
    sources = sorted({seer.party for seer in world.holders if seer.role != "SERVICE_POINT" and seer.party})
    for n, student in enumerate(world.students):
        for source in sources:
            if rng.random() < 0.5:
                begin = now - timedelta(days=rng.choice((3, 3, 4)))
                links.append((source, student, f"walls-{n}", begin, EVER if rng.random() < 0.8 else now))
        leads.append((student, str(rng.choice(world.holders)), now - timedelta(days=4000), now - timedelta(days=3900)))
    columns = ("source", "student", "key", "from_at", "until_at")
    await insert(owner, "link", columns, links)
    await insert(owner, "lead", ("student", "seer", "from_at", "until_at"), leads)


async def _reasons(owner: Any, world: World, now: datetime, rng: Random, counts: dict[UUID, int]) -> None:
    await owner.execute("DELETE FROM access WHERE student = ANY ($1)", world.students)
    rows = [
        _reason(rng, str(seer), student, now, counts[student])
        for student in world.students
        for seer in world.holders
        if rng.random() < 0.4
        for _ in range(rng.randrange(1, 4))
    ]
    columns = ("seer", "student", "tier", "purpose", "case_type", "case_n", "started_at", "ends_at", "ended_at")
    await insert(owner, "access", columns, rows)


async def _edges(owner: Any, world: World, now: datetime, free: list[UUID]) -> None:
    """For each holder, young people with one case open and another of whom everything but one thing would open it."""
    students, past = iter(free), now - timedelta(days=30)
    for seer in world.holders:
        near: list[tuple[Any, ...]] = [("CANDIDATE", "STAGE_SEARCH", None, None, now, EVER)]  # until this very instant
        closed = ((now, EVER), (now - timedelta(days=1), EVER), (EVER, now), (EVER, now + timedelta(days=1)))
        near += [("TRACE", "PLACED_FROM", kind, 2, *at) for kind in CASES for at in closed]
        near += [("TRACE", "PLACED_FROM", kind, 2, EVER, EVER) for kind in OTHER_CASES]
        for reason in near:
            await _edge(owner, world, seer, next(students), past, reason)
        await _tiers_end_now(owner, world, seer, [next(students), next(students)], now)


async def _tiers_end_now(owner: Any, world: World, seer: Seer, students: list[UUID], now: datetime) -> None:
    """More was seen of these until this very instant; now they are candidates, and everybody has a key of them."""
    for n, (student, tier) in enumerate(zip(students, ("GIVEN_NAME", "IDENTIFIED"), strict=True)):
        world.students.append(student)
        for table in ("access", "link"):
            await owner.execute(f"DELETE FROM {table} WHERE student = $1", student)
        reasons = [(str(seer), student, tier, "STAGE", now), (str(seer), student, "CANDIDATE", "STAGE_SEARCH", EVER)]
        if seer.kind == "school":
            await owner.execute("UPDATE student SET school = $2 WHERE id = $1", student, seer.code)
        other = next(str(one) for one in world.holders if one != seer)
        await insert(owner, "access", ("seer", "student", "tier", "purpose", "ends_at"), reasons)
        columns: tuple[str, ...] = ("seer", "student", "tier", "purpose", "ends_at", "case_type", "case_n")
        await insert(owner, "access", columns, [(other, student, "TRACE", "PLACED_FROM", EVER, "PLACEMENT", 88)])
        columns = ("student", "n", "from_seer", "to_seer", "state")
        await insert(owner, "handover", columns, [(student, 1, str(seer), other, "CONFIRMED")])
        columns = ("student", "n", "from_seer", "to_seer", "state", "wanted")
        await insert(owner, "support_request", columns, [(student, 1, str(seer), other, "ACCEPTED", [])])
        for source in {f"school:{world.schools[0]}", "municipality:GM0796", seer.party}:
            await insert(owner, "link", ("source", "student", "key"), [(source, student, f"edge-{seer}-{n}")])


async def _edge(owner: Any, world: World, seer: Seer, student: UUID, past: datetime, reason: tuple[Any, ...]) -> None:
    world.students.append(student)
    for table in ("access", "placement", "credential"):
        await owner.execute(f"DELETE FROM {table} WHERE student = $1", student)
    employer = seer.code if seer.role == "EMPLOYER" else world.employers[0]
    own = "SELECT id FROM opportunity WHERE service_point = $1 ORDER BY id LIMIT 1"
    opportunity = await owner.fetchval(own, seer.party if seer.role == "SERVICE_POINT" else world.service_points[0])
    day = date(2026, 1, 1)
    columns: tuple[str, ...] = ("student", "n", "kind", "employer", "opportunity", "from_on", "state")
    await insert(
        owner, "placement", columns, [(student, n, "WERK", employer, opportunity, day, "RUNNING") for n in (1, 2)]
    )
    columns = ("student", "n", "kind", "level", "title", "issued_on")
    await insert(owner, "credential", columns, [(student, n, "DIPLOMA", 1, "Titel", day) for n in (1, 2)])
    links = [(seer.party, student, f"edge-{student}", past, EVER)]
    await owner.execute("DELETE FROM link WHERE student = $1", student)
    await insert(owner, "link", ("source", "student", "key", "from_at", "until_at"), links)
    columns = ("seer", "student", "tier", "purpose", "case_type", "case_n", "ends_at", "ended_at", "started_at")
    cases = [("TRACE", "PLACED_FROM", kind, 1, EVER, EVER) for kind in CASES]
    await insert(owner, "access", columns, [(str(seer), student, *one, past) for one in (*cases, reason)])
    other = next(str(one) for one in world.holders if one != seer)  # to whom the second case is open
    others = [("TRACE", "PLACED_FROM", kind, 2, EVER, EVER) for kind in CASES]
    await insert(owner, "access", columns, [(other, student, *one, past) for one in others])


def _reason(rng: Random, seer: str, student: UUID, now: datetime, cases: int) -> tuple[Any, ...]:
    """Any tier with any purpose:

    the walls read the tier, and no purpose. Ends are open, near, now, past or brought about.
    """
    tier = "TRACE" if rng.random() < 0.5 else rng.choice(TIERS)
    case: tuple[Any, ...] = (None, None)
    if rng.random() < (0.9 if tier == "TRACE" else 0.4):
        kind = rng.choice(("PLACEMENT", "PLACEMENT", "CREDENTIAL", "UITVAL", "UITVAL", rng.choice(OTHER_CASES)))
        case = (kind, rng.randrange(1, cases + 2))
    ends = rng.choice(
        (EVER, EVER, now + timedelta(days=9), now + timedelta(microseconds=1), now, now - timedelta(days=1))
    )
    ended = rng.choice((EVER, EVER, EVER, EVER, now, now - timedelta(days=1), now + timedelta(days=1)))
    return (seer, student, tier, rng.choice(PURPOSES), *case, now - timedelta(days=30), ends, ended)


async def _requests(owner: Any, world: World, rng: Random) -> None:
    """Requests and handovers between any two who may hold reasons: the walls read the names, and no process."""
    requests, handovers = [], []
    for student in world.students:
        for n in range(1, rng.randrange(2, 6)):
            two = [str(one) for one in rng.sample(world.holders, 2)]
            requests.append((student, n, *two, ["VASTE_TAKEN"], "ACCEPTED"))
            handovers.append((student, n, *two, "CONFIRMED"))
    schools = {
        row["id"]: f"school:{row['school']}#guidance" for row in await owner.fetch("SELECT id, school FROM student")
    }
    columns: tuple[str, ...] = ("seer", "student", "tier", "purpose", "ends_at", "case_type", "case_n")
    other, ends = "uwv#uwv", await owner.fetchval("SELECT now()")
    for student in world.students[:6]:  # of the own school; another's reason ends at this very instant
        rows = [(schools[student], student, "IDENTIFIED", "ENROLMENT", EVER, None, None)]
        await insert(owner, "access", columns, [*rows, (other, student, "TRACE", "CARE_ROUTE", ends, "PLACEMENT", 89)])
    await insert(owner, "support_request", ("student", "n", "from_seer", "to_seer", "wanted", "state"), requests)
    await insert(owner, "handover", ("student", "n", "from_seer", "to_seer", "state"), handovers)


async def _directory(owner: Any, rng: Random) -> None:
    """Partner-only contacts everywhere, and histories of posts in and out of the regions that ask."""
    ids = [
        row["id"]
        for row in await owner.fetch(
            "SELECT id FROM contact_point WHERE owner_kind <> 'NATIONAL' ORDER BY owner, topic"
        )
    ]
    await owner.execute(
        "UPDATE contact_point SET partner_only = true WHERE id = ANY ($1)", rng.sample(ids, len(ids) // 3)
    )
    post = "INSERT INTO coordinator_post_history (region, n, state, organisation, since, until, seer, command) VALUES"
    await owner.execute("DELETE FROM coordinator_post_history")
    for region in (HOME, NEIGHBOUR, FAR, FARTHER):
        for n in (1, 2):
            values = "($1, $2, 'NONE', $3, '2026-01-01', '2026-02-01', 'national#lead', 'x')"
            await owner.execute(f"{post} {values}", region, n, f"{region} {n}")
    await owner.executemany(
        "INSERT INTO contact_point_history (contact, n, seer, command, before)"
        " VALUES ($1, 1, 'national#lead', 'x', $2)",
        [(one, json.dumps({})) for one in ids[:5]],
    )


async def _sources(owner: Any, world: World) -> None:
    """Two sources of every party that may have one, here and far away, and two readings of each."""
    far = await owner.fetchval("SELECT min('school:' || brin) FROM school WHERE region = $1", FAR)
    kinds = {"school": "school", "servicepoint": "servicepoint"} | dict.fromkeys(
        ("municipality", "service", "doorstroompunt", "uwv"), "municipality"
    )
    parties = sorted({seer.party for seer in world.seers if seer.party and seer.kind in kinds} | {far})
    rows = [
        (f"bron-{n}-{again}", party, kinds[party.partition(":")[0]], "x", True, False)
        for n, party in enumerate(parties)
        for again in (1, 2)
    ]
    await insert(owner, "source", ("key", "party", "kind", "protocol", "harvests", "answers_live"), rows)
    runs = [
        (key, datetime(2026, 1, day, tzinfo=UTC), 10 * n + day) for n, (key, *_) in enumerate(rows) for day in (1, 2)
    ]
    await insert(owner, "source_run", ("source", "started_at", "pages"), runs)


def some(rng: Random, rows: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the rows, in any order."""
    return rng.sample(list(rows), min(most, len(rows)))
