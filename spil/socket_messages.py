"""What may come over a socket of graphql-transport-ws: one frame's text becomes a message, or the socket is closed.

    4400 a message that the protocol does not have    4401 an operation before the greeting
    4403 not let in, or the token has ended           4406 another subprotocol           4408 no greeting in time
    4409 an id that is in use                         4429 a second greeting             1011 something broke here
    1007 no UTF-8    1009 a frame that is too large   1012 this gateway ends             1013 try again later

4403 and not 4401 where a token has ended: stock clients come back after 4403, with a new token.

Law: nothing of a frame is quoted, in a reason or anywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

PROTOCOL: Final = "graphql-transport-ws"
MESSAGE, UNGREETED, REFUSED, SUBPROTOCOL, SILENT, TAKEN, GREETED = 4400, 4401, 4403, 4406, 4408, 4409, 4429
BROKEN, LATER = 1011, 1013
LONGEST_ID: Final = 200
TYPES: Final = frozenset({"connection_init", "ping", "pong", "subscribe", "complete"})


class Close(Exception):
    """The socket is to be closed, with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation, as `subscribe` brings it."""

    query: str
    variables: dict[str, Any]
    name: str | None


def read_message(text: str | None) -> dict[str, Any]:
    """A message with a known `type`, and a fit `id` where it wants one. Raises Close."""
    if text is None:
        raise Close(MESSAGE, "A message is text.")
    try:
        found = orjson.loads(text)
    except (ValueError, RecursionError):
        raise Close(MESSAGE, "A message is one JSON object.") from None
    if not isinstance(found, dict) or not isinstance(found.get("type"), str) or found["type"] not in TYPES:
        raise Close(MESSAGE, "A message has a `type` of the protocol.")
    if found["type"] in ("subscribe", "complete"):
        one = found.get("id")
        if not isinstance(one, str) or not 0 < len(one) <= LONGEST_ID:
            raise Close(MESSAGE, "A message of this type wants an `id`: a text, not too long.")
    elif not isinstance(found.get("payload"), dict | None):
        raise Close(MESSAGE, "`payload` wants an object.")
    return found


def authorization(payload: dict[str, Any]) -> str | None:
    """The bearer's line of a greeting: `authorization`, whichever way it is written. Raises Close."""
    found = [value for name, value in payload.items() if name.lower() == "authorization" and value is not None]
    if len(found) > 1 or any(not isinstance(one, str) for one in found):
        raise Close(MESSAGE, "`authorization` wants one text: Bearer and a token.")
    return found[0] if found else None


def operation(payload: Any) -> Asked:
    """The operation of a `subscribe`. Raises Close."""
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        raise Close(MESSAGE, "`payload` wants a `query`: a text.")
    variables, name = payload.get("variables"), payload.get("operationName")
    if not isinstance(variables, dict | None) or not isinstance(name, str | None):
        raise Close(MESSAGE, "`variables` wants an object, `operationName` a text.")
    if not isinstance(payload.get("extensions"), dict | None):
        raise Close(MESSAGE, "`extensions` wants an object.")
    return Asked(payload["query"], variables or {}, name)
