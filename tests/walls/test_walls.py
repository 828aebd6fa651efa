"""Wall 2 alone, wall 3 alone and the oracle give the same rows to everybody."""

from __future__ import annotations

import os
from random import Random, SystemRandom

import pytest

from tests.walls.conftest import Raise
from tests.walls.differential import Case, Tally, disagreement, draw
from tests.walls.questions import OPERATIONS, PLAIN_TABLES
from tests.walls.writes import wrong_writes

CASES = int(os.environ.get("SPIL_WALL_CASES", "1000"))
SEED = int(os.environ.get("SPIL_WALL_SEED") or SystemRandom().randrange(10**9))
PER_WORLD = 1000
FAILED_ONCE: tuple[int, ...] = (37152337,)  # seeds that found something; they run for ever


@pytest.mark.parametrize("seed", [SEED, *FAILED_ONCE])
async def test_the_two_walls_and_the_oracle_agree_on_drawn_cases(raised: Raise, seed: int) -> None:
    print(f"SPIL_WALL_SEED={seed} SPIL_WALL_CASES={CASES}")
    tally = Tally()
    met: set[tuple[str, str]] = set()
    for start in range(0, CASES, PER_WORLD):
        async with raised(seed + start) as (walls, world):
            rng = Random(seed + start)
            for n in range(start, min(start + PER_WORLD, CASES)):
                case = draw(world, rng, {name for _, name in met})
                difference = await disagreement(walls, world, case, rng, tally)
                assert difference is None, f"seed {seed}, case {n}, {case}: {difference}"
                met.add((case.seer.role, case.operation.name if case.operation else case.table))
    print(f"{tally}, {len(met)} kinds of question")
    assert tally.shown > tally.cases / 2
    assert tally.read > tally.cases / 5
    assert {name for _, name in met} == {one.name for one in OPERATIONS} | set(PLAIN_TABLES)


async def test_everybody_asked_everything_once(raised: Raise) -> None:
    """Not drawn: every seer, every operation that it has, every table."""
    async with raised(1) as (walls, world):
        rng = Random(1)
        for seer in world.seers:
            cases = [Case(seer, one) for one in OPERATIONS if seer.role in one.roles]
            for case in [*cases, *(Case(seer, None, table) for table in PLAIN_TABLES)]:
                difference = await disagreement(walls, world, case, rng)
                assert difference is None, f"{case}: {difference}"


async def test_the_rows_try_every_tier_at_every_kind_of_party(raised: Raise) -> None:
    async with raised(1) as (walls, world):
        for role in ("SCHOOL", "SERVICE_POINT", "MUNICIPALITY", "EMPLOYER"):
            tiers = {tier for seer in world.holders if seer.role == role for tier in walls.oracle.sight(seer).values()}
            assert tiers == {"TRACE", "CANDIDATE", "GIVEN_NAME", "IDENTIFIED"}, role
        assert not any(walls.oracle.sight(seer) for seer in world.others)


async def test_commands_change_what_the_party_answers_for_and_nothing_else(raised: Raise) -> None:
    async with raised(1) as (walls, world):
        rng = Random(1)
        for seer in world.seers:
            assert await wrong_writes(walls, world, seer, rng) is None
