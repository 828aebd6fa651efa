"""A terminal that follows a party's events: over SSE, from cursor to cursor, whatever ends a connection.

Law: nothing is passed over: every connection begins after the last event that was printed.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from auth.viewer import Role
from schema.errors import (
    Forbidden,
    SetUp,
    SourceDown,
    SourceMalformed,
    SpilError,
    TooManyRequests,
    Unauthenticated,
)
from wire.following import Told, follow

# What each role's contract has of an event.
LATE: Final = "overdue { id process step lateParty dueOn }"
PERSON: Final = f"purpose forget {LATE}"
SELECTED: Final = {
    Role.SCHOOL: f"student {{ id }} {PERSON}",
    Role.MUNICIPALITY: f"student {{ id }} {PERSON}",
    Role.EMPLOYER: f"candidate {{ id }} {PERSON}",
    Role.SERVICE_POINT: f"candidate {{ id }} {PERSON} month opportunity {{ id }}",
    Role.COORDINATOR: LATE,
    Role.NATIONAL: "",
}
AGAIN: Final = frozenset({"TOKEN_EXPIRED", "SLOW_CONSUMER", "UNAVAILABLE", "TOO_MANY_REQUESTS"})
MOVED: Final = frozenset({"EPOCH_CHANGED", "CURSOR_EXPIRED"})
WAIT: Final = (0.5, 15.0)  # seconds before it comes back: the first time, and at most

Say = Callable[[str], None]


@dataclass
class Following:
    """Where it asks, as whom, and from where it goes on. `token` is called for each connection."""

    base: str
    role: Role
    token: Callable[[], Awaitable[str]]
    say: Say
    types: Sequence[str] = ()
    cursor: str | None = None
    been: bool = False  # it was connected: what is away now comes back
    away: bool = False  # and this was said

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Events, for ever. Raises a SpilError where coming back would not help."""
        wait = WAIT[0]
        while True:
            try:
                async for event in self._one_connection():
                    wait = WAIT[0]
                    yield event
                self.say("The stream ended.")
            except TooManyRequests as problem:
                self.say(_with_code(problem))
            except (Unauthenticated, Forbidden) as problem:
                raise type(problem)(_with_code(problem)) from None
            except SourceDown:
                if not self.away:
                    self.say("The hub cannot be reached.")
                self.away = True
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
            wait = min(wait * 2, WAIT[1])

    async def _one_connection(self) -> AsyncIterator[dict[str, Any]]:
        private = frozenset({urlsplit(self.base).netloc}) if _is_here(self.base) else frozenset()
        headers = {"authorization": f"Bearer {await self._fresh()}", "content-type": "application/json"}
        async for told in follow(f"{self.base}/graphql", self._question(), headers, private):
            if told.event == "":  # the place where it begins, before anything else
                self._connected()
            self.been, self.away = True, False
            if told.event == "next":
                event = self._read(told)
                if event is not None:
                    yield event
            if told.id:
                self.cursor = told.id

    def _connected(self) -> None:
        if self.away:
            self.say("The hub is back: going on where it was.")
        elif not self.been:
            self.say(f"Following at {self.base}.")

    async def _fresh(self) -> str:
        try:
            return await self.token()
        except SetUp:
            if self.been:
                raise SourceDown from None
            raise

    def _question(self) -> bytes:
        variables = {"types": list(self.types) or None, "after": self.cursor}
        return json.dumps({"query": document_of(self.role), "variables": variables}).encode()

    def _read(self, told: Told) -> dict[str, Any] | None:
        """The event; None where the hub says why it ends. Raises a SpilError that coming back would not mend."""
        try:
            body = json.loads(told.data)
            for error in body.get("errors", ()):
                self._told(error)
            event: dict[str, Any] | None = (body.get("data") or {}).get("events")
        except (ValueError, AttributeError, KeyError, TypeError):
            raise SourceMalformed from None
        return event and {"cursor": told.id, **event}

    def _told(self, error: dict[str, Any]) -> None:
        code, words = str(error["extensions"]["code"]), f"{error['extensions']['code']}: {error['message']}"
        if code in MOVED:
            self.cursor = error["extensions"]["cursor"]
            self.say(f"{words} Going on from there.")
        elif code in AGAIN or error["extensions"].get("cursor"):
            self.say(words)
        else:
            raise _refusal(code, words)


def document_of(role: Role) -> str:
    """What is asked, with all that this role's contract says of an event in few words."""
    return (
        "subscription Tail($types: [EventType!], $after: Cursor)"
        f" {{ events(types: $types, after: $after) {{ epoch pos type recorded withheld {SELECTED[role]} }} }}"
    )


def _with_code(problem: SpilError) -> str:
    return problem.message if problem.message.startswith(problem.code) else f"{problem.code}: {problem.message}"


def _refusal(code: str, words: str) -> SpilError:
    known: dict[str, type[SpilError]] = {"FORBIDDEN": Forbidden, "UNAUTHENTICATED": Unauthenticated}
    return known.get(code, SetUp)(words)


def _is_here(base: str) -> bool:
    return urlsplit(base).hostname in ("127.0.0.1", "localhost", "::1")


def line_of(event: dict[str, Any]) -> str:
    """One line for people."""
    place = f"{event['epoch']}.{event['pos']}"
    if event["withheld"]:
        return f"{place:>8}  withheld: the right to know it has ended"
    about = event.get("student") or event.get("candidate") or event.get("opportunity") or {}
    late = event.get("overdue")
    rest = [
        about.get("id"),
        late and f"{late['lateParty']} {late['process']} {late['step']}, due on {late['dueOn']}",
        event.get("forget") and f"forget {event['forget']}",
        event.get("purpose"),
        event.get("month"),
    ]
    return f"{place:>8}  {event['recorded']}  {event['type']:<28}  {' '.join(one for one in rest if one)}".rstrip()
