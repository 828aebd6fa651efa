"""A field's arguments as they will be bound: read from the document once, from the variables at each request.

Laws
1. What a request binds is a coerced variable or a literal of the document, both through graphql-core's coercion.
2. Nothing is coerced twice: an argument becomes a function of the variables when the plan is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_nullable_type,
    is_non_null_type,
)
from graphql.utilities import value_from_ast

Variables = Mapping[str, Any]
Read = Callable[[Variables], Any]
ABSENT = Undefined


class Arguments:
    """The arguments of one field: `read(path)` gives a function from the variables to the value there, or None."""

    def __init__(self, reads: Mapping[str, Read]) -> None:
        self._reads = reads

    def read(self, *path: str) -> Read:
        """The value at a path of argument and input fields; absent and null are both None."""
        first = self._reads.get(path[0])
        if first is None:
            return lambda _: None
        rest = path[1:]

        def value(variables: Variables) -> Any:
            found = first(variables)
            for name in rest:
                if not isinstance(found, Mapping):
                    return None
                found = found.get(name)
            return plain(found)

        return value

    def beside(self, name: str, read: Read) -> Arguments:
        """The same with one more, which is no argument of the field."""
        return Arguments({**self._reads, name: read})

    def given(self, variables: Variables, *path: str) -> bool:
        """Whether there is a value other than null at the path: a structural question, part of a plan's key."""
        return self.read(*path)(variables) is not None


def plain(value: Any) -> Any:
    """Enums as what stands in the database; absent as None; lists likewise."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [plain(item) for item in value]
    return None if value is ABSENT else value


def arguments_of(definition: GraphQLField, node: FieldNode) -> Arguments:
    """Compiles the arguments of a field node of a valid document."""
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    reads: dict[str, Read] = {}
    for name, argument in definition.args.items():
        default = None if argument.default_value is Undefined else argument.default_value
        if name in given:
            reads[name] = _with_default(_reader(given[name], argument.type), default)
        elif default is not None:
            reads[name] = _constant(default)
    return Arguments(reads)


def _constant(value: Any) -> Read:
    return lambda _: value


def _with_default(read: Read, default: Any) -> Read:
    def value(variables: Variables) -> Any:
        found = read(variables)
        return default if found is ABSENT else found

    return value


def _reader(node: ValueNode, kind: GraphQLInputType) -> Read:
    if isinstance(node, VariableNode):
        name = node.name.value
        return lambda variables: variables.get(name, ABSENT)
    nullable = get_nullable_type(kind)
    if isinstance(node, ObjectValueNode) and isinstance(nullable, GraphQLInputObjectType) and _has_variable(node):
        return _object_reader(node, nullable)
    if isinstance(node, ListValueNode) and isinstance(nullable, GraphQLList) and _has_variable(node):
        items = [_reader(item, nullable.of_type) for item in node.values]
        return lambda variables: [read(variables) for read in items]
    return _constant(value_from_ast(node, kind))


def _object_reader(node: ObjectValueNode, kind: GraphQLInputObjectType) -> Read:
    given = {one.name.value: one.value for one in node.fields}
    reads: dict[str, Read] = {}
    for name, field in kind.fields.items():
        default = ABSENT if field.default_value is Undefined else field.default_value
        if name in given:
            reads[name] = _with_default(_reader(given[name], field.type), default)
        elif default is not ABSENT:
            reads[name] = _constant(default)

    def value(variables: Variables) -> dict[str, Any]:
        found = {name: read(variables) for name, read in reads.items()}
        return {name: one for name, one in found.items() if one is not ABSENT}

    return value


def _has_variable(node: ValueNode) -> bool:
    if isinstance(node, VariableNode):
        return True
    if isinstance(node, ListValueNode):
        return any(_has_variable(item) for item in node.values)
    if isinstance(node, ObjectValueNode):
        return any(_has_variable(field.value) for field in node.fields)
    return False


def shape(value: Any, kind: GraphQLInputType) -> Any:
    """What of a variable's value decides about the statement: presence at every level, and enums of orders by value."""
    if value is ABSENT or value is None:
        return None
    nullable = get_nullable_type(kind)
    if isinstance(nullable, GraphQLInputObjectType):
        return tuple((name, shape(value.get(name), field.type)) for name, field in nullable.fields.items())
    return plain(value) if _orders(nullable) else True


def is_structural(kind: GraphQLInputType) -> bool:
    """Whether a variable can differ in what decides: a required scalar says nothing, but what orders does."""
    nullable = get_nullable_type(kind)
    return not is_non_null_type(kind) or isinstance(nullable, GraphQLInputObjectType) or _orders(nullable)


def _orders(kind: Any) -> bool:
    """Enums that stand in orders: they become ORDER BY, wherever in a document their variable stands."""
    return isinstance(kind, GraphQLEnumType) and (kind.name == "Direction" or kind.name.endswith("OrderField"))
