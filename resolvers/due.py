"""What is due, what is overdue, and the country's figure of it; what closes a due item that no step closes.

Laws
1. A due item is its party's own, and only as long as it sees the young person.
2. An overdue item is about a party: no column of it leads to a young person.

Source: graph.md 6, "clocks are rows"; what makes and ends the rows is 0017_clocks.sql.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auth.viewer import Viewer
from federation.catalogue import Choice, Column, Expression, Filter, Form, Lookup, Many, One, OrderKey, Page, Rows
from resolvers.below import SIGHT
from resolvers.given import key_of
from schema.errors import NotFound

Input = Mapping[str, Any]
CODE, NUMBER = Form.CODE, Form.NUMBER
DAY = "({%s} AT TIME ZONE 'Europe/Amsterdam')::date"
BY_DAY: Mapping[str, tuple[OrderKey, ...]] = {"DUE": (("{due_at}", "timestamptz"), ("{id}", "uuid"))}
BY_ESCALATION: Mapping[str, tuple[OrderKey, ...]] = {"ESCALATED": (("{escalated_at}", "timestamptz"), ("{id}", "uuid"))}
LAST_DAY = Expression("(({due_at} - interval '1 microsecond') AT TIME ZONE 'Europe/Amsterdam')::date", CODE)
_CASE = "{person.student} = {parent.student} AND {n} = {parent.case_n}"

DUE_ITEM = Rows(
    "due",
    {
        "id": Expression("'DueItem:' || {id}::text", CODE),
        "process": Column("process", CODE),
        "step": Column("step", CODE),
        "dueAt": Expression("to_char({due_at} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')", CODE),
        "reminded": Expression("{reminded_at} IS NOT NULL", NUMBER),
        "student": One("Student", "{student} = {parent.student}", through="sight_case"),
        "case": Choice("{case_type}", {"UITVAL": ("Uitval", _CASE), "PLACEMENT": ("Placement", _CASE)}),
    },
    joins={"person": SIGHT},
    person="student",
    lookup=Lookup("{id} = {key.uuid} AND {done_at} IS NULL", "id", "uuid"),
)
DUE_ITEMS = Page("DueItem", "{done_at} IS NULL", BY_DAY)

OVERDUE_ITEM = Rows(
    "overdue",
    {
        "id": Expression("'OverdueItem:' || {id}::text", CODE),
        "process": Column("process", CODE),
        "step": Column("step", CODE),
        "lateParty": Expression("split_part({late_seer}, '#', 1)", CODE),
        "region": One("Region", "{code} = {parent.region}"),
        "dueOn": LAST_DAY,
        "escalatedOn": Expression(DAY % "escalated_at", CODE),
        "clearedOn": Expression(DAY % "cleared_at", CODE),
    },
    lookup=Lookup("{id} = {key.uuid}", "id", "uuid"),
)
OVERDUE_ITEMS = Page("OverdueItem", None, BY_ESCALATION, {"open": Filter("({cleared_at} IS NULL) = {value}", "bool")})

OVERDUE_FIGURE = Rows(
    "figure_overdue",
    {
        "region": One("Region", "{code} = {parent.region}"),
        "process": Column("process", CODE),
        "step": Column("step", CODE),
        "items": Column("items"),
        "computedOn": Expression(DAY % "computed_at", CODE),
    },
)
OVERDUE_FIGURES = Many(
    "OverdueFigure", order=("coalesce({region}, '')", "{process}", "{step}"), limit=400
)  # 36 x what escalates


async def close_due_item(_: Viewer, connection: Any, given: Input) -> str:
    """The lead has seen a move. Raises NotFound, also for what its own step closes."""
    alias = await connection.fetchval("SELECT close_due($1)", key_of("DueItem", given["item"]))
    if alias is None:
        raise NotFound("There is no such item of yours, or its own step closes it.")
    return str(alias)
