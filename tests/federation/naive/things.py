"""Objects of the graph as the naive side holds them, and the lists in which they stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from tests.federation.naive.pages import LATEST, Keys, Slice, among, not_after, not_before, page, within
from tests.federation.naive.rights import Eyes
from tests.federation.naive.rows import Row

PERSONS = (
    "Student",
    "Candidate",
    "Placement",
    "Credential",
    "Uitval",
    "SupportRequest",
    "WarmHandover",
    "Event",
    "DueItem",
)


@dataclass(frozen=True)
class Thing:
    """A row under its type's name."""

    type: str
    row: Row

    @property
    def student(self) -> str | None:
        student = self.row["student"] if self.type in PERSONS else None
        return str(student) if student else None


def things(kind: str, rows: Iterable[Row | None]) -> list[Thing]:
    return [Thing(kind, row) for row in rows if row is not None]


def thing(kind: str, row: Row | None) -> Thing | None:
    return Thing(kind, row) if row is not None else None


def by(column: str) -> Keys:
    return lambda one: (one.row[column],)


def schools(eyes: Eyes, place: str, rows: list[Row], a: dict[str, Any]) -> Slice:
    f = a.get("filter") or {}
    kept = [
        s
        for s in rows
        if within(s["region"], f.get("region"))
        and within(s["municipality"], f.get("municipality"))
        and within(s["board"], f.get("board"))
        and within(s["kind"], f.get("kind"))
    ]
    orders: dict[str, Keys] = {"BRIN": by("brin"), "NAME": lambda s: (s.row["name"], s.row["brin"])}
    return page(eyes, place, things("School", kept), orders, a)


def municipalities(eyes: Eyes, place: str, rows: list[Row], a: dict[str, Any]) -> Slice:
    f = a.get("filter") or {}
    start = f.get("nameStartsWith")
    kept = [
        m
        for m in rows
        if within(m["region"], f.get("region")) and (start is None or m["name"].lower().startswith(start.lower()))
    ]
    return page(eyes, place, things("Municipality", kept), {"CODE": by("code")}, a)


def service_points(eyes: Eyes, place: str, rows: list[Row], a: dict[str, Any]) -> Slice:
    f = a.get("filter") or {}
    kept = [v for v in rows if within(v["region"], f.get("region")) and within(v["kind"], f.get("kind"))]
    return page(eyes, place, things("ServicePoint", kept), {"CODE": by("code")}, a)


def opportunities(eyes: Eyes, place: str, rows: list[Row], a: dict[str, Any]) -> Slice:
    f = a.get("filter") or {}
    kept = [
        o
        for o in rows
        if within(o["region"], f.get("region"))
        and within(o["municipality"], f.get("municipality"))
        and within(o["employer"], f.get("employer"))
        and among(o["kind"], f.get("kind"))
        and within(o["sector"], f.get("sector"))
        and within(o["open_to_pro_vso"], f.get("openToProVso"))
        and not_before(o["closes_on"] or LATEST, f.get("closesFrom"))
    ]
    orders: dict[str, Keys] = {
        "ID": by("id"),
        "CLOSES_ON": lambda o: (o.row["closes_on"] or LATEST, o.row["id"]),
        "DISTANCE": lambda o: (kilometres(eyes, o.row) or 0, o.row["id"]),
    }
    return page(eyes, place, things("Opportunity", kept), orders, a)


def sources(eyes: Eyes, place: str, a: dict[str, Any]) -> Slice:
    rows = [s for s in eyes.world.tables["source"] if eyes.sees_source(s)]
    return page(eyes, place, things("Source", rows), {"KEY": by("key")}, a)


def last_run(eyes: Eyes, source: Row) -> Thing | None:
    """The youngest reading."""
    runs = sorted(
        eyes.world.all("source_run", "source", source["key"]), key=lambda r: (-r["started_at"].timestamp(), r["id"])
    )
    return thing("SourceRun", runs[0] if runs else None)


def moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def kilometres(eyes: Eyes, opportunity: Row) -> int | None:
    """From the own school's municipality to the opportunity's, as the crow flies; None for who is no school."""
    school = eyes.world.one("school", "brin", eyes.key)
    if school is None:
        return None
    here = eyes.world.one("municipality", "code", school["municipality"])
    there = eyes.world.one("municipality", "code", opportunity["municipality"])
    assert here is not None
    assert there is not None
    return round(math.hypot((there["lon"] - here["lon"]) * 68, (there["lat"] - here["lat"]) * 111))


def profile_of(eyes: Eyes, student: str) -> Row:
    """The profile, or one in which nothing is known."""
    found = eyes.world.one("student_profile", "student", student) if eyes.as_candidate(student) else None
    return found or {}


def reference_of(eyes: Eyes, student: str) -> str | None:
    """The own school's number."""
    if not eyes.as_candidate(student):
        return None
    for link in eyes.world.all("link", "student", student):
        if link["source"] == eyes.party and link["until_at"].year == 9999:
            return str(link["key"])
    return None


def students(eyes: Eyes, place: str, rows: list[Row], a: dict[str, Any]) -> Slice:
    f = a.get("filter") or {}

    def kept(s: Row) -> bool:
        p = profile_of(eyes, s["student"])
        leaves: date | None = p.get("leaves_on")
        return (
            within(s["school"], f.get("school"))
            and within(s["municipality"], f.get("municipality"))
            and among(p.get("destination_aim"), f.get("destinationAim"))
            and (f.get("sector") is None or f["sector"] in p.get("sectors", ()))
            and not_before(leaves, f.get("leavesFrom"))
            and not_after(leaves, f.get("leavesTo"))
            and within(p.get("left_on") is not None, f.get("hasLeft"))
        )

    orders: dict[str, Keys] = {
        "ID": by("alias"),
        "LEAVES_ON": lambda s: (profile_of(eyes, s.row["student"]).get("leaves_on") or LATEST, s.row["alias"]),
        "REFERENCE": lambda s: (reference_of(eyes, s.row["student"]) or "", s.row["alias"]),
    }
    return page(eyes, place, things("Student", [s for s in rows if kept(s)]), orders, a)


def candidates(eyes: Eyes, place: str, rows: list[Row], a: dict[str, Any]) -> Slice:
    sector = (a.get("filter") or {}).get("sector")
    kept = [s for s in rows if sector is None or sector in profile_of(eyes, s["student"]).get("sectors", ())]
    return page(eyes, place, things("Candidate", kept), {"ID": by("alias")}, a)


def placements(eyes: Eyes, place: str, rows: list[Row], a: dict[str, Any]) -> Slice:
    """Across young people the alias stands before the number; within one the number is enough."""
    f = a.get("filter") or {}
    kept = [
        p
        for p in rows
        if among(p["kind"], f.get("kind"))
        and within(p["state"], f.get("state"))
        and within(p["employer"], f.get("employer"))
        and not_before(p["from_on"], f.get("fromFrom"))
        and not_after(p["from_on"], f.get("fromTo"))
    ]

    def key(one: Thing) -> tuple[Any, ...]:
        alias = (eyes.sights[one.row["student"]]["alias"],) if place.startswith("Query.") else ()
        return (*alias, one.row["n"])

    orders: dict[str, Keys] = {"ID": key, "FROM": lambda p: (p.row["from_on"], *key(p))}
    return page(eyes, place, things("Placement", kept), orders, a)


def credentials(eyes: Eyes, place: str, rows: list[Row], a: dict[str, Any]) -> Slice:
    kind = (a.get("filter") or {}).get("kind")
    return page(eyes, place, things("Credential", [c for c in rows if within(c["kind"], kind)]), {"ID": by("n")}, a)
