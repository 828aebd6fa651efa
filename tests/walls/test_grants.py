"""What every database role may do is what the design says, to the column."""

from __future__ import annotations

import asyncpg
import pytest

from tests.walls import grants


async def test_every_role_has_the_privileges_of_the_design_and_no_other(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await grants.differences(connection) == []
    finally:
        await connection.close()


async def test_what_holds_the_walls_up_stands(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await grants.unpropped(connection) == []
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "seer",
    [
        "board:90001#figures",
        "sbb#recognition",
        "servicepoint:AM27-LEERWERKLOKET#information",
        "school:90ZX00#administration",
        "coordinator:AM27#coordinator",
        "national#lead",
        "employer:90000001#mentor\n",
    ],
)
async def test_who_is_not_in_the_table_of_purposes_can_hold_no_reason(database_url: str, seer: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "INSERT INTO access (seer, student, tier, purpose, ends_at)"
                " VALUES ($1, gen_random_uuid(), 'IDENTIFIED', 'ENROLMENT', 'infinity')",
                seer,
            )
    finally:
        await connection.close()
