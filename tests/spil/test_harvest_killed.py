"""A harvest whose process is killed, again and again, ends as one that was left alone."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from typing import Any

from registry.embedded_home import CHECKOUT
from spil.harvest import sync
from tests.conftest import TestPostgres
from tests.spil.harvest_kit import (
    GUIDANCE,
    TOWN,
    SchoolSystem,
    World,
    empty,
    held,
    joined,
    student,
    told,
    waits,
    world_of,
)

STUDENTS, KILLS = 400, 12
PROGRAM = """
import asyncio, sys
from schema.errors import Conflict
from spil.harvest import sync
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(sync(sys.argv[1], sys.argv[2]))
"""
GRANT = """
INSERT INTO access (seer, student, tier, purpose, granted_by, ends_at)
SELECT $1, h.student, 'IDENTIFIED', 'INVOLVE_MUNICIPALITY', $2, 'infinity' FROM harvested h
"""


def school_of() -> SchoolSystem:
    return SchoolSystem({str(1000 + n): student() for n in range(STUDENTS)})


def change(school: SchoolSystem) -> None:
    """A third moves, a tenth is taken back, some leave."""
    for number in sorted(school.students):
        if int(number) % 3 == 0:
            school.put(number, gemeentecode="GM0758")
        if int(number) % 10 == 1:
            school.drop(number)
        elif int(number) % 10 == 2:
            school.put(number, datumuitschrijving="2026-07-10")


async def killed(world: World, key: str, after: float) -> bool:
    """Runs a harvest in a process group of its own and kills it; False when it was quicker."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", PROGRAM, world.worker, key,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdout.readline()
    process.stdin.write(b"\n")
    try:
        await asyncio.wait_for(process.wait(), after)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        return True
    else:
        return False
    finally:
        process.stdin.close()


async def outcome(world: World, kills: int, rng: random.Random, lengths: list[float]) -> tuple[Any, Any, Any, int]:
    """Two harvests with changes between them, killed so many times each; what is held, told and due."""
    await empty(world)
    school, count = school_of(), 0
    async with joined(world, school):
        for step in range(2):
            began = time.monotonic()
            for _ in range(kills):
                count += await killed(world, school.key, rng.uniform(0, lengths[step] / kills * 2))
            await sync(world.worker, school.key)
            lengths.append(time.monotonic() - began)
            if step == 0:
                await world.db.execute(GRANT, f"{TOWN}#participatie", GUIDANCE)
                change(school)
    return await held(world), await told(world), await waits(world), count


async def test_twelve_kills_change_nothing_of_what_is_held_and_told(postgres: TestPostgres) -> None:
    seed = int(os.environ.get("SPIL_HARVEST_SEED") or time.time())
    print(f"\nseed {seed}")
    async with world_of(postgres, "t_killed") as world:
        lengths: list[float] = []
        wanted = await outcome(world, 0, random.Random(seed), lengths)
        got = await outcome(world, KILLS // 2, random.Random(seed), lengths)
        runs = await world.db.fetch("SELECT state, count(*) FROM source_run GROUP BY 1")
    assert got[0] == wanted[0]
    assert got[1] == wanted[1]
    assert got[2] == wanted[2]
    numbers = range(1000, 1000 + STUDENTS)
    assert {one[1] for one in wanted[1]} == {str(n) for n in numbers if n % 10 == 1}, "who was taken back is told of"
    moved = [("MOVE", "REVIEW", str(n), GUIDANCE) for n in numbers if n % 3 == 0 and n % 10 != 1]
    assert wanted[2] == moved, "who moved waits for a review, and nobody else"
    assert len({one for one in wanted[0] if one[2]}) == STUDENTS // 10
    assert got[3] > 0, "nothing was killed"
    assert {row["state"] for row in runs} <= {"DONE", "BROKEN_OFF"}
