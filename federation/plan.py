"""A plan: one operation of one contract as one statement, and what a request adds to it. Frozen, ordered, printable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    FieldNode,
    GraphQLObjectType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_input_type,
    type_from_ast,
)

from federation.arguments import Arguments, Read, Variables, arguments_of, is_structural, shape
from federation.build import ArgumentError, Bind, Build, Drive, Mark, Request
from federation.catalogue import Catalogue, Rows, Stream
from federation.compiler import compile_object
from federation.document import Document
from federation.keyed import Keys, named_types
from federation.limits import Limits
from federation.rows import NO_SUBJECT, Row
from federation.selection import below, collect
from schema.errors import BadInput, TooCostly

PARAMETER = re.compile(r"\$([0-9]+)")
REFERENCE = "#reference"  # no variable of a document can have this name
EPOCH, POSITIONS = "#epoch", "#positions"
BATCH = "(SELECT p.pos FROM unnest({arg.positions:bigint[]}) p(pos))"
NOT_THERE = "!"  # where the log has no such position: no JSON text is this


@dataclass(frozen=True)
class Rules:
    """What the compiler knows of a role: its predicates by table, and the tables that need no party to be read."""

    role: str
    predicates: Mapping[str, str]
    directory: frozenset[str]
    constants: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """One statement and how to bind it."""

    contract: str
    name: str | None
    hash: str
    sql: str
    binds: tuple[tuple[str, Bind], ...]
    checks: tuple[Bind, ...]  # arguments that no part of the statement came to need: they are still refused when wrong
    tables: tuple[str, ...]
    marks: tuple[Mark, ...]
    has_subjects: bool
    in_directory: bool  # no party-scoped table: the directory pool, one implicit statement
    keyed: tuple[Keys, ...]
    drives: tuple[Drive, ...]
    cost: Any
    limits: Limits
    root: str = ""  # of a subscription: the response key of its one field
    after: Read | None = None  # and where it says to begin

    @property
    def layers(self) -> tuple[str, ...]:
        """The live layers that this plan asks, each once."""
        return tuple(sorted({mark.label for mark in self.marks if mark.kind == "live"}))

    def weigh(self, variables: Variables) -> int:
        """Nodes that this request may touch. Raises TooCostly."""
        weight: int = self.cost.weigh(variables, self.limits.default_page)
        if weight > self.limits.cost:
            raise TooCostly
        return weight

    def bind(self, request: Request) -> list[Any]:
        """The values of the statement. Raises ArgumentError."""
        for check in self.checks:
            check(request)
        return [bind(request) for _, bind in self.binds]

    def key_errors(self, variables: Variables) -> list[ArgumentError]:
        return [error for keys in self.keyed for error in keys.errors(variables)]


@dataclass(frozen=True)
class Probe:
    """What of one variable decides about the statement."""

    name: str
    kind: Any
    whole: bool  # by value: it stands in a directive
    types: Mapping[str, Any] | None = None  # by the types that its ids name: it is an id, or a list of them

    def read(self, variables: Variables) -> Any:
        value = variables.get(self.name)
        if self.whole:
            return value
        return named_types(self.types, value) if self.types is not None else shape(value, self.kind)


def probes_of(document: Document) -> tuple[Probe, ...]:
    """The structural variables of a document, read from its definitions: the same for every request."""
    in_directives = _directive_variables(document)
    found = []
    for definition in document.operation.variable_definitions or ():
        name = definition.variable.name.value
        kind = type_from_ast(document.schema, definition.type)
        assert is_input_type(kind)
        is_id = get_named_type(kind).name in ("ID", "_Any")
        if is_id or name in in_directives or is_structural(kind):
            found.append(Probe(name, kind, name in in_directives, document.schema.type_map if is_id else None))
    return tuple(found)


def _directive_variables(document: Document) -> set[str]:
    found: set[str] = set()

    def visit(selections: SelectionSetNode) -> None:
        for node in selections.selections:
            for directive in node.directives or ():
                for argument in directive.arguments or ():
                    if argument.value.kind == "variable":
                        found.add(argument.value.name.value)  # type: ignore[attr-defined]  # a VariableNode
            inside = getattr(node, "selection_set", None)
            if inside:
                visit(inside)

    visit(document.operation.selection_set)
    for fragment in document.fragments.values():
        visit(fragment.selection_set)
    return found


def make_plan(document: Document, catalogue: Catalogue, rules: Rules, variables: Variables, limits: Limits) -> Plan:
    """Compiles a query."""
    build = _build(document, catalogue, rules, variables, limits)
    row = Row(build, Rows("(SELECT 1)", {}, tables=()))
    return _plan(document, rules, build, row, compile_object(row, "Query", [document.operation.selection_set]))


@dataclass(frozen=True)
class RootField:
    """One command of a mutation: its response key, its name, its arguments and what is asked of its payload."""

    key: str
    name: str
    arguments: Arguments
    payload: str
    sets: tuple[SelectionSetNode, ...]


def root_fields(
    document: Document, catalogue: Catalogue, rules: Rules, variables: Variables, limits: Limits
) -> list[RootField]:
    """The commands of a mutation, in their order."""
    build = _build(document, catalogue, rules, variables, limits)
    mutation = document.schema.mutation_type
    assert mutation is not None
    found = []
    for key, nodes in collect(build, [document.operation.selection_set], mutation.name).items():
        name = nodes[0].name.value
        if name == "__typename":
            continue
        definition = mutation.fields[name]
        payload = get_nullable_type(definition.type)
        assert isinstance(payload, GraphQLObjectType)
        found.append(RootField(key, name, arguments_of(definition, nodes[0]), payload.name, tuple(below(nodes))))
    return found


def make_payload_plan(
    document: Document, catalogue: Catalogue, rules: Rules, variables: Variables, limits: Limits, field: RootField
) -> Plan:
    """Compiles what is asked of a command's payload; the reference that the command gave is bound."""
    build = _build(document, catalogue, rules, variables, limits)
    build.path = (field.key,)
    arguments = Arguments({"reference": lambda given: given[REFERENCE]})
    row = Row(build, catalogue.types[field.payload], None, arguments)
    return _plan(document, rules, build, row, compile_object(row, field.payload, list(field.sets)))


def make_stream_plan(
    document: Document, catalogue: Catalogue, rules: Rules, variables: Variables, limits: Limits
) -> Plan:
    """Compiles a subscription: for each position of a batch one answer, in one text (federation/streaming.py)."""
    build = _build(document, catalogue, rules, variables, limits)
    name, nodes = stream_field(document, build)
    entry, kind = catalogue.types["Subscription"].fields[nodes[0].name.value], document.schema.subscription_type
    assert isinstance(entry, Stream)
    assert kind is not None
    build.path = (name,)
    given = arguments_of(kind.fields[nodes[0].name.value], nodes[0])
    given = given.beside("epoch", lambda known: known[EPOCH]).beside("positions", lambda known: known[POSITIONS])
    batch = Row(build, Rows(BATCH, {}, tables=()), None, given)
    event = Row(build, catalogue.types[entry.type], batch, given)
    json = compile_object(event, entry.type, below(nodes))
    wanted = event.outside(entry.wanted)
    subject = f", CASE WHEN {wanted} THEN {event.subject()} END AS s" if event.subjects else ""
    batch.laterals.append(
        f"LEFT JOIN LATERAL (SELECT CASE WHEN {wanted} THEN '{{\"{name}\":' || {json} || '}}' ELSE '' END AS j{subject}"
        f" FROM {event.single(entry.link)}) e ON true"
    )
    order = f"ORDER BY {batch.outside_name('pos')}"
    if event.subjects:
        batch.subjects.append(f"coalesce(string_agg(coalesce(e.s, {NO_SUBJECT}), {NO_SUBJECT}), {NO_SUBJECT})")
    whole = f"coalesce(string_agg(coalesce(e.j, '{NOT_THERE}'), E'\\x1e' {order}), '')"
    return replace(_plan(document, rules, build, batch, whole), root=name, after=given.read("after"))


def stream_field(document: Document, build: Build) -> tuple[str, list[FieldNode]]:
    """The one root field of a subscription: response key and nodes. Raises ArgumentError where none is left."""
    found = collect(build, [document.operation.selection_set], "Subscription")
    if len(found) != 1:
        raise ArgumentError(BadInput("A subscription asks for exactly one root field."), ())
    return next(iter(found.items()))


def _used(sql: str, binds: list[tuple[str, Bind]]) -> tuple[str, tuple[tuple[str, Bind], ...], tuple[Bind, ...]]:
    """The statement with its parameters numbered anew, those that stand in it, and the others."""
    numbers = sorted({int(number) for number in PARAMETER.findall(sql)})
    if len(numbers) == len(binds):
        return sql, tuple(binds), ()
    anew = {number: n for n, number in enumerate(numbers, 1)}
    checks = tuple(bind for n, (_, bind) in enumerate(binds, 1) if n not in anew)
    return PARAMETER.sub(lambda m: f"${anew[int(m[1])]}", sql), tuple(binds[number - 1] for number in numbers), checks


def _build(document: Document, catalogue: Catalogue, rules: Rules, variables: Variables, limits: Limits) -> Build:
    definitions = tuple(document.operation.variable_definitions or ())
    return Build(document.schema, catalogue, rules.predicates, document.fragments, variables, limits, definitions)


def _plan(document: Document, rules: Rules, build: Build, row: Row, json: str) -> Plan:
    body = row.single()
    subjects = f", {row.subject()} AS subjects" if build.has_subjects else ""
    # Neighbouring literals become one: `||` is left-associative, so Postgres would concatenate them for every row.
    sql = f"/* {rules.role} */ SELECT convert_to({json}, 'UTF8') AS data{subjects}\nFROM {body}".replace("' || '", "")
    sql, binds, checks = _used(sql, build.binds)
    return Plan(
        contract=document.contract,
        name=document.name,
        hash=document.hash,
        sql=sql,
        binds=binds,
        checks=checks,
        tables=tuple(sorted(build.tables)),
        marks=tuple(build.marks),
        has_subjects=build.has_subjects,
        in_directory=build.tables <= rules.directory,
        keyed=tuple(build.keyed),
        drives=tuple(build.drives),
        cost=build.cost,
        limits=build.limits,
    )
