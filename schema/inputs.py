"""Filters and orders of lists, and the place that a contact is asked for."""

import strawberry

from schema.enums import (
    CandidateOrderField,
    CredentialKind,
    DestinationAim,
    Direction,
    OpportunityOrderField,
    PlacementKind,
    PlacementOrderField,
    PlacementState,
    SchoolKind,
    SchoolOrderField,
    Sector,
    ServicePointKind,
    StudentOrderField,
)
from schema.scalars import BoardNumber, Brin, Date, KvK, MunicipalityCode, RegionCode, Text


@strawberry.input(one_of=True, description="Exactly one way to say where.")
class ContactPlace:
    school: strawberry.ID | None = strawberry.UNSET
    board: strawberry.ID | None = strawberry.UNSET
    municipality: strawberry.ID | None = strawberry.UNSET
    region: strawberry.ID | None = strawberry.UNSET
    postcode: str | None = strawberry.field(default=strawberry.UNSET, description="Its four digits.")


@strawberry.input
class MunicipalityFilter:
    region: RegionCode | None = strawberry.UNSET
    name_starts_with: Text | None = strawberry.UNSET


@strawberry.input
class SchoolFilter:
    region: RegionCode | None = strawberry.UNSET
    municipality: MunicipalityCode | None = strawberry.UNSET
    board: BoardNumber | None = strawberry.UNSET
    kind: SchoolKind | None = strawberry.UNSET


@strawberry.input
class SchoolOrder:
    field: SchoolOrderField
    direction: Direction = Direction.ASC


@strawberry.input
class ServicePointFilter:
    region: RegionCode | None = strawberry.UNSET
    kind: ServicePointKind | None = strawberry.UNSET


@strawberry.input
class StudentFilter:
    school: Brin | None = strawberry.UNSET
    municipality: MunicipalityCode | None = strawberry.UNSET
    destination_aim: list[DestinationAim] | None = strawberry.UNSET
    sector: Sector | None = strawberry.UNSET
    leaves_from: Date | None = strawberry.UNSET
    leaves_to: Date | None = strawberry.UNSET
    has_left: bool | None = strawberry.UNSET


@strawberry.input
class StudentOrder:
    field: StudentOrderField
    direction: Direction = Direction.ASC


@strawberry.input
class CandidateFilter:
    sector: Sector | None = strawberry.UNSET


@strawberry.input
class CandidateOrder:
    field: CandidateOrderField
    direction: Direction = Direction.ASC


@strawberry.input
class PlacementFilter:
    kind: list[PlacementKind] | None = strawberry.UNSET
    state: PlacementState | None = strawberry.UNSET
    employer: KvK | None = strawberry.UNSET
    from_from: Date | None = strawberry.UNSET
    from_to: Date | None = strawberry.UNSET


@strawberry.input
class PlacementOrder:
    field: PlacementOrderField
    direction: Direction = Direction.ASC


@strawberry.input
class CredentialFilter:
    kind: CredentialKind | None = strawberry.UNSET


@strawberry.input
class OpportunityFilter:
    region: RegionCode | None = strawberry.UNSET
    municipality: MunicipalityCode | None = strawberry.UNSET
    employer: KvK | None = strawberry.UNSET
    kind: list[PlacementKind] | None = strawberry.UNSET
    sector: Sector | None = strawberry.UNSET
    open_to_pro_vso: bool | None = strawberry.UNSET
    closes_from: Date | None = strawberry.UNSET


@strawberry.input
class OpportunityOrder:
    field: OpportunityOrderField
    direction: Direction = Direction.ASC
