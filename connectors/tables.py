"""Rows out of a CSV body that comes in pieces: only the columns that are named leave the parser.

Laws
1. A row is decoded, split, and cut to the named columns in one step; what is not named is never kept.
2. Memory is bounded by one piece and one row: a row has at most ROW characters.
3. A row ends with LF, CR LF, or CR alone (exports of old spreadsheets), wherever a piece is cut.
"""

from __future__ import annotations

import codecs
import csv
import io
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
        self._part, self._inside = "", False
        self._row: list[str] = []
        self._length = self._width = 0
        self._pick: Callable[[list[str]], Sequence[str]] = tuple
        self._opens = self._goes_on = re.compile("")

    def feed(self, piece: bytes) -> Iterator[dict[str, Any] | Wrong]:
        return self._rows(self._whole(self._decoder.decode(piece)))

    def close(self) -> Iterator[dict[str, Any] | Wrong]:
        """The last row, if its line was not ended. Raises SourceMalformed when a quote was never closed."""
        yield from self._rows(self._whole(self._decoder.decode(b"", final=True), last=True))
        if self._inside:
            raise SourceMalformed("A source gave a table that breaks off.")
        if not self._width:
            raise SourceMalformed("A source gave a table without its first row.")

    def _whole(self, text: str, *, last: bool = False) -> Iterator[str]:
        """The rows that are complete, one by one: a line end within quotes does not end one."""
        lines, self._part = list(io.StringIO(self._part + text, newline="")), ""
        if lines and not last and not lines[-1].endswith("\n"):
            self._part = lines.pop()  # it goes on in the next piece, if only with the LF of a CR LF
        for line in lines:
            self._row.append(line)
            self._bound(len(line))
            self._inside = self._is_open(line)
            if not self._inside:
                row, self._row, self._length = "".join(self._row), [], 0
                yield row
        self._bound(len(self._part))
        self._length -= len(self._part)

    def _bound(self, more: int) -> None:
        self._length += more
        if self._length > ROW:
            raise SourceMalformed("A source gave a row that is longer than this hub reads.")

    def _is_open(self, line: str) -> bool:
        """Whether a row is within quotes after this line of it. Most are told by counting; a stray quote in a cell
        opens nothing. Only the line is looked at, or a cell of a thousand lines would cost a million.
        """
        quotes = line.count('"')
        if quotes % 2 == self._inside:
            return False
        if not self._width or not quotes:
            return True
        return (self._goes_on if self._inside else self._opens).fullmatch(line) is not None

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
        within = r'(?:[^"]|"")*+'
        opens = rf'(?:{cell}{re.escape(self._delimiter)})*+"{within}'
        self._opens = re.compile(opens)
        self._goes_on = re.compile(rf'{within}(?:"{other}*+{re.escape(self._delimiter)}{opens})?')
        names = columns_of(first, self._delimiter)
        self._width = len(names)
        if self._width > COLUMNS:
            raise SourceMalformed("A source gave a table with more columns than this hub reads.")
        if absent := [column for column in self._columns if column not in names]:
            raise SourceMalformed("A source gave a table without what its mapping names: " + ", ".join(absent) + ".")
        places = [names.index(column) for column in self._columns]
        self._pick = itemgetter(*places) if len(places) > 1 else itemgetter(slice(places[0], places[0] + 1))


def columns_of(text: str, delimiter: str = "") -> list[str]:
    """The names in the first row of a text; without a `delimiter` as Table finds it. Raises SourceMalformed."""
    lines = io.StringIO(text, newline="")
    chosen = delimiter or _delimiter(next(lines, ""))
    lines.seek(0)
    try:
        return [name.strip() for name in next(csv.reader(lines, delimiter=chosen), [])]
    except csv.Error:
        problem = SourceMalformed("A source gave a table whose first row cannot be read.")
    raise problem


def _delimiter(first: str) -> str:
    return max(";,\t|", key=first.count)
