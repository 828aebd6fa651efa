"""SDL of a contract, with the federation directives that Strawberry prints."""

from __future__ import annotations

from copy import copy

from graphql import GraphQLSchema
from strawberry.federation import Schema
from strawberry.printer import print_schema


def graphql_core(full: Schema) -> GraphQLSchema:
    """graphql-core's schema behind Strawberry's."""
    return full._schema  # noqa: SLF001  # Strawberry has no public name for it


def print_contract(full: Schema, contract: GraphQLSchema) -> str:
    """The SDL of a schema cut from `full`: Strawberry prints what `_schema` holds, so a copy holds the contract."""
    view = copy(full)
    view._schema = contract  # noqa: SLF001  # Strawberry has no public name for it
    if contract.mutation_type is None:
        view.mutation = None  # the printer's schema definition names it, whatever `_schema` holds
    if contract.subscription_type is None:
        view.subscription = None
    return print_schema(view) + "\n"
