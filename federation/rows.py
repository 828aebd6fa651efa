"""A row set under construction: its columns, joins and laterals are those that its parts turned out to name.

A row set is

    (SELECT x.<columns> FROM <table> x [inner joins] WHERE <link> AND <policy> ... [ORDER BY ... LIMIT n] | OFFSET 0) r
    [LEFT JOIN LATERAL (SELECT <columns> FROM <join> WHERE ... OFFSET 0) r_<join> ON true]
    [laterals of the fields]

Laws
1. To-one joins come outside the limit and are fenced by OFFSET 0: the planner cannot turn a look-up into a scan.
2. The predicate of the policy stands in every FROM, joins too: the statement alone guards its rows.
3. An inner join is made only for what a filter, an order or a person's key needs before the limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from federation.arguments import Arguments
from federation.build import Build
from federation.catalogue import Bound, Form, Rows

REFERENCE = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)*)(?::([a-z\[\]]+))?\}")
NO_SUBJECT = "''::bytea"


def subjects_of(lateral: str, given: str | None = None) -> str:
    """The young people in what a lateral gives; nobody where it gives nothing, or is not shown (`given`)."""
    case = f"CASE WHEN {given} THEN {lateral}.s END" if given else f"{lateral}.s"
    return f"coalesce({case}, {NO_SUBJECT})"


def as_json(sql: str, form: Form) -> str:
    """The JSON text of a value; null is the text `null`, so that one null never empties the object around it."""
    match form:
        case Form.NUMBER:
            return f"coalesce(({sql})::text, 'null')"
        case Form.CODE:
            return f"coalesce('\"' || ({sql})::text || '\"', 'null')"
        case _:
            return f"coalesce(to_json({sql})::text, 'null')"


class Row:
    """One row set of one type, below another one or at the root."""

    def __init__(
        self,
        build: Build,
        rows: Rows,
        parent: Row | None = None,
        arguments: Arguments | None = None,
        bound: dict[str, Bound] | None = None,
        through: str | None = None,
        source: str | None = None,
    ) -> None:
        self.build, self.rows, self.parent = build, rows, parent
        self.arguments, self.bound = arguments or Arguments({}), bound or {}
        self.policy_name = through or rows.policy or rows.table
        number = build.number()
        self.outer, self.inner = f"r{number}", f"x{number}"
        self.columns: dict[str, None] = {}
        self.outer_joins: dict[str, dict[str, None]] = {}
        self.inner_joins: dict[str, dict[str, None]] = {}
        self.inner_names: dict[str, None] = {}
        self.laterals: list[str] = []
        self.subjects: list[str] = []
        self.source = self._fill(source or rows.table, self._inside)
        for table in rows.tables if rows.tables is not None else (rows.table,):
            build.touch(table)
        # A person is its own subject, whoever stands above; what is below one is that one's.
        if rows.person and (rows.is_person or not self._person_above()):
            key = f"uuid_send({self.outside_name(rows.person)})"
            # Of a join there may be no row, and with it nobody.
            self.subjects.append(f"coalesce({key}, {NO_SUBJECT})" if "." in rows.person else key)
            build.has_subjects = True

    # ---- templates

    def inside(self, template: str) -> str:
        """A template for the WHERE and ORDER BY of this row's own FROM."""
        return self._fill(template, self._inside)

    def outside(self, template: str) -> str:
        """A template over the selected row."""
        return self._fill(template, self._outside)

    def outside_name(self, name: str) -> str:
        return self._outside(name, None)

    def _fill(self, template: str, resolve: Callable[[str, str | None], str]) -> str:
        return REFERENCE.sub(lambda match: resolve(match[1], match[2]), template)

    def _shared(self, name: str, cast: str | None) -> str | None:
        head, _, tail = name.partition(".")
        if head == "viewer":
            return self.build.viewer(tail)
        if head == "arg":
            return self._argument(tail, cast or "text")
        if head == "parent":
            assert self.parent is not None, f"{name} without a row above"
            return self.parent.outside_name(tail)
        if head == "person" and not self.rows.is_person:
            above = self._person_above()
            return above.outside_name(tail) if above else None
        return None

    def _inside(self, name: str, cast: str | None) -> str:
        found = self._shared(name, cast)
        if found:
            return found
        head, _, tail = name.partition(".")
        if head == "person" and self.rows.is_person:
            return f"{self.inner}.{tail}"
        if tail:
            self.inner_joins.setdefault(head, {})[tail] = None
            return f"{self.inner}_{head}.{tail}"
        self.inner_names[name] = None
        return f"{self.inner}.{name}"

    def _outside(self, name: str, cast: str | None) -> str:
        found = self._shared(name, cast)
        if found:
            return found
        head, _, tail = name.partition(".")
        if head == "person":
            if self.rows.is_person:
                return self.outside_name(tail)
            self.inner_joins.setdefault("person", {})
        if tail and head in self.inner_joins:
            self.inner_joins[head][tail] = None
            self.columns[name] = None
            return f"{self.outer}.{head}__{tail}"
        if tail:
            self.outer_joins.setdefault(head, {})[tail] = None
            return f"{self.outer}_{head}.{tail}"
        self.columns[name] = None
        return f"{self.outer}.{name}"

    def _argument(self, name: str, cast: str) -> str:
        bound = self.bound.get(name)
        path = bound.argument if bound else tuple(name.split("."))
        return self.build.bind(cast, self.arguments.read(*path), bound.convert if bound else None)

    def _person_above(self) -> Row | None:
        row = self.parent
        while row is not None and not row.rows.is_person:
            row = row.parent
        return row

    # ---- rendering

    def exported(self) -> list[str]:
        """The SELECT list of the inner query."""
        return [self._export(name) for name in self.columns]

    def _export(self, name: str) -> str:
        head, _, tail = name.partition(".")
        return f"{self.inner}_{head}.{tail} AS {head}__{tail}" if tail else f"{self.inner}.{name}"

    def conditions(self, *links: str | None) -> list[str]:
        """Link and policy, as SQL over the inner row."""
        policy = self.build.predicate(self.policy_name)
        return [self.inside(one) for one in (*links, policy) if one]

    def source_sql(self, conditions: list[str]) -> tuple[str, list[str]]:
        """FROM and WHERE. A person's join drives where there is none above: its rows are few and in order."""
        joins = dict(self.inner_joins)
        person = joins.pop("person", None)
        where = list(conditions)
        source = f"{self.source} {self.inner}" if person is None else self._driven_by_person(where)
        for name, columns in joins.items():
            source += " LEFT JOIN LATERAL " + self._join_sql(name, columns, self.inner, f"{self.inner}_{name}")
        return source, where

    def _driven_by_person(self, where: list[str]) -> str:
        join = self.rows.joins["person"]
        alias = f"{self.inner}_person"
        self.build.touch(join.table)
        on = self._fill(join.on, lambda name, _: f"{alias}.{name[7:]}" if name.startswith("person.") else f"y.{name}")
        policy = self.build.predicate("sight_case")
        if policy:
            where.append(
                self._fill(
                    policy, lambda name, cast: self._shared(name, cast) or f"{alias}.{name.removeprefix('person.')}"
                )
            )
        names = self.inner_names | {name: None for name in self.columns if "." not in name}
        listed = ", ".join(f"y.{name}" for name in names) or "1"
        fenced = f"(SELECT {listed} FROM {self.source} y WHERE {on} OFFSET 0)"
        return f"{join.table} {alias} CROSS JOIN LATERAL {fenced} {self.inner}"

    def _join_sql(self, name: str, columns: dict[str, None], base: str, alias: str) -> str:
        join = self.rows.joins[name]
        self.build.touch(join.table)

        def resolve(reference: str, cast: str | None) -> str:
            shared = self._shared(reference, cast)
            if shared:
                return shared
            head, _, tail = reference.partition(".")
            if head in ("base", "person"):
                return f"{self.inner}.{tail}" if base == self.inner else self.outside_name(tail)
            return f"j.{reference}"

        conditions = [self._fill(join.on, resolve)]
        policy = self.build.predicate(join.table)
        if policy:
            conditions.append(self._fill(policy, resolve))
        listed = ", ".join(f"j.{column}" for column in columns) or "1"
        end = f"ORDER BY {self._fill(join.first, resolve)} LIMIT 1" if join.first else "OFFSET 0"
        return f"(SELECT {listed} FROM {join.table} j WHERE {' AND '.join(conditions)} {end}) {alias} ON true"

    def beside(self) -> str:
        """Outer joins and laterals. They may name columns of the row, so this is rendered before the inner query is."""
        joins = [
            "LEFT JOIN LATERAL " + self._join_sql(name, columns, self.outer, f"{self.outer}_{name}")
            for name, columns in self.outer_joins.items()
        ]
        return "".join(f"\n{one}" for one in (*joins, *self.laterals))

    def single(self, *links: str) -> str:
        """The row set of a to-one relation, with all that stands beside it."""
        beside = self.beside()
        source, where = self.source_sql(self.conditions(*links))
        listed = ", ".join(self.exported()) or "1"
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        return f"(SELECT {listed} FROM {source}{condition} OFFSET 0) {self.outer}{beside}"

    def subject(self) -> str:
        """The keys of the young people in this row and below it, as one bytea."""
        return " || ".join(self.subjects) if self.subjects else NO_SUBJECT
