"""What a schema shows: the fields by which contracts, supergraphs and a gateway are compared."""

from __future__ import annotations

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema, build_schema

OF_FEDERATION = {"_entities", "_service", "_Entity", "_Service"}


def fields(schema: GraphQLSchema) -> set[str]:
    """`Type.field` of every object and interface, but for what federation itself adds."""
    return {
        f"{kind.name}.{name}"
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not kind.name.startswith("__")
        for name in kind.fields
        if not OF_FEDERATION & {kind.name, name}
    }


def fields_of(sdl: str) -> set[str]:
    return fields(build_schema(sdl, assume_valid=True, assume_valid_sdl=True))
