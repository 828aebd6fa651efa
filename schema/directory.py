"""The directory: regions, municipalities, schools, service points, posts, contact points. Public, few exceptions."""

from typing import TYPE_CHECKING, Annotated, Optional, Union

import strawberry

from schema.enums import (
    ContactOwnerKind,
    ContactStepKind,
    ContactStepReason,
    ContactTopic,
    PostState,
    SchoolKind,
    ServicePointKind,
)
from schema.inputs import OpportunityFilter, OpportunityOrder, SchoolFilter, SchoolOrder, StudentFilter, StudentOrder
from schema.pages import Connection, planned
from schema.scalars import BoardNumber, Brin, Cursor, Date, MunicipalityCode, RegionCode

if TYPE_CHECKING:
    from schema.opportunities import Opportunity
    from schema.people import Student


@strawberry.interface(description="Whatever has an id of its own.")
class Node:
    id: strawberry.ID


@strawberry.federation.type(keys=["code"], description="Labour-market region (*arbeidsmarktregio*).")
class Region(Node):
    code: RegionCode
    name: str
    aliases: list[str] = strawberry.field(description="Names that older feeds use.")
    uwv_number: int = strawberry.field(description="Number in *Besluit SUWI*; not the AM number.")
    tile_column: int = strawberry.field(description="Place in the tile map, 7 columns wide.")
    tile_row: int
    longitude: float
    latitude: float
    valid_from: int = strawberry.field(description="First year of the classification.")
    valid_to: int | None
    centre_municipality: "Municipality" = strawberry.field(description="*Centrumgemeente*.")
    municipalities: list["Municipality"]
    neighbours: list["Region"]
    service_points: list["ServicePoint"]
    post: "CoordinatorPost" = strawberry.field(description="The post of the coordinator pro-vso.")

    @strawberry.field(description="Schools in this region, by BRIN.")
    def schools(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: SchoolFilter | None = strawberry.UNSET,
        order: SchoolOrder | None = strawberry.UNSET,
    ) -> Connection["School"]:
        planned()


@strawberry.federation.type(keys=["code"], description="Municipality (*gemeente*).")
class Municipality(Node):
    code: MunicipalityCode
    name: str
    aliases: list[str]
    longitude: float
    latitude: float
    valid_from: int
    valid_to: int | None
    region: Region

    @strawberry.field
    def schools(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: SchoolFilter | None = strawberry.UNSET,
        order: SchoolOrder | None = strawberry.UNSET,
    ) -> Connection["School"]:
        planned()

    @strawberry.field(description="Young people who live here, as far as this party sees them.")
    def students(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: StudentFilter | None = strawberry.UNSET,
        order: StudentOrder | None = strawberry.UNSET,
    ) -> Connection[Annotated["Student", strawberry.lazy("schema.people")]]:
        planned()


@strawberry.federation.type(keys=["code"], description="Region of the *Doorstroompunt* (formerly RMC).")
class DoorstroompuntRegion(Node):
    code: str
    name: str

    @strawberry.field
    def schools(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: SchoolFilter | None = strawberry.UNSET,
        order: SchoolOrder | None = strawberry.UNSET,
    ) -> Connection["School"]:
        planned()


@strawberry.federation.type(keys=["number"], description="School board (*bevoegd gezag*).")
class SchoolBoard(Node):
    number: BoardNumber
    name: str | None = strawberry.field(description="Null where the register carries the number only.")
    fictitious: bool

    @strawberry.field
    def schools(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: SchoolFilter | None = strawberry.UNSET,
        order: SchoolOrder | None = strawberry.UNSET,
    ) -> Connection["School"]:
        planned()


@strawberry.federation.type(keys=["brin"], description="A location of a school for pro or vso (*vestiging*).")
class School(Node):
    brin: Brin
    name: str
    kind: SchoolKind
    board: SchoolBoard | None
    municipality: Municipality
    region: Region
    doorstroompunt_region: DoorstroompuntRegion | None
    street: str | None
    postcode: str | None
    place: str | None
    phone: str | None
    website: str | None
    student_count: str | None = strawberry.field(
        description='As published: below five it is "<5". Unknown is null, never 0.'
    )
    fictitious: bool = strawberry.field(description="Made up for tests and demos.")
    contact_for_employers: Optional["ContactPoint"] = strawberry.field(
        description="One contact for employers with a place."
    )

    @strawberry.field(description="Students of this school, as far as this party sees them.")
    def students(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: StudentFilter | None = strawberry.UNSET,
        order: StudentOrder | None = strawberry.UNSET,
    ) -> Connection[Annotated["Student", strawberry.lazy("schema.people")]]:
        planned()


@strawberry.federation.type(keys=["code"], description="Service point: WSP, Werkcentrum, Leerwerkloket and the like.")
class ServicePoint(Node):
    code: str
    kind: ServicePointKind
    name: str
    region: Region
    website: str | None
    valid_from: Date
    valid_to: Date | None
    contacts: list["ContactPoint"]

    @strawberry.field(description="Opportunities that this service point entered.")
    def opportunities(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: OpportunityFilter | None = strawberry.UNSET,
        order: OpportunityOrder | None = strawberry.UNSET,
    ) -> Connection[Annotated["Opportunity", strawberry.lazy("schema.opportunities")]]:
        planned()


@strawberry.type(description="The post of a region's coordinator pro-vso.")
class CoordinatorPost:
    region: Region
    filled: bool
    state: PostState
    holder: Optional["ContactPoint"]
    organisation: str | None
    hours: int | None = strawberry.field(description="Hours a week.")
    mandate: str | None
    schools_represented: int | None
    since: Date
    history: list["PostHistory"] = strawberry.field(description="Earlier states, latest first, at most 100.")


@strawberry.type(description="An earlier state of a coordinator post.")
class PostHistory:
    state: PostState
    organisation: str | None
    hours: int | None
    mandate: str | None
    schools_represented: int | None
    since: Date
    until: Date


@strawberry.type(description="A desk or a professional who answers for a topic.")
class ContactPoint(Node):
    topic: ContactTopic
    owner_kind: ContactOwnerKind
    owner: Optional["ContactOwner"]
    name: str | None = strawberry.field(description="Of a professional; null for a desk.")
    desk: str
    phone: str | None
    mail: str | None
    hours: str | None
    absent_until: Date | None
    deputy: Optional["ContactPoint"]
    verified: Date | None = strawberry.field(description="Last day on which somebody confirmed it.")


ContactOwner = Annotated[
    Union[School, SchoolBoard, Municipality, Region, ServicePoint],
    strawberry.union("ContactOwner", description="Whose contact it is."),
]


@strawberry.type(description="One step of the way to the right contact.")
class ContactStep:
    kind: ContactStepKind
    why: ContactStepReason
    verified: Date | None


@strawberry.type(description="The one right contact, and how it was found.")
class ContactAnswer:
    contact: ContactPoint
    path: list[ContactStep]
