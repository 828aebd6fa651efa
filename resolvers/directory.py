"""The directory: which column gives which field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from federation.catalogue import (
    Bound,
    Choice,
    Column,
    Expression,
    Filter,
    Form,
    Join,
    Lookup,
    Many,
    One,
    OrderKey,
    Page,
    Rows,
)
from resolvers.people import STUDENT_FILTERS, STUDENT_ORDERS
from schema.scalars import CODES, POSTCODE, BoardNumber, Brin, MunicipalityCode, Pattern, RegionCode

CODE, NUMBER, JSON = Form.CODE, Form.NUMBER, Form.JSON


def form(scalar: Any) -> Pattern:
    """The form that a code must have, as its scalar says."""
    return CODES[scalar][1]


def by_code(type_name: str, column: str, argument: str, scalar: Any) -> One:
    """One object of the directory by its code; a code of another form is BAD_INPUT, an unknown one is null."""
    return One(type_name, f"{{{column}}} = {{arg.{argument}}}", bound={argument: Bound((argument,), form(scalar))})


BRIN: OrderKey = ("{brin}", "text")
SCHOOL_ORDERS: Mapping[str, tuple[OrderKey, ...]] = {"BRIN": (BRIN,), "NAME": (('{name} COLLATE "C"', "text"), BRIN)}
SCHOOL_FILTERS = {
    "region": Filter("{region} = {value}"),
    "municipality": Filter("{municipality} = {value}"),
    "board": Filter("{board} = {value}"),
    "kind": Filter("{kind} = {value}"),
}
MUNICIPALITY_ORDERS: Mapping[str, tuple[OrderKey, ...]] = {"CODE": (("{code}", "text"),)}
MUNICIPALITY_FILTERS = {
    "region": Filter("{region} = {value}"),
    "nameStartsWith": Filter("starts_with(lower({name}), lower({value}))"),
}
SERVICE_POINT_ORDERS: Mapping[str, tuple[OrderKey, ...]] = {"CODE": (("{code}", "text"),)}
SERVICE_POINT_FILTERS = {"region": Filter("{region} = {value}"), "kind": Filter("{kind} = {value}")}
# Kilometres between the points of two municipalities; at 52 degrees north one of longitude is 68, one of latitude 111.
# The school's own point does not depend on the row: Postgres reads it once for the whole list.
_OWN = "(SELECT m.{axis} FROM school s JOIN municipality m ON m.code = s.municipality WHERE s.brin = {{viewer.key}})"
_THERE = "(SELECT m.{axis} FROM municipality m WHERE m.code = {{municipality}})"
DISTANCE = (
    f"round(sqrt(power(({_THERE.format(axis='lon')} - {_OWN.format(axis='lon')}) * 68, 2)"
    f" + power(({_THERE.format(axis='lat')} - {_OWN.format(axis='lat')}) * 111, 2)))::int"
)
OPPORTUNITY_ORDERS: Mapping[str, tuple[OrderKey, ...]] = {
    "ID": (("{id}", "uuid"),),
    "CLOSES_ON": (("coalesce({closes_on}, 'infinity'::date)", "date"), ("{id}", "uuid")),
    "DISTANCE": ((f"coalesce({DISTANCE}, 0)", "int"), ("{id}", "uuid")),
}
OPPORTUNITY_FILTERS = {
    "region": Filter("{region} = {value}"),
    "municipality": Filter("{municipality} = {value}"),
    "employer": Filter("{employer} = {value}"),
    "kind": Filter("{kind} = ANY ({value})", "text[]"),
    "sector": Filter("{sector} = {value}"),
    "openToProVso": Filter("{open_to_pro_vso} = {value}", "bool"),
    "closesFrom": Filter("coalesce({closes_on}, 'infinity'::date) >= {value}", "date"),
}


def schools(link: str | None) -> Page:
    """Schools by BRIN or name."""
    return Page("School", link, SCHOOL_ORDERS, SCHOOL_FILTERS)


def opportunities(link: str | None) -> Page:
    """Opportunities by id or closing date; without one comes last."""
    return Page("Opportunity", link, OPPORTUNITY_ORDERS, OPPORTUNITY_FILTERS)


REGION = Rows(
    "region",
    {
        "id": Expression("'Region:' || {code}", CODE),
        "code": Column("code", CODE),
        "name": Column("name"),
        "aliases": Column("aliases", JSON),
        "uwvNumber": Column("uwv", NUMBER),
        "tileColumn": Column("tile_column", NUMBER),
        "tileRow": Column("tile_row", NUMBER),
        "longitude": Column("lon", NUMBER),
        "latitude": Column("lat", NUMBER),
        "validFrom": Column("valid_from", NUMBER),
        "validTo": Column("valid_to", NUMBER),
        "centreMunicipality": One("Municipality", "{code} = {parent.centre}"),
        "municipalities": Many("Municipality", "{region} = {parent.code}", ("{code}",)),
        "neighbours": Many(
            "Region",
            "{code} IN (SELECT b.neighbour FROM region_neighbour b WHERE b.region = {parent.code})",
            ("{code}",),
            40,
        ),
        "servicePoints": Many("ServicePoint", "{region} = {parent.code}", ("{code}",)),
        "post": One("CoordinatorPost", "{region} = {parent.code}"),
        "schools": schools("{region} = {parent.code}"),
    },
    lookup=Lookup("{code} = {key.text}", "code"),
)

MUNICIPALITY = Rows(
    "municipality",
    {
        "id": Expression("'Municipality:' || {code}", CODE),
        "code": Column("code", CODE),
        "name": Column("name"),
        "aliases": Column("aliases", JSON),
        "longitude": Column("lon", NUMBER),
        "latitude": Column("lat", NUMBER),
        "validFrom": Column("valid_from", NUMBER),
        "validTo": Column("valid_to", NUMBER),
        "region": One("Region", "{code} = {parent.region}"),
        "schools": schools("{municipality} = {parent.code}"),
        "students": Page("Student", "{municipality} = {parent.code}", STUDENT_ORDERS, STUDENT_FILTERS),
    },
    lookup=Lookup("{code} = {key.text}", "code"),
)

DOORSTROOMPUNT_REGION = Rows(
    "doorstroompunt_region",
    {
        "id": Expression("'DoorstroompuntRegion:' || {code}", CODE),
        "code": Column("code", CODE),
        "name": Column("name"),
        "schools": schools("{doorstroompunt} = {parent.code}"),
    },
    lookup=Lookup("{code} = {key.text}", "code"),
)

SCHOOL_BOARD = Rows(
    "school_board",
    {
        "id": Expression("'SchoolBoard:' || {number}", CODE),
        "number": Column("number", CODE),
        "name": Column("name"),
        "fictitious": Column("fictitious", NUMBER),
        "schools": schools("{board} = {parent.number}"),
    },
    lookup=Lookup("{number} = {key.text}", "number"),
)

SCHOOL = Rows(
    "school",
    {
        "id": Expression("'School:' || {brin}", CODE),
        "brin": Column("brin", CODE),
        "name": Column("name"),
        "kind": Column("kind", CODE),
        "board": One("SchoolBoard", "{number} = {parent.board}"),
        "municipality": One("Municipality", "{code} = {parent.municipality}"),
        "region": One("Region", "{code} = {parent.region}"),
        "doorstroompuntRegion": One("DoorstroompuntRegion", "{code} = {parent.doorstroompunt}"),
        "street": Column("street"),
        "postcode": Column("postcode"),
        "place": Column("place"),
        "phone": Column("phone"),
        "website": Column("website"),
        "studentCount": Column("students"),
        "fictitious": Column("fictitious", NUMBER),
        "contactForEmployers": One(
            "ContactPoint", "{owner_kind} = 'SCHOOL' AND {owner} = {parent.brin} AND {topic} = 'INTERNSHIPS'"
        ),
        "students": Page("Student", "{school} = {parent.brin}", STUDENT_ORDERS, STUDENT_FILTERS),
    },
    lookup=Lookup("{brin} = {key.text}", "brin"),
)

SERVICE_POINT = Rows(
    "service_point",
    {
        "id": Expression("'ServicePoint:' || {code}", CODE),
        "code": Column("code", CODE),
        "kind": Column("kind", CODE),
        "name": Column("name"),
        "region": One("Region", "{code} = {parent.region}"),
        "website": Column("website"),
        "validFrom": Column("valid_from", CODE),
        "validTo": Column("valid_to", CODE),
        "contacts": Many(
            "ContactPoint", "{owner_kind} = 'SERVICE_POINT' AND {owner} = {parent.code}", ("{topic}",), 20
        ),
        "opportunities": opportunities("{service_point} = 'servicepoint:' || {parent.code}"),
    },
    lookup=Lookup("{code} = {key.text}", "code"),
)

COORDINATOR_POST = Rows(
    "coordinator_post",
    {
        "region": One("Region", "{code} = {parent.region}"),
        "filled": Column("filled", NUMBER),
        "state": Column("state", CODE),
        "holder": One("ContactPoint", "{id} = {parent.holder}"),
        "organisation": Column("organisation"),
        "hours": Column("hours", NUMBER),
        "mandate": Column("mandate"),
        "schoolsRepresented": Column("schools_represented", NUMBER),
        "since": Column("since", CODE),
        "history": Many("PostHistory", "{region} = {parent.region}", ("-{n}",)),
    },
)

POST_HISTORY = Rows(
    "coordinator_post_history",
    {
        "state": Column("state", CODE),
        "organisation": Column("organisation"),
        "hours": Column("hours", NUMBER),
        "mandate": Column("mandate"),
        "schoolsRepresented": Column("schools_represented", NUMBER),
        "since": Column("since", CODE),
        "until": Column("until", CODE),
    },
)

CONTACT_POINT = Rows(
    "contact_point",
    {
        "id": Expression("'ContactPoint:' || {id}::text", CODE),
        "topic": Column("topic", CODE),
        "ownerKind": Column("owner_kind", CODE),
        "owner": Choice(
            "{owner_kind}",
            {
                "SCHOOL": ("School", "{brin} = {parent.owner}"),
                "SCHOOL_BOARD": ("SchoolBoard", "{number} = {parent.owner}"),
                "MUNICIPALITY": ("Municipality", "{code} = {parent.owner}"),
                "REGION": ("Region", "{code} = {parent.owner}"),
                "SERVICE_POINT": ("ServicePoint", "{code} = {parent.owner}"),
            },
        ),
        "name": Column("name"),
        "desk": Column("desk"),
        "phone": Column("phone"),
        "mail": Column("mail"),
        "hours": Column("hours"),
        "absentUntil": Column("absent_until", CODE),
        "deputy": One("ContactPoint", "{id} = {parent.deputy}"),
        "verified": Column("verified", CODE),
    },
    lookup=Lookup("{id} = {key.uuid}", "id", "uuid"),
)

PLACES: Mapping[str, tuple[str, Pattern]] = {
    "school": ("SCHOOL", form(Brin)),
    "board": ("BOARD", form(BoardNumber)),
    "municipality": ("MUNICIPALITY", form(MunicipalityCode)),
    "region": ("REGION", form(RegionCode)),
    "postcode": ("POSTCODE", POSTCODE),
}


def place_kind(at: Mapping[str, Any]) -> str:
    """Which of the ways to say where was taken; the input is @oneOf."""
    return next(kind for name, (kind, _) in PLACES.items() if name in at)


def place_key(at: Mapping[str, Any]) -> str:
    """The code that was given. Raises WrongForm when it does not have the form of its kind."""
    return next(pattern(at[name]) for name, (_, pattern) in PLACES.items() if name in at)


CONTACT_ANSWER = Rows(
    "contact_route({arg.topic}, {arg.place_kind}, {arg.place})",
    {
        "contact": One("ContactPoint", "{id} = {parent.contact}"),
        "path": Many(
            "ContactStep",
            order=("{n}",),
            source="(SELECT w.* FROM unnest({parent.kinds}, {parent.whys}, {parent.verifieds})"
            " WITH ORDINALITY w(kind, why, verified, n))",
        ),
    },
    tables=("contact_point", "coordinator_post", "region", "municipality", "school", "service_point", "postcode"),
)
CONTACT_STEP = Rows(
    "contact_step",
    {"kind": Column("kind", CODE), "why": Column("why", CODE), "verified": Column("verified", CODE)},
    tables=(),
)
CONTACT = One(
    "ContactAnswer",
    "true",
    bound={"place_kind": Bound(("at",), place_kind), "place": Bound(("at",), place_key)},
)

EMPLOYER = Rows(
    "employer",
    {
        "id": Expression("'Employer:' || {kvk}", CODE),
        "kvk": Column("kvk", CODE),
        "name": Column("name"),
        "sbi": Column("sbi", CODE),
        "municipality": One("Municipality", "{code} = {parent.municipality}"),
        "locations": Many(
            "Municipality",
            "{code} IN (SELECT l.municipality FROM employer_location l WHERE l.employer = {parent.kvk})",
            ("{code}",),
        ),
        "recognisedUntil": Column("recognised_until", CODE),
        "fictitious": Column("fictitious", NUMBER),
        "opportunities": opportunities("{employer} = {parent.kvk}"),
    },
    lookup=Lookup("{kvk} = {key.text}", "kvk"),
)

OPPORTUNITY = Rows(
    "opportunity",
    {
        "id": Expression("'Opportunity:' || {id}::text", CODE),
        "kind": Column("kind", CODE),
        "conditions": Column("conditions", JSON),
        "title": Column("title"),
        "description": Column("description"),
        "employer": One("Employer", "{kvk} = {parent.employer}"),
        "municipality": One("Municipality", "{code} = {parent.municipality}"),
        "region": One("Region", "{code} = {parent.region}"),
        "servicePoint": One("ServicePoint", "{code} = split_part({parent.service_point}, ':', 2)"),
        "distance": Expression(DISTANCE, NUMBER),
        "sector": Column("sector", CODE),
        "hoursMin": Column("hours_min", NUMBER),
        "hoursMax": Column("hours_max", NUMBER),
        "supportOffered": Column("support_offered", JSON),
        "openToProVso": Column("open_to_pro_vso", NUMBER),
        "places": Column("places", NUMBER),
        "closesOn": Column("closes_on", CODE),
        "source": Column("source"),
        "seenOn": Column("seen_on", CODE),
    },
    lookup=Lookup("{id} = {key.uuid}", "id", "uuid"),
)

VIEWER = Rows(
    "(SELECT {viewer.role} AS role, {viewer.party} AS party, {viewer.function} AS function,"
    " {viewer.scopes} AS scopes, {viewer.notice} AS notice)",
    {
        "role": Column("role", CODE),
        "party": Column("party"),
        "function": Column("function", CODE),
        "name": Expression("{organisation.name}"),
        "scopes": Column("scopes", JSON),
        "notice": Column("notice", CODE),
    },
    joins={"organisation": Join("party", "{key} = {base.party}")},
    tables=(),
)
