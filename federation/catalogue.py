"""What a catalogue says: for every output field of every type, which column, relation, page or source gives it.

A catalogue is plain data; `resolvers/` writes it, the compiler reads it. Its SQL pieces are templates; braces name
columns:

    {name}           a column of the row itself; whatever is named is selected, nothing else
    {profile.hours}  a column of a to-one join that `Rows.joins` declares under that name; joined only where it is named
    {parent.region}  a column of the row above
    {person.alias}   a column of the young person's `sight` row: the row itself, a row above, or the join of that name
    {arg.code}       an argument of the field, bound and cast: `{arg.code}` as text, `{arg.n:int}` as int
    {viewer.seer}    who asks: seer, party, key (what stands behind the colon of the party)

Laws
1. Every output field of every object type has exactly one entry (a test holds the schema against the catalogue).
2. Nothing here names a role: which fields exist is the contract's, which rows are the policy's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from schema.errors import SpilError


class Form(Enum):
    """How a value becomes JSON text."""

    NUMBER = "number"  # as it stands: integers, floats without NaN, booleans
    CODE = "code"  # a text that needs no escape: codes, dates, uuids
    TEXT = "text"  # any text
    JSON = "json"  # what `to_json` makes of it: arrays


@dataclass(frozen=True)
class Column:
    """A column of the row."""

    name: str
    form: Form = Form.TEXT


@dataclass(frozen=True)
class Expression:
    """Any SQL over the row; no look-up of rows that a policy guards."""

    sql: str
    form: Form = Form.TEXT


@dataclass(frozen=True)
class Bound:
    """An argument of the SQL: read from the field's arguments, made fit to bind by `convert`."""

    argument: tuple[str, ...]
    convert: Callable[[Any], Any]


@dataclass(frozen=True)
class One:
    """A to-one relation: at most one row of `type`, by `link`. `through` names another policy than the table's own."""

    type: str
    link: str
    through: str | None = None
    bound: Mapping[str, Bound] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """A to-one relation to one type of a union: `kind` gives the case, each case a type and its link."""

    kind: str
    cases: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Keyed:
    """Objects by id (`node`, `nodes`, `student`) or by representation (`_entities`)."""

    types: tuple[str, ...] | None = None  # None: every type with `Rows.lookup`
    argument: str = "id"
    many: bool = False
    entities: bool = False


@dataclass(frozen=True)
class Many:
    """A plain list, bounded by `limit`; `given` says when it is a list and not null."""

    type: str
    link: str | None = None
    order: tuple[str, ...] = ()
    limit: int = 100
    given: str | None = None
    source: str | None = None  # another FROM item than the type's own


@dataclass(frozen=True)
class Filter:
    """One field of a filter input: a condition over `{value}`, which is bound with `cast`."""

    sql: str
    cast: str = "text"
    convert: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True)
class Driver:
    """A list whose rows a source names before the statement runs: `finder` is told the argument.

    What it gives is `{arg.references:text[]}` in the page's link, at most 100.
    """

    finder: str
    argument: str


OrderKey = tuple[str, str]  # a template, and the type that a cursor's text is cast to


@dataclass(frozen=True)
class Page:
    """A Relay connection: rows of `type` by `link`, keyset pages over one of `orders` (the first is the default).

    The last key of each order is unique in the list. Keys are never null.
    """

    type: str
    link: str | None
    orders: Mapping[str, tuple[OrderKey, ...]]
    filters: Mapping[str, Filter] = field(default_factory=dict)
    through: str | None = None
    given: str | None = None  # says when it is a page and not null
    driven: Driver | None = None  # null where the source could not be asked
    # Of a log, over the keys of a cursor, {0}, {1} ...: true, or an error of the database's. What `after` gives has the
    # cursor's first key too: its epoch.
    lives: str | None = None
    # Of a log, one template per key: the place that `endCursor` names where nothing is left to come, which is its end.
    end: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotTold:
    """What stands for a value that could not be asked: why, of which source as this viewer may know it, and when."""

    error: SpilError
    source: str
    at: str  # ISO 8601, UTC


Ask = Callable[[Any, Sequence[str]], Awaitable[Mapping[str, Any]]]
"""Who asks, and what is asked for by its keys: the values, a NotTold where there was no answer; absent is null."""


@dataclass(frozen=True)
class Live:
    """A value that a source gives during the request. `layer` names who is asked; `key` is what they know the row by;
    where `open` is not true the key never leaves the statement. A live type is a leaf.

    `asked` is an argument that is part of the question: `{asked}` in the key. `tables` are what the key looks into;
    `counts` is what a long answer weighs.
    """

    layer: str
    type: str
    key: str
    open: str
    asked: Bound | None = None
    tables: tuple[str, ...] = ()
    counts: int = 0


@dataclass(frozen=True)
class Constant:
    """A text that the engine holds for this contract (the SDL of `_service`)."""

    name: str


@dataclass(frozen=True)
class Sealed:
    """A cursor of the row: its keys, sealed to the seer under `label`, as a page's cursors are."""

    label: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Stream:
    """A root of Subscription: of each position that is read one row of `type`, by `link`.

    `{parent.pos}` is the position, `{arg.epoch:int}` its epoch; `wanted` says of a row whether it goes to who asked.
    """

    type: str
    link: str
    wanted: str


@dataclass(frozen=True)
class Told:
    """A field of a live type: it comes within its value, and no statement reads it."""


Entry = Column | Expression | One | Choice | Keyed | Many | Page | Live | Constant | Told | Sealed | Stream


@dataclass(frozen=True)
class Join:
    """A to-one table beside the row, joined where a template names it. `first`: which of several, as ORDER BY."""

    table: str
    on: str
    first: str | None = None


@dataclass(frozen=True)
class Lookup:
    """How an object is found by its id: `link` over {key.text}, {key.uuid}, {key.part}; `entity` is its @key field."""

    link: str
    entity: str
    shape: str = "text"  # text | uuid | part


@dataclass(frozen=True)
class Rows:
    """Where the objects of one type come from. `table` is a table, or a FROM item with templates of its own."""

    table: str
    fields: Mapping[str, Entry]
    joins: Mapping[str, Join] = field(default_factory=dict)
    tables: tuple[str, ...] | None = None  # what a FROM item that is no table reads
    policy: str | None = None  # key of the predicate; the table's own name if not given
    person: str | None = None  # the column with the young person's key: it goes to the reads log
    is_person: bool = False  # the row itself is a `sight` row
    lookup: Lookup | None = None


Finder = Callable[[Any, str], Awaitable[Sequence[str] | NotTold]]


@dataclass(frozen=True)
class Catalogue:
    """All types by name, the layers that live fields ask, and the finders that drive lists."""

    types: Mapping[str, Rows]
    layers: Mapping[str, Ask] = field(default_factory=dict)
    finders: Mapping[str, Finder] = field(default_factory=dict)
