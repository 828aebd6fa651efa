"""The questions."""

from typing import Optional

import strawberry

from schema.directory import ContactAnswer, Municipality, Node, Region, School, ServicePoint
from schema.due import DueItem, OverdueFigure, OverdueFilter, OverdueItem
from schema.enums import ContactTopic, Notice, RoleName
from schema.events import Completeness, Event
from schema.inputs import (
    CandidateFilter,
    CandidateOrder,
    ContactPlace,
    MunicipalityFilter,
    OpportunityFilter,
    OpportunityOrder,
    PlacementFilter,
    PlacementOrder,
    SchoolFilter,
    SchoolOrder,
    ServicePointFilter,
    StudentFilter,
    StudentOrder,
)
from schema.opportunities import Employer, Opportunity
from schema.pages import Connection, planned
from schema.people import Candidate, Placement, Student
from schema.scalars import Cursor, Date, Text
from schema.sources import Source
from schema.uitval import Uitval, UitvalFilter
from schema.vacancies import VacancyHits, VacancySearch
from schema.webhooks import Webhook


@strawberry.type(description="Who asks.")
class Viewer:
    role: RoleName
    party: str | None
    function: str | None
    name: str | None = strawberry.field(description="Name of the party.")
    scopes: list[str]
    notice: Notice | None


@strawberry.type
class Query:
    me: Viewer
    regions: list[Region] = strawberry.field(description="All 35, by code.")

    @strawberry.field(description="Whatever has this id; null when there is nothing, or nothing of yours.")
    def node(self, id: strawberry.ID) -> Node | None:
        planned()

    @strawberry.field(description="Many ids in one question, in the order asked, at most 100.")
    def nodes(self, ids: list[strawberry.ID]) -> list[Optional[Node]]:
        planned()

    @strawberry.field
    def region(self, code: strawberry.ID) -> Region | None:
        planned()

    @strawberry.field
    def municipality(self, code: strawberry.ID) -> Municipality | None:
        planned()

    @strawberry.field
    def school(self, brin: strawberry.ID) -> School | None:
        planned()

    @strawberry.field
    def student(self, id: strawberry.ID) -> Student | None:
        planned()

    @strawberry.field
    def candidate(self, id: strawberry.ID) -> Candidate | None:
        planned()

    @strawberry.field
    def employer(self, kvk: strawberry.ID) -> Employer | None:
        planned()

    @strawberry.field
    def opportunity(self, id: strawberry.ID) -> Opportunity | None:
        planned()

    @strawberry.field(description="The one right contact for a topic at a place, and how it was found. Never empty.")
    def contact(self, topic: ContactTopic, at: ContactPlace) -> ContactAnswer:
        planned()

    @strawberry.field
    def municipalities(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: MunicipalityFilter | None = strawberry.UNSET,
    ) -> Connection[Municipality]:
        planned()

    @strawberry.field
    def schools(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: SchoolFilter | None = strawberry.UNSET,
        order: SchoolOrder | None = strawberry.UNSET,
    ) -> Connection[School]:
        planned()

    @strawberry.field
    def service_points(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: ServicePointFilter | None = strawberry.UNSET,
    ) -> Connection[ServicePoint]:
        planned()

    @strawberry.field(description="The students whom this party sees, because of a row for each.")
    def students(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: StudentFilter | None = strawberry.UNSET,
        order: StudentOrder | None = strawberry.UNSET,
    ) -> Connection[Student]:
        planned()

    @strawberry.field(
        description="Students by name, which the own school's system compares: at most 100. The name is given as a"
        " variable, and is not kept. Null where the system could not be asked."
    )
    def find_students(
        self,
        name: Text,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
    ) -> Connection[Student] | None:
        planned()

    @strawberry.field(description="The candidates who were presented to this party.")
    def candidates(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: CandidateFilter | None = strawberry.UNSET,
        order: CandidateOrder | None = strawberry.UNSET,
    ) -> Connection[Candidate]:
        planned()

    @strawberry.field
    def placements(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: PlacementFilter | None = strawberry.UNSET,
        order: PlacementOrder | None = strawberry.UNSET,
    ) -> Connection[Placement]:
        planned()

    @strawberry.field
    def opportunities(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: OpportunityFilter | None = strawberry.UNSET,
        order: OpportunityOrder | None = strawberry.UNSET,
    ) -> Connection[Opportunity]:
        planned()

    @strawberry.field(
        description="Vacancies of the VUM exchange, asked live for this one request and not kept: one search in a"
        " question. At most 100 come, and their order means nothing. A source may leave out what it does not compare,"
        " so a hit is held against the search here as far as it tells. Null where the exchange could not be asked."
    )
    def vacancy_hits(self, search: VacancySearch) -> VacancyHits | None:
        planned()

    @strawberry.field(description="The partner systems: the own ones, those of the region, or all.")
    def sources(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
    ) -> Connection[Source]:
        planned()

    @strawberry.field(
        description="Losses of a place: of the students this party sees; to an employer those it reported."
    )
    def uitvallen(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: UitvalFilter | None = strawberry.UNSET,
    ) -> Connection[Uitval]:
        planned()

    @strawberry.field(
        description="What happened, as this party was told: in order, without a hole, whether or not it was listening."
    )
    def events(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
    ) -> Connection[Event]:
        planned()

    @strawberry.field(description="How many positions of the own stream one day has, and between which.")
    def completeness(self, date: Date) -> Completeness:
        planned()

    @strawberry.field(description="The endpoints of this party, those that ended too.")
    def webhooks(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
    ) -> Connection[Webhook]:
        planned()

    @strawberry.field(description="What the own party has to do for those whom it leads, the most urgent first.")
    def due_items(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
    ) -> Connection[DueItem]:
        planned()

    @strawberry.field(
        description="What is late: of the own party; to a coordinator of all parties in its region. The oldest first."
    )
    def overdue_items(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: OverdueFilter | None = strawberry.UNSET,
    ) -> Connection[OverdueItem]:
        planned()

    overdue_figures: list[OverdueFigure] = strawberry.field(description="How much is late in the country, per region.")
