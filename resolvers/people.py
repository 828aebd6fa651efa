"""Young people: which column gives which field, and under which right.

At TRACE only `id` and `disclosure` are there: what comes from `sight` itself is asked with `until_candidate`, what
comes from the profile is guarded by its policy.
"""

from __future__ import annotations

from collections.abc import Mapping

from federation.catalogue import (
    Column,
    Driver,
    Expression,
    Filter,
    Form,
    Join,
    Live,
    Lookup,
    Many,
    One,
    OrderKey,
    Page,
    Rows,
    Told,
)
from resolvers.access import GRANTS
from resolvers.below import SIGHT, id_below, lookup_below
from resolvers.handover import HANDOVERS
from resolvers.support_request import SUPPORT_REQUESTS

CODE, NUMBER, JSON = Form.CODE, Form.NUMBER, Form.JSON
SEEN = "{parent.until_candidate} > now()"

STUDENT_ORDERS: Mapping[str, tuple[OrderKey, ...]] = {
    "ID": (("{alias}", "uuid"),),
    "LEAVES_ON": (("coalesce({profile.leaves_on}, 'infinity'::date)", "date"), ("{alias}", "uuid")),
    "REFERENCE": (("coalesce({own.key}, '') COLLATE \"C\"", "text"), ("{alias}", "uuid")),
}
STUDENT_FILTERS = {
    "school": Filter("{school} = {value}"),
    "municipality": Filter("{municipality} = {value}"),
    "destinationAim": Filter("{profile.destination_aim} = ANY ({value})", "text[]"),
    "sector": Filter("{value} = ANY ({profile.sectors})"),
    "leavesFrom": Filter("{profile.leaves_on} >= {value}", "date"),
    "leavesTo": Filter("{profile.leaves_on} <= {value}", "date"),
    "hasLeft": Filter("({profile.left_on} IS NOT NULL) = {value}", "bool"),
}
CANDIDATE_ORDERS: Mapping[str, tuple[OrderKey, ...]] = {"ID": (("{alias}", "uuid"),)}
CANDIDATE_FILTERS = {"sector": Filter("{value} = ANY ({profile.sectors})")}

PLACEMENT_FILTERS = {
    "kind": Filter("{kind} = ANY ({value})", "text[]"),
    "state": Filter("{state} = {value}"),
    "employer": Filter("{employer} = {value}"),
    "fromFrom": Filter("{from_on} >= {value}", "date"),
    "fromTo": Filter("{from_on} <= {value}", "date"),
}
# Within one young person the row's number is unique; across several, alias and number are.
OF_ONE: Mapping[str, tuple[OrderKey, ...]] = {"ID": (("{n}", "int"),), "FROM": (("{from_on}", "date"), ("{n}", "int"))}
OF_MANY: Mapping[str, tuple[OrderKey, ...]] = {
    "ID": (("{person.alias}", "uuid"), ("{n}", "int")),
    "FROM": (("{from_on}", "date"), ("{person.alias}", "uuid"), ("{n}", "int")),
}
CREDENTIAL_FILTERS = {"kind": Filter("{kind} = {value}")}


def _work_processes(column: str, given: str | None = None) -> Many:
    source = f"(SELECT w.item, w.n FROM unnest({{parent.{column}}}) WITH ORDINALITY w(item, n))"
    return Many("WorkProcess", order=("{n}",), source=source, given=given)


DISCLOSURE = Expression(
    "CASE WHEN {until_identified} > now() THEN 'IDENTIFIED' WHEN {until_given_name} > now() THEN 'GIVEN_NAME'"
    " WHEN {until_candidate} > now() THEN 'CANDIDATE' ELSE 'TRACE' END",
    CODE,
)
COMPLETENESS = Expression(
    "(({profile.destination_aim} <> 'ONBEKEND')::int + ({profile.leaves_on} IS NOT NULL)::int"
    " + (cardinality({profile.sectors}) > 0)::int + ({profile.hours} IS NOT NULL)::int"
    " + ({profile.travel_limit} IS NOT NULL)::int) * 20",
    NUMBER,
)
PROFILE = Join("student_profile", "{student} = {base.student}")
BELOW, NOT_A_TRACE = "{student} = {parent.student}", "{until_candidate} > now()"
PLACEMENTS = Page("Placement", BELOW, OF_ONE, PLACEMENT_FILTERS, given=NOT_A_TRACE)
CREDENTIALS = Page("Credential", BELOW, {"ID": (("{n}", "int"),)}, CREDENTIAL_FILTERS, given=NOT_A_TRACE)
GIVEN = "{profile.student} IS NOT NULL"

# What a partner knows somebody by, behind the partner's name: all that a live layer is told (resolvers/live.py).
_OPEN = "{student} = {base.student} AND {until_at} = 'infinity' AND split_part({source}, ':', 1)"
AT_SCHOOL = Join("link", f"{_OPEN} = 'school'", "{from_at} DESC, {source}")
IN_A_CASE = Join("link", f"{_OPEN} IN ('municipality', 'service')", "{from_at} DESC, {source}")
SCHOOL_KEY, CASE_KEY = "{at_school.source} || ' ' || {at_school.key}", "{in_a_case.source} || ' ' || {in_a_case.key}"
IDENTIFIED, GIVEN_NAME = "{until_identified} > now()", "{until_given_name} > now()"

STUDENT = Rows(
    "sight",
    {
        "id": Expression("'Student:' || {alias}::text", CODE),
        "disclosure": DISCLOSURE,
        "reference": Expression("{own.key}"),
        "school": One("School", "{brin} = {parent.school} AND " + SEEN),
        "municipality": One("Municipality", "{code} = {parent.municipality} AND " + SEEN),
        "destinationAim": Expression("{profile.destination_aim}", CODE),
        "schoolYear": Expression("{profile.school_year}", NUMBER),
        "leavesOn": Expression("{profile.leaves_on}", CODE),
        "leftOn": Expression("{profile.left_on}", CODE),
        "ageBand": Expression("'AGE_' || {profile.age_band}", CODE),
        "sectors": Expression("{profile.sectors}", JSON),
        "hours": Expression("{profile.hours}", NUMBER),
        "travelLimit": Expression("{profile.travel_limit}", NUMBER),
        "supportWanted": Expression("{profile.support_wanted}", JSON),
        "workProcesses": _work_processes("profile.work_processes", GIVEN),
        "lead": One("Lead", "{student} = {parent.student} AND {until_at} = 'infinity'"),
        "access": GRANTS,
        "supportRequests": SUPPORT_REQUESTS,
        "handovers": HANDOVERS,
        "completeness": COMPLETENESS,
        "freshness": Expression("({profile.harvested_at} AT TIME ZONE 'Europe/Amsterdam')::date", CODE),
        "identity": Live("identity", "StudentIdentity", SCHOOL_KEY, IDENTIFIED),
        "support": Live("support", "MunicipalSupport", CASE_KEY, IDENTIFIED),
        "placements": PLACEMENTS,
        "credentials": CREDENTIALS,
    },
    joins={
        "profile": PROFILE,
        "at_school": AT_SCHOOL,
        "in_a_case": IN_A_CASE,
        "own": Join("link", "{student} = {base.student} AND {source} = {viewer.party} AND {until_at} = 'infinity'"),
    },
    person="student",
    is_person=True,
    lookup=Lookup("{alias} = {key.uuid}", "id", "uuid"),
)

# The own school names them by its own numbers; whom the party does not see stays out all the same.
FOUND = Page(
    "Student",
    "{student} = ANY (ARRAY (SELECT l.student FROM link l WHERE l.source = {viewer.party} AND l.until_at = 'infinity'"
    " AND l.key = ANY ({arg.references:text[]})))",
    {"ID": STUDENT_ORDERS["ID"]},
    driven=Driver("findStudents", "name"),
)

CANDIDATE = Rows(
    "sight",
    {
        "id": Expression("'Candidate:' || {alias}::text", CODE),
        "disclosure": DISCLOSURE,
        "sectors": Expression("{profile.sectors}", JSON),
        "workProcesses": _work_processes("profile.work_processes", GIVEN),
        "highestCredential": Expression(
            "(SELECT c.kind FROM credential c WHERE c.student = {student} AND {until_candidate} > now()"
            " ORDER BY c.level DESC NULLS LAST, c.n LIMIT 1)",
            CODE,
        ),
        "hoursBand": Expression(
            "CASE WHEN {profile.hours} <= 16 THEN 'UP_TO_16' WHEN {profile.hours} <= 28 THEN 'FROM_17_TO_28'"
            " WHEN {profile.hours} > 28 THEN 'FROM_29' END",
            CODE,
        ),
        "availableFrom": Expression("to_char({profile.leaves_on}, 'YYYY-MM')", CODE),
        "travelBand": Expression(
            "CASE WHEN {profile.travel_limit} <= 10 THEN 'UP_TO_10_KM'"
            " WHEN {profile.travel_limit} <= 30 THEN 'UP_TO_30_KM'"
            " WHEN {profile.travel_limit} > 30 THEN 'FURTHER' END",
            CODE,
        ),
        "supportWanted": Expression("{profile.support_wanted}", JSON),
        "givenName": Live("givenName", "String", SCHOOL_KEY, GIVEN_NAME),
        "jobcoach": Live("jobcoach", "SupportContact", CASE_KEY, GIVEN_NAME),
        "placements": PLACEMENTS,
        "credentials": CREDENTIALS,
    },
    joins={"profile": PROFILE, "at_school": AT_SCHOOL, "in_a_case": IN_A_CASE},
    person="student",
    is_person=True,
    lookup=Lookup("{alias} = {key.uuid}", "id", "uuid"),
)

LIVE: Mapping[str, Rows] = {
    name: Rows(name, dict.fromkeys(fields, Told()), tables=())
    for name, fields in {
        "StudentIdentity": ("givenName", "familyName", "birthDate", "mail", "phone", "legalRepresentative"),
        "MunicipalSupport": ("jobcoach", "werkconsulent", "plan", "inPlace"),
        "SupportContact": ("name", "phone", "mail"),
        "SupportPlan": ("from", "to"),
        "SupportInPlace": ("kind", "from", "to"),
    }.items()
}
"""Leaves: their values come whole from a source; no statement ever reads these rows."""

LEAD = Rows(
    "lead",
    {
        "party": Expression("split_part({seer}, '#', 1)"),
        "function": Expression("split_part({seer}, '#', 2)"),
        "since": Expression("({from_at} AT TIME ZONE 'Europe/Amsterdam')::date", CODE),
    },
)

WORK_PROCESS = Rows(
    "work_process",
    {
        "crebo": Expression("split_part({item}, ':', 1)"),
        "code": Expression("split_part({item}, ':', 2)"),
    },
    tables=(),
)

PLACEMENT = Rows(
    "placement",
    {
        "id": id_below("Placement"),
        "kind": Column("kind", CODE),
        "state": Column("state", CODE),
        "from": Column("from_on", CODE),
        "to": Column("to_on", CODE),
        "hours": Column("hours", NUMBER),
        "leadsTo": Column("leads_to", CODE),
        "employer": One("Employer", "{kvk} = {parent.employer}"),
        "opportunity": One("Opportunity", "{id} = {parent.opportunity}"),
        "student": One("Student", "{student} = {parent.student}", through="sight_case"),
        "candidate": One("Candidate", "{student} = {parent.student}", through="sight_case"),
    },
    joins={"person": SIGHT},
    person="student",
    lookup=lookup_below("Placement"),
)

CREDENTIAL = Rows(
    "credential",
    {
        "id": id_below("Credential"),
        "kind": Column("kind", CODE),
        "level": Column("level", NUMBER),
        "title": Column("title"),
        "workProcesses": _work_processes("work_processes"),
        "issuedOn": Column("issued_on", CODE),
    },
    joins={"person": SIGHT},
    person="student",
    lookup=lookup_below("Credential"),
)
