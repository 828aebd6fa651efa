"""Objects by id, by ids and by representation: one lateral over the keys, one look-up per type that the keys name.

Laws
1. A key of the wrong shape is no row, not an error; a row that is not this party's is the same null.
2. One bad representation never hurts another: it is null, with an error of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphql import FieldNode, GraphQLUnionType, SelectionSetNode

from federation.arguments import Arguments
from federation.build import ArgumentError, Build
from federation.catalogue import Keyed, Rows
from federation.rows import NO_SUBJECT, Row
from federation.selection import below
from schema.errors import BadInput, BadRepresentation, SpilError, UnknownEntity

Compile = Callable[[Row, str, list[SelectionSetNode]], str]
MOST = 100
NO_TYPE = ""


@dataclass(frozen=True)
class Key:
    """One key as it is bound: its type ('' finds nothing), its text, its uuid and the part behind a dot."""

    type: str = NO_TYPE
    text: str | None = None
    uuid: str | None = None
    part: str | None = None
    error: SpilError | None = None


def key_of(types: Mapping[str, Rows], value: Any) -> Key:
    """An id of the graph, `Type:key`, as a key."""
    name, colon, rest = str(value).partition(":")
    rows = types.get(name)
    if not colon or rows is None or rows.lookup is None:
        return Key()
    return _shaped(name, rows, rest)


def _shaped(name: str, rows: Rows, rest: str) -> Key:
    assert rows.lookup is not None
    if not rest.isascii() or "\x00" in rest or len(rest) > 100:
        return Key()
    if rows.lookup.shape == "text":
        return Key(name, text=rest)
    head, _, part = rest.partition(".")
    try:
        if str(UUID(head)) != head:
            return Key()
    except ValueError:
        return Key()
    if rows.lookup.shape == "uuid":
        return Key(name, uuid=head) if not part else Key()
    return Key(name, uuid=head, part=part)


def representation_key(types: Mapping[str, Rows], value: Any) -> Key:
    """A representation of Apollo Federation as a key; what is wrong with it stands in `error`."""
    name = value.get("__typename") if isinstance(value, Mapping) else None
    rows = types.get(name) if isinstance(name, str) else None
    if not isinstance(name, str) or rows is None or rows.lookup is None:
        return Key(error=UnknownEntity())
    if set(value) != {"__typename", rows.lookup.entity} or not isinstance(value[rows.lookup.entity], str):
        return Key(error=BadRepresentation())
    given = value[rows.lookup.entity]
    return key_of({name: rows}, given if rows.lookup.entity == "id" else f"{name}:{given}")


def named_types(types: Mapping[str, Any], value: Any) -> tuple[str, ...]:
    """The known types that ids or representations name, whatever follows: what a plan is made for."""
    values = value if isinstance(value, list) else [value]
    named = [
        v.get("__typename") if isinstance(v, Mapping) else str(v).partition(":")[0] for v in values if v is not None
    ]
    return tuple(sorted({name for name in named if isinstance(name, str) and name in types}))


class Keys:
    """The keys of one field: read once per request, bound as four arrays."""

    def __init__(self, build: Build, entry: Keyed, arguments: Arguments) -> None:
        types = build.catalogue.types
        allowed = entry.types or tuple(name for name, rows in types.items() if rows.lookup)
        union = build.schema.type_map.get("_Entity")
        if entry.entities and isinstance(union, GraphQLUnionType):
            allowed = tuple(member.name for member in union.types)
        self._types = {name: types[name] for name in allowed if name in build.schema.type_map}
        self._entry, self._path = entry, build.path
        self._read = arguments.read("representations" if entry.entities else "ids" if entry.many else entry.argument)

    def read(self, variables: Mapping[str, Any]) -> Sequence[Key]:
        value = self._read(variables)
        values = value if isinstance(value, list) else [value]
        if len(values) > MOST:
            raise ArgumentError(BadInput(f"At most {MOST} at once."), self._path)
        make = representation_key if self._entry.entities else key_of
        return [make(self._types, one) for one in values]

    def errors(self, variables: Mapping[str, Any]) -> list[ArgumentError]:
        return [ArgumentError(k.error, (*self._path, n)) for n, k in enumerate(self.read(variables)) if k.error]

    def bind(self, build: Build, part: str, cast: str) -> str:
        return build.bind_request(cast, lambda request: [getattr(key, part) for key in self.read(request.variables)])

    def present(self, variables: Mapping[str, Any]) -> tuple[str, ...]:
        """Types that this request's keys name: structural, so it is part of a plan's key."""
        return named_types(self._types, self._read(variables))

    def count(self, variables: Mapping[str, Any]) -> int:
        value = self._read(variables)
        return len(value) if isinstance(value, list) else 1


def compile_keyed(row: Row, entry: Keyed, nodes: list[FieldNode], arguments: Arguments, compile_object: Compile) -> str:
    """The JSON text of one object or of a list of them, in the order of the keys."""
    build = row.build
    keys = Keys(build, entry, arguments)
    build.keyed.append(keys)
    name = f"u{build.number()}"
    arrays = [keys.bind(build, "type", "text[]"), keys.bind(build, "text", "text[]")]
    arrays += [keys.bind(build, "uuid", "uuid[]"), keys.bind(build, "part", "text[]")]
    laterals, cases, subjects = [], [], []
    with build.cost.page_of(keys.count):
        for type_name in keys.present(build.variables):
            rows = build.catalogue.types[type_name]
            assert rows.lookup is not None
            child = Row(build, rows, row)
            json = compile_object(child, type_name, below(nodes))
            link = rows.lookup.link
            for part in ("text", "uuid", "part"):
                link = link.replace("{key." + part + "}", f"{name}.{part}")
            source = child.single(f"{name}.type = '{type_name}'", link)
            alias = f"o{build.number()}"
            subject = f", {child.subject()} AS s" if child.subjects else ""
            laterals.append(f"\nLEFT JOIN LATERAL (SELECT {json} AS j{subject} FROM {source}) {alias} ON true")
            cases.append(f"{alias}.j")
            subjects += [f"coalesce({alias}.s, {NO_SUBJECT})"] if child.subjects else []
    return _gather(row, entry, name, arrays, laterals, cases, subjects)


def _gather(
    row: Row, entry: Keyed, name: str, arrays: list[str], laterals: list[str], cases: list[str], subjects: list[str]
) -> str:
    found = f"coalesce({', '.join([*cases, chr(39) + 'null' + chr(39)])})"
    whole = f"string_agg({found}, ',' ORDER BY {name}.n)"
    json = f"'[' || coalesce({whole}, '') || ']'" if entry.many else f"coalesce({whole}, 'null')"
    subject = f", string_agg({' || '.join(subjects)}, {NO_SUBJECT}) AS s" if subjects else ""
    alias = f"k{row.build.number()}"
    row.laterals.append(
        f"CROSS JOIN LATERAL (SELECT {json} AS j{subject} FROM unnest({', '.join(arrays)})"
        f" WITH ORDINALITY {name}(type, text, uuid, part, n){''.join(laterals)}) {alias}"
    )
    if subjects:
        row.subjects.append(f"coalesce({alias}.s, {NO_SUBJECT})")
    return f"{alias}.j"
