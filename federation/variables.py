"""A request's variables: coerced by graphql-core, with the path at which one that is wrong is used first.

Law: what is quick gives what graphql-core gives (tested), and whatever is wrong is told by graphql-core alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import FieldNode, SelectionSetNode, Undefined, get_variable_values

from federation.arguments import Variables
from federation.document import Document, Problem, Problems
from schema.errors import BadInput


def coerce(document: Document, given: Mapping[str, Any]) -> Variables:
    """The request's variables, coerced by graphql-core. Raises Problems, each with the path of its first use."""
    quick = _scalars_alone(document, given)
    if quick is not None:
        return quick
    definitions = document.operation.variable_definitions or ()
    values = get_variable_values(document.schema, definitions, dict(given), hide_suggestions=True)
    if not isinstance(values, list):
        return values.coerced
    problems = []
    for error in values:
        name = _variable_of(error)
        words = f"Variable `${name}` has a value that its type does not allow." if name else None
        problems.append(Problem(BadInput(words), path=_first_use(document, name)))
    raise Problems(*problems)


def _scalars_alone(document: Document, given: Mapping[str, Any]) -> Variables | None:
    """The variables when each is a scalar with a value: most requests. None: graphql-core looks, and tells.

    It finds every type anew for each request, a tenth of what a short question costs in Python.
    """
    if document.scalars is None:
        return None
    found: dict[str, Any] = {}
    for name, read in document.scalars:
        value = given.get(name)
        if value is None:
            return None
        try:
            found[name] = read(value)
        except Exception:  # noqa: BLE001 - graphql-core also takes any exception of a scalar for a wrong value
            return None
        if found[name] is Undefined:
            return None
    return found


def _variable_of(error: Any) -> str | None:
    for node in error.nodes or ():
        if hasattr(node, "variable"):
            return str(node.variable.name.value)
    return None


def _first_use(document: Document, name: str | None) -> tuple[str, ...]:
    """The response path of the first field with an argument that mentions the variable."""

    def search(selections: SelectionSetNode | None, path: tuple[str, ...], depth: int) -> tuple[str, ...] | None:
        for node in selections.selections if selections and depth < 30 else ():
            here, inside = path, getattr(node, "selection_set", None)
            if isinstance(node, FieldNode):
                here = (*path, node.alias.value if node.alias else node.name.value)
                if any(_mentions(argument.value, name) for argument in node.arguments or ()):
                    return here
            elif hasattr(node, "name"):
                inside = document.fragments[node.name.value].selection_set
            found = search(inside, here, depth + 1)
            if found:
                return found
        return None

    return search(document.operation.selection_set, (), 0) or ()


def _mentions(node: Any, name: str | None) -> bool:
    if node.kind == "variable":
        return bool(node.name.value == name)
    inside = getattr(node, "fields", None) or getattr(node, "values", None) or ()
    return any(_mentions(getattr(one, "value", one) if node.kind == "object_value" else one, name) for one in inside)
