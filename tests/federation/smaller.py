"""Makes a failing operation small: takes away one piece after another while it still fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from graphql import (
    REMOVE,
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    ObjectFieldNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    validate,
    visit,
)

PIECES = (FieldNode, InlineFragmentNode, FragmentSpreadNode, ArgumentNode, DirectiveNode, ObjectFieldNode)
TRIES = 400
Fails = Callable[[str, Mapping[str, Any]], Awaitable[bool]]


class _Without(Visitor):
    """Removes the piece with this number; counts them."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left, self.count = number, 0

    def enter(self, node: Node, *_: Any) -> Any:
        if isinstance(node, PIECES):
            self.count += 1
            self.left -= 1
            if self.left == -1:
                return REMOVE
        return None


class _Unused(Visitor):
    """Removes definitions of fragments and variables that nothing names."""

    def __init__(self, document: DocumentNode) -> None:
        super().__init__()
        names = _Names()
        visit(document, names)
        self.spread, self.variables = names.spread, names.variables

    def enter(self, node: Node, *_: Any) -> Any:
        if isinstance(node, FragmentDefinitionNode) and node.name.value not in self.spread:
            return REMOVE
        if isinstance(node, VariableDefinitionNode) and node.variable.name.value not in self.variables:
            return REMOVE
        return None


class _Names(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.spread: set[str] = set()
        self.variables: set[str] = set()

    def enter(self, node: Node, _key: Any, parent: Any, *_: Any) -> None:
        if isinstance(node, FragmentSpreadNode):
            self.spread.add(node.name.value)
        if isinstance(node, VariableNode) and not isinstance(parent, VariableDefinitionNode):
            self.variables.add(node.name.value)


def without(text: str, number: int) -> tuple[str, int]:
    """The document without its n-th piece, and how many pieces it had."""
    remover = _Without(number)
    document = visit(parse(text), remover)
    for _ in range(3):  # a fragment may have been named by another one only
        document = visit(document, _Unused(document))
    return print_ast(document), remover.count


async def smallest(schema: GraphQLSchema, text: str, variables: Mapping[str, Any], fails: Fails) -> str:
    """A document that still fails and of which no single piece can go; the best so far after TRIES."""
    number, tries = 0, 0
    while tries < TRIES:
        smaller, count = without(text, number)
        if number >= count:
            break
        tries += 1
        if smaller != text and _is_valid(schema, smaller) and await fails(smaller, variables):
            text = smaller
        else:
            number += 1
    return text


def _is_valid(schema: GraphQLSchema, text: str) -> bool:
    try:
        return not validate(schema, parse(text, allow_empty_selection_sets=False))
    except GraphQLError:
        return False
