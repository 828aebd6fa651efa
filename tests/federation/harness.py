"""The engine and the naive side before one database: the same operation to both, and what they say compared.

Cursors are opaque: each of the engine's is noted beside the naive side's token at the same place of the answer. One
place has one cursor and one cursor has one place, for each seer; a later operation's cursors are looked up in these
notes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from graphql import DocumentNode, GraphQLSchema, parse

from auth.viewer import Role, Viewer
from events.signing import Safe
from federation.catalogue import Ask
from federation.cursors import Cursors
from federation.engine import Contract, Engine, ReadOf, encode
from federation.limits import Limits
from registry.database import Database
from resolvers.commands import Runner
from resolvers.everything import catalogue
from resolvers.handover import LAYER, Codes
from resolvers.webhooks import Making
from spil.wiring import contracts
from tests.federation.country import Country
from tests.federation.naive.rights import Eyes
from tests.federation.naive.run import PLACE, Found, answer, naive_schema
from tests.federation.naive.sources import LAYERS as SOURCES

LIMITS = Limits()


class Differs(AssertionError):
    """The two sides say different things."""


@dataclass
class Seat:
    """One seer: as the engine's viewer, and as the naive side's eyes."""

    viewer: Viewer
    eyes: Eyes
    cursors: dict[str, str] = field(default_factory=dict)  # our token -> the engine's cursor
    known: dict[str, list[str]] = field(default_factory=dict)  # list and order -> the engine's cursors

    def __str__(self) -> str:
        return self.viewer.seer or self.viewer.role.value


@dataclass
class Told:
    """What the engine answered."""

    data: Any
    problems: list[tuple[tuple[Any, ...], str]]
    students: set[str]
    raw: bytes


def _layer(say: Callable[[str], Any]) -> Ask:
    async def ask(_: Any, keys: Sequence[str]) -> Mapping[str, Any]:
        return {key: say(key) for key in keys}

    return ask


class Harness:
    """Both sides. Made by `open_harness`."""

    def __init__(self, country: Country, database: Database, made: dict[str, Contract], sdl: dict[str, str]) -> None:
        self.country, self.database, self.contracts = country, database, made
        self.schemas: dict[str, GraphQLSchema] = {role: naive_schema(c.schema) for role, c in made.items()}
        self._reads: dict[str, ReadOf] = {}
        self._numbers = 0
        self.engine = Engine(
            made,
            catalogue({LAYER: Codes(b"h").ask, **{name: _layer(say) for name, say in SOURCES.items()}}),
            database,
            self._record,
            Cursors(b"k" * 32),
            LIMITS,
            Runner(database, Codes(b"h"), Making(Safe.under(b"h"))),
            plans=200,
        )
        self.seats = [self.seat(*who, sdl) for who in country.seers]

    def seat(self, role: Role, party: str | None, function: str | None, sdl: Mapping[str, str]) -> Seat:
        scopes = ("read",) if role is Role.PUBLIC else ("command", "read")
        viewer = Viewer(role, party, function, "subject", "client", frozenset(scopes))
        return Seat(viewer, Eyes(self.country.world, role.value, party, function, scopes, sdl=sdl[role.value]))

    async def _record(self, read: ReadOf) -> None:
        self._reads[read.request_id] = read

    async def ask(self, seat: Seat, text: str, variables: Mapping[str, Any]) -> Told:
        """The engine's answer."""
        self._numbers += 1
        request_id = f"r{self._numbers}"
        given = await self.engine.execute(seat.viewer, text, dict(variables), None, request_id)
        raw = encode(given, request_id)
        body = json.loads(raw, object_pairs_hook=_without_doubles)
        read = self._reads.pop(request_id, None)
        students = {str(UUID(bytes=key)) for key in read.students} if read else set()
        assert given.students == len(students)
        problems = [(tuple(e.get("path", ())), e["extensions"]["code"]) for e in body.get("errors", ())]
        return Told(body.get("data"), problems, students, raw)

    def reckon(self, seat: Seat, document: DocumentNode, variables: Mapping[str, Any]) -> Found:
        """The naive side's answer."""
        return answer(self.schemas[seat.viewer.role], seat.eyes, document, variables)

    async def compare(
        self, seat: Seat, text: str, variables: Mapping[str, Any], faults: frozenset[str] = frozenset()
    ) -> tuple[Told, Found]:
        """Runs both. Raises Differs. `faults` are codes of what was put wrong in arguments that may not be reached."""
        told = await self.ask(seat, text, variables)
        found = self.reckon(seat, parse(text), variables)
        if {"TOO_COSTLY"} & {code for _, code in told.problems}:
            return told, found
        if told.data is None and told.problems:
            _same_refusal(told, found, faults)
            return told, found
        if sorted(told.problems) != sorted(found.problems):
            raise Differs(f"problems: engine {told.problems}, naive {found.problems}")
        self._same(seat, told.data, found.result.data, ())
        if told.students != found.students:
            raise Differs(f"students: engine {len(told.students)}, naive {len(found.students)}")
        return told, found

    def _same(self, seat: Seat, ours: Any, theirs: Any, path: tuple[Any, ...]) -> None:
        if isinstance(theirs, str) and theirs.startswith(PLACE) and isinstance(ours, str):
            self._note(seat, ours, theirs, path)
        elif isinstance(theirs, dict) and isinstance(ours, dict):
            if list(ours) != list(theirs):
                raise Differs(f"{path}: keys {list(ours)}, naive {list(theirs)}")
            for name, value in theirs.items():
                self._same(seat, ours[name], value, (*path, name))
        elif isinstance(theirs, list) and isinstance(ours, list):
            if len(ours) != len(theirs):
                raise Differs(f"{path}: {len(ours)} items, naive {len(theirs)}")
            for n, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                self._same(seat, one, other, (*path, n))
        elif ours != theirs or isinstance(ours, bool) != isinstance(theirs, bool):
            raise Differs(f"{path}: {ours!r}, naive {theirs!r}")

    def _note(self, seat: Seat, cursor: str, token: str, path: tuple[Any, ...]) -> None:
        if token not in seat.cursors:
            seat.known.setdefault(seat.eyes.places[token][0], []).append(cursor)
        if seat.eyes.opened.setdefault(cursor, token) != token or seat.cursors.setdefault(token, cursor) != cursor:
            raise Differs(f"{path}: one cursor for two places, or one place with two cursors: {token}")


def _same_refusal(told: Told, found: Found, faults: frozenset[str]) -> None:
    """The engine looks at every argument before it reads a row, the naive side at those that it comes to."""
    codes = {code for _, code in told.problems}
    if found.problems:
        if not codes & ({code for _, code in found.problems} | faults):
            raise Differs(f"refused: engine {told.problems}, naive {found.problems}")
    elif not codes & faults:
        raise Differs(f"refused: engine {told.problems}, naive none")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Differs(f"a key stands twice in one object: {[name for name, _ in pairs]}")
    return made


async def open_harness(country: Country) -> Harness:
    """Opens the pools as the hub does."""
    database = await Database.open(country.logins.gateway, country.logins.directory, size=2)
    return Harness(country, database, *contracts())
