"""What the role `command` may do to endpoints, asked of the keeper itself: each seer its own, and no other's."""

from __future__ import annotations

import asyncpg
import pytest

from tests.walls.conftest import Raise
from tests.walls.endpoint_rows import KEY

CALLS = (
    f"SELECT rotate_webhook_key($1, '{KEY}', 'y')",
    "SELECT test_webhook($1)",
    "SELECT replay_webhook($1, 1, 1, 1, 9)",
    "SELECT disable_webhook($1)",
)


async def test_nobody_does_anything_to_another_s_endpoint(raised: Raise) -> None:
    async with raised(1) as (walls, world):
        everybody = [one for one in world.seers if one.party]
        await walls.owner.execute("UPDATE webhook SET state = 'ACTIVE'")
        for seer, owner in zip(everybody, [*everybody[1:], everybody[0]], strict=True):
            hook = await walls.owner.fetchval("SELECT id FROM webhook WHERE seer = $1 LIMIT 1", owner.key)
            for call in CALLS:
                async with walls.acting(seer, "command"):
                    assert await walls.owner.fetchval(call, hook) == "REFUSED", f"{seer}: {call}"


async def test_commands_have_no_right_on_the_tables_of_endpoints(raised: Raise) -> None:
    async with raised(1) as (walls, world):
        for table in ("webhook", "webhook_key", "delivery"):
            for sql in (f"SELECT FROM {table}", f"DELETE FROM {table}", f"INSERT INTO {table} DEFAULT VALUES"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with walls.owner.transaction(), walls.acting(world.holders[0], "command"):
                        await walls.owner.execute(sql)


async def test_who_acts_for_nobody_opens_nothing(raised: Raise) -> None:
    async with raised(1) as (walls, _):
        opens = f"SELECT open_webhook(gen_random_uuid(), 'https://ontvanger.example/', '{{}}', '{KEY}', 'x')"
        async with walls.owner.transaction():
            await walls.owner.execute("SELECT set_config('role', $1, true)", f"{walls.prefix}_command")
            assert await walls.owner.fetchval(opens) == "REFUSED"
