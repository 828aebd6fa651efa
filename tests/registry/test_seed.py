"""The fictitious country: its shares, its sameness, its refusals."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg
import pytest

from registry.reference import load
from registry.seed import Counts, seed
from registry.seed.plan import read_plan
from registry.seed.writing import TABLES
from schema.errors import SetUp

SCALE = 0.06
TODAY = date(2026, 11, 20)
# What a seed leaves to each database: what stood there before it, and what the keeper mints.
OWN_ROWS = {
    "party": "from_at < '2026-01-01'",
    "covers": "from_at < '2026-01-01'",
    "contact_point": "owner_kind <> 'NATIONAL'",
}
MORE_TABLES = {
    "sight": "seer, student, school, municipality, seen_until, until_candidate, until_given_name, until_identified",
    "coordinator_post": "region, state, holder, organisation, hours, mandate, schools_represented, since",
    "coordinator_post_history": "region, n, state, since, until, seer, command",
}


@dataclass
class Seeded:
    url: str
    counts: Counts
    told: list[tuple[str, int, int]]
    connection: asyncpg.Connection[Any]

    async def share(self, part: str, whole: str = "student") -> float:
        """Rows of the query `part` to rows of the table `whole`."""
        count = await self.connection.fetchval(f"SELECT count(*) FROM ({part}) q")
        return float(count / await self.connection.fetchval(f"SELECT count(*) FROM {whole}"))

    async def count(self, part: str) -> int:
        return int(await self.connection.fetchval(f"SELECT count(*) FROM ({part}) q"))


@pytest.fixture(scope="module")
async def country(fresh_database: str) -> AsyncIterator[Seeded]:
    await load(fresh_database)
    told: list[tuple[str, int, int]] = []
    counts = await seed(fresh_database, SCALE, lambda *step: told.append(step), TODAY)
    connection = await asyncpg.connect(fresh_database)
    yield Seeded(fresh_database, counts, told, connection)
    await connection.close()


@pytest.fixture(scope="module")
async def empty_database(postgres: Any) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    from registry.migrate import migrate

    made = []

    async def make() -> str:
        url: str = await postgres.create("t_seed")
        made.append(url)
        await migrate(url)
        return url

    yield make
    for url in made:
        await postgres.drop(url)


OPEN = f"ended_at = 'infinity' AND ends_at > timestamp '{TODAY} 12:00' AT TIME ZONE 'Europe/Amsterdam'"
END_OF_TODAY = f"(date '{TODAY}' + 1)::timestamp AT TIME ZONE 'Europe/Amsterdam'"
PEOPLE = (
    "SELECT s.id, m.region AS lives_in, c.region AS school_in, f.left_on"
    " FROM student s JOIN school c ON c.brin = s.school"
    " JOIN student_profile f ON f.student = s.id LEFT JOIN municipality m ON m.code = s.municipality"
)


async def test_the_sizes_are_those_of_the_scale(country: Seeded) -> None:
    tables = country.counts.tables
    assert (tables["student"], tables["placement"], tables["opportunity"]) == (4500, 7200, 3000)
    assert tables["employer"] == 360
    assert tables["access"] > 2 * tables["student"]
    assert country.told[0] == ("students", 0, 4500)
    assert country.told[-1] == ("students", 4500, 4500)


@pytest.mark.parametrize(
    ("name", "wanted", "slack", "part"),
    [
        ("leavers", 0.15, 0.02, f"{PEOPLE} WHERE left_on + interval '24 months' >= date '{TODAY}'"),
        ("past 24 months", 0.03, 0.01, f"{PEOPLE} WHERE left_on + interval '24 months' < date '{TODAY}'"),
        ("outside the region", 0.20, 0.02, f"SELECT FROM ({PEOPLE}) p WHERE lives_in <> school_in"),
        ("without residence", 0.01, 0.006, "SELECT FROM student WHERE municipality IS NULL"),
        (
            "two open reasons at one party",
            0.10,
            0.02,
            (
                "SELECT DISTINCT student FROM"
                f" (SELECT seer, student FROM access WHERE {OPEN} GROUP BY 1, 2 HAVING count(*) > 1) a"
            ),
        ),
        (
            "ended",
            0.05,
            0.015,
            "SELECT DISTINCT student FROM access WHERE ended_at < 'infinity' AND purpose <> 'ENROLMENT'",
        ),
        (
            "expiring today",
            0.05,
            0.015,
            f"SELECT DISTINCT student FROM access WHERE ended_at = 'infinity' AND ends_at = {END_OF_TODAY}",
        ),
        ("with a credential", 0.30, 0.04, "SELECT DISTINCT student FROM credential"),
    ],
)
async def test_a_share_of_the_young_people_is_as_asked(
    country: Seeded, name: str, wanted: float, slack: float, part: str
) -> None:
    assert await country.share(part) == pytest.approx(wanted, abs=slack), name


@pytest.mark.parametrize(
    ("name", "low", "high", "part", "whole"),
    [
        ("pro schools", 0.25, 0.42, "SELECT FROM school WHERE kind = 'PRO'", "school"),
        (
            "employers in two regions",
            0.09,
            0.21,
            (
                "SELECT employer FROM employer_location l JOIN municipality m ON m.code = l.municipality"
                " GROUP BY 1 HAVING count(DISTINCT region) = 2"
            ),
            "employer",
        ),
        (
            "stale contacts",
            0.05,
            0.13,
            f"SELECT FROM contact_point WHERE verified < date '{TODAY}' - interval '12 months'",
            "contact_point",
        ),
        ("contacts for partners only", 0.05, 0.15, "SELECT FROM contact_point WHERE partner_only", "contact_point"),
        ("absent, with a deputy", 0.01, 0.08, "SELECT FROM contact_point WHERE deputy IS NOT NULL", "contact_point"),
        (
            "parties without a valid agreement",
            0.003,
            0.04,
            (
                "SELECT FROM party p WHERE kind NOT IN ('coordinator', 'national')"
                " AND NOT EXISTS (SELECT FROM party_agreement a WHERE a.party = p.key AND a.until_at > now())"
            ),
            "party",
        ),
    ],
)
async def test_a_share_of_the_directory_is_in_its_bounds(
    country: Seeded, name: str, low: float, high: float, part: str, whole: str
) -> None:
    assert low <= await country.share(part, whole) <= high, name


async def test_every_region_has_schools_and_the_home_municipality_several(country: Seeded) -> None:
    assert await country.count("SELECT DISTINCT region FROM school") == 35
    assert await country.count("SELECT FROM school WHERE municipality = 'GM0796'") >= 4
    sizes = await country.connection.fetch("SELECT count(*) AS n FROM student GROUP BY school")
    assert all(40 <= row["n"] <= 400 for row in sizes)


async def test_posts_are_in_mixed_states_with_their_history(country: Seeded) -> None:
    rows = await country.connection.fetch("SELECT state, count(*) AS n FROM coordinator_post GROUP BY 1")
    assert {row["state"]: row["n"] for row in rows} == {"APPOINTED": 20, "RECRUITING": 6, "IN_TALKS": 5, "NONE": 4}
    assert (
        await country.count(
            "SELECT FROM coordinator_post p"
            " WHERE (SELECT count(*) FROM coordinator_post_history h WHERE h.region = p.region)"
            " <> array_position(ARRAY['NONE', 'IN_TALKS', 'RECRUITING', 'APPOINTED'], p.state) - 1"
        )
        == 0
    )
    holder = await country.connection.fetchrow(
        "SELECT c.* FROM coordinator_post p JOIN contact_point c ON c.id = p.holder"
        " WHERE p.region = 'AM27' AND p.filled"
    )
    assert holder is not None
    assert (holder["owner_kind"], holder["owner"], holder["topic"]) == ("REGION", "AM27", "PUPILS_TO_WORK")
    assert not holder["partner_only"]
    assert holder["absent_until"] is None
    assert await country.count(
        "SELECT FROM coordinator_post p JOIN contact_point c ON c.id = p.holder"
        f" WHERE c.verified < date '{TODAY}' - interval '12 months'"
    )
    assert (TODAY - holder["verified"]).days < 365


async def test_services_cover_three_to_nine_municipalities_that_nobody_else_covers(country: Seeded) -> None:
    rows = await country.connection.fetch(
        "SELECT array_agg(municipality) AS covered FROM covers WHERE party LIKE 'service:%' AND until_at > now()"
        " GROUP BY party"
    )
    assert sorted(len(row["covered"]) for row in rows) == [3, 4, 5, 6, 8, 9]
    assert await country.count("SELECT FROM covers WHERE function = 'participatie' AND until_at > now()") == 342
    assert (
        await country.count(
            "SELECT FROM access a JOIN student s ON s.id = a.student JOIN covers c ON c.municipality = s.municipality"
            " AND c.function = 'participatie' AND c.until_at > now()"
            " WHERE a.seer LIKE '%#participatie' AND a.seer <> c.party || '#participatie'"
        )
        == 0
    )


async def test_names_of_organisations_hold_what_breaks_programs(country: Seeded) -> None:
    for table in ("school", "employer", "party"):
        rows = await country.connection.fetch(f"SELECT name FROM {table}")
        names = "\n".join(row["name"] for row in rows)
        for hard in ("'s-", "ü", "O'"):
            assert hard in names, (table, hard)


async def test_every_name_of_a_person_is_made_of_made_up_words(country: Seeded) -> None:
    surnames = read_plan(1, TODAY).words["surnames"]
    rows = await country.connection.fetch("SELECT DISTINCT name FROM contact_point WHERE name IS NOT NULL")
    assert rows
    for row in rows:
        initial, _, surname = row["name"].partition(" ")
        assert re.fullmatch(r"[A-Z]\.", initial)
        assert surname in surnames


# Written down a second time, from the design: purpose, party's kind and function, tier, consent.
PURPOSES = {
    ("ENROLMENT", "school", "guidance", "IDENTIFIED", None),
    ("CAREER_GUIDANCE", "school", "guidance", "IDENTIFIED", None),
    ("STAGE_SEARCH", "servicepoint", "matching", "CANDIDATE", None),
    ("WORK_SEARCH", "servicepoint", "matching", "CANDIDATE", "TOESTEMMING"),
    ("INTRODUCTION", "employer", "mentor", "GIVEN_NAME", "TOESTEMMING"),
    ("STAGE", "employer", "mentor", "GIVEN_NAME", None),
    ("EMPLOYMENT", "employer", "mentor", "GIVEN_NAME", None),
    ("INVOLVE_MUNICIPALITY", "municipality", "participatie", "IDENTIFIED", None),
    ("INVOLVE_MUNICIPALITY", "service", "participatie", "IDENTIFIED", None),
    ("CONTINUE_SUPPORT", "municipality", "participatie", "IDENTIFIED", "INSTEMMING"),
    ("CONTINUE_SUPPORT", "service", "participatie", "IDENTIFIED", "INSTEMMING"),
    ("PLACED_FROM", "servicepoint", "matching", "TRACE", None),
}


async def test_reasons_are_those_of_the_table_of_purposes(country: Seeded) -> None:
    rows = await country.connection.fetch(
        "SELECT DISTINCT a.purpose, split_part(a.seer, ':', 1) AS kind, split_part(a.seer, '#', 2) AS function,"
        " a.tier, c.kind AS consent FROM access a LEFT JOIN consent c ON c.id = a.consent AND c.student = a.student"
        " AND c.seer = a.seer AND c.purpose = a.purpose"
    )
    assert {tuple(row) for row in rows} == PURPOSES


@pytest.mark.parametrize(
    ("never", "part"),
    [
        (
            "a seer whose party does not exist",
            "access a WHERE NOT EXISTS (SELECT FROM party p WHERE p.key = split_part(seer, '#', 1))",
        ),
        (
            "a seer for whom the demo's portal may not speak",
            (
                "access a WHERE NOT EXISTS (SELECT FROM client_party c WHERE c.client = 'demo'"
                " AND c.party || '#' || c.function = a.seer)"
            ),
        ),
        (
            "a reason of a placement that somebody else has",
            (
                "access a LEFT JOIN placement p ON p.student = a.student AND p.n = a.case_n"
                " WHERE a.case_type = 'PLACEMENT'"
                " AND a.purpose <> 'PLACED_FROM' AND a.seer IS DISTINCT FROM 'employer:' || p.employer || '#mentor'"
            ),
        ),
        (
            "a service point that sees a placement that is not from its own place",
            (
                "access a LEFT JOIN placement p ON p.student = a.student AND p.n = a.case_n"
                " LEFT JOIN opportunity o ON o.id = p.opportunity"
                " WHERE a.purpose = 'PLACED_FROM' AND a.seer IS DISTINCT FROM o.service_point || '#matching'"
            ),
        ),
        (
            "an employer other than the opportunity's",
            "placement p JOIN opportunity o ON o.id = p.opportunity WHERE p.employer <> o.employer",
        ),
        (
            "a state that contradicts the days",
            (
                f"placement WHERE state <> CASE WHEN from_on > date '{TODAY}' THEN 'PLANNED'"
                f" WHEN to_on < date '{TODAY}' THEN 'ENDED' ELSE 'RUNNING' END OR to_on < from_on"
            ),
        ),
        ("an end before its beginning", "access WHERE ends_at <= started_at OR ended_at < started_at"),
        (
            "two that have the lead, or a gap",
            (
                "(SELECT from_at, lag(until_at) OVER (PARTITION BY student ORDER BY from_at) AS before FROM lead) l"
                " WHERE before <> from_at"
            ),
        ),
        (
            "a young person at school without the lead",
            (
                "student s JOIN student_profile f ON f.student = s.id WHERE f.left_on IS NULL"
                " AND NOT EXISTS (SELECT FROM lead l WHERE l.student = s.id AND l.until_at = 'infinity')"
            ),
        ),
        (
            "a young person without a school's number",
            "student s WHERE NOT EXISTS (SELECT FROM link l WHERE l.student = s.id)",
        ),
        ("a school's number that is no digits", "link WHERE key !~ '^[0-9]{4,7}$'"),
        ("an employer with a KvK number that may exist", "employer WHERE kvk !~ '^9' OR NOT fictitious"),
        (
            "a school that still sees who left more than 24 months ago",
            (
                "sight t JOIN student_profile f ON f.student = t.student"
                f" WHERE t.seer LIKE 'school:%' AND t.seen_until > {END_OF_TODAY}"
                f" AND f.left_on + interval '24 months' < date '{TODAY}'"
            ),
        ),
        (
            "a sight that is not the naive maximum",
            (
                "sight t WHERE seen_until IS DISTINCT FROM (SELECT coalesce(max(ends_at), '-infinity') FROM access a"
                " WHERE a.seer = t.seer AND a.student = t.student AND a.ended_at = 'infinity')"
            ),
        ),
    ],
)
async def test_what_cannot_be_is_not_there(country: Seeded, never: str, part: str) -> None:
    assert await country.count(f"SELECT FROM {part}") == 0, never


async def digests(connection: asyncpg.Connection[Any]) -> dict[str, str]:
    found = {}
    for table, columns in (TABLES | MORE_TABLES).items():
        where = OWN_ROWS.get(table, "true")
        found[table] = await connection.fetchval(
            "SELECT md5(string_agg(q::text, E'\\n' ORDER BY q::text))"
            f" FROM (SELECT {columns} FROM {table} WHERE {where}) q"
        )
    return found


async def test_a_second_database_gets_the_same_rows_and_other_aliases(
    country: Seeded, empty_database: Callable[[], Awaitable[str]]
) -> None:
    other = await empty_database()
    await load(other)
    await seed(other, SCALE, today=TODAY)
    connection = await asyncpg.connect(other)
    try:
        assert await digests(connection) == await digests(country.connection)
        mine = {row["alias"] for row in await country.connection.fetch("SELECT alias FROM sight")}
        theirs = {row["alias"] for row in await connection.fetch("SELECT alias FROM sight")}
        assert not mine & theirs
    finally:
        await connection.close()


async def test_a_second_run_does_nothing_and_says_so(country: Seeded) -> None:
    before = await digests(country.connection)
    again = await seed(country.url, SCALE)
    assert again.already
    assert str(again).startswith("nothing to do, seed 1 scale 0.06 of 2026-11-20: ")
    assert again.tables == country.counts.tables
    assert await digests(country.connection) == before


async def test_another_scale_on_top_of_it_is_refused(country: Seeded) -> None:
    with pytest.raises(SetUp, match="Another seed"):
        await seed(country.url, 0.07)
    with pytest.raises(SetUp, match="above 0"):
        await seed(country.url, 0)
    with pytest.raises(SetUp, match="future"):
        await seed(country.url, SCALE, today=date(2999, 1, 1))
