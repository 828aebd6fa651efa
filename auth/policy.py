"""Wall 2: per role and table, the predicate that the compiler puts into every FROM of that table.

Written by hand from the design's sections 3 and 4. The row-level security in the migrations is another transcription of
the same pages, and the tests' oracle a third: none is made from another, and a differential test holds them together.

`{column}` is the row's own; `{person.*}` the `sight` row of the young person it is about; `{viewer.*}` who asks.

Laws
1. A table with rows that some role may not read has an entry for every role that has the type in its contract.
2. Rights over a young person are asked of `sight`, or of one open reason in `access`; never of a list of parties.
"""

from __future__ import annotations

from collections.abc import Mapping

from auth.viewer import Role

NOBODY = "false"

# A row of sight, as a list or look-up sees it, and as a case sees it (TRACE: the placement that came from here).
_IN_LISTS = "{seer} = {viewer.seer} AND {until_candidate} > now()"
_IN_A_CASE = "{seer} = {viewer.seer} AND {seen_until} > now()"
_OF_CANDIDATE = "{person.until_candidate} > now()"


def _of_case(case_type: str) -> str:
    return (
        "({person.until_candidate} > now() OR (SELECT true FROM access a"
        f" WHERE a.seer = {{viewer.seer}} AND a.student = {{student}} AND a.case_type = '{case_type}'"
        " AND a.case_n = {n} AND a.ended_at = 'infinity' AND a.ends_at > now() LIMIT 1))"
    )


_OWN_REGIONS = "ARRAY (SELECT p.region FROM party_region p WHERE p.party = {viewer.party})"
_AND_NEIGHBOURS = (
    "ARRAY (SELECT p.region FROM party_region p WHERE p.party = {viewer.party} UNION ALL"
    " SELECT b.neighbour FROM party_region p JOIN region_neighbour b ON b.region = p.region"
    " WHERE p.party = {viewer.party})"
)

_SEERS = {
    "sight": _IN_LISTS,
    "sight_case": _IN_A_CASE,
    "student_profile": _OF_CANDIDATE,
    "placement": _of_case("PLACEMENT"),
    "credential": _of_case("CREDENTIAL"),
}

PREDICATES: Mapping[Role, Mapping[str, str]] = {
    Role.PUBLIC: {
        "contact_point": "NOT {partner_only}",
        "opportunity": "{public}",
    },
    Role.SCHOOL: {
        **_SEERS,
        "lead": _OF_CANDIDATE,
        "link": "{source} = {viewer.party} AND {person.until_candidate} > now()",
        "opportunity": f"({{public}} OR {{region}} = ANY ({_AND_NEIGHBOURS}))",
    },
    Role.SERVICE_POINT: {
        **_SEERS,
        "placement": _of_case("PLACEMENT")
        + " AND (SELECT o.service_point = {viewer.party} FROM opportunity o WHERE o.id = {opportunity})",
        "opportunity": f"({{public}} OR {{service_point}} = {{viewer.party}} OR {{region}} = ANY ({_OWN_REGIONS}))",
    },
    Role.MUNICIPALITY: {
        **_SEERS,
        "lead": _OF_CANDIDATE,
        "opportunity": f"({{public}} OR {{region}} = ANY ({_OWN_REGIONS}))",
    },
    Role.EMPLOYER: {
        **_SEERS,
        "placement": _of_case("PLACEMENT") + " AND {employer} = {viewer.key}",
        "contact_point": "NOT {partner_only}",
        "opportunity": "({public} OR {employer} = {viewer.key})",
    },
    Role.COORDINATOR: {
        "opportunity": f"({{public}} OR {{region}} = ANY ({_OWN_REGIONS}))",
        "coordinator_post_history": "'coordinator:' || {region} = {viewer.party}",
    },
    Role.NATIONAL: {
        "contact_point": "(NOT {partner_only} OR {viewer.function} <> 'reader')",
        "coordinator_post_history": "{viewer.function} <> 'reader'",
        "opportunity": "{public}",
    },
}

# Tables that every login may read whole: a plan over these alone needs no party.
_WHOLE = frozenset(
    {
        "region",
        "municipality",
        "region_neighbour",
        "postcode",
        "doorstroompunt_region",
        "school_board",
        "school",
        "service_point",
        "employer",
        "employer_location",
    }
)


def directory_tables(role: Role) -> frozenset[str]:
    """What a plan of this role may touch on the directory pool: PUBLIC all that it has, others what has no policy."""
    if role is Role.PUBLIC:
        return _WHOLE | {"contact_point", "coordinator_post", "opportunity"}
    return _WHOLE
