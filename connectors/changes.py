"""Pages of changes, as both of our own wire formats give them: rows, what was taken back, and a cursor to go on at."""

from __future__ import annotations

from typing import Any

from connectors.flow import Flow, Options
from connectors.intake import Pager
from connectors.live import listed, rows_of, text_of
from connectors.values import Reader
from schema.errors import SourceMalformed
from wire.messages import Ask


def pull_changes(path: str, rows: str, cursor: str | None, reader: Reader, options: Options) -> Flow[None]:
    """Asks page after page until the source says that there is no more.

    Raises SourceMalformed over a page without a cursor, and over one that leads to itself.
    """
    while True:
        told = yield from _page(path, cursor, options)
        if told is None:  # the source forgot where we were
            cursor = None
            continue
        found = rows_of(told, rows)
        pager = Pager(reader, len(found) + 1, once=False)
        for _ in pager.take(found):
            pass  # one page of theirs is one of ours
        after, more = text_of(told, "cursor", 4000), told.get("meer") is True
        if after is None or (more and after == cursor):
            raise SourceMalformed
        complete = told.get("volledig") is True and not more
        yield pager.page(after, complete=complete, gone=listed(told, "verwijderd"))
        if not more:
            return
        cursor = after


def _page(path: str, cursor: str | None, options: Options) -> Flow[dict[str, Any] | None]:
    query = (("limit", str(options.page)), *((("cursor", cursor),) if cursor else ()))
    answer = yield Ask("GET", path, query, {"accept": "application/json"}, operation="changes")
    if answer is None or (answer.status == 410 and cursor):
        return None
    page = answer.ok().json
    if not isinstance(page, dict):
        raise SourceMalformed
    return page
