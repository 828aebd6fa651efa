"""Contracts: what a role may not see does not exist in its schema."""

from __future__ import annotations

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_introspection_type,
    validate_schema,
)

from auth.contracts import EXCEPT, VISIBLE, cut
from auth.policy import PREDICATES
from auth.viewer import Role
from schema.full import build_schema
from schema.print import graphql_core, print_contract

# Hand-copied from the design's table "who sees what"; the contracts are another writing of it.
WITHOUT = {
    Role.PUBLIC: {"Student", "Candidate", "Placement", "Credential", "Lead", "PostHistory", "Mutation"},
    Role.SCHOOL: {"Candidate", "PostHistory"},
    Role.SERVICE_POINT: {"Student", "Lead", "PostHistory", "AccessGrant", "SupportRequest", "WarmHandover"},
    Role.MUNICIPALITY: {"Candidate", "PostHistory", "AccessGrant", "WarmHandover"},
    Role.EMPLOYER: {"Student", "Lead", "PostHistory", "AccessGrant", "SupportRequest", "WarmHandover"},
    Role.COORDINATOR: {"Student", "Candidate", "Placement", "Credential", "Lead"},
    Role.NATIONAL: {"Student", "Candidate", "Placement", "Credential", "Lead"},
}


@pytest.fixture(scope="module")
def full() -> GraphQLSchema:
    return graphql_core(build_schema())


@pytest.fixture(scope="module")
def contracts(full: GraphQLSchema) -> dict[Role, GraphQLSchema]:
    return {role: cut(full, role) for role in Role}


@pytest.mark.parametrize("role", Role)
def test_a_contract_is_a_valid_schema_and_lacks_what_the_role_lacks(
    contracts: dict[Role, GraphQLSchema], role: Role
) -> None:
    contract = contracts[role]
    assert validate_schema(contract) == []
    assert not WITHOUT[role] & set(contract.type_map)
    people = {"Student", "Candidate", "Placement"} - WITHOUT[role]
    assert people <= set(contract.type_map)


def test_every_role_has_all_that_the_public_has(contracts: dict[Role, GraphQLSchema]) -> None:
    public = contracts[Role.PUBLIC]
    for role, contract in contracts.items():
        for name, kind in public.type_map.items():
            assert name in contract.type_map, (role, name)
            if isinstance(kind, GraphQLObjectType):
                other = contract.type_map[name]
                assert isinstance(other, GraphQLObjectType)
                assert set(kind.fields) <= set(other.fields), (role, name)


def test_every_type_of_the_schema_is_listed_and_every_exception_exists(full: GraphQLSchema) -> None:
    kinds = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
    named = {
        name for name, kind in full.type_map.items() if isinstance(kind, kinds) and not is_introspection_type(kind)
    }
    assert {name for name in named if not name.endswith(("Connection", "Edge"))} == set(VISIBLE)
    for place in EXCEPT:
        type_name, _, field = place.partition(".")
        kind = full.type_map[type_name]
        assert field in getattr(kind, "fields", {}) or field in getattr(kind, "values", {}), place


@pytest.mark.parametrize("role", Role)
def test_nothing_in_a_contract_leads_out_of_it(contracts: dict[Role, GraphQLSchema], role: Role) -> None:
    contract = contracts[role]
    for kind in contract.type_map.values():
        for field in getattr(kind, "fields", {}).values():
            assert contract.type_map[get_named_type(field.type).name] is get_named_type(field.type)
            for argument in getattr(field, "args", {}).values():
                assert contract.type_map[get_named_type(argument.type).name] is get_named_type(argument.type)
        if isinstance(kind, GraphQLObjectType):
            assert all(contract.type_map[one.name] is one for one in kind.interfaces)
    for abstract in ("Node", "_Entity"):
        inside = contract.get_possible_types(contract.type_map[abstract])  # type: ignore[arg-type]  # both are abstract
        assert {one.name for one in inside} <= set(contract.type_map)
        assert not WITHOUT[role] & {one.name for one in inside}


def test_a_connection_dies_with_its_node(contracts: dict[Role, GraphQLSchema]) -> None:
    for contract in contracts.values():
        for name in contract.type_map:
            if name.endswith("Connection"):
                assert name.removesuffix("Connection") in contract.type_map


@pytest.mark.parametrize("role", Role)
def test_the_printed_contract_names_nothing_hidden(role: Role) -> None:
    full = build_schema()
    sdl = print_contract(full, cut(graphql_core(full), role))
    for name in WITHOUT[role]:
        assert f"type {name} " not in sdl
        assert f": {name}\n" not in sdl
    if role is not Role.SCHOOL:
        assert "REFERENCE" not in sdl


def test_every_role_with_young_people_has_a_predicate_for_each_of_their_tables() -> None:
    for role in (Role.SCHOOL, Role.SERVICE_POINT, Role.MUNICIPALITY, Role.EMPLOYER):
        assert {"sight", "sight_case", "student_profile", "placement", "credential"} <= set(PREDICATES[role])
    assert all("opportunity" in PREDICATES[role] for role in Role)
