"""Each condition of the walls matters: without it, the tests of the walls fail. `scripts/mutants` tries them all."""

from __future__ import annotations

import os
import time
from random import Random

from auth.policy import PREDICATES
from tests.walls import mutants
from tests.walls.catching import alive, caught, table
from tests.walls.conftest import Raise

EVERY = os.environ.get("SPIL_MUTANTS") == "all"
SAMPLE = 60


async def test_every_mutant_of_the_walls_is_caught(raised: Raise) -> None:
    """In the suite: whatever is dropped whole, and a sample of the rest; all of them with SPIL_MUTANTS=all."""
    began, seed = time.monotonic(), int(os.environ.get("SPIL_WALL_SEED") or time.time())
    async with raised(1) as (walls, world):
        tried = [*mutants.of_predicates(), *mutants.of_policies(), *mutants.of_what_policies_rest_on()]
        tried += [*mutants.of_the_keeper(), *mutants.of_props()]
        granted = await mutants.of_grants(walls.owner)
        if not EVERY:
            rng = Random(seed)
            whole = [one for one in tried if one.how in ("none", "USING (true)", "WITH CHECK (true)")]
            tried = whole + rng.sample(tried, SAMPLE) + rng.sample(granted, SAMPLE)
        else:
            tried += granted
        fates = [(mutant, await caught(walls, world, mutant)) for mutant in tried]
    print(f"\nseed {seed}", *table(fates), f"{len(fates)} mutants, {time.monotonic() - began:.0f} s", sep="\n")
    assert alive(fates) == []


async def test_without_a_mutant_nothing_is_caught(raised: Raise) -> None:
    """The tests that catch are still where there is nothing to catch."""
    async with raised(1) as (walls, world):
        for kind in ("policy", "grant", "prop"):
            assert (
                await caught(walls, world, mutants.Mutant(kind, "nothing", "", "SELECT 1", table="contact_point"))
                is None
            )
        for role, predicates in PREDICATES.items():
            for name, sql in predicates.items():
                assert await caught(walls, world, mutants.Mutant("predicate", "", "", "", role, name, sql)) is None
