"""What each database role may do to which table and column, transcribed from graph.md 4 and tables.md; and what
holds the walls up.

Everything not said here is refused: `differences` asks Postgres about every role, table, column and privilege.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.migrate import role_prefix

EVERYBODY = ("directory", "school", "service_point", "municipality", "employer", "coordinator", "national")
PARTIES = EVERYBODY[1:]
ROLES = (*EVERYBODY, "command", "scribe", "worker", "keeper")
Said = Mapping[str, Mapping[str, str]]

# role -> table -> columns; '*' is all of them
_ALL = dict.fromkeys(
    [
        "region",
        "municipality",
        "region_neighbour",
        "postcode",
        "doorstroompunt_region",
        "school_board",
        "school",
        "service_point",
        "contact_step",
        "employer_location",
        "contact_point",
    ],
    "*",
)
_OFFERS = {"employer": "*", "opportunity": "*"}
_FILLED = {"coordinator_post": "region filled holder"}
_PARTY = {"covers": "*", "party_region": "*", "party": "*"}
_STATE = {"coordinator_post": "*"}
_REASONS = {"access": "seer student case_type case_n ends_at ended_at"}
_STUDENT = {"sight": "*", "student_profile": "*", "placement": "*", "credential": "*", "lead": "*", **_REASONS}
_CANDIDATE = {
    "sight": "seer student alias id_salt seen_until until_candidate until_given_name until_identified",
    "student_profile": "student sectors hours travel_limit support_wanted work_processes leaves_on",
    "placement": "student n kind employer opportunity hours from_on to_on state",
    "credential": "student n kind level work_processes",
    **_REASONS,
}
_KEYS = {"link": "student source key from_at until_at"}
_HISTORY = {"coordinator_post_history": "*"}
# Who asked and who is addressed read a case; the school alone whom it handed over, and why others see its students.
_REQUEST = {"support_request": "student n from_seer to_seer wanted state reason sent_at answered_at"}
_OWN_SCHOOL = {
    "access": "id seer student tier purpose case_type case_n started_at ends_at ended_at",
    "handover": "id student n from_seer to_seer state round minted_at expires_at reason started_at",
}
# The keeper's functions are all that commands may do to rights: what they rest on, and the cases.
_ENDPOINTS = dict.fromkeys(["webhook", "webhook_key", "delivery"], "*")
_CASES = dict.fromkeys(
    ["support_request", "handover", "handover_try", "safety_net", "lead_offer", "due", "overdue", "placement_question"],
    "*",
)
# Each its own log; of an event about somebody what it was, and of none who else was told.
_LOG = {"event_log": "*", "stream_head": "*"}
_HOOKS = {
    "webhook": "*",
    "webhook_progress": "*",
    "webhook_key": "webhook n key from_at until_at",
    "delivery": "webhook epoch pos seer state tries next_at code ended_at",
}
_EVENT = {"outbox": "id type subject_kind student case_type case_n details recorded", **_LOG, **_HOOKS}
_EVENT_ABOUT_NOBODY = {"outbox": "id type subject_kind student details recorded", **_LOG, **_HOOKS}
_UITVAL = {"uitval": "*"}
_REPORTED = {"uitval": "student n placement_n how ended_on reported_by reported_at picked_up_at"}
# What is due is the lead's; what is overdue the late party's and its coordinator's, and nobody's besides it is about.
_LATE = {"overdue": "*"}
_DUE = {"due": "id seer student process step case_type case_n due_at reminded_at done_at", **_LATE}
_SOURCES = {"source": "key party kind protocol harvests answers_live state added_at", "source_run": "*"}
SELECT: Said = {
    "directory": {**_ALL, **_OFFERS, **_FILLED},
    "school": {
        **_ALL,
        **_SOURCES,
        **_OFFERS,
        **_PARTY,
        **_STATE,
        **_STUDENT,
        "link": "*",
        **_REQUEST,
        **_OWN_SCHOOL,
        **_EVENT,
        **_UITVAL,
        **_DUE,
    },
    "municipality": {
        **_ALL,
        **_SOURCES,
        **_OFFERS,
        **_PARTY,
        **_STATE,
        **_STUDENT,
        **_KEYS,
        **_REQUEST,
        **_EVENT,
        **_UITVAL,
        **_DUE,
    },
    "service_point": {**_ALL, **_SOURCES, **_OFFERS, **_PARTY, **_STATE, **_CANDIDATE, **_EVENT, **_LATE},
    "employer": {**_ALL, **_OFFERS, **_PARTY, **_FILLED, **_CANDIDATE, **_KEYS, **_EVENT, **_REPORTED, **_LATE},
    "coordinator": {**_ALL, **_SOURCES, **_OFFERS, **_PARTY, **_STATE, **_HISTORY, **_EVENT_ABOUT_NOBODY, **_LATE},
    "national": {
        **_ALL,
        **_SOURCES,
        **_OFFERS,
        **_PARTY,
        **_STATE,
        **_HISTORY,
        **_EVENT_ABOUT_NOBODY,
        "contact_point_history": "*",
        "figure_overdue": "*",
    },
    "command": {**_ALL, **_PARTY, **_STATE, **_HISTORY, "contact_point_history": "*", "command": "*"},
    "scribe": {},
    "keeper": {
        **dict.fromkeys(["sight", "access", "student", "consent", "lead", "access_rule", "link"], "*"),
        **dict.fromkeys(["covers", "municipality", "region", "school", "holiday", "clock"], "*"),
        **dict.fromkeys(["placement", "employer", "opportunity", "uitval", "uitval_move"], "*"),
        "student_profile": "student age_band",
        "party": "key from_at until_at",
        "event_log": "*",
        "outbox": "id type subject_kind student case_type case_n seers",
        **_CASES,
        **_ENDPOINTS,
    },
}
INSERT: Said = {
    "command": {"contact_point": "*", "contact_point_history": "*", "coordinator_post_history": "*", "command": "*"},
    "scribe": {"read": "*"},
    "keeper": {
        **dict.fromkeys(["sight", "access", "consent", "lead", "link", "outbox", "placement", "uitval"], "*"),
        **_CASES,
        **_ENDPOINTS,
    },
}
_KEPT = {
    "sight": "*",
    "access": "ends_at ended_at",
    "consent": "withdrawn_at withdrawn_by",
    "lead": "until_at",
    "link": "until_at",
    "placement": "state to_on",
    "uitval": "*",
    "student": "source",  # to lock the row: the policy lets nothing be written
    **_CASES,
    **_ENDPOINTS,
}
_POST = "state holder organisation hours mandate schools_represented since"
UPDATE: Said = {"command": {"contact_point": "*", "coordinator_post": _POST}, "keeper": _KEPT}
# The worker: everything, but `sight` is the keeper's, `read` the scribe's, and `migration` the owner's.
WORKER_READS_ONLY = ("sight", "read", "migration", "access_rule", "uitval_move", "webhook_progress", "clock")
# A log is added to, and ages.
WORKER_ADDS_ONLY: Mapping[str, tuple[str, ...]] = {"event_log": (), "outbox": ("sequenced_at",)}
GUARDED = [
    "access",
    "command",
    "consent",
    "contact_point",
    "contact_point_history",
    "coordinator_post",
    "coordinator_post_history",
    "covers",
    "credential",
    "delivery",
    "due",
    "event_log",
    "handover",
    "handover_try",
    "inbound_event",
    "lead",
    "lead_offer",
    "link",
    "opportunity",
    "outbox",
    "overdue",
    "placement",
    "placement_question",
    "safety_net",
    "sidecar",
    "sight",
    "source",
    "source_run",
    "stream_head",
    "student",
    "student_profile",
    "support_request",
    "uitval",
    "webhook",
    "webhook_key",
]
# What `command` may call; each begins with who acts, and is tried in tests/walls/test_keeper.py.
CALLED = {
    "hold",
    "give",
    "renew",
    "finish",
    "record_consent",
    "withdraw_consent",
    "request_support",
    "answer_support",
    "start_handover",
    "renew_handover",
    "handover_tries",
    "count_try",
    "open_handovers",
    "settle_handover",
    "move_handover",
    "set_safety_net",
    "offer_lead",
    "settle_lead",
    "hold_case",
    "start_placement",
    "extend_placement",
    "end_placement",
    "report_uitval",
    "confirm_uitval",
    "move_uitval",
    "answer_placement_end",
    "close_due",
    "open_webhook",
    "rotate_webhook_key",
    "test_webhook",
    "replay_webhook",
    "disable_webhook",
}
FOLLOW = {
    "uitval_due",
    "placement_due",
    "move_due",
    "lead_due",
    "offer_due",
    "due_erased",
    "placement_goes_on",
}  # triggers
OF_WORKER = {"take_inbound", "clocks_tick", "pass_lead", "placement_moved"}
DEFINERS = {"keep_sight", "keep_sight_place", "keep_lead", "end_with_consent", "end_with_reason"} | CALLED
DEFINERS |= FOLLOW | OF_WORKER

_COLUMNS = """
SELECT r.role, c.relname AS name, p.privilege,
       array_agg(a.attname::text) FILTER (WHERE has_column_privilege($1 || r.role, c.oid, a.attnum, p.privilege)) AS
           may,
       array_agg(a.attname::text) AS every
FROM unnest($2::text[]) r(role)
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p(privilege)
CROSS JOIN pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'm', 'f') AND ($3::text IS NULL OR
    c.relname = $3)
GROUP BY 1, 2, 3
"""
_TABLES = """
SELECT r.role, c.relname AS name, p.privilege, has_table_privilege($1 || r.role, c.oid, p.privilege) AS may
FROM unnest($2::text[]) r(role) CROSS JOIN unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) p(privilege) CROSS JOIN
    pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'm', 'f') AND ($3::text IS NULL OR
    c.relname = $3)
"""


async def differences(owner: Any, table: str | None = None) -> list[str]:
    """Every privilege that is there and not said, or said and not there; of one table or of all."""
    prefix = role_prefix(await owner.fetchval("SELECT current_database()")) + "_"
    wrong = []
    for row in await owner.fetch(_COLUMNS, prefix, list(ROLES), table):
        said = wanted(row["role"], row["name"], row["privilege"], row["every"])
        if said != set(row["may"] or ()):
            wrong.append(f"{row['role']} {row['privilege']} {row['name']}: {sorted(said ^ set(row['may'] or ()))}")
    for row in await owner.fetch(_TABLES, prefix, list(ROLES), table):
        said = wanted(row["role"], row["name"], row["privilege"], ["all"])
        wrong += [f"{row['role']} {row['privilege']} {row['name']}"] if bool(said) != row["may"] else []
    return wrong


def wanted(role: str, table: str, privilege: str, every: list[str]) -> set[str]:
    """The columns that the role may use so; of DELETE all or none."""
    if role == "worker":
        if privilege == "UPDATE" and table in WORKER_ADDS_ONLY:
            return set(WORKER_ADDS_ONLY[table])
        writes = privilege in ("INSERT", "UPDATE", "DELETE") and table not in WORKER_READS_ONLY
        return set(every) if writes or privilege == "SELECT" else set()
    said = {"SELECT": SELECT, "INSERT": INSERT, "UPDATE": UPDATE}.get(privilege, {})
    columns = said.get(role, {}).get(table, "")
    return set(every) if columns == "*" else set(columns.split())


# ---- what must be true of the database besides: each query gives what is wrong

_GIVEN = (
    "WITH g AS (SELECT $1::text[] AS guarded, $2::text[] AS definers, $3::text AS prefix, $4::text[] AS roles,"
    " $5::text[] AS called) "
)
PROPS: Mapping[str, str] = {
    "row-level security is not forced on a guarded table": """
        SELECT c.relname FROM g, pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY
            (g.guarded)
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity)""",
    "a table with a policy is not on the list": """
        SELECT DISTINCT c.relname FROM g, pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relname <> ALL
            (g.guarded)""",
    "a policy is for everybody": "SELECT polname FROM pg_policy WHERE 0 = ANY (polroles)",
    "a function runs with its owner's rights and is not the keeper's": """
        SELECT p.proname FROM g, pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
        AND NOT (p.proname = ANY (g.definers) AND pg_get_userbyid(p.proowner) = g.prefix || 'keeper'
                 AND p.proconfig = ARRAY['search_path=public, pg_temp'])""",
    "a keeper's function can be called": """
        SELECT p.proname || ' by ' || r FROM g, unnest(g.roles) r, pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef AND r <> 'keeper'
        AND has_function_privilege(g.prefix || r, p.oid, 'EXECUTE')
        AND NOT (r = 'command' AND p.proname = ANY (g.called))
        AND NOT (r = 'worker' AND p.proname IN ('take_inbound', 'clocks_tick', 'pass_lead', 'placement_moved'))""",
    "a function that only the keeper asks can be called": """
        SELECT p.proname || ' by ' || r FROM g, unnest(g.roles) r, pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND r <> 'keeper'
        AND p.proname IN ('guides', 'leads', 'covering', 'agreed_to_continue', 'place_reason', 'tell', 'places',
            'followers', 'employer_of', 'keep_placement_reasons', 'close_placement', 'uitval_told', 'presume_uitval',
            'end_uitval_reasons', 'make_due', 'start_clock', 'end_due', 'start_uitval_clock', 'end_by_date',
            'ask_about_end', 'pass_due', 'signal_uitval', 'uitval_meant', 'hold_webhook',
            'drop_presumption', 'told_of', 'people_told', 'hold_told', 'placement_told')
        AND has_function_privilege(g.prefix || r, p.oid, 'EXECUTE')""",
    "a view does not ask with the reader's rights": """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
        AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)""",
    "a role may log in, inherit or pass by": """
        SELECT rolname FROM g, unnest(g.roles) r JOIN pg_roles ON true WHERE rolname = g.prefix || r
        AND (rolcanlogin OR rolinherit OR rolbypassrls OR rolsuper OR rolcreaterole OR rolcreatedb)""",
    "a role is a member of another": """
        SELECT pg_get_userbyid(m.member) FROM g, unnest(g.roles) r, pg_auth_members m WHERE pg_get_userbyid(m.member)
            = g.prefix || r""",
    "everybody, or a role, may make things in the schema": """
        SELECT r FROM g, unnest(g.roles) r WHERE r <> 'keeper' AND has_schema_privilege(g.prefix || r, 'public',
            'CREATE')
        UNION ALL SELECT 'PUBLIC' FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'public' AND
            a.grantee = 0""",
}


async def unpropped(owner: Any) -> list[str]:
    """What is wrong with the props of the walls."""
    prefix = role_prefix(await owner.fetchval("SELECT current_database()")) + "_"
    wrong = []
    for sentence, sql in PROPS.items():
        rows = await owner.fetch(_GIVEN + sql, list(GUARDED), list(DEFINERS), prefix, list(ROLES), list(CALLED))
        wrong += [f"{sentence}: {row[0]}" for row in rows]
    return wrong
