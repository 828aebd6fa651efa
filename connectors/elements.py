"""Rows out of an XML body that comes in pieces: text outside the named paths is not even handed to Python.

Laws
1. No DTD, no entity, no processing of anything external: a document that declares one is refused.
2. Character data is collected only inside a named path; a name or an attachment elsewhere is skipped by the parser.
3. Memory is bounded by one piece and one row: text, depth and elements per row have caps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn
from xml.parsers import expat

from connectors.values import Wrong
from schema.errors import SourceMalformed

TEXT = 65_536
DEPTH = 64
ELEMENTS = 20_000


class Elements:
    """Feed it bytes; it gives each element called `row` as {path: text}, a list where the path occurs more than once.

    Paths are local names below the row, `a/b` or `a/@attribute`; namespaces are not compared, for versions of one
    standard differ in them. `groups` are paths whose own content comes as one such dict each time they occur.
    """

    def __init__(self, row: str, paths: Sequence[str], groups: Sequence[str] = ()) -> None:
        self._row, self._groups = row, frozenset(groups)
        self._leaves = frozenset(paths)
        self._ways = frozenset(
            "/".join(parts[:n]) for path in paths if (parts := path.split("/")) for n in range(len(parts) + 1)
        )
        self._path: list[str] | None = None
        self._into: list[tuple[str, dict[str, Any]]] = []
        self._text: list[str] = []
        self._depth = self._skipping = self._elements = self._length = 0
        self._done: list[dict[str, Any] | Wrong] = []
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = _refuse
        self._parser.EntityDeclHandler = _refuse
        self._parser.ExternalEntityRefHandler = _refuse

    def feed(self, piece: bytes) -> Iterator[dict[str, Any] | Wrong]:
        self._parse(piece, False)
        done, self._done = self._done, []
        return iter(done)

    def close(self) -> Iterator[dict[str, Any] | Wrong]:
        """Raises SourceMalformed when the document was not ended."""
        self._parse(b"", True)
        return iter(())

    def _parse(self, piece: bytes, last: bool) -> None:
        try:
            self._parser.Parse(piece, last)
        except (expat.ExpatError, LookupError, ValueError):  # the latter two: an encoding that nobody knows
            problem = SourceMalformed("A source gave a document that is not well-formed XML.")
        else:
            return
        raise problem

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            _refuse()
        name = name.rpartition(" ")[2]
        if self._skipping:
            self._skipping += 1
        elif self._path is None:
            if name == self._row:
                self._path, self._into, self._elements = [], [("", {})], 0
                self._attributes("", attributes)
        else:
            self._within(name, attributes)

    def _within(self, name: str, attributes: dict[str, str]) -> None:
        assert self._path is not None  # noqa: S101 -- told by _start
        self._elements += 1
        if self._elements > ELEMENTS:
            _refuse()
        way = "/".join([*self._path, name])
        if way not in self._ways:
            self._skipping = 1
            self._parser.CharacterDataHandler = None
            return
        self._path.append(name)
        if way in self._groups:
            self._into.append((way, {}))
        self._attributes(way + "/", attributes)
        self._text, self._length = [], 0
        self._parser.CharacterDataHandler = self._characters if way in self._leaves else None

    def _attributes(self, way: str, attributes: dict[str, str]) -> None:
        for name, value in attributes.items():
            if (path := f"{way}@{name.rpartition(' ')[2]}") in self._leaves:
                self._put(path, value)

    def _characters(self, text: str) -> None:
        self._text.append(text)
        self._length += len(text)
        if self._length > TEXT:
            _refuse()

    def _end(self, _: str) -> None:
        self._depth -= 1
        if self._skipping:
            self._skipping -= 1
            return
        if self._path is None:
            return
        self._parser.CharacterDataHandler = None
        if not self._path:
            self._done.append(self._into[0][1])
            self._path = None
            return
        way = "/".join(self._path)
        self._path.pop()
        if self._into[-1][0] == way:
            group = self._into.pop()[1]
            self._into[-1][1].setdefault(way, []).append(group)
        elif way in self._leaves:
            self._put(way, "".join(self._text).strip())
            self._text = []

    def _put(self, path: str, value: str) -> None:
        row = self._into[-1][1]
        if path not in row:
            row[path] = value
        elif isinstance(row[path], list):
            row[path].append(value)
        else:
            row[path] = [row[path], value]


def _refuse(*_: object) -> NoReturn:
    raise SourceMalformed("A source gave XML with a DTD, or larger than this hub reads.")
