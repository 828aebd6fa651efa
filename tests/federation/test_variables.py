"""The quick way to read variables gives what graphql-core gives, and leaves it to tell what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, get_variable_values

from federation import variables
from federation.document import Document, Problems, read_document
from federation.limits import Limits
from federation.variables import coerce
from schema.full import build_schema as build_full
from schema.print import graphql_core

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**31 - 1, 10**30, 1.0, 1.5, 1e400, "", "a", "5211", "GM0796", "2026-11-21",
    "not a date", "\x00", "\ud800", "x" * 10_000, [], ["a"], {}, {"a": 1}, b"a",
)  # fmt: skip


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """Every scalar and enum of the schema, as nullable and as required arguments."""
    full = graphql_core(build_full())
    names = sorted(name for name, kind in full.type_map.items() if kind.__class__.__name__ == "GraphQLScalarType")
    arguments = ", ".join(f"a{n}: {name}" for n, name in enumerate(names))
    made = build_schema(
        "enum Colour { RED BLUE } input Box { a: Int } "
        + " ".join(f"scalar {name}" for name in names if name not in ("Int", "Float", "String", "Boolean", "ID"))
        + f" type Query {{ f(e: Colour, b: Box, l: [Int], {arguments}): Int }}"
    )
    for argument in made.query_type.fields["f"].args.values():  # type: ignore[union-attr]
        argument.type = full.type_map.get(str(argument.type), argument.type)
    made.type_map.update({name: full.type_map[name] for name in names})
    return made


def _document(schema: GraphQLSchema, kind: str, argument: str) -> Document:
    return read_document("PUBLIC", schema, f"query Q($v: {kind}) {{ f({argument}: $v) }}", None, Limits())


def _slowly(document: Document, given: dict[str, Any]) -> Any:
    found = get_variable_values(document.schema, document.operation.variable_definitions or (), given)
    return "wrong" if isinstance(found, list) else found.coerced


def _coerced(document: Document, given: dict[str, Any]) -> Any:
    try:
        return coerce(document, given)
    except Problems:
        return "wrong"


def test_every_scalar_is_read_as_graphql_core_reads_it(schema: GraphQLSchema) -> None:
    arguments = {name: str(argument.type) for name, argument in schema.query_type.fields["f"].args.items()}  # type: ignore[union-attr]
    assert len(arguments) > 8
    told = 0
    for argument, kind in arguments.items():
        for written in (kind, kind + "!"):
            document = _document(schema, written, argument)
            for value in (*VALUES, "RED"):
                expected = _slowly(document, {"v": value})
                assert _coerced(document, {"v": value}) == expected, (written, value)
                told += expected != "wrong"
            assert _coerced(document, {}) == _slowly(document, {}), written
    assert told > 100


def test_a_request_with_scalars_alone_does_not_ask_graphql_core(
    schema: GraphQLSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: Any, **__: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(variables, "get_variable_values", asked)
    document = _document(schema, "Colour!", "e")
    assert coerce(document, {"v": "RED", "other": 1}) == {"v": "RED"}
    with pytest.raises(AssertionError):
        coerce(document, {"v": "GREEN"})
    with pytest.raises(AssertionError):
        coerce(_document(schema, "[Int]", "l"), {"v": [1]})
