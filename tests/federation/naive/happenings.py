"""Losses of a place, and the log: what a party was told, as it may know it now."""
# ruff: noqa: ARG005 - every entry takes the same three arguments

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date
from typing import Any

from tests.federation.naive.keys import CANDIDATES, STUDENTS
from tests.federation.naive.pages import Keys, among, mark, page
from tests.federation.naive.people import day, on, opportunity, person
from tests.federation.naive.rights import Eyes
from tests.federation.naive.rows import AMSTERDAM, Row
from tests.federation.naive.things import Thing, thing, things

Give = Callable[[Eyes, Any, dict[str, Any]], Any]
LOG = "Query.events"
BY_POSITION: Keys = lambda one: (one.row["epoch"], one.row["pos"])  # noqa: E731


def uitvallen(eyes: Eyes, row: Row, a: dict[str, Any]) -> Any:
    states = (a.get("filter") or {}).get("state")
    kept = [u for u in eyes.every_uitval() if among(u["state"], states)]
    keys: Keys = lambda one: (eyes.sights[one.row["student"]]["alias"], one.row["n"])  # noqa: E731
    return page(eyes, "Query.uitvallen", things("Uitval", kept), {"ID": keys}, a)


def reporter(eyes: Eyes, row: Row, a: Any) -> str | None:
    return row["reported_by"].partition("#")[0] if row["reported_by"] else None


def lost(eyes: Eyes, row: Row, a: Any) -> Thing | None:
    """The placement, where the seer sees it."""
    found = [p for p in eyes.placements(row["student"]) if p["n"] == row["placement_n"]]
    return thing("Placement", found[0] if found else None)


def positions(eyes: Eyes) -> list[Thing]:
    """The own log; of each position what it was, or nothing."""
    return [_position(eyes, row) for row in eyes.world.all("event_log", "seer", eyes.seer)]


def _position(eyes: Eyes, row: Row) -> Thing:
    told = eyes.occasion(row)
    details = json.loads(told["details"]) if told else {}
    return Thing("Event", {**row, "told": told, "details": details, "student": told["student"] if told else None})


def events(eyes: Eyes, row: Row, a: dict[str, Any]) -> Any:
    found = page(eyes, LOG, positions(eyes), {"POS": BY_POSITION}, a)
    if a.get("before") is None and 0 not in (a.get("first"), a.get("last")):
        head = eyes.world.one("stream_head", "seer", eyes.seer) or {"epoch": 1, "pos": 0}
        found.end = mark(eyes, f"{LOG}:POS:ASC", (head["epoch"], head["pos"]))
    return found


def if_told(give: Callable[[Row], Any]) -> Give:
    """Null where it is withheld."""
    return lambda eyes, row, a: give(row) if row["told"] else None


def kind_of(row: Row) -> str:
    """`nl.arbeidstoeleiding.uitval-gemeld.v1` -> UITVAL_GEMELD"""
    return str(row["told"]["type"]).split(".")[2].upper().replace("-", "_")


def recorded(row: Row) -> str:
    """To the minute: instants to the microsecond would be the same at every receiver."""
    return str(row["told"]["recorded"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z"))


def forget(eyes: Eyes, row: Row, a: Any) -> str | None:
    if not row["told"] or row["told"]["subject_kind"] != "ENDING" or row["alias"] is None:
        return None
    return f"{'Student' if eyes.role in STUDENTS else 'Candidate'}:{row['alias']}"


def case(eyes: Eyes, row: Row, a: Any) -> Thing | None:
    """The case as the seer sees it now."""
    told = row["told"]
    if not told or not told["case_type"] or told["student"] not in eyes.sights:
        return None
    kind, table, sees = CASES.get(told["case_type"], ("", "", None))
    if sees is None:
        return None
    rows = [one for one in eyes.world.all(table, "student", told["student"]) if one["n"] == told["case_n"]]
    return thing(kind, next((one for one in rows if sees(eyes, one)), None))


def _identified(eyes: Eyes, row: Row) -> bool:
    return eyes.tier(eyes.sights[row["student"]]) == "IDENTIFIED"


CASES: dict[str, tuple[str, str, Callable[[Eyes, Row], bool]]] = {
    "UITVAL": ("Uitval", "uitval", Eyes.sees_uitval),
    "PLACEMENT": ("Placement", "placement", Eyes.sees_placement),
    "SUPPORT_REQUEST": (
        "SupportRequest",
        "support_request",
        lambda eyes, row: (
            eyes.role in STUDENTS and _identified(eyes, row) and eyes.seer in (row["from_seer"], row["to_seer"])
        ),
    ),
    "HANDOVER": (
        "WarmHandover",
        "handover",
        lambda eyes, row: eyes.role == "SCHOOL" and _identified(eyes, row) and eyes.seer == row["from_seer"],
    ),
}


def whom(kind: str) -> Give:
    """The young person of an event, however little is seen of them."""
    roles = STUDENTS if kind == "Student" else CANDIDATES
    return lambda eyes, row, a: person(kind)(eyes, row, a) if row["student"] and eyes.role in roles else None


def offer(eyes: Eyes, row: Row, a: Any) -> Thing | None:
    return opportunity(eyes, {"opportunity": row["details"].get("opportunity")}, a)


def completeness(eyes: Eyes, row: Row, a: dict[str, Any]) -> Thing:
    """The positions that one day of Amsterdam has."""
    asked = date.fromisoformat(a["date"])
    rows = [
        e
        for e in eyes.world.all("event_log", "seer", eyes.seer)
        if e["logged_at"].astimezone(AMSTERDAM).date() == asked
    ]
    ends = sorted((e["epoch"], e["pos"]) for e in rows)
    first, last = ("{}.{}".format(*ends[n]) if ends else None for n in (0, -1))
    return Thing("Completeness", {"date": asked, "count": len(rows), "first": first, "last": last})


FIELDS: dict[str, Give] = {
    "Query.uitvallen": uitvallen,
    "Query.events": events,
    "Query.completeness": completeness,
    "Uitval.reportedOn": on("reported_at"),
    "Uitval.reportedBy": reporter,
    "Uitval.pickedUpOn": on("picked_up_at"),
    "Uitval.interviewHeldOn": lambda eyes, row, a: row["held_on"],
    "Uitval.closedOn": lambda eyes, row, a: day(row["closed_at"]),
    "Uitval.placement": lost,
    "Uitval.student": person("Student"),
    "Uitval.candidate": person("Candidate"),
    "Event.cursor": lambda eyes, row, a: mark(eyes, f"{LOG}:POS:ASC", (row["epoch"], row["pos"])),
    "Event.withheld": lambda eyes, row, a: row["told"] is None,
    "Event.type": if_told(kind_of),
    "Event.recorded": if_told(recorded),
    "Event.purpose": if_told(lambda row: row["details"].get("purpose")),
    "Event.month": if_told(lambda row: row["details"].get("month")),
    "Event.forget": forget,
    "Event.student": whom("Student"),
    "Event.candidate": whom("Candidate"),
    "Event.case": case,
    "Event.opportunity": offer,
}
