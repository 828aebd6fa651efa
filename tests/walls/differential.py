"""One case of the differential test: a seer, an operation, and three answers that must agree."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

from tests.walls.data import World
from tests.walls.operations import PERSON, Keys, Operation
from tests.walls.questions import OPERATIONS, PLAIN, PLAIN_TABLES, plain
from tests.walls.seers import Seer
from tests.walls.walls import Refused, Walls

ALONE = {"wall 2": "CANDIDATE", "wall 3": "TRACE"}


@dataclass(frozen=True)
class Case:
    """An operation of the engine, or a table that is read plainly where there is no operation for it."""

    seer: Seer
    operation: Operation | None
    table: str = ""

    def __str__(self) -> str:
        return f"{self.seer}: {self.operation.name if self.operation else 'plain ' + self.table}"


def draw(world: World, rng: Random, met: Collection[str] = ()) -> Case:
    """Mostly who may hold reasons, and young people; sometimes who may not, and what a contract does not have.

    Now and then what was not `met` yet goes before: with many kinds of question chance alone forgets some.
    """
    seer = rng.choice(world.holders if rng.random() < 0.75 else world.others)
    if rng.random() < 0.15:
        return Case(seer, None, rng.choice([one for one in PLAIN_TABLES if one not in met] or PLAIN_TABLES))
    having = [one for one in OPERATIONS if seer.role in one.roles]
    if rng.random() < 0.25:
        having = [one for one in having if one.name not in met] or having
    return Case(seer, rng.choice(having if rng.random() < 0.95 else OPERATIONS))


@dataclass
class Tally:
    """What the cases met: a run that never had rows to hide or to show proves nothing."""

    cases: int = 0
    shown: int = 0
    read: int = 0


async def disagreement(walls: Walls, world: World, case: Case, rng: Random, tally: Tally | None = None) -> str | None:
    """What differs between wall 2 alone, wall 3 alone and the oracle; None when they agree."""
    tally = tally or Tally()
    tally.cases += 1
    if case.operation is None:
        found, wanted = await plain(walls, case.seer, case.table)
        tally.shown += bool(wanted)
        return _difference("wall 3, plain", found, wanted)
    if case.seer.role not in case.operation.roles:
        return await _absent(walls, world, case, rng)
    variables = case.operation.variables(walls, world, case.seer, rng)
    for wall in ("wall 2", "wall 3", "both"):
        found, read = await answer(walls, case, variables, wall)
        wanted = case.operation.expect(walls, case.seer, variables, ALONE.get(wall, "CANDIDATE"))
        difference = _difference(wall, found, wanted) or read
        if difference:
            return difference
    tally.shown += bool(wanted - {0})
    tally.read += bool(walls.reads)
    for table in sorted(case.operation.tables & set(PLAIN)):
        found, wanted = await plain(walls, case.seer, table)
        difference = _difference(f"wall 3, plain {table}", found, wanted)
        if difference:
            return difference
    return None


async def answer(walls: Walls, case: Case, variables: Any, wall: str) -> tuple[Keys, str | None]:
    """The keys in an answer, and what is wrong with what the reads log was told."""
    assert case.operation
    data = await walls.ask(wall, case.seer, case.operation.document(case.seer), variables)
    told = {UUID(bytes=key) for read in walls.reads for key in read.students}
    return case.operation.read(walls, case.seer, data), _difference(
        f"{wall}, reads log", told, people(walls, case.seer, data)
    )


def people(walls: Walls, seer: Seer, data: Any) -> Keys:
    """Every young person of whom an id stands in the answer."""
    keys = walls.keys(seer)
    return {key[0] if isinstance(key, tuple) else key for key in (keys.get(one) for one in _ids_in(data)) if key}


def _ids_in(data: Any) -> Iterator[str]:
    if isinstance(data, list):
        for one in data:
            yield from _ids_in(one)
    elif isinstance(data, dict):
        for name, value in data.items():
            if name in ("id", "forget"):
                yield str(value)
            else:
                yield from _ids_in(value)


OWN = frozenset({"covers"})  # every party reads its own rows, whatever it may ask


async def _absent(walls: Walls, world: World, case: Case, rng: Random) -> str | None:
    """What the contract does not have: the oracle must agree that there is nothing to see, and the tables be closed."""
    assert case.operation
    like = Seer(f"school:{world.schools[0]}", "guidance")
    try:
        await walls.ask(
            "both", case.seer, case.operation.document(like), case.operation.variables(walls, world, like, rng)
        )
    except Refused:
        pass
    else:
        if "nodes(ids" not in case.operation.document(like):  # `nodes` is everybody's, and gives nulls
            return "the contract answers what it should not have"
    closed = case.operation.tables & set(PLAIN) - OWN if case.seer.role not in PERSON else frozenset()
    for table in sorted(closed):
        found, wanted = await plain(walls, case.seer, table)
        if found or wanted:
            return f"plain {table}: {len(found)} rows, the oracle has {len(wanted)}"
    return None


def _difference(name: str, found: Keys, wanted: Keys) -> str | None:
    if found == wanted:
        return None
    more, less = sorted(map(str, found - wanted)), sorted(map(str, wanted - found))
    return f"{name}: {len(more)} too many {more[:2]}, {len(less)} missing {less[:2]}"
