"""`__schema` and `__type`: graphql-core answers them over the contract, the statement carries the text as a bind."""

from __future__ import annotations

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute_sync,
    get_named_type,
    type_from_ast,
)

from federation.build import Build, Request

INTROSPECTION = frozenset({"__schema", "__type"})


def compile_introspection(build: Build, nodes: list[FieldNode]) -> str:
    """The JSON text of one introspection field, as a bind."""
    definitions = tuple(
        one
        for one in build.definitions
        if getattr(get_named_type(type_from_ast(build.schema, one.type)), "name", "") in ("Boolean", "String")
    )
    operation = OperationDefinitionNode(
        operation=OperationType.QUERY,
        variable_definitions=definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(nodes)),
    )
    document = DocumentNode(definitions=(operation, *build.fragments.values()))
    names = {one.variable.name.value for one in definitions}
    schema = build.schema
    remembered: dict[bytes, str] = {}

    def bind(request: Request) -> str:
        given = {name: value for name, value in request.variables.items() if name in names}
        key = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        if key not in remembered:
            remembered.clear()
            found = execute_sync(schema, document, variable_values=given)
            remembered[key] = orjson.dumps(next(iter((found.data or {"": None}).values()))).decode()
        return remembered[key]

    return build.bind_request("text", bind)
