"""The fields of young people: at TRACE all but id and disclosure are null."""
# ruff: noqa: ARG005 - every entry takes the same three arguments

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.federation.naive import things as t
from tests.federation.naive.rights import Eyes
from tests.federation.naive.rows import AMSTERDAM, Row
from tests.federation.naive.things import Thing, profile_of, thing, things

Give = Callable[[Eyes, Any, dict[str, Any]], Any]


def of_profile(column: str) -> Give:
    return lambda eyes, row, a: profile_of(eyes, row["student"]).get(column)


def if_candidate(give: Give) -> Give:
    """Null at TRACE."""
    return lambda eyes, row, a: give(eyes, row, a) if eyes.as_candidate(row["student"]) else None


def disclosure(eyes: Eyes, row: Row, a: Any) -> str:
    return eyes.tier(row)


def work_processes(items: list[str] | None) -> list[Thing] | None:
    """'<crebo>:<code>' each."""
    if items is None:
        return None
    return [Thing("WorkProcess", dict(zip(("crebo", "code"), i.split(":"), strict=True))) for i in items]


def completeness(eyes: Eyes, row: Row, a: Any) -> int | None:
    """A fifth for each of aim, leaving date, sectors, hours and travel limit."""
    p = profile_of(eyes, row["student"])
    if not p:
        return None
    filled = (
        p["destination_aim"] != "ONBEKEND",
        p["leaves_on"] is not None,
        bool(p["sectors"]),
        p["hours"] is not None,
        p["travel_limit"] is not None,
    )
    return 20 * sum(bool(one) for one in filled)


def lead(eyes: Eyes, row: Row, a: Any) -> Thing | None:
    for one in eyes.world.all("lead", "student", row["student"]):
        if one["until_at"].year == 9999:
            party, _, function = one["seer"].partition("#")
            return Thing(
                "Lead", {"party": party, "function": function, "since": one["from_at"].astimezone(AMSTERDAM).date()}
            )
    return None


def freshness(eyes: Eyes, row: Row, a: Any) -> Any:
    at = profile_of(eyes, row["student"]).get("harvested_at")
    return at.astimezone(AMSTERDAM).date() if at else None


def age_band(eyes: Eyes, row: Row, a: Any) -> str | None:
    band = profile_of(eyes, row["student"]).get("age_band")
    return f"AGE_{band}" if band else None


def band(column: str, bounds: tuple[int, int], names: tuple[str, str, str]) -> Give:
    """A number as one of three bands."""

    def give(eyes: Eyes, row: Row, a: Any) -> str | None:
        value = profile_of(eyes, row["student"]).get(column)
        if value is None:
            return None
        return names[0] if value <= bounds[0] else names[1] if value <= bounds[1] else names[2]

    return give


def highest_credential(eyes: Eyes, row: Row, a: Any) -> str | None:
    """The kind of the highest level; of equals the first; without a level comes last."""
    rows = sorted(eyes.credentials(row["student"]), key=lambda c: (c["level"] is None, -(c["level"] or 0), c["n"]))
    return rows[0]["kind"] if rows else None


def available_from(eyes: Eyes, row: Row, a: Any) -> str | None:
    leaves = profile_of(eyes, row["student"]).get("leaves_on")
    return f"{leaves:%Y-%m}" if leaves else None


def person(kind: str) -> Give:
    """The young person behind a row: however little is seen of them."""
    return lambda eyes, row, a: thing(kind, eyes.sights.get(row["student"]))


def opportunity(eyes: Eyes, row: Row, a: Any) -> Thing | None:
    found = row["opportunity"] in eyes.opportunity_ids
    return thing("Opportunity", eyes.world.one("opportunity", "id", row["opportunity"])) if found else None


def placements(kind: str) -> Give:
    return if_candidate(
        lambda eyes, row, a: t.placements(eyes, f"{kind}.placements", eyes.placements(row["student"]), a)
    )


def credentials(kind: str) -> Give:
    return if_candidate(
        lambda eyes, row, a: t.credentials(eyes, f"{kind}.credentials", eyes.credentials(row["student"]), a)
    )


def by_code(kind: str, table: str, key: str, column: str) -> Give:
    return if_candidate(lambda eyes, row, a: thing(kind, eyes.world.one(table, key, row[column])))


def employer(eyes: Eyes, row: Row, a: Any) -> list[Thing] | Thing:
    return things("Employer", [eyes.world.one("employer", "kvk", row["employer"])])[0]


def is_own_school(eyes: Eyes, row: Row) -> bool:
    """Whether the seer is the guidance of the student's school, and sees them IDENTIFIED."""
    return eyes.seer == f"school:{row['school']}#guidance" and eyes.tier(row) == "IDENTIFIED"


def day(at: Any) -> Any:
    return at.astimezone(AMSTERDAM).date() if at is not None else None


def access(eyes: Eyes, row: Row, a: Any) -> list[Thing] | None:
    """The open reasons of everybody, by seer, purpose and age."""
    if not is_own_school(eyes, row):
        return None
    rows = [
        one
        for one in eyes.world.all("access", "student", row["student"])
        if one["ended_at"].year == 9999 and one["ends_at"] > eyes.world.now
    ]
    rows.sort(key=lambda one: (one["seer"], one["purpose"], one["started_at"], one["id"]))
    return things("AccessGrant", [grant(one) for one in rows[:100]])


def grant(row: Row) -> Row:
    party, _, function = row["seer"].partition("#")
    until = None if row["ends_at"].year == 9999 else day(row["ends_at"] - timedelta(microseconds=1))
    more = {"party": party, "function": function, "since": day(row["started_at"]), "until": until}
    return {**row, **more, "why": WHY[row["purpose"]]}


WHY = {
    "ENROLMENT": "The student is enrolled at this school.",
    "CAREER_GUIDANCE": "The school offers guidance for two years after leaving.",
    "STAGE_SEARCH": "The school asked this service point to look for an internship; nobody is named there.",
    "WORK_SEARCH": "With consent, this service point looks for work; nobody is named there.",
    "INTRODUCTION": "With consent, the student was introduced to this employer by given name.",
    "STAGE": "The student has an internship at this employer.",
    "EMPLOYMENT": "The student works at this employer.",
    "INVOLVE_MUNICIPALITY": "The school asked the municipality for support; the family was told.",
    "CONTINUE_SUPPORT": "With consent, the municipality continues the support.",
    "SAFETY_NET": "A place was lost, and it was agreed that the municipality would be told then.",
    "CONSULTATION": "The Doorstroompunt asks the school about this student; it sees no name here.",
    "CARE_ROUTE": "With consent, this party judges a request for care or benefits.",
    "EVIDENCE": "This party gives evidence for a praktijkverklaring.",
    "PLACED_FROM": "The place came from this service point; it sees the placement and no person.",
}


def cases(kind: str, table: str) -> Give:
    """Of who asked and who is addressed; handovers of who started them. In the order of time."""

    def give(eyes: Eyes, row: Row, a: Any) -> list[Thing] | None:
        if eyes.tier(row) != "IDENTIFIED":
            return [] if eyes.as_candidate(row["student"]) else None
        sides = ("from_seer", "to_seer") if table == "support_request" else ("from_seer",)
        rows = [one for one in eyes.world.all(table, "student", row["student"]) if eyes.seer in [one[s] for s in sides]]
        return things(kind, sorted(rows, key=lambda one: int(one["n"]))[:20])

    return give


def side(column: str) -> Give:
    return lambda eyes, row, a: row[column].partition("#")[0]


def on(column: str) -> Give:
    return lambda eyes, row, a: day(row[column])


def handover_state(eyes: Eyes, row: Row, a: Any) -> str:
    over = row["state"] == "STARTED" and row["expires_at"] <= eyes.world.now
    return "EXPIRED" if over else str(row["state"])


BOTH: dict[str, Give] = {
    "disclosure": disclosure,
    "sectors": of_profile("sectors"),
    "supportWanted": of_profile("support_wanted"),
    "workProcesses": lambda eyes, row, a: work_processes(profile_of(eyes, row["student"]).get("work_processes")),
}
FIELDS: dict[str, Give] = {
    **{f"{kind}.{name}": give for kind in ("Student", "Candidate") for name, give in BOTH.items()},
    **{f"{kind}.placements": placements(kind) for kind in ("Student", "Candidate")},
    **{f"{kind}.credentials": credentials(kind) for kind in ("Student", "Candidate")},
    "Student.reference": lambda eyes, row, a: t.reference_of(eyes, row["student"]),
    "Student.school": by_code("School", "school", "brin", "school"),
    "Student.municipality": by_code("Municipality", "municipality", "code", "municipality"),
    "Student.destinationAim": of_profile("destination_aim"),
    "Student.schoolYear": of_profile("school_year"),
    "Student.leavesOn": of_profile("leaves_on"),
    "Student.leftOn": of_profile("left_on"),
    "Student.ageBand": age_band,
    "Student.hours": of_profile("hours"),
    "Student.travelLimit": of_profile("travel_limit"),
    "Student.lead": if_candidate(lead),
    "Student.access": access,
    "Student.supportRequests": cases("SupportRequest", "support_request"),
    "Student.handovers": cases("WarmHandover", "handover"),
    "SupportRequest.from": side("from_seer"),
    "SupportRequest.to": side("to_seer"),
    "SupportRequest.supportWanted": lambda eyes, row, a: row["wanted"],
    "SupportRequest.sentOn": on("sent_at"),
    "SupportRequest.answeredOn": on("answered_at"),
    "WarmHandover.state": handover_state,
    "WarmHandover.to": side("to_seer"),
    "WarmHandover.startedOn": on("started_at"),
    "WarmHandover.expiresOn": lambda eyes, row, a: day(row["expires_at"] - timedelta(microseconds=1)),
    "WarmHandover.code": lambda eyes, row, a: (
        None
    ),  # shown for ten minutes, by the layer: tests/resolvers/test_handover
    "Student.completeness": completeness,
    "Student.freshness": freshness,
    "Candidate.highestCredential": if_candidate(highest_credential),
    "Candidate.hoursBand": band("hours", (16, 28), ("UP_TO_16", "FROM_17_TO_28", "FROM_29")),
    "Candidate.travelBand": band("travel_limit", (10, 30), ("UP_TO_10_KM", "UP_TO_30_KM", "FURTHER")),
    "Candidate.availableFrom": available_from,
    "Placement.employer": employer,
    "Placement.opportunity": opportunity,
    "Placement.student": person("Student"),
    "Placement.candidate": person("Candidate"),
    "Credential.workProcesses": lambda eyes, row, a: work_processes(row["work_processes"]),
}
