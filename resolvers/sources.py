"""The partner systems and their readings: which column gives which field. Where they are stands in no contract."""

from __future__ import annotations

from collections.abc import Mapping

from federation.catalogue import Column, Expression, Form, One, OrderKey, Page, Rows

CODE, NUMBER = Form.CODE, Form.NUMBER
ORDERS: Mapping[str, tuple[OrderKey, ...]] = {"KEY": (('{key} COLLATE "C"', "text"),)}
SOURCES = Page("Source", None, ORDERS)
LAST = "{id} = (SELECT r.id FROM source_run r WHERE r.source = {parent.key} ORDER BY r.started_at DESC, r.id LIMIT 1)"


def _instant(column: str) -> Expression:
    return Expression(f"to_char({{{column}}} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')", CODE)


SOURCE = Rows(
    "source",
    {
        "key": Column("key", CODE),
        "party": Column("party", CODE),
        "kind": Expression("upper({kind})", CODE),
        "protocol": Column("protocol", CODE),
        "state": Column("state", CODE),
        "lastRun": One("SourceRun", LAST),
    },
)

SOURCE_RUN = Rows(
    "source_run",
    {
        "state": Column("state", CODE),
        "code": Column("code", CODE),
        "startedAt": _instant("started_at"),
        "endedAt": _instant("ended_at"),
        "pages": Column("pages", NUMBER),
        "added": Column("added", NUMBER),
        "changed": Column("changed", NUMBER),
        "unchanged": Column("unchanged", NUMBER),
        "ended": Column("ended", NUMBER),
        "rejected": Column("rejected", NUMBER),
    },
)
