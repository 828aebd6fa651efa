"""The full schema: every type of the hub, from which each role's contract is cut. Built on call, never at import."""

from __future__ import annotations

from typing import Final

from strawberry.federation import Schema as FederationSchema
from strawberry.schema.config import StrawberryConfig

from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import scalar_map
from schema.subscription import Subscription

FEDERATION_VERSION: Final = "2.9"  # composers of the field refuse later ones


def build_schema() -> FederationSchema:
    """The schema with everything in it; nobody is served this one."""
    return FederationSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        federation_version=FEDERATION_VERSION,
        config=StrawberryConfig(scalar_map=scalar_map(), disable_field_suggestions=True),
    )
