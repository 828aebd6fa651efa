"""The table beside a school's dossiers, brought in pieces: aim, day of leaving and hours by `leerlingid`.

Laws
1. Only these three are taken, whatever else a mapping names.
2. Who is refused is told by row, never by number: a number that no dossier has is nobody's whom the hub may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from connectors.flow import Options
from connectors.records import Reject, StudentRecord
from connectors.school_csv import default_sidecar
from connectors.tables import Table
from connectors.values import Reader, Wrong
from schema.errors import BadMapping


class SidecarRow(NamedTuple):
    """What one row tells of a student. None: it does not tell."""

    position: str
    reference: str
    destination_aim: str | None
    leaves_on: date | None
    hours: int | None


class SidecarPage(NamedTuple):
    """What is committed at once."""

    rows: list[SidecarRow]
    rejects: list[Reject]


@dataclass(slots=True)
class SidecarIntake:
    """Feed it bytes; it gives pages. Within one body the first row of a reference counts."""

    table: Table
    reader: Reader
    size: int
    _seen: set[str] = field(default_factory=set)
    _page: SidecarPage = field(default_factory=lambda: SidecarPage([], []))
    _row: int = 0

    def feed(self, piece: bytes) -> Iterator[SidecarPage]:
        return self._take(self.table.feed(piece))

    def close(self) -> Iterator[SidecarPage]:
        """The rest. Raises SourceMalformed where it was no table."""
        yield from self._take(self.table.close())
        yield self._page

    def _take(self, rows: Iterable[Any]) -> Iterator[SidecarPage]:
        for row in rows:
            self._row += 1
            found = self._read(row, f"sidecar row {self._row}")
            (self._page.rejects if isinstance(found, Reject) else self._page.rows).append(found)  # type: ignore[arg-type]  # told apart here
            if len(self._page.rows) + len(self._page.rejects) >= self.size:
                page, self._page = self._page, SidecarPage([], [])
                yield page

    def _read(self, row: Any, position: str) -> SidecarRow | Reject:
        record = Reject(position, "", row.reason) if isinstance(row, Wrong) else self.reader.read(row, position)
        if not isinstance(record, StudentRecord):
            return record if isinstance(record, Reject) else Reject(position, "", "FORM")
        if record.reference in self._seen:
            return Reject(position, "reference", "REPEATED")
        self._seen.add(record.reference)
        return SidecarRow(position, record.reference, record.destination_aim, record.leaves_on, record.hours)


def begin_sidecar(options: Options) -> SidecarIntake:
    """Reads a sidecar by the source's own mapping of it, or the usual columns. Raises BadMapping."""
    mapping = options.sidecar or default_sidecar()
    if (mapping.record, mapping.format) != ("student", "csv"):
        raise BadMapping("A sidecar takes a mapping of a csv of students.")
    return SidecarIntake(Table(mapping.paths, mapping.encoding, mapping.delimiter), mapping.reader, options.page)
