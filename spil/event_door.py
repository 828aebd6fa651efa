"""`POST /events/<source>`: one event of a municipality's own system (CloudEvents 1.0, NL GOV profile), kept once.

Laws
1. Who may bring it is settled before a byte of the body is read: a token with scope `events`, of the source's party.
   Another party's source and one that does not exist are the same answer.
   What an event says is done as the token's own party and function: another function of that party has other rights.
2. 202 and 200 are said after the commit: what the sender need not send again is here.
3. What does not fit is 422 with the attribute's name and a reason, and counted; no value is told, logged or kept.
4. One event at a time: a batch is another media type, and that is not taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import orjson
from starlette.types import Receive, Scope, Send

from auth.viewer import Viewer
from connectors.cloudevents import LARGEST
from connectors.inbound import KeptEvent, keep, urn_of
from connectors.records import REASONS, Reject
from registry.inbound_events import NotDone, refuse_event, take_event
from registry.sources import NOT_ACTIVE, Source
from schema.errors import BadRequest, Conflict, EventRefused, MethodNotAllowed, SpilError
from spil.edge import answer_bytes, answer_error
from spil.incoming import Callers, check_body, pieces, source_of
from spil.partners import options_for, protocol_of

PATH: Final = "/events/"
TYPES: Final = frozenset({b"application/json", b"application/cloudevents+json"})
CHARSETS: Final = frozenset({b"", b"charset=utf-8"})
STATUS: Final[Mapping[str, int]] = {
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "KEY_REUSED": 409,
    "BAD_MAPPING": 422,
}
NOT_DONE: Final[Mapping[str, Reject]] = {
    "REFUSED": Reject("", "data", "NO_CASE"),
    "CONFLICT": Reject("", "type", "STATE"),
    "RANGE": Reject("", "data", "RANGE"),
    "NOBODY": Reject("", "data", "NOBODY"),
    "TWO_PEOPLE": Reject("", "data", "TWO_PEOPLE"),
}
NO_EVENTS: Final = "This source sends no events."
TWICE: Final = "An attribute of the event, or its media type, stands twice in the head of the request."


class _Refused(EventRefused):
    """A refusal with what it is about."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(f"{reject.field}: {REASONS[reject.reason]}.")
        self.reject = reject

    def details(self) -> Mapping[str, str]:
        return {"field": self.reject.field, "reason": self.reject.reason}


class EventDoor:
    """The ASGI app behind `/events/<source>`."""

    def __init__(self, worker_url: str, callers: Callers) -> None:
        self._url, self._callers = worker_url, callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        state["said"]["door"] = "events"
        extra: list[tuple[bytes, bytes]] = []
        try:
            if scope["method"] != "POST":
                extra.append((b"allow", b"POST"))
                raise MethodNotAllowed("Events come by POST.")
            viewer = await self._callers.bringer(scope, state["said"], "events")
            is_new = await self._take(viewer, scope, receive)
            body = orjson.dumps({"state": "TAKEN" if is_new else "KNOWN"})
            await answer_bytes(send, 202 if is_new else 200, b"application/json", body)
        except SpilError as error:
            state["said"]["codes"] = [error.code]
            extra.append((b"connection", b"close"))  # what is left of the body is nobody's next request
            details = error.details() if isinstance(error, _Refused) else {}
            await answer_error(send, error, state["request_id"], extra, STATUS.get(error.code), details)

    async def _take(self, viewer: Viewer, scope: Scope, receive: Receive) -> bool:
        source = await source_of(self._url, viewer, str(scope["path"]).removeprefix(PATH))
        check_body(
            dict(scope["headers"]),
            TYPES,
            CHARSETS,
            LARGEST,
            "An event is application/json or cloudevents+json, unpacked.",
        )
        if source.state != "ACTIVE":
            raise Conflict(NOT_ACTIVE)
        headers = _headers(scope["headers"])
        body = b"".join([piece async for piece in pieces(receive, LARGEST)])
        found = _read(source, headers, body)
        if isinstance(found, Reject):
            await refuse_event(self._url, source.key, found.field, found.reason)
            raise _Refused(found)
        try:
            return await take_event(self._url, source.key, viewer.seer, found)
        except NotDone as refusal:
            reject = NOT_DONE[refusal.word]
            await refuse_event(self._url, source.key, reject.field, reject.reason)
            raise _Refused(reject) from None


def _read(source: Source, headers: Mapping[str, str], body: bytes) -> KeptEvent | Reject:
    accept = protocol_of(source).accept
    if accept is None:
        raise Conflict(NO_EVENTS)
    urn = urn_of(options_for(source))
    event = accept(headers, body, now=datetime.now(UTC), source=urn)
    return event if isinstance(event, Reject) else keep(event, urn)


def _headers(told: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The head as text. Raises BadRequest where two lines could be read as one event or as another."""
    found: dict[str, str] = {}
    for name, value in told:
        key = name.decode("latin-1")
        if key in found and (key.startswith("ce-") or key == "content-type"):
            raise BadRequest(TWICE)
        found[key] = value.decode("latin-1")
    return found
