"""Objects by id and by representation: `Type:key`, read as the design's page on ids says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.federation.naive.rights import Eyes, Refusal
from tests.federation.naive.rows import Row
from tests.federation.naive.things import Thing, thing

# type -> (table, key column); what stands below a young person is looked for by the ids of all its rows
TABLES = {
    "Region": ("region", "code"),
    "Municipality": ("municipality", "code"),
    "DoorstroompuntRegion": ("doorstroompunt_region", "code"),
    "SchoolBoard": ("school_board", "number"),
    "School": ("school", "brin"),
    "ServicePoint": ("service_point", "code"),
    "Employer": ("employer", "kvk"),
    "Opportunity": ("opportunity", "id"),
    "ContactPoint": ("contact_point", "id"),
    "DueItem": ("due", "id"),
    "OverdueItem": ("overdue", "id"),
}
NO_ENTITIES = ("ContactPoint", "DueItem", "OverdueItem")
ENTITIES = {
    **{name: column for name, (_, column) in TABLES.items() if name not in NO_ENTITIES},
    "Student": "id",
    "Candidate": "id",
}
"""The @key field of each entity."""
STUDENTS, CANDIDATES = ("SCHOOL", "MUNICIPALITY"), ("SERVICE_POINT", "EMPLOYER")
BELOW = {
    "Placement": STUDENTS + CANDIDATES,
    "Credential": STUDENTS + CANDIDATES,
    "Uitval": (*STUDENTS, "EMPLOYER"),
}
"""What stands below a young person and has an id, and whose contract has it."""


def in_contract(eyes: Eyes, kind: str) -> bool:
    """Whether the role has the type at all."""
    if kind in ("Student", "Candidate"):
        return eyes.role in (STUDENTS if kind == "Student" else CANDIDATES)
    if kind in ("DueItem", "OverdueItem"):
        return eyes.role in (STUDENTS if kind == "DueItem" else (*STUDENTS, *CANDIDATES, "COORDINATOR"))
    return kind in TABLES or eyes.role in BELOW.get(kind, ())


def id_of(eyes: Eyes, one: Thing) -> str:
    """The id of an object."""
    if one.type in TABLES:
        return f"{one.type}:{one.row[TABLES[one.type][1]]}"
    if one.type in BELOW:
        return eyes.id_below(one.type, one.row)
    return f"{one.type}:{one.row['alias']}"


def by_id(eyes: Eyes, identity: str, only: str | None = None) -> Thing | None:
    """What has this id, is this seer's, and has the type that was asked for."""
    kind, _, key = identity.partition(":")
    if (only and kind != only) or not in_contract(eyes, kind):
        return None
    if kind in TABLES:
        table, column = TABLES[kind]
        found = eyes.world.one(table, column, key)
        hidden = found and (
            (kind == "Opportunity" and found["id"] not in eyes.opportunity_ids)
            or (kind == "ContactPoint" and not eyes.sees_contact(found))
            or (kind == "DueItem" and not eyes.sees_due(found))
            or (kind == "OverdueItem" and not eyes.sees_overdue(found))
        )
        return None if hidden else thing(kind, found)
    for one in _people(eyes, kind, key.partition(".")[0]):
        if id_of(eyes, one) == identity:
            return one
    return None


def _people(eyes: Eyes, kind: str, alias: str) -> Iterable[Thing]:
    """What the seer sees of this kind of the young person with this alias."""
    for sight in eyes.world.all("sight", "alias", alias):
        student = sight["student"]
        if sight["seer"] != eyes.seer or student not in eyes.sights:
            continue
        rows: list[Row] = []
        if kind in ("Student", "Candidate"):
            rows = [sight] if eyes.as_candidate(student) else []
        elif kind == "Uitval":
            rows = [u for u in eyes.world.all("uitval", "student", student) if eyes.sees_uitval(u)]
        else:
            rows = eyes.placements(student) if kind == "Placement" else eyes.credentials(student)
        yield from (Thing(kind, row) for row in rows)


def by_representation(eyes: Eyes, given: Any) -> Any:
    """The entity, None, or what is wrong with the representation."""
    kind = given.get("__typename") if isinstance(given, dict) else None
    if not isinstance(kind, str) or kind not in ENTITIES or not in_contract(eyes, kind):
        return Refusal("UNKNOWN_ENTITY")
    key = ENTITIES[kind]
    if set(given) != {"__typename", key} or not isinstance(given[key], str):
        return Refusal("BAD_REPRESENTATION")
    return by_id(eyes, given[key] if key == "id" else f"{kind}:{given[key]}", kind)
