"""From rows to pages: what every connector does once its rows are there, whether they were fetched or brought.

Law: within one body the first row of a reference counts, a later one is told as REPEATED; between pages of changes
the last one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.flow import Flow, Options, Page, Sidecar, get
from connectors.mapping import SourceMapping
from connectors.records import Record, Reject, StudentRecord
from connectors.tables import Table
from connectors.values import Reader, Wrong
from schema.errors import SourceMalformed

PIECE = 65_536


class Rows(Protocol):
    """Takes a body in pieces and gives its rows, or Wrong for one that is none (tables.py, elements.py)."""

    def feed(self, piece: bytes) -> Iterator[Any]: ...

    def close(self) -> Iterator[Any]: ...


@dataclass(slots=True)
class Pager:
    """Collects records into pages of `size`. `once`: a reference counts once in all pages together."""

    reader: Reader
    size: int = 1000
    once: bool = True
    join: Callable[[Any], Record] | None = None
    rejects: list[Reject] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _records: dict[str, Record] = field(default_factory=dict)
    _refused: list[str] = field(default_factory=list)
    _row: int = 0

    def take(self, rows: Iterable[Any]) -> Iterator[Page]:
        """Reads rows; gives each page that became full."""
        for row in rows:
            self._row += 1
            self._one(row, f"row {self._row}")
            if len(self._records) + len(self.rejects) >= self.size:
                yield self.page()

    def _one(self, row: Any, position: str) -> None:
        record = Reject(position, "", row.reason) if isinstance(row, Wrong) else self.reader.read(row, position)
        if isinstance(record, Reject):
            self.rejects.append(record)
            if reference := None if isinstance(row, Wrong) else self.reader.reference(row):
                self._refused.append(reference)
        elif self.once and record.reference in self._seen:
            self.rejects.append(Reject(position, "reference", "REPEATED"))
        else:
            self._seen.add(record.reference)
            self._records[record.reference] = self.join(record) if self.join else record

    def page(self, cursor: str | None = None, *, complete: bool = False, gone: Iterable[str] = ()) -> Page:
        """What was collected, as a page; then begins the next."""
        made = Page(list(self._records.values()), cursor, self.rejects, list(gone), complete, self._refused)
        self._records, self.rejects, self._refused = {}, [], []
        return made


@dataclass(slots=True)
class Intake:
    """Reads a whole body that comes in pieces: `feed` each, then `close`. The last page ends a full sync."""

    rows: Rows
    pager: Pager

    def feed(self, piece: bytes) -> Iterator[Page]:
        return self.pager.take(self.rows.feed(piece))

    def close(self, cursor: str | None = None) -> Iterator[Page]:
        yield from self.pager.take(self.rows.close())
        yield self.pager.page(cursor, complete=True)


def pull_body(path: str, cursor: str | None, begin: Callable[[], Intake]) -> Flow[None]:
    """Fetches one document and reads it as an intake; its ETag is the cursor. Not modified: no page at all."""
    answer = yield from get(path, if_none_match=cursor, operation="document")
    if answer.not_modified:
        return
    intake = begin()
    for start in range(0, len(answer.body), PIECE):
        yield from intake.feed(answer.body[start : start + PIECE])
    yield from intake.close(answer.etag)


def read_sidecar(mapping: SourceMapping, pieces: Iterable[bytes]) -> tuple[dict[str, StudentRecord], list[Reject]]:
    """A table that stands beside a file, by reference. Raises SourceMalformed when it is no such table."""
    intake = Intake(Table(mapping.paths, mapping.encoding, mapping.delimiter), Pager(mapping.reader))
    pages = [page for piece in pieces for page in intake.feed(piece)] + list(intake.close())
    found = {record.reference: record for page in pages for record in page.records if isinstance(record, StudentRecord)}
    return found, [reject._replace(position=f"sidecar {reject.position}") for page in pages for reject in page.rejects]


def pull_sidecar(options: Options) -> Flow[tuple[dict[str, StudentRecord], list[Reject]]]:
    """Fetches the table beside the file, where the source has one."""
    if options.sidecar is None or not options.sidecar_path:
        return {}, []
    answer = yield from get(options.sidecar_path, operation="sidecar")
    if answer.not_modified:
        raise SourceMalformed
    return read_sidecar(options.sidecar, [answer.body])


def beside(sidecar: Sidecar) -> Callable[[Any], Record]:
    """Fills what a file did not tell with what the table beside it tells of the same reference."""

    def join(record: Any) -> Record:
        extra = sidecar.get(record.reference)
        if extra is None:
            return record  # type: ignore[no-any-return]  # a StudentRecord, as the sidecar's
        return StudentRecord._make(
            here if here is not None else there for here, there in zip(record, extra, strict=True)
        )

    return join
