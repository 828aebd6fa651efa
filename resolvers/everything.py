"""The catalogue: the one visible list of types and what gives their fields."""

from __future__ import annotations

from collections.abc import Mapping

from federation.catalogue import Ask, Catalogue, Constant, Finder, Keyed, Many, One, Page, Rows
from resolvers import (
    access,
    directory,
    due,
    events,
    handover,
    people,
    sources,
    support_request,
    uitval,
    vacancies,
    webhooks,
)
from schema.scalars import Brin, KvK, MunicipalityCode, RegionCode


def _of_case(field: str, type_name: str) -> Rows:
    """The payload of a command about a case: its reference is `<alias>.<n>`, of nothing where n is 0."""
    reference = "split_part({arg.reference}, '.', %d)::%s"
    return Rows(
        f"(SELECT {reference % (1, 'uuid')} AS alias, {reference % (2, 'int')} AS n)",
        {
            field: One(type_name, "{person.alias} = {parent.alias} AND {n} = {parent.n}"),
            "student": One("Student", "{alias} = {parent.alias}"),
            "candidate": One("Candidate", "{alias} = {parent.alias}"),
        },
        tables=(),
    )


QUERY = Rows(
    "(SELECT 1)",
    {
        "me": One("Viewer", "true"),
        "node": Keyed(),
        "nodes": Keyed(argument="ids", many=True),
        "regions": Many("Region", order=("{code}",), limit=100),
        "region": directory.by_code("Region", "code", "code", RegionCode),
        "municipality": directory.by_code("Municipality", "code", "code", MunicipalityCode),
        "school": directory.by_code("School", "brin", "brin", Brin),
        "student": Keyed(("Student",)),
        "candidate": Keyed(("Candidate",)),
        "employer": directory.by_code("Employer", "kvk", "kvk", KvK),
        "opportunity": Keyed(("Opportunity",)),
        "contact": directory.CONTACT,
        "municipalities": Page("Municipality", None, directory.MUNICIPALITY_ORDERS, directory.MUNICIPALITY_FILTERS),
        "schools": directory.schools(None),
        "servicePoints": Page("ServicePoint", None, directory.SERVICE_POINT_ORDERS, directory.SERVICE_POINT_FILTERS),
        "students": Page("Student", None, people.STUDENT_ORDERS, people.STUDENT_FILTERS),
        "findStudents": people.FOUND,
        "candidates": Page("Candidate", None, people.CANDIDATE_ORDERS, people.CANDIDATE_FILTERS),
        "placements": Page("Placement", None, people.OF_MANY, people.PLACEMENT_FILTERS),
        "opportunities": directory.opportunities(None),
        "uitvallen": uitval.UITVALLEN,
        "events": events.EVENTS,
        "dueItems": due.DUE_ITEMS,
        "overdueItems": due.OVERDUE_ITEMS,
        "overdueFigures": due.OVERDUE_FIGURES,
        "completeness": One("Completeness", "true"),
        "vacancyHits": vacancies.HITS,
        "sources": sources.SOURCES,
        "webhooks": webhooks.WEBHOOKS,
        "_entities": Keyed(many=True, entities=True),
        "_service": One("_Service", "true"),
    },
    tables=(),
)

TYPES: Mapping[str, Rows] = {
    "Query": QUERY,
    "Subscription": events.SUBSCRIPTION,
    "Event": events.EVENT,
    "_Service": Rows("(SELECT 1)", {"sdl": Constant("sdl")}, tables=()),
    "Viewer": directory.VIEWER,
    "Region": directory.REGION,
    "Municipality": directory.MUNICIPALITY,
    "DoorstroompuntRegion": directory.DOORSTROOMPUNT_REGION,
    "SchoolBoard": directory.SCHOOL_BOARD,
    "School": directory.SCHOOL,
    "ServicePoint": directory.SERVICE_POINT,
    "CoordinatorPost": directory.COORDINATOR_POST,
    "PostHistory": directory.POST_HISTORY,
    "ContactPoint": directory.CONTACT_POINT,
    "ContactAnswer": directory.CONTACT_ANSWER,
    "ContactStep": directory.CONTACT_STEP,
    "Employer": directory.EMPLOYER,
    "Opportunity": directory.OPPORTUNITY,
    "Source": sources.SOURCE,
    "SourceRun": sources.SOURCE_RUN,
    **webhooks.TYPES,
    "Student": people.STUDENT,
    "Candidate": people.CANDIDATE,
    **people.LIVE,
    **vacancies.LEAVES,
    "Lead": people.LEAD,
    "AccessGrant": access.GRANT,
    "SupportRequest": support_request.SUPPORT_REQUEST,
    "WarmHandover": handover.HANDOVER,
    "WorkProcess": people.WORK_PROCESS,
    "Placement": people.PLACEMENT,
    "Credential": people.CREDENTIAL,
    "Uitval": uitval.UITVAL,
    "DueItem": due.DUE_ITEM,
    "OverdueItem": due.OVERDUE_ITEM,
    "OverdueFigure": due.OVERDUE_FIGURE,
    "Completeness": events.COMPLETENESS,
    "ContactPointPayload": Rows(
        "(SELECT {arg.reference:uuid} AS contact)",
        {"contact": One("ContactPoint", "{id} = {parent.contact}")},
        tables=(),
    ),
    "AccessPayload": Rows(
        "(SELECT {arg.reference:uuid} AS alias)",
        {
            "student": One("Student", "{alias} = {parent.alias}"),
            "candidate": One("Candidate", "{alias} = {parent.alias}"),
        },
        tables=(),
    ),
    "PlacementPayload": _of_case("placement", "Placement"),
    "UitvalPayload": _of_case("uitval", "Uitval"),
    "PostPayload": Rows(
        "(SELECT {arg.reference} AS region)", {"post": One("CoordinatorPost", "{region} = {parent.region}")}, tables=()
    ),
}


def catalogue(layers: Mapping[str, Ask] | None = None, finders: Mapping[str, Finder] | None = None) -> Catalogue:
    """The catalogue, with the live layers and the finders that this process can ask."""
    return Catalogue(TYPES, layers or {}, finders or {})
