"""From selections to SQL: every field by its entry. An object becomes one SQL expression that gives its JSON text.

Laws
1. Every part of an object is a text that is never null.
2. A child is a lateral of its parent's row; nothing is grouped by parent, and there is no CTE.
3. Response keys and type names are the only texts of a document that enter the SQL, and GraphQL's grammar bounds them.
"""

from __future__ import annotations

from graphql import FieldNode, GraphQLObjectType, SelectionSetNode

from federation.arguments import Arguments, arguments_of
from federation.build import Mark
from federation.catalogue import (
    Choice,
    Column,
    Constant,
    Entry,
    Expression,
    Form,
    Keyed,
    Live,
    Many,
    One,
    Page,
    Sealed,
    Stream,
    Told,
)
from federation.cursors import SEPARATOR_SQL
from federation.introspection import INTROSPECTION, compile_introspection
from federation.keyed import compile_keyed
from federation.live import shown
from federation.pages import compile_page
from federation.rows import NO_SUBJECT, Row, as_json, subjects_of
from federation.selection import below, collect


def compile_object(row: Row, type_name: str, sets: list[SelectionSetNode]) -> str:
    """The JSON text of one object, as SQL over `row.outer`."""
    build, parts = row.build, []
    outer_path = build.path
    for key, nodes in collect(build, sets, type_name).items():
        build.path = (*outer_path, key)
        parts.append(f"'\"{key}\":' || {compile_field(row, type_name, nodes)}")
    build.path = outer_path
    return "'{' || " + " || ',' || ".join(parts) + " || '}'" if parts else "'{}'"


def compile_field(row: Row, type_name: str, nodes: list[FieldNode]) -> str:
    """The JSON text of one field, as SQL over `row.outer`."""
    name = nodes[0].name.value
    if name == "__typename":
        return f"'\"{type_name}\"'"
    if name in INTROSPECTION:
        return compile_introspection(row.build, nodes)
    definition = row.build.schema.type_map[type_name]
    assert isinstance(definition, GraphQLObjectType)
    arguments = arguments_of(definition.fields[name], nodes[0])
    entry = row.build.catalogue.types[type_name].fields[name]
    return compile_entry(row, entry, nodes, arguments, f"{type_name}.{name}")


def compile_entry(  # noqa: PLR0911  # one case per kind of entry
    row: Row, entry: Entry, nodes: list[FieldNode], arguments: Arguments, place: str
) -> str:
    """Dispatch: one case per kind of entry."""
    match entry:
        case Column(name, form):
            return as_json(row.outside_name(name), form)
        case Expression(sql, form):
            return as_json(row.outside(sql), form)
        case Constant(name):
            return as_json(
                row.build.bind_request("text", lambda request: request.constants[name], ("constant", name)), Form.TEXT
            )
        case One():
            return _one(row, entry, nodes, arguments)
        case Choice():
            return _choice(row, entry, nodes)
        case Many():
            return _many(row, entry, nodes)
        case Page():
            return compile_page(row, entry, nodes, arguments, place, compile_object)
        case Keyed():
            return compile_keyed(row, entry, nodes, arguments, compile_object)
        case Live():
            return _live(row, entry, nodes, arguments)
        case Sealed():
            return _sealed(row, entry)
        case Told() | Stream():
            raise AssertionError(f"{place} is reached by a statement, and is no row's")


def _one(row: Row, entry: One, nodes: list[FieldNode], arguments: Arguments) -> str:
    child = Row(row.build, row.build.catalogue.types[entry.type], row, arguments, dict(entry.bound), entry.through)
    return attach(row, child, compile_object(child, entry.type, below(nodes)), entry.link)


def attach(row: Row, child: Row, json: str, link: str) -> str:
    """Hangs a to-one row set beside `row`; gives its JSON text or `null`."""
    name = f"o{row.build.number()}"
    source = child.single(link)
    subject = f", {child.subject()} AS s" if child.subjects else ""
    row.laterals.append(f"LEFT JOIN LATERAL (SELECT {json} AS j{subject} FROM {source}) {name} ON true")
    if child.subjects:
        row.subjects.append(subjects_of(name))
    return f"coalesce({name}.j, 'null')"


def _choice(row: Row, entry: Choice, nodes: list[FieldNode]) -> str:
    kind, cases = row.outside(entry.kind), []
    for value, (type_name, link) in entry.cases.items():
        if type_name not in row.build.schema.type_map:
            continue
        child = Row(row.build, row.build.catalogue.types[type_name], row)
        json = compile_object(child, type_name, below(nodes))
        guarded = f"{kind} = '{value}' AND {link}"
        cases.append(attach(row, child, json, guarded).removeprefix("coalesce(").removesuffix(", 'null')"))
    return f"coalesce({', '.join(cases)}, 'null')" if cases else "'null'"


def _many(row: Row, entry: Many, nodes: list[FieldNode]) -> str:
    build = row.build
    child = Row(build, build.catalogue.types[entry.type], row, source=entry.source)
    with build.cost.list_of(entry.limit):
        json = compile_object(child, entry.type, below(nodes))
    keys = [child.inside(key) for key in entry.order]
    beside = child.beside()
    source, where = child.source_sql(child.conditions(entry.link))
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    listed = ", ".join([*child.exported(), *(f"{key} AS k{n}" for n, key in enumerate(keys))]) or "1"
    ordered = f" ORDER BY {', '.join(keys)}" if keys else ""
    inner = f"(SELECT {listed} FROM {source}{condition}{ordered} LIMIT {entry.limit}) {child.outer}"
    within = " ORDER BY " + ", ".join(f"{child.outer}.k{n}" for n in range(len(keys))) if keys else ""
    name = f"m{build.number()}"
    subject = f", string_agg({child.subject()}, {NO_SUBJECT}) AS s" if child.subjects else ""
    row.laterals.append(
        f"CROSS JOIN LATERAL (SELECT '[' || coalesce(string_agg({json}, ','{within}), '') || ']' AS j{subject}"
        f"\nFROM {inner}{beside}) {name}"
    )
    given = row.outside(entry.given) if entry.given else None
    if child.subjects:
        row.subjects.append(subjects_of(name, given))
    return f"CASE WHEN {given} THEN {name}.j ELSE 'null' END" if given else f"{name}.j"


def _sealed(row: Row, entry: Sealed) -> str:
    nonce, number = row.build.mark(Mark("cursor", entry.label, path=row.build.path))
    keys = f" || {SEPARATOR_SQL} || ".join(f"({row.outside(key)})::text" for key in entry.keys)
    return f"'\"' || {nonce} || '{number}:' || {keys} || {nonce} || '\"'"


def _live(row: Row, entry: Live, nodes: list[FieldNode], arguments: Arguments) -> str:
    build, asked = row.build, entry.asked
    template = entry.key
    if asked is not None:
        template = template.replace("{asked}", build.bind("text", arguments.read(*asked.argument), asked.convert))
    for table in entry.tables:
        build.touch(table)
    with build.cost.list_of(entry.counts):
        pass  # a leaf: nothing of the registry stands below
    mark = Mark("live", entry.layer, shown(build, below(nodes), entry.type), build.path)
    nonce, number = build.mark(mark)
    key = f"{nonce} || '{number}:' || ({row.outside(template)})::text || {nonce}"
    return f"CASE WHEN {row.outside(entry.open)} THEN coalesce({key}, 'null') ELSE 'null' END"
