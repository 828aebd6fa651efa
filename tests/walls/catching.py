"""Whether a mutant is caught:

by the differential test, by the writes, by the grants or by the props; and the table of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from random import Random

import asyncpg

from auth.policy import PREDICATES
from tests.walls import grants
from tests.walls.data import World
from tests.walls.differential import Case, answer
from tests.walls.mutants import Mutant, argued
from tests.walls.questions import OPERATIONS, PLAIN_TABLES, plain
from tests.walls.walls import Broken, Walls
from tests.walls.writes import wrong_writes

COMMANDS = (
    "contact_point",
    "contact_point_history",
    "coordinator_post",
    "coordinator_post_history",
    "command",
    "acts_for",
    "party_region",
)


# One reason of each pair is touched: `sight` is born with its instants alone, and made true by the keeper's second
# statement.
AGAIN = """
UPDATE access SET started_at = started_at
WHERE id IN (SELECT DISTINCT ON (seer, student) id FROM access WHERE student = ANY ($1) ORDER BY seer, student, tier
    DESC, id)
"""


class _Restore(Exception):
    pass


async def caught(walls: Walls, world: World, mutant: Mutant) -> str | None:
    """By what; None: it lives."""
    if mutant.kind == "predicate":
        walls.use(mutant.predicates())
        try:
            return await _by_wall_2(walls, world, mutant)
        finally:
            walls.use(PREDICATES)
    found = None
    try:
        async with walls.owner.transaction():
            await walls.owner.execute(mutant.statement.replace("@db@", walls.prefix))
            found = await _by(walls, world, mutant)
            raise _Restore  # noqa: TRY301 - the way to roll a savepoint back
    except _Restore:
        return found
    except (Broken, asyncpg.PostgresError) as error:
        return f"an error: {error}"


async def _by(walls: Walls, world: World, mutant: Mutant) -> str | None:
    if mutant.kind == "grant":
        return next(iter(await grants.differences(walls.owner, mutant.table)), None)
    if mutant.kind == "prop":
        return next(iter(await grants.unpropped(walls.owner)), None)
    if mutant.kind == "keeper":
        await walls.owner.execute("DELETE FROM sight WHERE student = ANY ($1)", world.students)
        await walls.owner.execute(AGAIN, world.students)
    return await _by_wall_3(walls, world, mutant)


async def _by_wall_2(walls: Walls, world: World, mutant: Mutant) -> str | None:
    rng = Random(1)
    for seer in (one for one in world.seers if one.role == mutant.role):
        for operation in (one for one in OPERATIONS if seer.role in one.roles and mutant.table in one.tables):
            variables = operation.variables(walls, world, seer, rng)
            try:
                found, read = await answer(walls, Case(seer, operation), variables, "wall 2")
            except Broken as error:
                return f"{seer}: {error}"
            if found != operation.expect(walls, seer, variables, "CANDIDATE"):
                return f"{seer}, {operation.name}"
            if read:
                return f"{seer}, {read}"
    return None


async def _by_wall_3(walls: Walls, world: World, mutant: Mutant) -> str | None:
    rng = Random(1)
    first: Iterable[str] = [mutant.table] if mutant.table in PLAIN_TABLES else []
    for table in [*first, *(one for one in PLAIN_TABLES if one != mutant.table)]:
        for seer in world.seers:
            found, wanted = await plain(walls, seer, table)
            if found != wanted:
                return f"{seer}, {table}"
    for seer in world.seers if mutant.table in COMMANDS else ():
        wrong = await wrong_writes(walls, world, seer, rng)
        if wrong:
            return wrong
    return None


def table(tried: Sequence[tuple[Mutant, str | None]]) -> Iterator[str]:
    """One line per mutant that lives, and the counts."""
    counts: Counter[tuple[str, str]] = Counter()
    for mutant, by in tried:
        why = argued(mutant)
        fate = "caught" if by else "equivalent" if why else "ALIVE"
        counts[(mutant.kind, fate)] += 1
        if not by:
            yield f"{fate:10} {mutant.kind:9} {mutant.name}" + (f"\n{'':21}{why}" if why else "")
        elif why:
            counts[(mutant.kind, "argued, yet caught")] += 1
            yield f"{'NOT SO':10} {mutant.kind:9} {mutant.name}: argued to change nothing, and caught by {by}"
    for (kind, fate), count in sorted(counts.items()):
        yield f"{count:6} {kind:9} {fate}"


def alive(tried: Sequence[tuple[Mutant, str | None]]) -> list[str]:
    """Those that neither a test catches nor a reason excuses, and reasons that a test refutes."""
    return [mutant.name for mutant, by in tried if bool(by) == bool(argued(mutant))]
