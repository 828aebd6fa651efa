"""Every statement that a contract can ask for prepares as its role, in the round trips of the design."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

from auth.viewer import Role, Viewer
from federation.cursors import Cursors
from federation.engine import Contract, Engine, ReadOf
from federation.limits import Limits
from registry.database import Database
from registry.migrate import role_prefix
from resolvers.everything import catalogue
from spil.wiring import contracts
from tests.federation.country import Country

WIDE = Limits(depth=40, aliases=1_000, selections=1_000, cost=10**12, tokens=100_000)
IDS = {"nodes": "ids", "_entities": "representations"}
CODES = {
    "region": '(code: "AM27")',
    "municipality": '(code: "GM0796")',
    "school": '(brin: "90ZZ00")',
    "employer": '(kvk: "90000001")',
}

REQUIRED = {
    "findStudents": "(name: $name)",
    "vacancyHits": '(search: {postcode: "5211AB"})',
    "completeness": '(date: "2026-11-01")',
}
SAMPLES = {
    "RegionCode": '"AM27"',
    "MunicipalityCode": '"GM0796"',
    "Brin": '"90ZZ00"',
    "BoardNumber": '"90001"',
    "KvK": '"90000001"',
    "Date": '"2026-08-01"',
    "Text": '"a"',
    "Boolean": "true",
}


class Everything:
    """Documents that together ask a contract for all it has: all fields of each type, each page in every order."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.ways = self._ways()

    def _ways(self) -> dict[str, list[tuple[str, str]]]:
        """A shortest way from the root to each type: (field with arguments, wrapper of its selections)."""
        query = self.schema.query_type
        assert query is not None
        ways: dict[str, list[tuple[str, str]]] = {query.name: []}
        queue = [query]
        while queue:
            kind = queue.pop(0)
            for name, one in kind.fields.items():
                for inner in self._inner(get_named_type(one.type)):
                    if inner.name not in ways:
                        ways[inner.name] = [*ways[kind.name], (name + self.arguments(name, one), inner.name)]
                        queue.append(inner)
        return ways

    def _inner(self, kind: Any) -> list[GraphQLObjectType]:
        if isinstance(kind, GraphQLObjectType):
            return [kind]
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            return list(self.schema.get_possible_types(kind))
        return []

    @staticmethod
    def arguments(name: str, one: Any) -> str:
        """The arguments that a field must have."""
        if name in CODES and one.args:
            return CODES[name]
        if name in REQUIRED and one.args:
            return REQUIRED[name]
        if name == "contact" and one.args:
            return '(topic: PUPILS_TO_WORK, at: {postcode: "5211"})'
        if name in IDS and one.args:
            return (
                f"({IDS[name]}: [])" if name == "nodes" else '(representations: [{__typename: "Region", code: "AM27"}])'
            )
        return f'(id: "{get_named_type(one.type).name}:x")' if "id" in one.args else ""

    def documents(self) -> Iterator[str]:
        """One per type, and one per page, order, direction and filter."""
        for name, way in self.ways.items():
            kind = self.schema.type_map[name]
            assert isinstance(kind, GraphQLObjectType)
            yield self._wrapped(way, " ".join(self._field(one, what) for one, what in kind.fields.items()))
            for one, what in kind.fields.items():
                if "first" in what.args:
                    for arguments in self._pages(what):
                        yield self._wrapped(
                            way, f"{one}{arguments} {{ totalCount edges {{ cursor node {{ __typename }} }} }}"
                        )

    @staticmethod
    def _wrapped(way: list[tuple[str, str]], inside: str) -> str:
        for field, kind in reversed(way):
            inside = f"{field} {{ ... on {kind} {{ {inside} }} }}"
        declared = [f"{name}: {kind}" for name, kind in (("$c", "Cursor"), ("$name", "Text!")) if name in inside]
        return f"query Q{'(' + ', '.join(declared) + ')' if declared else ''} {{ {inside} }}"

    def _field(self, name: str, one: Any) -> str:
        inner = get_named_type(one.type)
        text = f"{name}{self.arguments(name, one)}"
        if is_leaf_type(inner):
            return text
        if inner.name.endswith("Connection"):
            page = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
            return f"{text} {{ totalCount {page} nodes {{ __typename }} edges {{ cursor node {{ __typename }} }} }}"
        return f"{text} {{ __typename }}"

    def _pages(self, one: Any) -> Iterator[str]:
        if "order" not in one.args:
            name = "name: $name, " if "name" in one.args else ""
            yield from (f"({name}first: 2, after: $c)", f"({name}last: 2, before: $c)")
        else:
            order: Any = get_named_type(one.args["order"].type)
            for field in get_named_type(order.fields["field"].type).values:
                for direction in ("ASC", "DESC"):
                    for size in ("first: 2, after: $c", "last: 2, before: $c"):
                        yield f"(order: {{field: {field}, direction: {direction}}}, {size})"
        if "filter" in one.args:
            kind = get_named_type(one.args["filter"].type)
            assert isinstance(kind, GraphQLInputObjectType)
            yield f"(filter: {{{', '.join(f'{n}: {_sample(w.type)}' for n, w in kind.fields.items())}}})"


def _sample(kind: Any) -> str:
    kind = get_nullable_type(kind)
    if is_list_type(kind):
        return f"[{_sample(kind.of_type)}]"
    return SAMPLES.get(kind.name) or next(iter(kind.values))


class Nowhere:
    async def read(self, *_: Any) -> Any:
        raise AssertionError("nothing is run here")


async def _no_record(read: ReadOf) -> None:
    return None


@pytest.fixture(scope="module")
def made() -> dict[str, Contract]:
    return contracts()[0]


@pytest.mark.parametrize("role", Role)
async def test_every_statement_of_a_role_prepares_as_that_role(
    country: Country, made: dict[str, Contract], role: Role
) -> None:
    engine = Engine(made, catalogue(), Nowhere(), _no_record, Cursors(b"k" * 32), WIDE)
    gateway = await asyncpg.connect(country.logins.gateway, statement_cache_size=0)
    directory = await asyncpg.connect(country.logins.directory, statement_cache_size=0)
    prefix = role_prefix(country.url.partition("?")[0].rpartition("/")[2])
    count = 0
    try:
        if role is not Role.PUBLIC:
            await gateway.execute(f'SET ROLE "{prefix}_{role.value.lower()}"')
        for text in Everything(made[role].schema).documents():
            document = engine.document(role, text, None)
            for variables in ({}, {"c": "AAAA"}) if "$c" in text else ({},):
                plan = engine.plan(document, variables)
                assert plan.in_directory or role is not Role.PUBLIC
                statement = await (directory if plan.in_directory else gateway).prepare(plan.sql)
                assert len(statement.get_parameters()) == len(plan.binds)
                count += 1
    finally:
        await gateway.close()
        await directory.close()
    assert count > 60


class Counting:
    """Notes what goes over the connections of a pool, call by call."""

    def __init__(self, pool: Any) -> None:
        self._pool, self.calls = pool, []  # type: ignore[var-annotated]

    async def take(self) -> Any:
        return Noting(await self._pool.take(), self.calls)

    def give(self, connection: Any) -> None:
        self._pool.give(connection.connection)


class Noting:
    """A connection that notes the first words of each call."""

    def __init__(self, connection: Any, calls: list[str]) -> None:
        self.connection, self._calls = connection, calls

    async def execute(self, sql: str) -> Any:
        self._calls.append(sql[:15])
        return await self.connection.execute(sql)

    async def fetchrow(self, sql: str, *values: Any) -> Any:
        self._calls.append("statement")
        return await self.connection.fetchrow(sql, *values)


@pytest.fixture
async def counted(country: Country) -> AsyncIterator[tuple[Database, Counting, Counting]]:
    database = await Database.open(country.logins.gateway, country.logins.directory, size=1)
    gateway, directory = Counting(database._gateway), Counting(database._directory)
    yield Database(gateway, directory, database._prefix), gateway, directory  # type: ignore[arg-type]  # they take and give
    await database.close()


def viewer(country: Country, role: Role) -> Viewer:
    party, function = next((party, function) for one, party, function in country.seers if one is role)
    return Viewer(role, party, function, scopes=frozenset({"read"}))


@pytest.mark.parametrize("role", [Role.PUBLIC, Role.SCHOOL])
async def test_a_question_about_the_directory_is_one_statement_without_a_transaction(
    country: Country, made: dict[str, Contract], counted: tuple[Database, Counting, Counting], role: Role
) -> None:
    database, gateway, directory = counted
    engine = Engine(made, catalogue(), database, _no_record, Cursors(b"k" * 32), Limits())
    answer = await engine.execute(
        viewer(country, role), "{ regions { code schools(first: 2) { nodes { brin } } } }", {}, None, "r"
    )
    assert not answer.problems
    assert (gateway.calls, directory.calls) == ([], ["statement"])


async def test_a_question_about_young_people_is_three_round_trips(
    country: Country, made: dict[str, Contract], counted: tuple[Database, Counting, Counting]
) -> None:
    database, gateway, directory = counted
    reads: list[ReadOf] = []

    async def record(read: ReadOf) -> None:
        reads.append(read)

    engine = Engine(made, catalogue(), database, record, Cursors(b"k" * 32), Limits())
    text = "{ students(first: 5) { nodes { id placements { nodes { id employer { name } } } } } me { party } }"
    answer = await engine.execute(viewer(country, Role.SCHOOL), text, {}, None, "r")
    assert not answer.problems
    assert (gateway.calls, directory.calls) == (["BEGIN READ ONLY", "statement", "COMMIT"], [])
    assert [len(read.students) for read in reads] == [answer.students] == [5]
