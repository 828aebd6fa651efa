"""Every condition of the two walls, removed or weakened one by one: what a slip of the pen would do to them.

    predicate   of auth/policy.py: dropped whole; each comparison made true; CANDIDATE asked as seen; an end that
        counts on its last instant
    policy      of the migrations: the same, and given to another reader who has the table
    view, function    that policies rest on: each comparison made true
    keeper      the same in the statement that makes `sight` true
    grant       every column, and every INSERT, UPDATE, DELETE, to every reader that lacks it
    prop        row-level security, invoker's rights, definer's functions

A mutant is a change of text, made in a savepoint of one seeded database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auth.policy import PREDICATES
from auth.viewer import Role
from registry.migrate import migrations
from tests.walls import grants

_TERM = r"(?:\{[a-z_.]+\}|[a-z_]+\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|'[^']*'|[a-z_]+\.[a-z_]+|[a-z_]+)"
_TERMS = rf"{_TERM}(?: \|\| {_TERM})*"
ATOM = re.compile(
    rf"NOT \{{?[a-z_]+\}}?|{_TERM} IS NOT NULL|{_TERM} IN \('[^()]*\)"
    rf"|{_TERMS} (?:=|<>|>|<=) (?!ANY|CASE){_TERMS}|\{{public\}}"
)
IN_A_LIST = re.compile(rf"{_TERM} = ANY \(")


@dataclass(frozen=True)
class Mutant:
    """`kind` says how it is caught; `what` and `how` are for the table."""

    kind: str
    what: str
    how: str
    statement: str = ""
    role: Role | None = None
    table: str = ""
    predicate: str | None = None

    @property
    def name(self) -> str:
        return f"{self.what}: {self.how}"

    def predicates(self) -> Mapping[Role, Mapping[str, str]]:
        """auth/policy.py with this slip in it."""
        assert self.role
        changed = {table: sql for table, sql in PREDICATES[self.role].items() if table != self.table}
        if self.predicate is not None:
            changed[self.table] = self.predicate
        return {**PREDICATES, self.role: changed}


def weakened(sql: str) -> Iterator[tuple[str, str]]:
    """(how, text): each comparison made true, each threshold moved."""
    spans = [match.span() for match in ATOM.finditer(sql)] + [
        _balanced(sql, match) for match in IN_A_LIST.finditer(sql)
    ]
    for start, end in sorted(spans):
        yield (
            f"without `{' '.join(sql[start:end].split())[:70]}`{_which(sql, start, end)}",
            f"{sql[:start]}true{sql[end:]}",
        )
    for match in re.finditer("until_candidate", sql):
        yield "TRACE is enough", f"{sql[: match.start()]}seen_until{sql[match.end() :]}"
    for match in re.finditer(r"> now\(\)", sql):
        yield (
            f"the last instant counts{_which(sql, *match.span())}",
            f"{sql[: match.start()]}>= now(){sql[match.end() :]}",
        )


def _balanced(sql: str, match: re.Match[str]) -> tuple[int, int]:
    depth, at = 1, match.end()
    while depth:
        depth += {"(": 1, ")": -1}.get(sql[at], 0)
        at += 1
    return match.start(), at


def _which(sql: str, start: int, end: int) -> str:
    """Tells the second of two equal texts from the first."""
    before = sql[:start].count(sql[start:end])
    return f" ({before + 1})" if before else ""


def of_predicates() -> Iterator[Mutant]:
    for role, tables in PREDICATES.items():
        for table, sql in tables.items():
            what = f"policy.py {role.value} {table}"
            yield Mutant("predicate", what, "none", role=role, table=table)
            for how, text in weakened(sql):
                yield Mutant("predicate", what, how, role=role, table=table, predicate=text)


# ---- the migrations

POLICY = re.compile(r"CREATE POLICY (?P<name>\w+) ON (?P<table>\w+)\s(?P<rest>[^;]*);")
ROLE = re.compile(r'"@db@_(\w+)"')


def _text() -> str:
    return "\n".join(re.sub(r"--[^\n]*", "", one.sql) for one in migrations())


def of_policies() -> Iterator[Mutant]:
    for match in POLICY.finditer(_text()):
        name, table, rest = match["name"], match["table"], match["rest"]
        using, check = _clause(rest, "USING"), _clause(rest, "WITH CHECK")
        what, alter = f"{table}.{name}", f"ALTER POLICY {name} ON {table}"
        for word, sql in (("USING", using), ("WITH CHECK", check)):
            if sql is None or sql == "true":
                continue
            yield Mutant("policy", what, f"{word} (true)", f"{alter} {word} (true)", table=table)
            for how, text in weakened(sql):
                yield Mutant("policy", what, how, f"{alter} {word} ({text})", table=table)
        if using and not check and re.search(r"FOR (ALL|UPDATE)", rest):
            yield Mutant("policy", what, "no check of what is written", f"{alter} WITH CHECK (true)", table=table)
        if "RESTRICTIVE" not in rest:
            yield from _given_to_others(what, alter, table, rest)


def _given_to_others(what: str, alter: str, table: str, rest: str) -> Iterator[Mutant]:
    """A reader without the grant that the policy is about is no nearer to the rows:

    the grants' own mutants see to that.
    """
    roles = ROLE.findall(rest)
    needed = grants.SELECT if re.search("FOR (ALL|SELECT)", rest) else {}
    for reader in grants.EVERYBODY:
        if reader not in roles and table in needed.get(reader, {}):
            every = ", ".join(f'"@db@_{one}"' for one in (*roles, reader))
            yield Mutant("policy", what, f"also to {reader}", f"{alter} TO {every}", table=table)


def _clause(rest: str, word: str) -> str | None:
    found = re.search(rf"\b{word}\s*\(", rest)
    if not found:
        return None
    _, end = _balanced(rest, found)
    return rest[found.end() : end - 1]


def of_what_policies_rest_on() -> Iterator[Mutant]:
    text = _text()
    for pattern, what in (
        (r"CREATE VIEW party_region[^;]*;", "party_region"),
        (r"CREATE FUNCTION acts_for.*?\$acts\$;", "acts_for"),
    ):
        found = re.search(pattern, text, re.DOTALL)
        assert found, what
        head, word, body = re.split(r"(\bAS\b)", found[0], maxsplit=1)
        for how, changed in weakened(body):
            statement = f"{head}{word}{changed}".replace("CREATE", "CREATE OR REPLACE", 1)
            yield Mutant("policy", what, how, statement, table=what)


def of_the_keeper() -> Iterator[Mutant]:
    """The statement that makes `sight` true; the one before it only takes the lock and is overwritten."""
    found = re.search(r"CREATE FUNCTION keep_sight\(\).*?\$keep\$.*?\$keep\$;", _text(), re.DOTALL)
    assert found
    head, word, body = found[0].partition("UPDATE sight t")
    slips = [(how, f"{head}{word}{changed}") for how, changed in weakened(body) if how.startswith("without `a.")]
    for how, text in [*slips, ("the first statement alone", f"{head}RETURN NULL; END $keep$;")]:
        statement = text.replace("CREATE", "CREATE OR REPLACE", 1)
        yield Mutant("keeper", "keep_sight", how, f'SET LOCAL ROLE "@db@_keeper"; {statement} RESET ROLE')


# ---- grants and props

_COLUMNS = """
SELECT c.relname AS name, array_agg(a.attname::text) AS columns FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') GROUP BY 1 ORDER BY 1
"""


async def of_grants(owner: Any) -> list[Mutant]:
    """Every privilege that the design does not say, one by one."""
    found = []
    for row in await owner.fetch(_COLUMNS):
        for role in grants.ROLES:
            for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                wanted = grants.wanted(role, row["name"], privilege, row["columns"])
                lacking = sorted(set(row["columns"]) - wanted) if privilege == "SELECT" else []
                statements = [f"SELECT ({column})" for column in lacking]
                if privilege != "SELECT" and not wanted:
                    statements = [privilege]
                found += [
                    Mutant(
                        "grant",
                        f"{role} {row['name']}",
                        one,
                        f'GRANT {one} ON {row["name"]} TO "@db@_{role}"',
                        table=row["name"],
                    )
                    for one in statements
                ]
    return found


def of_props() -> Iterator[Mutant]:
    for table in grants.GUARDED:
        yield Mutant("prop", table, "row-level security off", f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        yield Mutant("prop", table, "not forced", f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    yield Mutant(
        "prop", "party_region", "with its owner's rights", "ALTER VIEW party_region SET (security_invoker = false)"
    )
    yield Mutant("prop", "contact_route", "with its owner's rights", "ALTER FUNCTION contact_route SECURITY DEFINER")
    yield Mutant("prop", "acts_for", "with its owner's rights", "ALTER FUNCTION acts_for SECURITY DEFINER")
    yield Mutant("prop", "the schema", "everybody makes things in it", "GRANT CREATE ON SCHEMA public TO PUBLIC")
    yield Mutant("prop", "school", "is a municipality too", 'GRANT "@db@_municipality" TO "@db@_school"')
    yield Mutant("prop", "a policy", "for everybody", "CREATE POLICY open ON sight FOR SELECT USING (true)")


# ---- those that change nothing, each with the reason; whoever adds one argues it here

_OWN_ROWS = (
    "the policy of the table that is asked leaves only the seer's own rows; the condition stands for the index (rule 2)"
)
_IMPLIED = "an open case implies that its person is seen, for sight follows from access; it stands in case the two part"
_ASKED_BY_THE_FIELD = "a live field asks for the tier, and its join for the kind of source, beside what stands here"
_ALL_ALREADY = "these roles see every row of it already"
EQUIVALENT: tuple[tuple[str, str, str], ...] = (
    (r"student\.locked", r"WITH CHECK.*", "no function of the keeper writes a student; it stands for the day one does"),
    (r"policy.py \w+ sight_case", r"without `\{seen_until\} > now\(\)`|the last instant counts", _IMPLIED),
    (
        r"policy.py SCHOOL link",
        r"without `\{person.until_identified\}.*|the last instant counts \(2\)",
        _ASKED_BY_THE_FIELD,
    ),
    (r"policy.py MUNICIPALITY link", r"without `\{person.*|the last instant counts", _ASKED_BY_THE_FIELD),
    (r"policy.py EMPLOYER link", r".*", _ASKED_BY_THE_FIELD),
    (r"policy.py SCHOOL access_grant", r".*", "the field is null, by the same words, where this is not true"),
    (r"link.case_of_municipality", r"also to employer", "an employer has these at a lower tier already"),
    (
        r"contact_point.shown_to_(all|national)",
        r"also to (school|service_point|municipality|coordinator)",
        _ALL_ALREADY,
    ),
    (
        r"contact_point.shown_to_national|opportunity.own",
        r"also to directory",
        "the directory's reader acts for no seer",
    ),
    (r"coordinator_post_history.own", r"also to national", "its condition is true of no party but a coordinator"),
    (
        r"coordinator_post.changed_by_command",
        r"no check.*",
        "the grants let nobody update the column that the condition reads",
    ),
    (
        r"policy.py \w+ webhook_(key|progress)",
        r"none|without `(w\.|\{)seer.*",
        "it is reached through its endpoint alone, whose predicate is the same",
    ),
    (
        r"policy.py \w+ source_run",
        r"none|without `(?!\{?o\.key|p\.).*",
        "a reading is reached through its source alone, whose predicate is the same",
    ),
    (r"source.(own|of_region)", r"also to .*", "no party of another role has sources, or a region's code in its key"),
    (r"opportunity.own_region", r"also to school", "its own regions are among its own and neighbouring ones"),
    (r"opportunity.own_as_employer", r"also to .*", "no other party's code is a KvK number"),
    (r"(student_profile|placement|credential|lead|uitval)\.seen|link\.\w+", r"without `[as]\.seer = .*", _OWN_ROWS),
    (r"uitval\.reported|outbox\.received", r"without `s\.seer = .*", _OWN_ROWS),
    (r"outbox\.received", r"without `s\.seen_until .*|the last instant counts", "the policy of `sight` asks the same"),
    (r"outbox\.received_about_nobody", r"also to .*", "these have the same events by their own policy"),
    (
        r"uitval\.reported",
        r"also to (school|municipality)",
        "what was reported is no silence, and who knows a given name sees every loss that was told",
    ),
    (r"access\.of_own_student|(support_request|handover)\.own_case", r"without `s\.seer = .*", _OWN_ROWS),
    (r"due\.own", r"without `s\.seer = .*", _OWN_ROWS),
    (r"overdue\.of_region", r"also to .*", "its condition is true of no party but a coordinator"),
    (
        r"access\.of_own_student",
        r"also to municipality",
        "the condition names a school's guidance: it is true of no other seer",
    ),
    (r"opportunity.own_.*regions?|acts_for", r"without `[pc]\.party = .*", _OWN_ROWS),
)


def argued(mutant: Mutant) -> str | None:
    """Why a mutant changes nothing that anybody can see."""
    return next(
        (why for what, how, why in EQUIVALENT if re.fullmatch(what, mutant.what) and re.fullmatch(how, mutant.how)),
        None,
    )
