"""Each wall alone, on one connection inside one transaction: the engine as owner, the engine or a plain read as a
reader.

wall 2   the engine's statement, run by the owner, whom no policy holds back, and without `spil.seer`
wall 3   the same without a predicate, or `SELECT keys FROM table`, run as the role's reader with `spil.seer`
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from auth.contracts import cut
from auth.policy import PREDICATES, directory_tables
from auth.viewer import Role, Viewer
from federation.catalogue import Ask
from federation.cursors import Cursors
from federation.engine import Contract, Engine, ReadOf, encode
from federation.limits import Limits
from federation.plan import Rules
from registry.database import SESSION
from registry.migrate import role_prefix
from resolvers.everything import catalogue
from schema.full import build_schema
from tests.walls.oracle import Oracle
from tests.walls.seers import Seer

WIDE = Limits(page=5_000, cost=10**30, answer_bytes=10**9)
READERS = ("directory", "school", "service_point", "municipality", "employer", "coordinator", "national", "command")
Predicates = Mapping[Role, Mapping[str, str]]
NOTHING: Predicates = {role: {} for role in Role}


class Refused(Exception):
    """The contract does not have what was asked."""


class Broken(Exception):
    """The statement failed: a mutant that shows itself like this is caught as well."""


def viewer_of(seer: Seer) -> Viewer:
    scopes = frozenset({"read", "command"})
    return Viewer(Role(seer.role), seer.party, seer.function, "s", "c", scopes)


@cache
def _schemas() -> Mapping[Role, Any]:
    full = build_schema()
    return {role: cut(full._schema, role) for role in Role}


def engine_of(store: Any, record: Any, predicates: Predicates, limits: Limits = WIDE) -> Engine:
    """The product's engine with these predicates; one statement cache of its own."""
    made = {
        role.value: Contract(schema, Rules(role.value.lower(), predicates[role], directory_tables(role), {"sdl": ""}))
        for role, schema in _schemas().items()
    }
    return Engine(made, catalogue(ECHOES), store, record, Cursors(bytes(64)), limits)


def _echo(shape: Callable[[str], Any]) -> Ask:
    """A partner that says what it was asked."""

    async def ask(_: Any, keys: Sequence[str]) -> Mapping[str, Any]:
        return {key: shape(key) for key in keys}

    return ask


ECHOES: Mapping[str, Ask] = {
    "identity": _echo(lambda key: {"givenName": key}),
    "support": _echo(lambda key: {"jobcoach": {"name": key}}),
    "givenName": _echo(lambda key: key),
    "jobcoach": _echo(lambda key: {"name": key}),
    "vacancyHits": _echo(lambda key: {"hits": [{"title": key}], "more": False}),
}


@dataclass
class Walls:
    """The connection of one transaction, what the oracle read in it, and the names by which each seer knows rows."""

    owner: Any
    prefix: str
    oracle: Oracle
    sights: list[Any]
    reads: list[ReadOf] = field(default_factory=list)
    _ids: dict[Seer, dict[str, Any]] = field(default_factory=dict)
    _engines: dict[str, Engine] = field(default_factory=dict)

    @classmethod
    async def stand(cls, owner: Any) -> Walls:
        """Reads everything as the owner, who must be allowed to become each reader."""
        prefix = role_prefix(await owner.fetchval("SELECT current_database()"))
        oracle, sights = await Oracle.read(owner), await owner.fetch("SELECT * FROM sight")
        walls = cls(owner, prefix, oracle, sights)
        walls.use(PREDICATES)
        walls._engines["wall 3"] = engine_of(_AsReader(walls), walls._record, NOTHING)
        walls._engines["both"] = engine_of(_AsReader(walls), walls._record, PREDICATES)
        return walls

    def use(self, predicates: Predicates) -> None:
        """Wall 2 with these predicates."""
        self._engines["wall 2"] = engine_of(_AsOwner(self), self._record, predicates)

    async def _record(self, read: ReadOf) -> None:
        self.reads.append(read)

    async def ask(self, wall: str, seer: Seer, text: str, variables: Mapping[str, Any]) -> Any:
        """The data of the answer; `reads` then holds what the reads log was told. Raises Refused or Broken."""
        self.reads.clear()
        try:
            async with self.owner.transaction():
                answer = await self._engines[wall].execute(viewer_of(seer), text, variables, None, "rid")
        except asyncpg.PostgresError as error:
            raise Broken(str(error)) from error
        if answer.problems:
            raise Refused(str([(problem.error.code, problem.error.message) for problem in answer.problems]))
        return orjson.loads(encode(answer, "rid"))["data"]

    async def plain(self, seer: Seer, sql: str, *values: Any) -> Sequence[Any] | None:
        """What a plain statement of the role's reader gives; None: it may not read that at all."""
        try:
            async with self.owner.transaction(), self.acting(seer):
                rows: Sequence[Any] = await self.owner.fetch(sql, *values)
        except asyncpg.InsufficientPrivilegeError:
            return None
        except asyncpg.PostgresError as error:
            raise Broken(str(error)) from error
        return rows

    @asynccontextmanager
    async def acting(self, seer: Seer, role: str | None = None) -> AsyncIterator[None]:
        """The transaction continues as a reader, as the gateway does it."""
        reader = role or ("directory" if seer.role == "PUBLIC" else seer.role.lower())
        settings = "SELECT set_config('role', $1, true), set_config('spil.seer', $2, true)"
        await self.owner.execute(settings, f"{self.prefix}_{reader}", seer.key or "")
        try:
            yield
        finally:
            await self._back()

    async def _back(self) -> None:
        with suppress(asyncpg.InFailedSQLTransactionError):  # then the savepoint above takes both settings back
            await self.owner.execute("SELECT set_config('role', 'none', true), set_config('spil.seer', '', true)")

    # ---- what the ids of a seer stand for

    def keys(self, seer: Seer) -> dict[str, Any]:
        """Id -> what it stands for, for all that this seer ever had a row of: young people, what stands below them."""
        if seer not in self._ids:
            self._ids[seer] = found = {}
            below = {name: self._by_student(name.lower()) for name in ("Placement", "Credential", "Uitval")}
            for row in self.sights:
                if row["seer"] != seer.key:
                    continue
                found[f"Student:{row['alias']}"] = found[f"Candidate:{row['alias']}"] = row["student"]
                for name, numbers in below.items():
                    for n in numbers.get(row["student"], ()):
                        short = hashlib.md5(f"{row['id_salt']}{name}{n}".encode()).hexdigest()[:12]
                        found[f"{name}:{row['alias']}.{short}"] = (row["student"], n)
        return self._ids[seer]

    def _by_student(self, table: str) -> dict[UUID, list[int]]:
        found: dict[UUID, list[int]] = {}
        for row in self.oracle.rows[table]:
            found.setdefault(row["student"], []).append(row["n"])
        return found


@dataclass
class _AsOwner:
    walls: Walls

    async def read(self, _: str | None, __: str | None, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        row: Sequence[Any] = await self.walls.owner.fetchrow(sql, *values)
        return row


@dataclass
class _AsReader:
    walls: Walls

    async def read(self, role: str | None, seer: str | None, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        party, _, function = (seer or "").partition("#")
        async with self.walls.acting(Seer(party or None, function or None), role.lower() if role else "directory"):
            row: Sequence[Any] = await self.walls.owner.fetchrow(sql, *values)
        return row


@asynccontextmanager
async def standing(url: str) -> AsyncIterator[Any]:
    """The owner's connection in a transaction that is rolled back, as one who may become every reader."""
    owner = await asyncpg.connect(
        url, server_settings=SESSION, statement_cache_size=500, max_cacheable_statement_size=0
    )
    transaction = owner.transaction(isolation="repeatable_read")
    try:
        await transaction.start()
        prefix = role_prefix(await owner.fetchval("SELECT current_database()"))
        only_become = " WITH INHERIT FALSE, SET TRUE" if owner.get_server_version().major >= 16 else ""
        for reader in READERS:
            await owner.execute(f'GRANT "{prefix}_{reader}" TO CURRENT_USER{only_become}')
        yield owner
    finally:
        await transaction.rollback()
        await owner.close()
