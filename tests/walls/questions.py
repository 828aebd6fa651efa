"""All that is asked: the operations of the engine, and the plain reads of tables for wall 3 alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.walls.case_operations import GIVEN
from tests.walls.directory_operations import DIRECTORY
from tests.walls.due_operations import FALLEN_DUE, LATENESS
from tests.walls.endpoints import ENDPOINTS, OWN
from tests.walls.event_operations import EVENTS
from tests.walls.happened import HAPPENED
from tests.walls.operations import CASES, PEOPLE, PERSON, Keys
from tests.walls.oracle import instant
from tests.walls.seers import TIERS, Seer
from tests.walls.walls import Walls

OPERATIONS = (*PEOPLE, *CASES, *GIVEN, *EVENTS, *FALLEN_DUE, *ENDPOINTS, *DIRECTORY)
PLAIN: Mapping[str, tuple[str, ...]] = {
    "student_profile": ("student",),
    "placement": ("student", "n"),
    "credential": ("student", "n"),
    "lead": ("student", "from_at"),
    "link": ("source", "student", "from_at"),
    "opportunity": ("id",),
    "contact_point": ("id",),
    "contact_point_history": ("contact", "n"),
    "coordinator_post": ("region",),
    "coordinator_post_history": ("region", "n"),
    "covers": ("id",),
    "source": ("key",),
    "source_run": ("id",),
    "support_request": ("student", "n"),
    "handover": ("student", "n"),
    "uitval": ("student", "n"),
    "outbox": ("id",),
    "event_log": ("seer", "epoch", "pos"),
    "stream_head": ("seer",),
    "webhook": ("id",),
    "webhook_key": ("webhook", "n"),
    "delivery": ("webhook", "epoch", "pos"),
    "webhook_progress": ("webhook",),
    "due": ("id",),
    "overdue": ("id",),
    "figure_overdue": ("region", "items"),
    "access": ("student", "case_type", "case_n", "ends_at", "ended_at"),
}
INSTANTS = ("until_identified", "until_given_name", "until_candidate", "seen_until")


async def plain(walls: Walls, seer: Seer, table: str) -> tuple[Keys, Keys]:
    """The keys of a table as the reader gets them, and as the oracle does."""
    if table == "sight":
        rows = await walls.plain(seer, f"SELECT student, {', '.join(INSTANTS)} FROM sight")
        found = {(row["student"], _tier(row, walls.oracle.now)) for row in rows or ()}
        return found, (set(walls.oracle.sight(seer).items()) if seer.role in PERSON else set())
    if table == "party_region":
        rows = await walls.plain(seer, "SELECT party, region FROM party_region")
        return {tuple(row) for row in rows or ()}, {(seer.party, region) for region in walls.oracle.regions(seer)}
    columns = PLAIN[table]
    rows = await walls.plain(seer, f"SELECT {', '.join(columns)} FROM {table}")
    found = {row[0] if len(columns) == 1 else tuple(map(instant, row)) for row in rows or ()}
    told = {**HAPPENED, **LATENESS, **OWN}
    return found, told[table](walls.oracle, seer) if table in told else getattr(walls.oracle, table)(seer)


def _tier(row: Any, now: Any) -> str:
    return next(
        (tier for tier, name in zip(reversed(TIERS), INSTANTS, strict=True) if instant(row[name]) > now), "none"
    )


PLAIN_TABLES = ("sight", "party_region", *PLAIN)
