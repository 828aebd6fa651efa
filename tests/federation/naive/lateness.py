"""What is due, what is overdue, and how much in the country: the lead's, the late party's and its coordinator's."""
# ruff: noqa: ARG005 - every entry takes the same three arguments

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.federation.naive.pages import Keys, page
from tests.federation.naive.people import day, on, person
from tests.federation.naive.rights import Eyes
from tests.federation.naive.rows import Row
from tests.federation.naive.things import Thing, moment, thing, things

Give = Callable[[Eyes, Any, dict[str, Any]], Any]
BY_DAY: Keys = lambda one: (one.row["due_at"], one.row["id"])  # noqa: E731
BY_ESCALATION: Keys = lambda one: (one.row["escalated_at"], one.row["id"])  # noqa: E731


def due_items(eyes: Eyes, row: Row, a: dict[str, Any]) -> Any:
    kept = [d for d in eyes.world.tables["due"] if eyes.sees_due(d)]
    return page(eyes, "Query.dueItems", things("DueItem", kept), {"DUE": BY_DAY}, a)


def overdue_items(eyes: Eyes, row: Row, a: dict[str, Any]) -> Any:
    only_open = (a.get("filter") or {}).get("open")
    kept = [
        o for o in eyes.world.tables["overdue"] if eyes.sees_overdue(o) and only_open in (None, o["cleared_at"] is None)
    ]
    return page(eyes, "Query.overdueItems", things("OverdueItem", kept), {"ESCALATED": BY_ESCALATION}, a)


def figures(eyes: Eyes, row: Row, a: Any) -> list[Thing]:
    rows = sorted(eyes.world.tables["figure_overdue"], key=lambda f: (f["region"] or "", f["process"], f["step"]))
    return things("OverdueFigure", rows)


def case(eyes: Eyes, row: Row, a: Any) -> Thing | None:
    """The uitval or the placement that it is about, where the seer sees it."""
    if row["case_type"] == "UITVAL":
        found = [u for u in eyes.world.all("uitval", "student", row["student"]) if eyes.sees_uitval(u)]
        return thing("Uitval", next((u for u in found if u["n"] == row["case_n"]), None))
    places = eyes.placements(row["student"]) if row["case_type"] else []
    return thing("Placement", next((p for p in places if p["n"] == row["case_n"]), None))


def region(eyes: Eyes, row: Row, a: Any) -> Thing | None:
    return thing("Region", eyes.world.one("region", "code", row["region"]))


def overdue(eyes: Eyes, row: Row, a: Any) -> Thing | None:
    """Of an event: the item that it names, where it is this seer's."""
    found = eyes.world.one("overdue", "id", row["details"].get("overdue"))
    return thing("OverdueItem", found if found and eyes.sees_overdue(found) else None)


FIELDS: dict[str, Give] = {
    "Query.dueItems": due_items,
    "Query.overdueItems": overdue_items,
    "Query.overdueFigures": figures,
    "DueItem.dueAt": lambda eyes, row, a: moment(row["due_at"]),
    "DueItem.reminded": lambda eyes, row, a: row["reminded_at"] is not None,
    "DueItem.student": person("Student"),
    "DueItem.case": case,
    "OverdueItem.lateParty": lambda eyes, row, a: row["late_seer"].partition("#")[0],
    "OverdueItem.region": region,
    "OverdueItem.dueOn": lambda eyes, row, a: day(row["due_at"] - timedelta(microseconds=1)),
    "OverdueItem.escalatedOn": on("escalated_at"),
    "OverdueItem.clearedOn": on("cleared_at"),
    "OverdueFigure.region": region,
    "OverdueFigure.computedOn": on("computed_at"),
    "Event.overdue": overdue,
}
