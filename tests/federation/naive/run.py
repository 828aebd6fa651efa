"""Plain graphql-core over the naive fields: a contract's printed SDL, built anew, with one field resolver for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    execute_sync,
    print_schema,
)
from graphql.execution import ExecutionResult

from schema.scalars import CODES, parse_date, plain
from tests.federation.naive.fields import FIELDS, column_of
from tests.federation.naive.keys import id_of
from tests.federation.naive.pages import Edge, Slice
from tests.federation.naive.rights import Eyes
from tests.federation.naive.things import Thing

Info = GraphQLResolveInfo[Any]
PLACE = "place "  # how the naive side's cursors begin


@dataclass
class Found:
    """One operation's answer, and what stands in it."""

    result: ExecutionResult
    students: set[str] = field(default_factory=set)
    rows: int = 0
    hits: Counter[str] = field(default_factory=Counter)

    @property
    def problems(self) -> list[tuple[tuple[Any, ...], str]]:
        """(path, code) of every error; without a code it is one of graphql-core's own."""
        return [(tuple(e.path or ()), (e.extensions or {}).get("code", e.message)) for e in self.result.errors or ()]


def naive_schema(contract: GraphQLSchema) -> GraphQLSchema:
    """A schema of plain graphql-core objects in which nothing of Strawberry is left, and scalars that parse."""
    schema = build_schema(print_schema(contract))
    parsers: dict[str, Any] = {name: parse for name, parse, _ in CODES.values()}
    parsers |= {"Text": plain, "Date": lambda given: parse_date(given).isoformat()}
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLScalarType) and name in parsers:
            kind.parse_value = parsers[name]  # type: ignore[method-assign]  # how graphql-core itself lets one do it
    return schema


def answer(schema: GraphQLSchema, eyes: Eyes, document: DocumentNode, variables: Mapping[str, Any]) -> Found:
    """Runs a valid document."""
    found = Found(ExecutionResult())

    def resolve(source: Any, info: Info, **arguments: Any) -> Any:
        place = f"{info.parent_type.name}.{info.field_name}"
        found.hits[place] += 1
        value = _value(eyes, source, place, arguments)
        for one in value if isinstance(value, list) else [value]:
            stands = one.node if isinstance(one, Edge) else one
            if isinstance(stands, Thing):
                found.rows += stands.type not in ("Viewer", "_Service")
                found.students |= {stands.student} if stands.student else set()
        return value

    def kind(value: Any, info: Info, abstract: Any) -> str:
        return str(value.type)

    found.result = execute_sync(
        schema,
        document,
        Thing("Query", {}),
        variable_values=dict(variables),
        field_resolver=resolve,
        type_resolver=kind,
    )
    return found


def _value(eyes: Eyes, source: Any, place: str, arguments: dict[str, Any]) -> Any:
    name = place.partition(".")[2]
    if isinstance(source, Thing):
        give = FIELDS.get(place)
        if give:
            value = give(eyes, source.row, arguments)
        else:
            value = id_of(eyes, source) if name == "id" else source.row[column_of(place)]
        return value.isoformat() if isinstance(value, date) else value
    if isinstance(source, Edge):
        return getattr(source, name)
    if isinstance(source, Slice):
        return _of_slice(source, name)
    assert isinstance(source, dict)
    return source[name]


def _of_slice(page: Slice, name: str) -> Any:
    match name:
        case "edges":
            return page.edges
        case "nodes":
            return [edge.node for edge in page.edges]
        case "totalCount":
            return page.total
    return {
        "hasNextPage": page.has_next,
        "hasPreviousPage": page.has_previous,
        "startCursor": page.edges[0].cursor if page.edges else None,
        "endCursor": page.edges[-1].cursor if page.edges else page.end,
    }
