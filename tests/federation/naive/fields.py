"""What gives each field: a table by hand, `Type.field` -> function of (eyes, row, arguments).

All else is the column of the field's name.
"""
# ruff: noqa: ARG005 - every entry takes the same three arguments

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.federation.naive import endpoints, happenings, lateness, people, sources
from tests.federation.naive import things as t
from tests.federation.naive.keys import by_id, by_representation
from tests.federation.naive.rights import Eyes, Refusal
from tests.federation.naive.routing import route
from tests.federation.naive.rows import Row
from tests.federation.naive.things import Thing, thing, things

Give = Callable[[Eyes, Any, dict[str, Any]], Any]

COLUMNS = {
    "Region.uwvNumber": "uwv",
    "Region.longitude": "lon",
    "Region.latitude": "lat",
    "Municipality.longitude": "lon",
    "Municipality.latitude": "lat",
    "School.studentCount": "students",
    "Placement.from": "from_on",
    "Placement.to": "to_on",
}
"""Columns that are named otherwise than their field."""


def column_of(place: str) -> str:
    field = place.partition(".")[2]
    return COLUMNS.get(place) or re.sub("([A-Z])", r"_\1", field).lower()


def code_of(row: Row) -> str:
    return str(row["code"])


def one(kind: str, table: str, key: str, fk: str) -> Give:
    """The row that a foreign key names."""
    return lambda eyes, row, a: thing(kind, eyes.world.one(table, key, row[fk]))


def many(kind: str, table: str, column: str, key: str, most: int = 100) -> Give:
    """The rows that name this one, by code."""
    return lambda eyes, row, a: things(kind, sorted(eyes.world.all(table, column, row[key]), key=code_of)[:most])


def by_code(kind: str, table: str, key: str, form: str) -> Give:
    """What has this code; a code of another form is refused."""

    def give(eyes: Eyes, row: Row, a: dict[str, Any]) -> Thing | None:
        if not re.fullmatch(form, a[key]):
            raise Refusal("BAD_INPUT")
        return thing(kind, eyes.world.one(table, key, a[key]))

    return give


def coded(eyes: Eyes, kind: str, table: str, rows: list[Row], column: str) -> list[Thing]:
    """The rows behind codes, by code."""
    return things(kind, [eyes.world.one(table, "code", code) for code in sorted(r[column] for r in rows)])


def contact(eyes: Eyes, identity: Any) -> Thing | None:
    found = eyes.world.one("contact_point", "id", identity)
    return Thing("ContactPoint", found) if found and eyes.sees_contact(found) else None


def contacts(eyes: Eyes, kind: str, owner: str) -> list[Row]:
    return [
        c for c in eyes.world.all("contact_point", "owner", owner) if c["owner_kind"] == kind and eyes.sees_contact(c)
    ]


OWNERS = {
    "SCHOOL": ("School", "school", "brin"),
    "SCHOOL_BOARD": ("SchoolBoard", "school_board", "number"),
    "MUNICIPALITY": ("Municipality", "municipality", "code"),
    "REGION": ("Region", "region", "code"),
    "SERVICE_POINT": ("ServicePoint", "service_point", "code"),
}


def owner(eyes: Eyes, row: Row, a: Any) -> Thing | None:
    if row["owner_kind"] not in OWNERS:
        return None
    kind, table, key = OWNERS[row["owner_kind"]]
    return thing(kind, eyes.world.one(table, key, row["owner"]))


def history(eyes: Eyes, row: Row, a: Any) -> list[Thing]:
    rows = (
        eyes.world.all("coordinator_post_history", "region", row["region"]) if eyes.sees_history(row["region"]) else []
    )
    return things("PostHistory", sorted(rows, key=lambda h: -int(h["n"]))[:100])


def employers_contact(eyes: Eyes, row: Row, a: Any) -> Thing | None:
    found = [c for c in contacts(eyes, "SCHOOL", row["brin"]) if c["topic"] == "INTERNSHIPS"]
    return thing("ContactPoint", found[0] if found else None)


def answer(eyes: Eyes, row: Row, a: dict[str, Any]) -> Thing:
    found, path = route(eyes, a["topic"], a["at"])
    return Thing("ContactAnswer", {"contact": Thing("ContactPoint", found), "path": things("ContactStep", path)})


def regions(eyes: Eyes, row: Row, a: Any) -> list[Thing]:
    rows = sorted(eyes.world.tables["region"], key=code_of)
    return [Thing("Region", one) for one in rows]


def me(eyes: Eyes, row: Row, a: Any) -> Thing:
    known = eyes.world.one("party", "key", eyes.party)
    name = known["name"] if known else None
    who = {"role": eyes.role, "party": eyes.party, "function": eyes.function, "notice": eyes.notice, "name": name}
    return Thing("Viewer", {**who, "scopes": sorted(eyes.scopes)})


def nodes(eyes: Eyes, row: Row, a: dict[str, Any]) -> list[Thing | None]:
    if len(a["ids"]) > 100:
        raise Refusal("BAD_INPUT")
    return [by_id(eyes, identity) for identity in a["ids"]]


def entities(eyes: Eyes, row: Row, a: dict[str, Any]) -> list[Any]:
    if len(a["representations"]) > 100:
        raise Refusal("BAD_INPUT")
    return [by_representation(eyes, given) for given in a["representations"]]


def schools_by(place: str, column: str, key: str) -> Give:
    return lambda eyes, row, a: t.schools(eyes, place, eyes.world.all("school", column, row[key]), a)


def seen(eyes: Eyes, rows: list[Row]) -> list[Row]:
    return [o for o in rows if o["id"] in eyes.opportunity_ids]


FIELDS: dict[str, Give] = {
    # the root
    "Query.me": me,
    "Query.node": lambda eyes, row, a: by_id(eyes, a["id"]),
    "Query.nodes": nodes,
    "Query.regions": regions,
    "Query.region": by_code("Region", "region", "code", "AM[0-9]{2}"),
    "Query.municipality": by_code("Municipality", "municipality", "code", "GM[0-9]{4}"),
    "Query.school": by_code("School", "school", "brin", "[0-9]{2}[A-Z]{2}[0-9]{2}"),
    "Query.employer": by_code("Employer", "employer", "kvk", "[0-9]{8}"),
    "Query.student": lambda eyes, row, a: by_id(eyes, a["id"], "Student"),
    "Query.candidate": lambda eyes, row, a: by_id(eyes, a["id"], "Candidate"),
    "Query.opportunity": lambda eyes, row, a: by_id(eyes, a["id"], "Opportunity"),
    "Query.contact": answer,
    "Query._entities": entities,
    "Query._service": lambda eyes, row, a: Thing("_Service", {"sdl": eyes.sdl}),
    "Query.municipalities": lambda eyes, row, a: t.municipalities(
        eyes, "Query.municipalities", eyes.world.tables["municipality"], a
    ),
    "Query.schools": lambda eyes, row, a: t.schools(eyes, "Query.schools", eyes.world.tables["school"], a),
    "Query.servicePoints": lambda eyes, row, a: t.service_points(
        eyes, "Query.servicePoints", eyes.world.tables["service_point"], a
    ),
    "Query.students": lambda eyes, row, a: t.students(eyes, "Query.students", eyes.people(), a),
    "Query.candidates": lambda eyes, row, a: t.candidates(eyes, "Query.candidates", eyes.people(), a),
    "Query.placements": lambda eyes, row, a: t.placements(eyes, "Query.placements", eyes.every_placement(), a),
    "Query.opportunities": lambda eyes, row, a: t.opportunities(eyes, "Query.opportunities", eyes.opportunities, a),
    "Query.sources": lambda eyes, row, a: t.sources(eyes, "Query.sources", a),
    "Source.kind": lambda eyes, row, a: row["kind"].upper(),
    "Source.lastRun": lambda eyes, row, a: t.last_run(eyes, row),
    "SourceRun.startedAt": lambda eyes, row, a: t.moment(row["started_at"]),
    "SourceRun.endedAt": lambda eyes, row, a: t.moment(row["ended_at"]),
    # the directory
    "Region.centreMunicipality": one("Municipality", "municipality", "code", "centre"),
    "Region.municipalities": many("Municipality", "municipality", "region", "code"),
    "Region.neighbours": lambda eyes, row, a: coded(
        eyes, "Region", "region", eyes.world.all("region_neighbour", "region", row["code"]), "neighbour"
    ),
    "Region.servicePoints": many("ServicePoint", "service_point", "region", "code"),
    "Region.post": one("CoordinatorPost", "coordinator_post", "region", "code"),
    "Region.schools": schools_by("Region.schools", "region", "code"),
    "Municipality.region": one("Region", "region", "code", "region"),
    "Municipality.schools": schools_by("Municipality.schools", "municipality", "code"),
    "Municipality.students": lambda eyes, row, a: t.students(
        eyes, "Municipality.students", [s for s in eyes.people() if s["municipality"] == row["code"]], a
    ),
    "DoorstroompuntRegion.schools": schools_by("DoorstroompuntRegion.schools", "doorstroompunt", "code"),
    "SchoolBoard.schools": schools_by("SchoolBoard.schools", "board", "number"),
    "School.board": one("SchoolBoard", "school_board", "number", "board"),
    "School.municipality": one("Municipality", "municipality", "code", "municipality"),
    "School.region": one("Region", "region", "code", "region"),
    "School.doorstroompuntRegion": one("DoorstroompuntRegion", "doorstroompunt_region", "code", "doorstroompunt"),
    "School.contactForEmployers": employers_contact,
    "School.students": lambda eyes, row, a: t.students(
        eyes, "School.students", [s for s in eyes.people() if s["school"] == row["brin"]], a
    ),
    "ServicePoint.region": one("Region", "region", "code", "region"),
    "ServicePoint.contacts": lambda eyes, row, a: things(
        "ContactPoint", sorted(contacts(eyes, "SERVICE_POINT", row["code"]), key=lambda c: str(c["topic"]))[:20]
    ),
    "ServicePoint.opportunities": lambda eyes, row, a: t.opportunities(
        eyes,
        "ServicePoint.opportunities",
        seen(eyes, eyes.world.all("opportunity", "service_point", f"servicepoint:{row['code']}")),
        a,
    ),
    "CoordinatorPost.region": one("Region", "region", "code", "region"),
    "CoordinatorPost.filled": lambda eyes, row, a: row["state"] == "APPOINTED",
    "CoordinatorPost.holder": lambda eyes, row, a: contact(eyes, row["holder"]),
    "CoordinatorPost.history": history,
    "ContactPoint.owner": owner,
    "ContactPoint.deputy": lambda eyes, row, a: contact(eyes, row["deputy"]),
    # work
    "Employer.municipality": one("Municipality", "municipality", "code", "municipality"),
    "Employer.locations": lambda eyes, row, a: coded(
        eyes,
        "Municipality",
        "municipality",
        eyes.world.all("employer_location", "employer", row["kvk"]),
        "municipality",
    ),
    "Employer.opportunities": lambda eyes, row, a: t.opportunities(
        eyes, "Employer.opportunities", seen(eyes, eyes.world.all("opportunity", "employer", row["kvk"])), a
    ),
    "Opportunity.distance": lambda eyes, row, a: t.kilometres(eyes, row),
    "Opportunity.employer": one("Employer", "employer", "kvk", "employer"),
    "Opportunity.municipality": one("Municipality", "municipality", "code", "municipality"),
    "Opportunity.region": one("Region", "region", "code", "region"),
    "Opportunity.servicePoint": lambda eyes, row, a: thing(
        "ServicePoint", eyes.world.one("service_point", "code", (row["service_point"] or "").partition(":")[2] or None)
    ),
    **people.FIELDS,
    **happenings.FIELDS,
    **lateness.FIELDS,
    **sources.FIELDS,
    **endpoints.FIELDS,
}
