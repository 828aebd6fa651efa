"""Which fields an object of one type answers with: fragments opened, directives applied, same keys merged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)

from federation.build import ArgumentError, Build
from schema.errors import BadInput

Collected = dict[str, list[FieldNode]]


def collect(build: Build, sets: Iterable[SelectionSetNode], type_name: str) -> Collected:
    """Response key -> the field nodes behind it, in the order of the document (GraphQL spec, CollectFields)."""
    found: Collected = {}
    seen: set[str] = set()
    for one in sets:
        _collect(build, one, type_name, found, seen)
    return found


def _collect(build: Build, selections: SelectionSetNode, type_name: str, found: Collected, seen: set[str]) -> None:
    node: Any
    for node in selections.selections:
        if not _included(build, node):
            continue
        if isinstance(node, FieldNode):
            found.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
            continue
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name in seen:
                continue
            seen.add(name)
            fragment = build.fragments[name]
            condition, below = fragment.type_condition.name.value, fragment.selection_set
        else:
            condition = node.type_condition.name.value if node.type_condition else type_name
            below = node.selection_set
        if applies(build, condition, type_name):
            _collect(build, below, type_name, found, seen)


def applies(build: Build, condition: str, type_name: str) -> bool:
    """Whether an object of this type meets a type condition."""
    if condition == type_name:
        return True
    kind = build.schema.type_map.get(condition)
    return is_abstract_type(kind) and any(t.name == type_name for t in build.schema.get_possible_types(kind))


def _included(build: Build, node: SelectionNode) -> bool:
    for directive in node.directives or ():
        name = directive.name.value
        if name in ("skip", "include"):
            given: Any = (directive.arguments or ())[0].value  # validated: it has `if`, a Boolean! or a variable
            truth = build.variables.get(given.name.value) if isinstance(given, VariableNode) else given.value
            if truth is None:
                raise ArgumentError(BadInput(f"@{name} needs true or false."), build.path)
            if truth is (name == "skip"):
                return False
    return True


def below(nodes: list[FieldNode]) -> list[SelectionSetNode]:
    """The selection sets under one response key."""
    return [node.selection_set for node in nodes if node.selection_set]
