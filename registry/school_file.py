"""The public register of school locations as a file: DUO's "alle vestigingen vo", read line by line.

Wire: `;`, Windows-1252, CRLF or LF, a header, one location per line, a single space for "empty". Older files call two
columns differently (COLUMNS). A file that was saved again with a UTF-8 byte order mark is read as what it then is.

Laws
1. One line is one location: an open quote never swallows the lines below it.
2. Nothing in a line stops the reading, and no line is held beyond LINE_BYTES.
3. A reason has a stable code and never quotes the line.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

from schema.errors import BadInput

LINE_BYTES: Final = 65_536
FIELD_LENGTH: Final = 250
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")

# Our word -> the names that the header may give it.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "board": ("BEVOEGD GEZAG NUMMER",),
        "institution": ("INSTELLINGSCODE", "BRIN NUMMER"),
        "brin": ("VESTIGINGSCODE", "VESTIGINGSNUMMER"),
        "name": ("VESTIGINGSNAAM",),
        "street": ("STRAATNAAM",),
        "house": ("HUISNUMMER-TOEVOEGING",),
        "postcode": ("POSTCODE",),
        "place": ("PLAATSNAAM",),
        "municipality": ("GEMEENTENUMMER",),
        "phone": ("TELEFOONNUMMER",),
        "website": ("INTERNETADRES",),
        "structure": ("ONDERWIJSSTRUCTUUR",),
        "doorstroompunt": ("RMC-REGIO CODE",),
        "doorstroompunt_name": ("RMC-REGIO NAAM",),
        "holiday_region": ("VAKANTIEREGIO",),
    }
)

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LINE_TOO_LONG": f"The line has more than {LINE_BYTES} bytes.",
        "NUL": "The line has a NUL byte.",
        "CONTROL_CHARACTER": "The line has a control character.",
        "UNDECODABLE": "The line has a byte that its encoding does not know.",
        "WRONG_ENCODING": "The line is UTF-8 where the register is Windows-1252; import the file as it was published.",
        "BAD_QUOTES": "The quotation marks of the line do not match.",
        "COLUMN_COUNT": "The line has more or fewer columns than the header.",
        "FIELD_TOO_LONG": f"A field has more than {FIELD_LENGTH} characters.",
        "BAD_BRIN": "The code of the location is not like 18BR00, or not of its institution.",
        "FICTITIOUS_BRIN": "The code is of the range for fictitious schools (9nZx), which the register never fills.",
        "DUPLICATE": "The location stood on an earlier line of this file.",
        "NO_NAME": "The location has no name.",
        "BAD_BOARD": "The number of the school board (bevoegd gezag) has not five digits.",
        "UNKNOWN_MUNICIPALITY": "The municipality number (GEMEENTENUMMER) is not of a municipality that the hub knows.",
        "BAD_POSTCODE": "The postcode is not four digits and two letters.",
        "BAD_DOORSTROOMPUNT": "The Doorstroompunt region (RMC-REGIO) has not both a code of two digits and a name.",
        "BAD_HOLIDAY_REGION": "The region of school holidays (VAKANTIEREGIO) is not Noord, Midden or Zuid.",
    }
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was not imported: its number in the file (the header is 1), a code of REASONS, and its sentence."""

    line: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line that could be read: our words of COLUMNS -> text without blanks around it; "" is empty."""

    line: int
    values: Mapping[str, str]


def rejected(line: int, code: str) -> Rejected:
    return Rejected(line, code, REASONS[code])


class RegisterFile:
    """An open register whose header was found good. `size` and `position` are in bytes."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        first = file.readline(LINE_BYTES + 1)
        self._encoding = "utf-8" if first.startswith(BYTE_ORDER_MARK) else "cp1252"
        self._places, self._width = _header(first.removeprefix(BYTE_ORDER_MARK), self._encoding)

    @property
    def position(self) -> int:
        return self._file.tell()

    def rows(self) -> Iterator[Row | Rejected]:
        """Every line below the header that is not blank, in order."""
        for number, line in enumerate(_lines(self._file), start=2):
            if line is None:
                yield rejected(number, "LINE_TOO_LONG")
            elif line.strip():
                yield self._read(number, line)

    def _read(self, number: int, line: bytes) -> Row | Rejected:
        text = _decoded(number, line, self._encoding)
        if isinstance(text, Rejected):
            return text
        fields = _split(text)
        if fields is None:
            return rejected(number, "BAD_QUOTES")
        if len(fields) != self._width:
            return rejected(number, "COLUMN_COUNT")
        if max(map(len, fields)) > FIELD_LENGTH:
            return rejected(number, "FIELD_TOO_LONG")
        return Row(number, {word: fields[place].strip() for word, place in self._places.items()})


@contextmanager
def open_register(path: Path) -> Iterator[RegisterFile]:
    """Opens the file. Raises BadInput when it cannot be read or is not the register at all."""
    try:
        if not path.is_file():
            raise BadInput("There is no such file, or it is not a file.")
        file = path.open("rb")
    except OSError as error:
        raise BadInput(f"The file cannot be read: {os.strerror(error.errno or 0)}.") from None
    with file:
        yield RegisterFile(file, path.stat().st_size)


def _header(line: bytes, encoding: str) -> tuple[Mapping[str, int], int]:
    """Where each of COLUMNS stands, and the number of columns."""
    if not line:
        raise BadInput("This is not the register of schools: the file is empty.")
    if line.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b")):
        raise BadInput("This is not the register of schools but an archive or a workbook. Take the CSV file.")
    line = line.rstrip(b"\r\n")
    if CONTROL.search(line) or len(line) > LINE_BYTES:
        raise BadInput("This is not the register of schools: the file is not text in Windows-1252.")
    names = [name.strip() for name in _split(line.decode(encoding, "replace")) or ()]
    places: dict[str, int] = {}
    missing = []
    for word, known in COLUMNS.items():
        found = [place for place, name in enumerate(names) if name in known]
        if len(found) != 1:
            missing.append(known[0])
        else:
            places[word] = found[0]
    if missing:
        names_missing = ", ".join(missing)
        raise BadInput(f"This is not the register of schools: its header lacks, or has twice, {names_missing}.")
    return MappingProxyType(places), len(names)


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines without their ends; None for one that is too long, whose rest is skipped."""
    while line := file.readline(LINE_BYTES + 2):
        if line.endswith(b"\n") or len(line) <= LINE_BYTES:
            yield line.rstrip(b"\r\n")
            continue
        while not line.endswith(b"\n") and line:
            line = file.readline(LINE_BYTES)
        yield None


def _decoded(number: int, line: bytes, encoding: str) -> str | Rejected:
    if b"\x00" in line:
        return rejected(number, "NUL")
    if CONTROL.search(line):
        return rejected(number, "CONTROL_CHARACTER")
    if encoding == "cp1252" and not line.isascii() and _is_utf8(line):
        return rejected(number, "WRONG_ENCODING")
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return rejected(number, "UNDECODABLE")


def _is_utf8(line: bytes) -> bool:
    """True for what nobody writes in Windows-1252: letters above ASCII that happen to be whole UTF-8 sequences."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _split(line: str) -> list[str] | None:
    """The fields of a line; None when its quotation marks do not match."""
    if '"' not in line:
        return line.split(";")
    if line.count('"') % 2:
        return None
    try:
        return next(csv.reader([line], delimiter=";", strict=True))
    except csv.Error:
        return None
