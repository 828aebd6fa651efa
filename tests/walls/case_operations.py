"""What a school asks about who sees its students, and both sides about the cases between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.walls.operations import STUDENT, Keys, Operation, Variables, known, many
from tests.walls.seers import Seer
from tests.walls.walls import Walls

LIST = "query($n: Int!) {{ page: students(first: $n) {{ nodes {{ id below: {field} }} }} }}"
GRANT = "access { party function purpose tier }"
REQUEST, HANDOVER = "supportRequests { from to }", "handovers { to }"


def _below(field: str) -> Callable[[Seer], str]:
    return lambda _: LIST.format(field=field)


def _read(walls: Walls, seer: Seer, data: Any) -> Keys:
    """Student and all that is told of each row below; and how often: rows may look alike."""
    found: list[tuple[Any, ...]] = []
    for node in data["page"]["nodes"]:
        student = known(walls, seer, node["id"])
        found += [(student, *row.values()) for row in node["below"] or ()]
    return {(one, found.count(one)) for one in found}


def _counted(rows: list[tuple[Any, ...]]) -> Keys:
    return {(one, rows.count(one)) for one in rows}


def _expect_grants(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    return _counted(
        [(row["student"], *row["seer"].split("#"), row["purpose"], row["tier"]) for row in walls.oracle.grants(seer)]
    )


def _party(seer: str) -> str:
    return seer.partition("#")[0]


def _expect(table: str, *columns: str) -> Callable[[Walls, Seer, Variables, str], Keys]:
    def expect(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
        visible = getattr(walls.oracle, table)(seer)
        rows = [row for row in walls.oracle.rows[table] if (row["student"], row["n"]) in visible]
        return _counted([(row["student"], *(_party(row[column]) for column in columns)) for row in rows])

    return expect


GIVEN = (
    Operation(
        "who sees a student", frozenset({"access_grant"}), ("SCHOOL",), _below(GRANT), many, _read, _expect_grants
    ),
    Operation(
        "support requests",
        frozenset({"support_request"}),
        STUDENT,
        _below(REQUEST),
        many,
        _read,
        _expect("support_request", "from_seer", "to_seer"),
    ),
    Operation(
        "handovers", frozenset({"handover"}), ("SCHOOL",), _below(HANDOVER), many, _read, _expect("handover", "to_seer")
    ),
)
