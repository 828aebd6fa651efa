"""Writes random operations of one contract for one seer: valid documents, and variables that can be drawn again.

What it aims at: nested pages that go on from a cursor, one field several times with other arguments, fragments (named,
inline, on Node and on unions), the same field merged from two places, @skip and @include by variable, values and nulls
and nothing in variables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

from tests.federation.arguments import Arguments
from tests.federation.harness import Seat
from tests.federation.values import Values

Used = dict[str, str]  # response key -> what stands under it
Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
LISTS = {"neighbours": 40, "contacts": 20}  # how many a plain list counts for, where it is not 100
ROOTS = {
    "students": 6,
    "candidates": 6,
    "placements": 4,
    "uitvallen": 4,
    "events": 4,
    "webhooks": 3,
    "dueItems": 3,
    "overdueItems": 3,
    "opportunities": 3,
    "schools": 3,
    "school": 3,
    "municipality": 3,
    "student": 3,
    "candidate": 3,
    "node": 2,
    "nodes": 2,
    "contact": 2,
    "_entities": 2,
}
TYPENAME = "__typename String!"
ABSENT = object()


@dataclass(frozen=True)
class Variable:
    """A variable of an operation; `draw` gives its next value, or ABSENT."""

    declared: str
    draw: Callable[[], Any]


@dataclass
class Operation:
    """A document, how to draw its variables, and what is special about it."""

    text: str
    drawn: Callable[[], tuple[dict[str, Any], frozenset[str], Counter[str]]]


@dataclass
class Writer:
    """Writes one operation; made anew for each."""

    schema: GraphQLSchema
    seat: Seat
    random: Random
    values: Values
    missing: set[str] = field(default_factory=set)  # catalogue entries that nothing has hit yet
    variables: dict[str, Variable] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    said: Counter[str] = field(default_factory=Counter)  # of the document
    now: Counter[str] = field(default_factory=Counter)  # of the present variables
    faults: set[str] = field(default_factory=set)
    faults_now: set[str] = field(default_factory=set)
    left: int = 0
    cost: int = 0
    aliases: int = 0

    def operation(self) -> Operation:
        """A document with one to three root fields."""
        self.left = self.random.randint(8, 40)
        query = self.schema.query_type
        assert query is not None
        self.arguments = Arguments(self)
        used: Used = {}
        parts: list[str] = []
        for name in self._roots(query):
            parts += self._field(query, name, 1, 1, used)
        if self.random.random() < 0.03:
            parts.append('__type(name: "Region") { name fields { name type { kind ofType { name } } } }')
        declared = ", ".join(f"${name}: {one.declared}" for name, one in self.variables.items())
        head = f"query Q({declared})" if declared else self.random.choice(("query Q", ""))
        texts = [f"{head} {{ {' '.join(parts)} }}", *self.fragments.values()]
        return Operation("\n".join(texts), self._draw)

    def _draw(self) -> tuple[dict[str, Any], frozenset[str], Counter[str]]:
        self.now, self.faults_now = Counter(), set()
        found = {name: one.draw() for name, one in self.variables.items()}
        given = {name: value for name, value in found.items() if value is not ABSENT}
        return given, frozenset(self.faults | self.faults_now), self.said + self.now

    def _roots(self, query: GraphQLObjectType) -> list[str]:
        """One to three: what shows young people rather than others, and what leads to something missing."""
        names = [name for name in query.fields if name != "findStudents"]  # driven by a source (tests/resolvers)
        weights = [ROOTS.get(name, 1) * (6 if self._leads_on(query.fields[name], 2) else 1) for name in names]
        return self.random.choices(names, weights, k=self.random.choice((1, 2, 2, 3)))

    def _leads_on(self, one: GraphQLField, steps: int = 1) -> bool:
        """Whether the field leads, in at most so many steps, to a type with a field that nothing has hit yet."""
        return get_named_type(one.type).name.removesuffix("Connection") in self._near[steps]

    @cached_property
    def _near(self) -> list[set[str]]:
        """Types with something missing, and those that stand one and two steps before them."""
        here = {entry.partition(".")[0] for entry in self.missing}
        near = [here & set(self.schema.type_map) - {"Query"}]
        for _ in range(2):
            before = {
                name
                for name, kind in self.schema.type_map.items()
                if isinstance(kind, GraphQLObjectType)
                and any(get_named_type(one.type).name in near[-1] for one in kind.fields.values())
            }
            near.append(near[-1] | before)
        return near

    # ---- selections

    def body(self, kind: Composite, depth: int, many: int, used: Used) -> str:
        """A selection set."""
        if isinstance(kind, GraphQLObjectType):
            parts = self._object(kind, depth, many, used)
        else:
            parts = self._abstract(kind, depth, many, used)
        return "{ " + " ".join(parts or [self._leaf(kind, "__typename", used)]) + " }"

    def _object(self, kind: GraphQLObjectType, depth: int, many: int, used: Used) -> list[str]:
        leaves = [name for name, one in kind.fields.items() if is_leaf_type(get_named_type(one.type))]
        inner = [name for name in kind.fields if name not in leaves]
        wanted = self.random.sample(leaves, k=min(len(leaves), self.random.randint(1, 4)))
        wanted += [name for name in leaves if f"{kind.name}.{name}" in self.missing and self.random.random() < 0.5]
        parts = [self._leaf(kind, name, used) for name in dict.fromkeys(wanted)]
        if self.random.random() < 0.15:
            parts.append(self._leaf(kind, "__typename", used))
        for name in self._inner(kind, inner, depth):
            parts += self._field(kind, name, depth, many, used)
        self.random.shuffle(parts)
        return self._in_fragments(kind, parts, used)

    def _inner(self, kind: GraphQLObjectType, names: list[str], depth: int) -> list[str]:
        """Which composite fields: a list of a connection surely, pages rather than others, what is missing first."""
        if not names or depth > 9:
            return [] if not kind.name.endswith(("Connection", "Edge")) else names[:1]
        if kind.name.endswith("Connection"):
            return self.random.choice(
                (["nodes"], ["nodes"], ["edges"], ["nodes", "pageInfo"], ["edges", "pageInfo"], ["pageInfo"])
            )
        if kind.name.endswith("Edge"):
            return names if self.random.random() < 0.9 else []
        if self.left <= 0:
            return []
        weights = [
            (12 if f"{kind.name}.{name}" in self.missing or self._leads_on(kind.fields[name]) else 1)
            * (3 if self.is_page(kind.fields[name]) else 1)
            for name in names
        ]
        many = self.random.choice((0, 1, 1, 2) if depth > 2 else (1, 1, 2))
        return list(dict.fromkeys(self.random.choices(names, weights, k=many)))

    @staticmethod
    def is_page(one: GraphQLField) -> bool:
        return "first" in one.args

    def _abstract(self, kind: Composite, depth: int, many: int, used: Used) -> list[str]:
        """A union or an interface: fragments on some of its types, on Node, and now and then one inside another."""
        possible = list(self.schema.get_possible_types(kind))  # type: ignore[arg-type]  # not an object here
        parts = ["__typename"] if self.random.random() < 0.5 else []
        if kind.name == "Node" and self.random.random() < 0.7:
            parts.append(self._leaf(kind, "id", used))
        for one in self.random.sample(possible, k=min(len(possible), self.random.randint(1, 4))):
            inside = " ".join(self._object(one, depth, many, used))
            on = f"... on {one.name}{self._directive()} {{ {inside} }}"
            if self.random.random() < 0.15:
                on = f"... on Node {{ {on} }}"
                self.said["interface"] += 1
            parts.append(on)
        if self.random.random() < 0.4:
            parts.append(f"... on Node {{ {self._leaf(kind, 'id', used)} }}")
        self.said["interface"] += kind.name == "Node" or "... on Node" in "".join(parts)
        self.said["union"] += isinstance(kind, GraphQLUnionType)
        return parts

    def _in_fragments(self, kind: GraphQLObjectType, parts: list[str], used: Used) -> list[str]:
        """Moves some of the parts into a fragment, or adds one on an interface that the type has."""
        drawn = self.random.random()
        if drawn < 0.1 and len(parts) > 1:
            cut = self.random.randint(1, len(parts) - 1)
            on = self.random.choice(("", f" on {kind.name}"))
            parts = [*parts[:cut], f"...{on}{self._directive()} {{ {' '.join(parts[cut:])} }}"]
        elif drawn < 0.18 and len(parts) > 1:
            name = f"F{len(self.fragments)}"
            self.fragments[name] = f"fragment {name} on {kind.name} {{ {' '.join(parts[1:])} }}"
            parts = [parts[0], f"...{name}{self._directive()}"]
        elif drawn < 0.26:
            parts.append(self._shared(kind, used))
        if any(one.name == "Node" for one in kind.interfaces) and self.random.random() < 0.15:
            self.said["interface"] += 1
            parts.append(f"... on Node{self._directive()} {{ {self._leaf(kind, 'id', used)} }}")
        return parts

    def _shared(self, kind: GraphQLObjectType, used: Used) -> str:
        """A named fragment of leaves, which several places spread."""
        name = f"Leaves{kind.name}"
        plain = [one for one, what in kind.fields.items() if is_leaf_type(get_named_type(what.type)) and not what.args]
        keys = {one: f"{one} {kind.fields[one].type}" for one in plain[:4]} or {"__typename": TYPENAME}
        if any(used.get(key, what) != what for key, what in keys.items()):
            return "__typename"
        self.fragments[name] = f"fragment {name} on {kind.name} {{ {' '.join(keys)} }}"
        used |= keys
        return f"...{name}{self._directive()}"

    # ---- fields

    def _leaf(self, kind: Composite, name: str, used: Used) -> str:
        """A field without selections. A key that stands for something else already gets an alias."""
        what = f"{name} {self._type_of(kind, name)}"
        key = name
        if used.get(key, what) != what or (self.random.random() < 0.04 and self.aliases < 25):
            self.aliases += 1
            key = f"a{self.aliases}"
        used[key] = what
        return (name if key == name else f"{key}: {name}") + self._directive()

    @staticmethod
    def _type_of(kind: Composite, name: str) -> str:
        if name == "__typename" or isinstance(kind, GraphQLUnionType):
            return "String!" if name == "__typename" else "ID!"
        return str(kind.fields[name].type)

    def _field(self, kind: GraphQLObjectType, name: str, depth: int, many: int, used: Used) -> list[str]:
        """A field with selections; now and then again under an alias with other arguments, or again to be merged."""
        self.left -= 1
        one = kind.fields[name]
        again = one.args and self.random.random() < 0.2 and self.aliases < 22
        texts, seen = [], set()
        for n in range(2 if again else 1):
            written = self.arguments.of(kind, name, one, depth, many)
            if written is None:
                continue
            text, size = written
            self.said["aliases"] += n > 0 and text not in seen
            seen.add(text)
            texts += self._one(one, name, text, depth, many * size, used)
        return texts

    def _one(self, one: GraphQLField, name: str, text: str, depth: int, many: int, used: Used) -> list[str]:
        inner = get_named_type(one.type)
        key = name
        if key in used or (self.random.random() < 0.05 and self.aliases < 22):
            self.aliases += 1
            key = f"a{self.aliases}"
        used[key] = f"{name} {self.aliases} {text} {id(used)}"
        written = (name if key == name else f"{key}: {name}") + text
        if is_leaf_type(inner):
            return [written + self._directive()]
        assert isinstance(inner, Composite)
        below: Used = {}
        parts = [f"{written}{self._directive()} {self.body(inner, depth + 1, many, below)}"]
        if self.random.random() < 0.06 and isinstance(inner, GraphQLObjectType):
            self.said["merged"] += 1
            parts.append(f"{written} {self.body(inner, depth + 1, many, below)}")
        return parts

    def size_of(self, one: GraphQLField, name: str, many: int) -> int | None:
        """How many nodes a plain list counts for; None where it would cost too much."""
        size = LISTS.get(name, 100) if is_list_type(get_nullable_type(one.type)) else 1
        if name in ("nodes", "edges"):
            size = 1  # of a connection, which is counted already
        if size > 1:
            if many * size > 10_000:
                return None
            self.cost += many * size
        return size

    # ---- variables

    def variable(self, kind: Any, draw: Callable[[], Any], *, default: str | None = None) -> str:
        """A new variable of this type; nullable ones are null or absent now and then."""
        name = f"v{len(self.variables)}"
        required = isinstance(kind, GraphQLNonNull) and default is None
        declared = str(kind) if required else f"{get_nullable_type(kind)}" + (f" = {default}" if default else "")

        def value() -> Any:
            drawn = self.random.random()
            if default is not None and drawn < 0.4:
                return ABSENT
            if not isinstance(kind, GraphQLNonNull) and drawn < 0.12:
                return self.random.choice((None, ABSENT))
            return draw()

        self.variables[name] = Variable(declared, value)
        return f"${name}"

    def _directive(self) -> str:
        drawn = self.random.random()
        if drawn > 0.07:
            return ""
        word = self.random.choice(("skip", "include"))
        if drawn < 0.01:
            return f" @{word}(if: {self.random.choice(('true', 'false'))})"
        self.said["directives"] += 1
        likely = 0.2 if word == "skip" else 0.8
        kind = GraphQLNonNull(GraphQLBoolean)
        default = self.random.choice((None, None, "true", "false"))
        return f" @{word}(if: {self.variable(kind, lambda: self.random.random() < likely, default=default)})"


def write(schema: GraphQLSchema, seat: Seat, random: Random, values: Values, missing: set[str]) -> Operation:
    """One operation."""
    return Writer(schema, seat, random, values, missing).operation()
