"""The school's folder: every CSV export and OSO file in it, read again when it changes.

Laws
1. A file is read when it was the same at two looks: one that is being written is not.
2. A file that cannot be read keeps what was read of it last. While there is one of which nothing was ever read, or no
   file at all, the folder is not whole: its profiles are not told, for whom they do not name would be taken for gone.
3. The log has places, fields, reasons and counts. A file's name may be a student's, and has no part in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import orjson

from connectors.flow import Options
from connectors.intake import read_sidecar
from connectors.records import StudentRecord
from connectors.school_csv import default_sidecar
from schema.errors import SourceMalformed
from spil.agent.names import Identity
from spil.agent.reading import Read, Row, read
from spil.log import Sink
from spil.partners import today

KINDS: Final = {".csv": "csv", ".xml": "xml"}
LARGEST: Final = 256 << 20  # bytes of one file
SHOWN: Final = 20  # refusals of one file in the log

Stamp = tuple[int, int, int, date]


@dataclass(frozen=True, slots=True)
class Contents:
    """What the folder tells: rows in the order of their numbers, and who they are. `version` is that of the rows."""

    version: str
    rows: tuple[Row, ...] = field(repr=False)
    identities: Mapping[str, Identity] = field(repr=False)


@dataclass(slots=True)
class _File:
    """`seen`: as it was at the last look; `tried`: as it was when it was read, well or not. `read`: what it told."""

    seen: Stamp | None = None
    tried: Stamp | None = None
    read: Read | None = field(default=None, repr=False)


class Folder:
    """`sidecar` is the name of the table beside the files; `columns` say under which name a name stands in a CSV."""

    def __init__(self, path: Path, options: Options, sidecar: str, columns: Mapping[str, str], log: Sink) -> None:
        self._path, self._options, self._sidecar, self._columns = path, options, sidecar, columns
        self._log = log
        self._files: dict[Path, _File] = {}
        self._beside: dict[str, StudentRecord] = {}
        self._found_any = True
        self.whole = False
        self.contents = Contents("", (), {})

    def look(self) -> bool:
        """Reads what changed since the last look. True when other rows are told than before."""
        found = self._found()
        if not any(path.name != self._sidecar for path in found):
            if self._found_any:
                self._log("folder-empty", kept=len(self.contents.rows))
            self._found_any = self.whole = False
            return False
        self._found_any = True
        gone, self._files = self._files.keys() - found.keys(), {path: self._files.get(path, _File()) for path in found}
        if any(path.name == self._sidecar for path in gone):
            self._join({})
        for place, (path, stamp) in enumerate(found.items(), 1):
            one = self._files[path]
            settled, one.seen = one.seen == stamp, stamp
            if settled and one.tried != stamp:
                self._read(place, path, one)
        self.whole = all(one.read is not None for one in self._files.values())
        return self._tell()

    def _found(self) -> dict[Path, Stamp]:
        """The files, the table beside them first, with what changes when they do: the day too, as days pass."""
        try:
            paths = [path for path in self._path.iterdir() if path.suffix.lower() in KINDS and path.name[0] not in ".~"]
            paths.sort(key=lambda path: (path.name != self._sidecar, path.name))
            return {path: _stamp(path) for path in paths if path.is_file()}
        except OSError:
            return {}

    def _read(self, place: int, path: Path, one: _File) -> None:
        """One file, whole. What cannot be read leaves what there was."""
        kind = "sidecar" if path.name == self._sidecar else KINDS[path.suffix.lower()]
        said: dict[str, Any] = {"file": place, "kind": kind}
        one.tried = one.seen
        try:
            told = self._body(path, kind)
            if _stamp(path) != one.seen:
                one.tried = None  # it changed meanwhile
                return
        except Exception as error:  # noqa: BLE001 - no file may end the agent; what an exception says may be a name
            what = error.message if isinstance(error, SourceMalformed) else type(error).__name__
            self._log("file-unreadable", **said, what=what, kept=len(one.read.rows) if one.read else 0)
            return
        one.read = told
        for refusal in told.refusals[:SHOWN]:
            self._log("row-refused", **said, row=refusal.position, field=refusal.field, reason=refusal.reason)
        counts = {"students": len(told.rows), "named": len(told.identities), "refused": len(told.refusals)}
        self._log("file-read", **said, **counts)

    def _body(self, path: Path, kind: str) -> Read:
        if path.stat().st_size > LARGEST:
            raise SourceMalformed("The file is larger than an agent reads.")
        body = path.read_bytes()
        if kind != "sidecar":
            return read(kind, body, replace(self._options, today=today()), self._beside, self._columns)
        rows, refusals = read_sidecar(self._options.sidecar or default_sidecar(), [body])
        self._join(rows)
        return Read(refusals=refusals)

    def _join(self, beside: dict[str, StudentRecord]) -> None:
        """Another table stands beside the files: each is read anew."""
        self._beside = beside
        for path, one in self._files.items():
            if path.name != self._sidecar:
                one.tried = None

    def _tell(self) -> bool:
        rows: dict[str, Row] = {}
        identities: dict[str, Identity] = {}
        for one in self._files.values():
            if one.read is not None:
                rows = {**one.read.rows, **rows}  # the first by name counts
                identities = {**one.read.identities, **identities}
        ordered = tuple(rows[number] for number in sorted(rows))
        version = hashlib.sha256(orjson.dumps(ordered)).hexdigest()[:32]
        changed = self.whole and version != self.contents.version
        if self.whole or not self.contents.version:
            self.contents = Contents(version if self.whole else "", ordered, identities)
        return changed


def _stamp(path: Path) -> Stamp:
    told = path.stat()
    return told.st_mtime_ns, told.st_size, told.st_ino, today()
