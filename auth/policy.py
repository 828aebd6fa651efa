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


# A link holds the key by which a partner knows somebody: it goes to that partner alone, and only where a tier is open.
_OF_A_CASE = "split_part({source}, ':', 1) IN ('municipality', 'service')"
_OWN_CASE = "{viewer.seer} IN ({from_seer}, {to_seer}) AND {person.until_identified} > now()"
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

# Of an event its receiver reads its own log; what it was, as long as it may know. What is only presumed is the lead's.
_LOG = {
    "event_log": "{seer} = {viewer.seer}",
    "outbox": "CASE {subject_kind} WHEN 'STUDENT' THEN (SELECT s.seen_until > now() FROM sight s"
    " WHERE s.seer = {viewer.seer} AND s.student = {student}) WHEN 'ENDING' THEN {student} IS NOT NULL ELSE true END",
}
_LOG_OF_NOBODY = {"event_log": "{seer} = {viewer.seer}", "outbox": "{subject_kind} = 'NONE'"}
_UITVAL = (
    _of_case("UITVAL") + " AND ({basis} = 'TOLD' OR (" + _OF_CANDIDATE + " AND (SELECT l.seer = {viewer.seer}"
    " FROM lead l WHERE l.student = {student} AND l.until_at = 'infinity')))"
)

# What is due is its party's, who sees whom it is about; what is overdue is about nobody but a party.
_DUE = {"due": f"{{seer}} = {{viewer.seer}} AND {_OF_CANDIDATE}"}
_LATE = {"overdue": "{late_seer} = {viewer.seer}"}

# The systems of a party, and their readings. A coordinator's region is the one that its key names.
_REGION_OF = (
    "CASE split_part({party}, ':', 1)"
    " WHEN 'school' THEN (SELECT p.region FROM school p WHERE p.brin = split_part({party}, ':', 2))"
    " WHEN 'municipality' THEN (SELECT p.region FROM municipality p WHERE p.code = split_part({party}, ':', 2))"
    " WHEN 'servicepoint' THEN (SELECT p.region FROM service_point p WHERE p.code = split_part({party}, ':', 2)) END"
)


def _sources(which: str) -> dict[str, str]:
    """A source by a predicate over its party, and its readings by the same."""
    of_run = which.replace("{party}", "o.party")
    return {"source": which, "source_run": f"(SELECT {of_run} FROM source o WHERE o.key = {{source}})"}


_OWN_SOURCES = _sources("{party} = {viewer.party}")
_SOURCES_OF_REGION = _sources(f"{_REGION_OF} = {{viewer.key}}")

# Where a party has its events brought, and what could not be: its own, and nobody else's.
_OWN_WEBHOOKS = {
    **dict.fromkeys(("webhook", "webhook_progress", "delivery"), "{seer} = {viewer.seer}"),
    "webhook_key": "(SELECT w.seer = {viewer.seer} FROM webhook w WHERE w.id = {webhook})",
}

PREDICATES: Mapping[Role, Mapping[str, str]] = {
    Role.PUBLIC: {
        "contact_point": "NOT {partner_only}",
        "opportunity": "{public}",
    },
    Role.SCHOOL: {
        **_OWN_WEBHOOKS,
        **_SEERS,
        **_LOG,
        **_DUE,
        **_LATE,
        **_OWN_SOURCES,
        "uitval": _UITVAL,
        "handover": "{from_seer} = {viewer.seer} AND {person.until_identified} > now()",
        "access_grant": "{person.until_identified} > now()"
        " AND {person.seer} = 'school:' || {person.school} || '#guidance'",
        "lead": _OF_CANDIDATE,
        "support_request": _OWN_CASE,
        "link": "(({source} = {viewer.party} AND {person.until_candidate} > now())"
        f" OR ({_OF_A_CASE} AND {{person.until_identified}} > now()))",
        "opportunity": f"({{public}} OR {{region}} = ANY ({_AND_NEIGHBOURS}))",
    },
    Role.SERVICE_POINT: {
        **_OWN_WEBHOOKS,
        **_SEERS,
        **_LOG,
        **_LATE,
        **_OWN_SOURCES,
        "placement": _of_case("PLACEMENT")
        + " AND (SELECT o.service_point = {viewer.party} FROM opportunity o WHERE o.id = {opportunity})",
        "opportunity": f"({{public}} OR {{service_point}} = {{viewer.party}} OR {{region}} = ANY ({_OWN_REGIONS}))",
    },
    Role.MUNICIPALITY: {
        **_OWN_WEBHOOKS,
        **_SEERS,
        **_LOG,
        **_DUE,
        **_LATE,
        **_OWN_SOURCES,
        "uitval": _UITVAL,
        "lead": _OF_CANDIDATE,
        "support_request": _OWN_CASE,
        "link": "({source} = {viewer.party} OR split_part({source}, ':', 1) = 'school')"
        " AND {person.until_identified} > now()",
        "opportunity": f"({{public}} OR {{region}} = ANY ({_OWN_REGIONS}))",
    },
    Role.EMPLOYER: {
        **_OWN_WEBHOOKS,
        **_SEERS,
        **_LOG,
        **_LATE,
        "uitval": "{reported_by} = {viewer.seer} AND {person.until_given_name} > now()",
        "placement": _of_case("PLACEMENT") + " AND {employer} = {viewer.key}",
        "link": f"(split_part({{source}}, ':', 1) = 'school' OR {_OF_A_CASE}) AND {{person.until_given_name}} > now()",
        "contact_point": "NOT {partner_only}",
        "opportunity": "({public} OR {employer} = {viewer.key})",
    },
    Role.COORDINATOR: {
        **_OWN_WEBHOOKS,
        **_SOURCES_OF_REGION,
        **_LOG_OF_NOBODY,
        "opportunity": f"({{public}} OR {{region}} = ANY ({_OWN_REGIONS}))",
        "overdue": "'coordinator:' || {region} = {viewer.party}",
        "coordinator_post_history": "'coordinator:' || {region} = {viewer.party}",
    },
    Role.NATIONAL: {
        **_OWN_WEBHOOKS,
        **_sources("{viewer.function} <> 'reader'"),
        **_LOG_OF_NOBODY,
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
