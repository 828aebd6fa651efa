"""Catalogue and schema cover each other; what the schema calls non-null is NOT NULL where the tables can tell."""

from __future__ import annotations

import re
from typing import Any

import asyncpg
import pytest
from graphql import (
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_introspection_type,
    is_list_type,
)
from graphql.type import get_nullable_type

from federation.catalogue import Choice, Column, Entry, Keyed, Live, Many, One, Page, Stream, Told
from resolvers.everything import TYPES
from schema.full import build_schema

MADE_BY_THE_ENGINE = ("Connection", "Edge")  # and PageInfo: federation/pages.py writes them
PARENT = re.compile(r"\{(\w+)\} = \{parent\.(\w+)\}")
# Non-null by what is written and not by a constraint: why nobody ever meets a null there.
BY_RULE = {
    "Region.post": "the reference data make one post for each region, and nothing deletes one",
    "ContactAnswer.contact": "the national desk ends every route (0008_contact_route.sql)",
    "School.region": "with the municipality it is one foreign key, and a municipality's region is one",
    "Opportunity.region": "as a school's",
    "Query.me": "made of the viewer, without a table",
    "Query._service": "made of the contract, without a table",
    "Query.completeness": "one row of sums, whatever the log holds",
    "Query.contact": "contact_route gives exactly one row",
    "CoordinatorPost.filled": "generated from `state`, which is not null",
}


@pytest.fixture(scope="module")
def full() -> GraphQLSchema:
    return build_schema()._schema


def types_of(full: GraphQLSchema) -> dict[str, GraphQLObjectType]:
    """The object types that a catalogue must know."""
    return {
        name: kind
        for name, kind in full.type_map.items()
        if isinstance(kind, GraphQLObjectType)
        and not is_introspection_type(kind)
        and not name.endswith(MADE_BY_THE_ENGINE)
        and name not in ("PageInfo", "Mutation")
    }


def test_every_field_of_every_type_has_exactly_one_entry_and_every_entry_a_field(full: GraphQLSchema) -> None:
    in_schema = {f"{name}.{field}" for name, kind in types_of(full).items() for field in kind.fields}
    in_catalogue = {f"{name}.{field}" for name, rows in TYPES.items() for field in rows.fields}
    assert in_schema - in_catalogue == set()
    assert in_catalogue - in_schema == set()


def test_an_entry_has_the_kind_that_its_field_s_type_asks_for(full: GraphQLSchema) -> None:
    wrong = []
    for name, kind in types_of(full).items():
        for field, one in kind.fields.items():
            entry, inner = TYPES[name].fields[field], get_named_type(one.type)
            listed = is_list_type(get_nullable_type(one.type))
            if not _fits(entry, inner, listed, "first" in one.args):
                wrong.append(f"{name}.{field}: {type(entry).__name__} for {one.type}")
    assert wrong == []


def _fits(entry: Entry, inner: Any, listed: bool, paged: bool) -> bool:
    match entry:
        case Page():
            return paged and inner.name == f"{entry.type}Connection"
        case Many():
            return listed and inner.name == entry.type
        case One() | Stream():
            return not listed and inner.name == entry.type
        case Keyed():
            return listed == entry.many
        case Choice():
            members: set[str] = {member.name for member in inner.types}
            return members == {kind for kind, _ in entry.cases.values()}
        case Live():
            return str(inner.name) == entry.type
        case Told():
            return True
    return not isinstance(inner, GraphQLObjectType)


def test_a_page_s_orders_and_filters_are_those_of_its_arguments(full: GraphQLSchema) -> None:
    for name, kind in types_of(full).items():
        for field, one in kind.fields.items():
            entry = TYPES[name].fields[field]
            if not isinstance(entry, Page):
                continue
            place = f"{name}.{field}"
            filters: Any = get_named_type(one.args["filter"].type) if "filter" in one.args else None
            assert set(entry.filters) == set(filters.fields if filters else ()), place
            if "order" not in one.args:
                assert len(entry.orders) == 1, place
                continue
            order: Any = get_named_type(one.args["order"].type)
            assert set(entry.orders) == set(get_named_type(order.fields["field"].type).values), place


class Tables:
    """What Postgres promises: columns that are never null, and foreign keys."""

    def __init__(self, never_null: set[tuple[str, str]], references: set[tuple[str, str, str]]) -> None:
        self.never_null, self.references = never_null, references


@pytest.fixture(scope="module")
async def tables(database_url: str) -> Tables:
    connection = await asyncpg.connect(database_url)
    try:
        columns = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND is_nullable = 'NO'"
        )
        keys = await connection.fetch(
            "SELECT c.conrelid::regclass::text AS here, a.attname AS col, c.confrelid::regclass::text AS there"
            " FROM pg_constraint c, unnest(c.conkey) k JOIN pg_attribute a ON a.attnum = k"
            " WHERE c.contype = 'f' AND a.attrelid = c.conrelid"
        )
    finally:
        await connection.close()
    return Tables({(r[0], r[1]) for r in columns}, {(r["here"], r["col"], r["there"]) for r in keys})


def test_a_non_null_column_of_the_graph_is_not_null_in_its_table(full: GraphQLSchema, tables: Tables) -> None:
    loose = [
        place
        for place, table, one, entry in _entries(full)
        if isinstance(entry, Column)
        and isinstance(one.type, GraphQLNonNull)
        and place not in BY_RULE
        and (table, entry.name) not in tables.never_null
    ]
    assert loose == []


def test_a_nullable_column_of_the_graph_may_be_null_in_its_table(full: GraphQLSchema, tables: Tables) -> None:
    strict = [
        place
        for place, table, one, entry in _entries(full)
        if isinstance(entry, Column)
        and not isinstance(one.type, GraphQLNonNull)
        and (table, entry.name) in tables.never_null
    ]
    assert strict == []


def test_a_non_null_relation_follows_a_foreign_key_that_is_not_null(full: GraphQLSchema, tables: Tables) -> None:
    broken = []
    for place, table, one, entry in _entries(full, every=True):
        if not isinstance(entry, One) or not isinstance(one.type, GraphQLNonNull) or place in BY_RULE:
            continue
        link = PARENT.fullmatch(entry.link)
        column = link[2] if link else ""
        if (table, column) not in tables.never_null or (
            table,
            column,
            TYPES[entry.type].table,
        ) not in tables.references:
            broken.append(place)
    assert broken == []


def test_every_rule_that_stands_for_a_constraint_is_about_a_non_null_field(full: GraphQLSchema) -> None:
    for place in BY_RULE:
        name, _, field = place.partition(".")
        assert isinstance(types_of(full)[name].fields[field].type, GraphQLNonNull), place


def _entries(full: GraphQLSchema, *, every: bool = False) -> list[tuple[str, str, Any, Entry]]:
    """(place, table, field, entry) of the types whose rows are a table's."""
    return [
        (f"{name}.{field}", TYPES[name].table, one, TYPES[name].fields[field])
        for name, kind in types_of(full).items()
        for field, one in kind.fields.items()
        if every or TYPES[name].tables is None
    ]
