"""What is asked of a live value: which fields of it, under which keys; and the cutting of a value to that.

A live type is a leaf: it comes whole from its source, below it is nothing of the registry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import GraphQLObjectType, SelectionSetNode, get_named_type

from federation.build import Build
from federation.selection import below, collect


@dataclass(frozen=True)
class Shown:
    """One field of a live value: its response key, its name, and of an object what is shown of that."""

    key: str
    name: str
    inside: tuple[Shown, ...] | None
    type: str  # for __typename


def shown(build: Build, sets: list[SelectionSetNode], type_name: str) -> tuple[Shown, ...] | None:
    """What a selection shows of a type; None for a scalar, which is shown whole."""
    if not sets:
        return None
    kind = build.schema.type_map[type_name]
    assert isinstance(kind, GraphQLObjectType)
    found = []
    for key, nodes in collect(build, sets, type_name).items():
        name = nodes[0].name.value
        inside = None
        if name != "__typename":
            inside = shown(build, below(nodes), get_named_type(kind.fields[name].type).name)
        found.append(Shown(key, name, inside, type_name))
    return tuple(found)


def cut_to(value: Any, fields: tuple[Shown, ...] | None) -> Any:
    """The value as it was asked. A field that a source did not tell is null."""
    if value is None or fields is None:
        return value
    if isinstance(value, list):
        return [cut_to(one, fields) for one in value]
    return {f.key: f.type if f.name == "__typename" else cut_to(value.get(f.name), f.inside) for f in fields}
