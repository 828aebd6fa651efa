"""`sight` is the naive maximum over the open reasons, and nobody but the keeper writes it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from registry.migrate import Logins, role_prefix
from tests.registry.sight_kit import (
    ADD,
    END,
    EVER,
    INSTANTS,
    NEVER,
    SEERS,
    TIERS,
    agree,
    empty_registry,
    sight,
    students,
)

ROLES = (
    "directory",
    "school",
    "service_point",
    "municipality",
    "employer",
    "coordinator",
    "national",
    "command",
    "scribe",
    "worker",
)


@pytest.fixture
async def owner(fresh_database: str) -> AsyncIterator[Any]:
    async with empty_registry(fresh_database) as connection:
        yield connection


async def test_a_tier_lasts_as_long_as_the_last_reason_for_it_or_more(owner: Any) -> None:
    (student,), now = await students(owner, 1), datetime.now(UTC)
    ends = [now + timedelta(days=n) for n in (40, 30, 20, 10)]
    ids = [await owner.fetchval(ADD, SEERS[0], student, tier, end) for tier, end in zip(TIERS, ends, strict=True)]
    assert await sight(owner) == {(SEERS[0], student): tuple(ends)}
    await owner.execute(END, ids[0])
    assert (await sight(owner))[SEERS[0], student] == (ends[1], ends[1], ends[2], ends[3])
    await owner.execute("UPDATE access SET ends_at = 'infinity' WHERE id = $1", ids[3])
    assert (await sight(owner))[SEERS[0], student] == (EVER,) * 4
    await owner.execute("UPDATE access SET ended_at = now()")
    assert (await sight(owner))[SEERS[0], student] == (NEVER,) * 4
    await owner.execute("UPDATE access SET ended_at = 'infinity' WHERE id = $1", ids[2])
    assert (await sight(owner))[SEERS[0], student] == (ends[2], ends[2], ends[2], NEVER)


async def test_removed_reasons_count_no_more(owner: Any) -> None:
    (student,) = await students(owner, 1)
    for tier in TIERS:
        await owner.execute(ADD, SEERS[0], student, tier, EVER)
    for tier in reversed(TIERS):
        await owner.execute("DELETE FROM access WHERE tier = $1", tier)
        await agree(owner)
    row = await owner.fetchrow("SELECT * FROM sight WHERE student = $1", student)
    assert {row[name] for name in INSTANTS} == {NEVER}


async def test_many_pairs_in_one_statement(owner: Any) -> None:
    young = await students(owner, 50)
    await owner.execute(
        "INSERT INTO access (seer, student, tier, purpose, ends_at)"
        " SELECT s, p, t, 'STAGE', now() + d * interval '1 day'"
        " FROM unnest($1::text[]) s, unnest($2::uuid[]) p, unnest($3::text[]) WITH ORDINALITY t(t, d)",
        SEERS, young, TIERS,
    )  # fmt: skip
    assert len(await sight(owner)) == 200
    await agree(owner)
    await owner.execute("UPDATE access SET ended_at = now() WHERE tier = 'IDENTIFIED' AND seer < 'n'")
    await agree(owner)


async def test_a_pair_keeps_its_alias_and_salt(owner: Any) -> None:
    (student,), names = await students(owner, 1), "SELECT alias, id_salt FROM sight WHERE student = $1"
    first = await owner.fetchval(ADD, SEERS[0], student, "TRACE", EVER)
    before = await owner.fetchrow(names, student)
    await owner.execute(END, first)
    await owner.execute(ADD, SEERS[0], student, "IDENTIFIED", EVER)
    assert await owner.fetchrow(names, student) == before


# ---- nobody else


async def test_nobody_but_the_keeper_writes_sight(owner: Any, fresh_logins: Logins) -> None:
    prefix = role_prefix(await owner.fetchval("SELECT current_database()"))
    (student,) = await students(owner, 1)
    await owner.execute(ADD, SEERS[0], student, "TRACE", EVER)
    statements = (
        "UPDATE sight SET until_identified = 'infinity'",
        "UPDATE sight SET seer = 'uwv#uwv'",
        "DELETE FROM sight",
        "TRUNCATE sight",
        "INSERT INTO sight (seer, student, school) SELECT 'uwv#uwv', id, school FROM student",
        "SELECT keep_sight()",
        "SELECT keep_sight_place()",
        "ALTER TABLE access DISABLE TRIGGER ALL",
        "DROP TRIGGER access_added ON access",
    )
    for role in ROLES:
        connection = await asyncpg.connect(fresh_logins.worker if role == "worker" else fresh_logins.gateway)
        try:
            await connection.execute(f'SET ROLE "{prefix}_{role}"')
            await connection.execute("SELECT set_config('spil.seer', $1, false)", SEERS[0])
            for statement in statements:
                with pytest.raises(
                    (asyncpg.InsufficientPrivilegeError, asyncpg.WrongObjectTypeError, asyncpg.FeatureNotSupportedError)
                ):
                    await connection.execute(statement)
        finally:
            await connection.close()
    assert (await sight(owner))[SEERS[0], student] == (EVER, NEVER, NEVER, NEVER)


async def test_a_reader_or_command_adds_and_changes_no_reason(owner: Any, fresh_logins: Logins) -> None:
    prefix = role_prefix(await owner.fetchval("SELECT current_database()"))
    (student,) = await students(owner, 1)
    await owner.execute(ADD, SEERS[0], student, "TRACE", EVER)
    connection = await asyncpg.connect(fresh_logins.gateway)
    for role in ROLES[:-1]:
        await connection.execute(f'SET ROLE "{prefix}_{role}"')
        await connection.execute("SELECT set_config('spil.seer', $1, false)", SEERS[0])
        for statement in (
            "INSERT INTO access (seer, tier, purpose, ends_at) VALUES ('uwv#uwv', 'TRACE', 'STAGE', now())",
            "UPDATE access SET ends_at = 'infinity'",
            "DELETE FROM access",
            "UPDATE student SET school = school",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize(
    "change",
    [
        "seer = 'uwv#uwv'",
        "student = gen_random_uuid()",
        "tier = 'IDENTIFIED'",
        "purpose = 'ENROLMENT'",
        "case_type = 'UITVAL', case_n = 1",
    ],
)
async def test_a_reason_is_never_turned_into_another(owner: Any, change: str) -> None:
    (student,) = await students(owner, 1)
    await owner.execute(ADD, SEERS[0], student, "TRACE", EVER)
    before = await sight(owner)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(f"UPDATE access SET {change}")
    assert await sight(owner) == before


async def test_a_right_begins_when_it_is_made(owner: Any) -> None:
    (student,) = await students(owner, 1)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(
            "INSERT INTO access (seer, student, tier, purpose, started_at, ends_at)"
            " VALUES ($1, $2, 'TRACE', 'STAGE', now() + interval '1 second', 'infinity')", SEERS[0], student,
        )  # fmt: skip


# ---- places


async def test_a_transfer_or_a_move_is_copied_to_every_seer_and_ends_nothing(owner: Any) -> None:
    young = await students(owner, 3)
    for seer, student in itertools.product(SEERS, young):
        await owner.execute(ADD, seer, student, "CANDIDATE", EVER)
    before = await sight(owner)
    places = "SELECT DISTINCT school, municipality FROM sight WHERE student = ANY ($1)"
    for change, expected in (
        ("municipality = 'GM0855'", ("90ZX00", "GM0855")),
        ("school = '90ZX01'", ("90ZX01", "GM0855")),
        ("municipality = NULL", ("90ZX01", None)),
        ("municipality = 'GM0796', school = '90ZX00'", ("90ZX00", "GM0796")),
    ):
        await owner.execute(f"UPDATE student SET {change} WHERE id = ANY ($1)", young[:2])
        assert [tuple(row) for row in await owner.fetch(places, young[:2])] == [expected]
        assert [tuple(row) for row in await owner.fetch(places, young[2:])] == [("90ZX00", "GM0796")]
    assert await sight(owner) == before


async def test_erasing_a_student_erases_every_pair(owner: Any) -> None:
    (student,) = await students(owner, 1)
    for seer in SEERS:
        await owner.execute(ADD, seer, student, "IDENTIFIED", EVER)
    await owner.execute("DELETE FROM student WHERE id = $1", student)
    assert await owner.fetchval("SELECT count(*) FROM sight") == 0
    assert await owner.fetchval("SELECT count(*) FROM access") == 0
