"""Relay connections over plain lists: filter, sort, cut.

Documented choices of the engine: the default page is 20; hasPreviousPage of a page read forward says that `after` was
given (mirrored backward); DESC turns all keys, the tie-break too; what has no date comes last in ASC; texts sort by
code point; cursors of an empty page are null, but for the end of a log. A cursor is a place in the list: it need not be
a row of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from tests.federation.naive.rights import Eyes, Refusal

LATEST = date.max
DEFAULT, MOST = 20, 100
Keys = Callable[[Any], tuple[Any, ...]]


@dataclass
class Edge:
    """One thing and its place, as a token that names the list, the order and the keys."""

    cursor: str
    node: Any


@dataclass
class Slice:
    """A page of a list."""

    edges: list[Edge]
    total: int
    has_next: bool
    has_previous: bool
    end: str | None = None  # of a log: the place that an empty page ends at


def page(
    eyes: Eyes,
    place: str,
    things: Iterable[Any],
    orders: dict[str, Keys],
    arguments: dict[str, Any],
) -> Slice:
    """The page that the arguments ask for; `orders` give the sort keys, the first is the default."""
    first, last = arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise Refusal("BAD_INPUT")
    size = DEFAULT if first is None and last is None else first if first is not None else last
    assert size is not None
    if size < 0:
        raise Refusal("BAD_INPUT")
    if size > MOST:
        raise Refusal("PAGE_TOO_LARGE")
    order = arguments.get("order") or {}
    name, down = order.get("field") or next(iter(orders)), order.get("direction") == "DESC"
    label, keys = f"{place}:{name}:{'DESC' if down else 'ASC'}", orders[name]
    every = sorted(things, key=keys, reverse=down)
    after, before = (_opened(eyes, label, arguments.get(which)) for which in ("after", "before"))
    left = [t for t in every if _between(keys(t), after, before, down)]
    taken = left[:size] if last is None else left[max(len(left) - size, 0) :]
    more = len(left) > size
    backward = last is not None
    return Slice(
        [Edge(mark(eyes, label, keys(t)), t) for t in taken],
        len(every),
        before is not None if backward else more,
        more if backward else after is not None,
    )


def _between(keys: Any, after: Any, before: Any, down: bool) -> bool:
    if down:
        after, before = before, after
    return (after is None or keys > after) and (before is None or keys < before)


def mark(eyes: Eyes, label: str, keys: tuple[Any, ...]) -> str:
    token = f"place {label} {keys!r}"
    eyes.places[token] = (label, keys)
    return token


def _opened(eyes: Eyes, label: str, cursor: str | None) -> tuple[Any, ...] | None:
    """The keys behind a cursor of the engine, which gave it to this seer for this list and order."""
    if cursor is None:
        return None
    made_for, keys = eyes.places.get(eyes.opened.get(cursor, ""), ("", ()))
    if made_for != label:
        raise Refusal("BAD_CURSOR")
    return keys


def within(value: Any, asked: Any) -> bool:
    """Whether a filter that was given, if it was given, names the value."""
    return asked is None or value == asked


def among(value: Any, asked: list[Any] | None) -> bool:
    return asked is None or value in asked


def not_before(value: date | None, asked: str | None) -> bool:
    return asked is None or (value is not None and value.isoformat() >= asked)


def not_after(value: date | None, asked: str | None) -> bool:
    return asked is None or (value is not None and value.isoformat() <= asked)
