"""All rows of a database, read as its owner into dicts: what the naive side answers from.

Laws
1. This package imports nothing of auth.policy, federation or resolvers: it is another transcription of the design.
2. Everything is read once, in one snapshot; `now` is that snapshot's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

Row = dict[str, Any]
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
TABLES = (
    "region",
    "municipality",
    "region_neighbour",
    "postcode",
    "doorstroompunt_region",
    "school_board",
    "school",
    "service_point",
    "contact_point",
    "coordinator_post",
    "coordinator_post_history",
    "party",
    "covers",
    "employer",
    "employer_location",
    "opportunity",
    "student_profile",
    "placement",
    "credential",
    "link",
    "access",
    "support_request",
    "handover",
    "sight",
    "lead",
    "uitval",
    "due",
    "overdue",
    "figure_overdue",
    "outbox",
    "event_log",
    "stream_head",
    "webhook",
    "webhook_key",
    "delivery",
    "source",
    "source_run",
)


@dataclass
class World:
    """The tables, and look-ups that are made when they are first asked for."""

    now: datetime
    tables: dict[str, list[Row]]
    _indexes: dict[tuple[str, str], dict[Any, list[Row]]] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return self.now.astimezone(AMSTERDAM).date()

    def all(self, table: str, column: str, value: Any) -> list[Row]:
        """The rows whose column has this value."""
        key = (table, column)
        if key not in self._indexes:
            index: dict[Any, list[Row]] = {}
            for row in self.tables[table]:
                index.setdefault(row[column], []).append(row)
            self._indexes[key] = index
        return self._indexes[key].get(value, [])

    def one(self, table: str, column: str, value: Any) -> Row | None:
        """The one row whose column has this value. None finds nothing, as in SQL."""
        found = self.all(table, column, value) if value is not None else []
        assert len(found) < 2, f"{table}.{column} is no key"
        return found[0] if found else None


async def load(url: str) -> World:
    """Reads every table as the owner."""
    connection = await asyncpg.connect(url, server_settings={"TimeZone": "UTC"})
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            now = await connection.fetchval("SELECT now()")
            tables = {name: [_plain(r) for r in await connection.fetch(f"SELECT * FROM {name}")] for name in TABLES}
    finally:
        await connection.close()
    return World(now, tables)


def _plain(record: asyncpg.Record) -> Row:
    return {name: _value(value) for name, value in record.items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is None:  # asyncpg's infinity
        return value.replace(tzinfo=UTC)
    return str(value) if isinstance(value, UUID) else value
