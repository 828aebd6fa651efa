"""What is asked of what is due and overdue, how answers are read back into keys, and what the oracle says to them.

Source: graph.md 4 (the row of overdue items) and 6; tables.md, `overdue` without a student. Beside
tests/walls/oracle.py, whose laws hold here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any
from uuid import UUID

from tests.walls.data import World, some
from tests.walls.operations import PERSON, STUDENT, Keys, Operation, Variables, known, many
from tests.walls.oracle import Oracle, once
from tests.walls.seers import Seer
from tests.walls.walls import Walls

LATE = (*PERSON, "COORDINATOR")
DUE = "query($n: Int!) { page: dueItems(first: $n) { totalCount nodes { due: id student { id disclosure } } } }"
OVERDUE = (
    "query($n: Int!) { page: overdueItems(first: $n) { totalCount nodes { late: id lateParty region { code } } } }"
)
BY_ID = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on %s } }"
FIGURES = "query { figures: overdueFigures { items region { code } } }"


@once
def due(oracle: Oracle, seer: Seer) -> set[UUID]:
    """The own party's, done or not, while the young person is seen in lists: of schools and municipalities."""
    if seer.role not in STUDENT:
        return set()
    return {row["id"] for row in oracle.rows["due"] if row["seer"] == seer.key and row["student"] in oracle.seen(seer)}


@once
def overdue(oracle: Oracle, seer: Seer) -> set[UUID]:
    """Its own; a coordinator those of late parties in its region."""
    if seer.role == "COORDINATOR":
        return {row["id"] for row in oracle.rows["overdue"] if row["region"] == seer.code}
    if seer.role not in PERSON:
        return set()
    return {row["id"] for row in oracle.rows["overdue"] if row["late_seer"] == seer.key}


def figure_overdue(oracle: Oracle, seer: Seer) -> set[tuple[str | None, str]]:
    """The country's, of whatever function: it is published."""
    rows = oracle.rows["figure_overdue"] if seer.role == "NATIONAL" else []
    return {(row["region"], row["items"]) for row in rows}


LATENESS: Mapping[str, Callable[[Oracle, Seer], Any]] = {
    "due": due,
    "overdue": overdue,
    "figure_overdue": figure_overdue,
}


def _row(given: str) -> UUID:
    return UUID(given.partition(":")[2])


def _read_due(walls: Walls, seer: Seer, data: Any) -> Keys:
    found: Keys = {data["page"]["totalCount"]}
    for node in data["page"]["nodes"]:
        person = node["student"] or {}  # nobody there: only where a wall has a hole
        who = known(walls, seer, person.get("id", "nobody"))
        found.add((_row(node["due"]), who, person.get("disclosure")))
    return found


def _expect_due(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    sight, mine = walls.oracle.sight(seer), due(walls.oracle, seer)
    rows = [row for row in walls.oracle.rows["due"] if row["id"] in mine and row["done_at"] is None]
    found: Keys = {(row["id"], row["student"], sight[row["student"]]) for row in rows}
    return found | {len(found)}


def _read_overdue(_: Walls, __: Seer, data: Any) -> Keys:
    nodes = data["page"]["nodes"]
    found: Keys = {(_row(node["late"]), node["lateParty"], node["region"]["code"]) for node in nodes}
    return found | {data["page"]["totalCount"]}


def _expect_overdue(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    mine = overdue(walls.oracle, seer)
    rows = [row for row in walls.oracle.rows["overdue"] if row["id"] in mine]
    found: Keys = {(row["id"], row["late_seer"].partition("#")[0], row["region"]) for row in rows}
    return found | {len(found)}


def _ids_of(kind: str, table: str) -> Callable[[Walls, World, Seer, Random], Variables]:
    """Own ones and others'."""

    def variables(walls: Walls, _: World, seer: Seer, rng: Random) -> Variables:
        mine = LATENESS[table](walls.oracle, seer)
        every = [row["id"] for row in walls.oracle.rows[table]]
        ids = some(rng, sorted(mine), 50)
        return {"ids": [f"{kind}:{one}" for one in ids + some(rng, every, 100 - len(ids))]}

    return variables


def _read_ids(_: Walls, __: Seer, data: Any) -> Keys:
    return {_row(node["found"]) for node in data["nodes"] if node}


def _expect_ids(table: str) -> Callable[[Walls, Seer, Variables, str], Keys]:
    def expect(walls: Walls, seer: Seer, variables: Variables, _: str) -> Keys:
        is_open = {row["id"] for row in walls.oracle.rows[table] if table != "due" or row["done_at"] is None}
        found: Keys = LATENESS[table](walls.oracle, seer) & is_open & {_row(one) for one in variables["ids"]}
        return found

    return expect


def _read_figures(_: Walls, __: Seer, data: Any) -> Keys:
    return {(one["region"]["code"] if one["region"] else None, one["items"]) for one in data["figures"]}


FALLEN_DUE = (
    Operation("what is due", frozenset({"due", "sight_case"}), STUDENT, lambda _: DUE, many, _read_due, _expect_due),
    Operation("what is overdue", frozenset({"overdue"}), LATE, lambda _: OVERDUE, many, _read_overdue, _expect_overdue),
    Operation(
        "due items by id",
        frozenset({"due"}),
        STUDENT,
        lambda _: BY_ID % "DueItem { found: id student { id } }",
        _ids_of("DueItem", "due"),
        _read_ids,
        _expect_ids("due"),
    ),
    Operation(
        "overdue items by id",
        frozenset({"overdue"}),
        LATE,
        lambda _: BY_ID % "OverdueItem { found: id }",
        _ids_of("OverdueItem", "overdue"),
        _read_ids,
        _expect_ids("overdue"),
    ),
    Operation(
        "the country's figure",
        frozenset({"figure_overdue"}),
        ("NATIONAL",),
        lambda _: FIGURES,
        lambda *_: {},
        _read_figures,
        lambda walls, seer, _, __: set(figure_overdue(walls.oracle, seer)),
    ),
)
