"""Rows out of a JSON body that comes in pieces: it is read when it is whole.

Law: the body is refused, not cut, when it is larger than CAP bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from connectors.mapping import getter
from schema.errors import SourceMalformed

CAP = 256 * 1024 * 1024


class Document:
    """Feed it bytes; at the end it gives the objects of the list at `path` ('' the document itself)."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pieces: list[bytes] = []
        self._length = 0

    def feed(self, piece: bytes) -> Iterator[Any]:
        self._length += len(piece)
        if self._length > CAP:
            raise SourceMalformed("A source gave a document that is larger than this hub reads.")
        self._pieces.append(piece)
        return iter(())

    def close(self) -> Iterator[Any]:
        """Raises SourceMalformed when there is no list."""
        body, self._pieces = b"".join(self._pieces), []
        rows = parsed(body)
        if self._path:
            rows = getter(self._path, "json")(rows)
        if not isinstance(rows, list):
            raise SourceMalformed("A source gave a document without the list that its mapping names.")
        return drained(rows)


def drained(rows: list[Any]) -> Iterator[Any]:
    """The rows in their order, each let go when the next is taken: a large document shrinks as it is read."""
    rows.reverse()
    while rows:
        yield rows.pop()


def parsed(body: bytes) -> Any:
    """JSON as Python. Raises SourceMalformed, which does not hold the text."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        problem = SourceMalformed()
    raise problem
