"""`POST /harvest/<source>`: what a source brings itself, CSV or XML, read as it comes and kept nowhere else.

With `?part=sidecar` it is the table that stands beside its dossiers (spil/sidecar.py); with `?confirm=shrink` it is
right that so many of the source's students are gone.

Laws
1. Who may bring it is settled before a byte of the body is read: a token with scope `harvest`, of the source's party.
   Another party's source and one that does not exist are the same answer.
2. The body goes through the parser piece by piece: never whole in memory, never in a file, never multipart.
3. A body that breaks off ends nobody: what came before that stays, and the next body goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson
from starlette.types import Receive, Scope, Send

from auth.viewer import Viewer
from registry.sources import Source
from schema.errors import BadRequest, MethodNotAllowed, SpilError
from spil.edge import answer_bytes, answer_error
from spil.harvest import Report, receive
from spil.incoming import Callers, check_body, pieces, source_of
from spil.sidecar import receive_sidecar

PATH: Final = "/harvest/"
TYPES: Final = frozenset({b"text/csv", b"application/xml", b"text/xml"})
TABLE: Final = frozenset({b"text/csv"})
SIDECAR: Final = b"part=sidecar"
CONFIRMED: Final = b"confirm=shrink"
CHARSETS: Final = frozenset({b"", b"charset=utf-8", b"charset=windows-1252", b"charset=iso-8859-1"})
STATUS: Final[Mapping[str, int]] = {
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "SOURCE_MALFORMED": 422,
    "BAD_MAPPING": 422,
    "BAD_REQUEST": 400,
}


class HarvestDoor:
    """The ASGI app behind `/harvest/<source>`. `most`: bytes of one body."""

    def __init__(self, worker_url: str, callers: Callers, *, most: int) -> None:
        self._url, self._callers, self._most = worker_url, callers, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        state["said"]["door"] = "harvest"
        extra: list[tuple[bytes, bytes]] = []
        try:
            if scope["method"] != "POST":
                extra.append((b"allow", b"POST"))
                raise MethodNotAllowed("What a source brings comes by POST.")
            viewer = await self._callers.bringer(scope, state["said"], "harvest")
            report = await self._take(viewer, scope, receive)
            await answer_bytes(send, 200, b"application/json", _told(report))
        except SpilError as error:
            state["said"]["codes"] = [error.code]
            extra.append((b"connection", b"close"))  # what is left of the body is nobody's next request
            await answer_error(send, error, state["request_id"], extra, STATUS.get(error.code))

    async def _take(self, viewer: Viewer, scope: Scope, receive_: Receive) -> Report:
        source = await source_of(self._url, viewer, str(scope["path"]).removeprefix(PATH))
        return await self._read(source, scope["query_string"], dict(scope["headers"]), receive_)

    async def _read(self, source: Source, query: bytes, headers: Mapping[bytes, bytes], receive_: Receive) -> Report:
        if query not in (b"", SIDECAR, CONFIRMED):
            raise BadRequest("What may stand behind the address is ?part=sidecar or ?confirm=shrink.")
        if query == SIDECAR:
            check_body(headers, TABLE, CHARSETS, self._most, "A sidecar is text/csv, unpacked.")
            return await receive_sidecar(self._url, source, pieces(receive_, self._most))
        check_body(headers, TYPES, CHARSETS, self._most, "A source brings text/csv or application/xml, unpacked.")
        body = pieces(receive_, self._most)
        return await receive(self._url, source, body, confirm_shrink=query == CONFIRMED)


def _told(report: Report) -> bytes:
    """What was done, for who brought it: counts, and where and why rows were refused."""
    counts = report.counts
    return orjson.dumps(
        {
            "run": str(report.run),
            "state": report.state,
            "pages": report.pages,
            "added": counts.added,
            "changed": counts.changed,
            "unchanged": counts.unchanged,
            "ended": counts.ended,
            "rejected": counts.rejected,
            "unknown": report.unknown,
            "refusals": [dict(zip(("position", "field", "reason"), note, strict=True)) for note in report.notes],
        }
    )
