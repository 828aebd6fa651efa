"""Employers and what they offer."""

from typing import Optional

import strawberry

from schema.directory import Municipality, Node, Region, ServicePoint
from schema.enums import PlacementKind, Sector, Support
from schema.inputs import OpportunityFilter, OpportunityOrder
from schema.pages import Connection, planned
from schema.scalars import Cursor, Date, KvK


@strawberry.federation.type(keys=["kvk"], description="Employer (*werkgever*).")
class Employer(Node):
    kvk: KvK
    name: str
    sbi: str | None = strawberry.field(description="Standard industrial classification (*SBI*).")
    municipality: Municipality | None
    locations: list[Municipality]
    recognised_until: Date | None = strawberry.field(
        description="*Erkend leerbedrijf* until; SBB looks again every four years."
    )
    fictitious: bool

    @strawberry.field
    def opportunities(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: OpportunityFilter | None = strawberry.UNSET,
        order: OpportunityOrder | None = strawberry.UNSET,
    ) -> Connection["Opportunity"]:
        planned()


@strawberry.federation.type(keys=["id"], description="A place that is offered: internship, job, day activity.")
class Opportunity(Node):
    kind: PlacementKind
    conditions: list[str] = strawberry.field(description="Such as BANENAFSPRAAK.")
    title: str
    description: str | None
    employer: Optional[Employer]
    municipality: Municipality
    region: Region
    service_point: Optional[ServicePoint]
    distance: int | None = strawberry.field(description="Kilometres from the own school, as the crow flies.")
    sector: Sector | None
    hours_min: int | None
    hours_max: int | None
    support_offered: list[Support]
    open_to_pro_vso: bool
    places: int
    closes_on: Date | None
    source: str
    seen_on: Date = strawberry.field(description="Last day on which the source still offered it.")
