"""The size of a document, measured once after parsing and before validation: depth, aliases, selections per level.

Laws
1. Every fragment is measured once and remembered: a document of 500 bytes cannot cost more than its length.
2. Numbers saturate at CEILING: a chain of fragments that doubles 60 times is a number, not a computation.
3. A limit bounds load. No wall is a limit, and no limit is a wall.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from schema.errors import TooDeep, TooManyAliases, TooManySelections

CEILING = 1_000_000


@dataclass(frozen=True)
class Limits:
    """The knobs; the defaults are the hub's."""

    tokens: int = 2_000
    depth: int = 12
    introspection_depth: int = 20
    aliases: int = 30
    selections: int = 200
    cost: int = 20_000
    page: int = 100
    default_page: int = 20
    answer_bytes: int = 8 << 20
    seconds: float = 5.0


@dataclass(frozen=True)
class Size:
    """Of a selection set: how deep it nests, how many aliases it holds, how many fields its widest level selects."""

    depth: int = 0
    introspection: int = 0
    aliases: int = 0
    width: int = 0
    widest: int = 0


LEAF, ALIASED = Size(1, 0, 0, 1, 1), Size(1, 0, 1, 1, 1)


def check(document: DocumentNode, operation: OperationDefinitionNode, limits: Limits) -> Size:
    """Measures the chosen operation. Raises TooDeep, TooManyAliases or TooManySelections."""
    size = _Measure(document).of(operation.selection_set)
    if size.depth > limits.depth or size.introspection > limits.introspection_depth:
        raise TooDeep
    if size.aliases > limits.aliases:
        raise TooManyAliases
    # Validation holds every variable against every use of it: the definitions count as a level too.
    if max(size.widest, len(operation.variable_definitions or ())) > limits.selections:
        raise TooManySelections
    return size


class _Measure:
    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._sizes: dict[str, Size | None] = {}

    def of(self, selections: SelectionSetNode) -> Size:
        """`width` counts this level with its fragments opened; the other figures look through every level below."""
        depth = introspection = aliases = width = widest = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                one = self._field(node)
            elif isinstance(node, InlineFragmentNode):
                one = self.of(node.selection_set)
            else:
                assert isinstance(node, FragmentSpreadNode)
                one = self._fragment(node.name.value)
            depth, introspection = max(depth, one.depth), max(introspection, one.introspection)
            aliases, width = min(aliases + one.aliases, CEILING), min(width + one.width, CEILING)
            # Validation looks at every argument and directive of a node several times over: they count as a level too.
            widest = max(widest, one.widest, len(getattr(node, "arguments", None) or ()), len(node.directives or ()))
        return Size(depth, introspection, aliases, width, max(widest, width))

    def _field(self, node: FieldNode) -> Size:
        if not node.selection_set:
            return ALIASED if node.alias else LEAF
        aliases = 1 if node.alias else 0
        below = self.of(node.selection_set)
        if node.name.value in ("__schema", "__type"):
            return Size(1, 1 + max(below.depth, below.introspection), aliases + below.aliases, 1, below.widest)
        nested = below.introspection + 1 if below.introspection else 0
        return Size(min(below.depth + 1, CEILING), nested, aliases + below.aliases, 1, below.widest)

    def _fragment(self, name: str) -> Size:
        if name not in self._sizes:
            self._sizes[name] = None  # a cycle meets itself here; validation refuses it afterwards
            fragment = self._fragments.get(name)
            self._sizes[name] = self.of(fragment.selection_set) if fragment else Size()
        return self._sizes[name] or Size()
