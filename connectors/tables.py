"""Rows out of a CSV body that comes in pieces: only the columns that are named leave the parser.

Laws
1. A row is decoded, split, and cut to the named columns in one step; what is not named is never kept.
2. Memory is bounded by one piece and one row: a row has at most ROW characters.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from connectors.values import Wrong
from schema.errors import SourceMalformed

ROW = 65_536
COLUMNS = 1_000


class Table:
    """Feed it bytes; it gives rows as {column: text}, '' where nothing stands, or Wrong for a row of another width.

    The rows of a piece are taken before the next piece is fed. The first row names the columns; without a `delimiter`
    it is the one of ; , tab and | that the first row has most of. Undecodable bytes become U+FFFD, which no field
    takes. Raises SourceMalformed when a named column is absent.
    """

    def __init__(self, columns: Sequence[str], encoding: str = "utf-8-sig", delimiter: str = "") -> None:
        self._columns = tuple(columns)
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._delimiter = delimiter
        self._open = ""
        self._width = 0
        self._pick: Callable[[list[str]], Sequence[str]] = tuple
        self._within: re.Pattern[str] | None = None

    def feed(self, piece: bytes) -> Iterator[dict[str, Any] | Wrong]:
        return self._rows(self._whole(self._decoder.decode(piece)))

    def close(self) -> Iterator[dict[str, Any] | Wrong]:
        """The last row, if its line was not ended. Raises SourceMalformed when a quote was never closed."""
        rest = self._open + self._decoder.decode(b"", final=True)
        self._open = ""
        if self._is_open(rest):
            raise SourceMalformed("A source gave a table that breaks off.")
        yield from self._rows([rest] if rest else [])
        if not self._width:
            raise SourceMalformed("A source gave a table without its first row.")

    def _whole(self, text: str) -> Iterator[str]:
        """The rows that are complete, one by one: a line end within quotes does not end one."""
        row, self._open = self._open, ""
        for line in _lines(text):
            row += line
            if len(row) > ROW:
                raise SourceMalformed("A source gave a row that is longer than this hub reads.")
            if line.endswith("\n") and not self._is_open(row):
                yield row
                row = ""
        self._open = row

    def _is_open(self, row: str) -> bool:
        """Whether a row ends within quotes. Most are told by counting; a stray quote in a cell opens nothing."""
        return row.count('"') % 2 == 1 and (self._within is None or self._within.fullmatch(row) is not None)

    def _rows(self, lines: Iterable[str]) -> Iterator[dict[str, Any] | Wrong]:
        lines = iter(lines)
        if not self._width:
            first = next(lines, None)
            if first is None:
                return
            self._begin(first)
        for line in lines:
            try:
                cells = next(csv.reader((line,), delimiter=self._delimiter), [])
            except csv.Error:
                cells = ["", ""] if self._width == 1 else [""]
            if len(cells) == self._width:
                yield dict(zip(self._columns, self._pick(cells), strict=True))
            elif cells:
                yield Wrong("COLUMNS")

    def _begin(self, first: str) -> None:
        self._delimiter = self._delimiter or _delimiter(first)
        other = f"[^{re.escape(self._delimiter)}]"
        cell = rf'(?:"(?:[^"]|"")*+"{other}*+|(?!"){other}*+)'
        self._within = re.compile(rf'(?:{cell}{re.escape(self._delimiter)})*+"(?:[^"]|"")*+')
        names = columns_of(first, self._delimiter)
        self._width = len(names)
        absent = [column for column in self._columns if column not in names]
        if absent or self._width > COLUMNS:
            raise SourceMalformed("A source gave a table without a column that its mapping names.")
        places = [names.index(column) for column in self._columns]
        self._pick = itemgetter(*places) if len(places) > 1 else itemgetter(slice(places[0], places[0] + 1))


def columns_of(first: str, delimiter: str = "") -> list[str]:
    """The names in a first row; without a `delimiter` as Table finds it."""
    return [name.strip() for name in next(csv.reader([first], delimiter=delimiter or _delimiter(first)), [])]


def _delimiter(first: str) -> str:
    return max(";,\t|", key=first.count)


def _lines(text: str) -> list[str]:
    """Split at line feeds alone: a piece may end between CR and LF, and a cell may hold other breaks."""
    *lines, last = text.split("\n")
    return [line + "\n" for line in lines] + ([last] if last else [])
