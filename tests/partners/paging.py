"""Pages of changes: a full sync by reference, then what changed since, with tombstones; cursors that grow old."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any


class Gone(Exception):
    """A cursor that is no longer known."""


@dataclass
class Changes:
    """Rows by reference, in the words of one wire format: `rows_name`, and `key` within a row."""

    rows_name: str
    key: str
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)  # references, in the order in which they changed
    forgotten: int = 0  # cursors before this place are answered 410

    def put(self, row: dict[str, Any]) -> None:
        self.rows[row[self.key]] = row
        self.history.append(row[self.key])

    def take_back(self, reference: str) -> None:
        del self.rows[reference]
        self.history.append(reference)

    def page(self, cursor: str | None, limit: int) -> dict[str, Any]:
        """One page. Raises Gone."""
        if cursor is None:
            return self._full("", len(self.history), limit)
        try:
            told = json.loads(base64.urlsafe_b64decode(cursor))
        except ValueError:
            raise Gone from None
        if told["since"] < self.forgotten:
            raise Gone
        if "after" in told:
            return self._full(told["after"], told["since"], limit)
        return self._since(told["since"], limit)

    def _full(self, after: str, since: int, limit: int) -> dict[str, Any]:
        here = [reference for reference in sorted(self.rows) if reference > after][: limit + 1]
        more = len(here) > limit
        cursor = {"after": here[limit - 1], "since": since} if more else {"since": since}
        return self._answer([self.rows[one] for one in here[:limit]], cursor, more) | {"volledig": not more}

    def _since(self, since: int, limit: int) -> dict[str, Any]:
        upto = min(len(self.history), since + limit)
        changed = dict.fromkeys(self.history[since:upto])
        rows = [self.rows[one] for one in changed if one in self.rows]
        gone = [one for one in changed if one not in self.rows]
        return self._answer(rows, {"since": upto}, upto < len(self.history)) | {"verwijderd": gone}

    def _answer(self, rows: list[dict[str, Any]], cursor: dict[str, Any], more: bool) -> dict[str, Any]:
        text = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
        return {self.rows_name: rows, "cursor": text, "meer": more}
