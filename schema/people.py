"""Young people: a student to school and municipality, a card that does not recognise to service point and employer.

At TRACE only `id` and `disclosure` are there: hence every other field of both types may be null.
"""

from typing import Optional

import strawberry

from schema.directory import Municipality, Node, School
from schema.enums import (
    AccessPurpose,
    AgeBand,
    CredentialKind,
    DestinationAim,
    Disclosure,
    HandoverReason,
    HandoverState,
    HoursBand,
    LeadsTo,
    PlacementKind,
    PlacementState,
    Sector,
    Support,
    SupportReason,
    SupportRequestState,
    TravelBand,
)
from schema.inputs import CredentialFilter, PlacementFilter, PlacementOrder
from schema.live import MunicipalSupport, StudentIdentity, SupportContact
from schema.opportunities import Employer, Opportunity
from schema.pages import Connection, planned
from schema.scalars import Cursor, Date


@strawberry.type(description="Part of a job as mbo describes it (*werkproces*).")
class WorkProcess:
    crebo: str = strawberry.field(description="Five digits of the qualification.")
    code: str = strawberry.field(description="Such as B1-K1-W1.")


@strawberry.type(description="Who has the lead (*regie*): exactly one party.")
class Lead:
    party: str
    function: str
    since: Date


@strawberry.type(description="A school asks a municipality for support (*verzoek ondersteuning*).")
class SupportRequest:
    state: SupportRequestState
    from_: str = strawberry.field(name="from")
    to: str
    support_wanted: list[Support]
    reason: SupportReason | None
    sent_on: Date
    answered_on: Date | None


@strawberry.type(description="Support passes from school to municipality by a code (*warme overdracht*).")
class WarmHandover:
    state: HandoverState
    to: str
    started_on: Date
    expires_on: Date = strawberry.field(description="Last day of the code.")
    reason: HandoverReason | None
    code: str | None = strawberry.field(description="Shown for ten minutes after it was made, and never again.")


@strawberry.type(description="One reason why a party sees a student; open now.")
class AccessGrant:
    party: str
    function: str
    purpose: AccessPurpose
    tier: Disclosure = strawberry.field(description="How much it sees.")
    since: Date
    until: Date | None = strawberry.field(description="Last day; null: until its case closes.")
    why: str = strawberry.field(description="In plain words.")


@strawberry.federation.type(
    keys=["id"], description="Student (*leerling of oud-leerling*), under this party's own pseudonym."
)
class Student(Node):
    disclosure: Disclosure
    reference: str | None = strawberry.field(description="The own school's number for the student.")
    school: School | None
    municipality: Municipality | None = strawberry.field(description="Where the student lives.")
    destination_aim: DestinationAim | None = strawberry.field(description="*Uitstroomprofiel*.")
    school_year: int | None
    leaves_on: Date | None
    left_on: Date | None
    age_band: AgeBand | None
    sectors: list[Sector] | None
    hours: int | None
    travel_limit: int | None = strawberry.field(description="Kilometres.")
    support_wanted: list[Support] | None
    work_processes: list[WorkProcess] | None
    lead: Lead | None
    access: list[AccessGrant] | None = strawberry.field(
        description="Who sees this student, why and until when; for the own school."
    )
    support_requests: list[SupportRequest] | None = strawberry.field(description="From and to the own party.")
    handovers: list[WarmHandover] | None = strawberry.field(description="Started by the own school.")
    completeness: int | None = strawberry.field(description="Percentage of the profile that is filled.")
    freshness: Date | None = strawberry.field(description="Day on which the profile was last read from its source.")
    identity: StudentIdentity | None = strawberry.field(
        description="Who this is: asked of the school during the request, never kept. From IDENTIFIED."
    )
    support: MunicipalSupport | None = strawberry.field(
        description="Asked of the municipality that has the case, during the request, never kept. From IDENTIFIED."
    )

    @strawberry.field
    def placements(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: PlacementFilter | None = strawberry.UNSET,
        order: PlacementOrder | None = strawberry.UNSET,
    ) -> Connection["Placement"] | None:
        planned()

    @strawberry.field
    def credentials(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: CredentialFilter | None = strawberry.UNSET,
    ) -> Connection["Credential"] | None:
        planned()


@strawberry.federation.type(keys=["id"], description="The same person as a card that does not recognise (*kandidaat*).")
class Candidate(Node):
    disclosure: Disclosure
    sectors: list[Sector] | None
    work_processes: list[WorkProcess] | None
    highest_credential: CredentialKind | None
    hours_band: HoursBand | None
    available_from: str | None = strawberry.field(description="Month, `YYYY-MM`.")
    travel_band: TravelBand | None
    support_wanted: list[Support] | None
    given_name: str | None = strawberry.field(
        description="*Roepnaam*: asked of the school during the request, never kept. From GIVEN_NAME."
    )
    jobcoach: SupportContact | None = strawberry.field(
        description="Whom to call about support: asked of the municipality, never kept. From GIVEN_NAME."
    )

    @strawberry.field
    def placements(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: PlacementFilter | None = strawberry.UNSET,
        order: PlacementOrder | None = strawberry.UNSET,
    ) -> Connection["Placement"] | None:
        planned()

    @strawberry.field
    def credentials(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
        filter: CredentialFilter | None = strawberry.UNSET,
    ) -> Connection["Credential"] | None:
        planned()


@strawberry.type(description="A place that a young person has, had or will have (*plaatsing*).")
class Placement(Node):
    kind: PlacementKind
    state: PlacementState
    from_: Date = strawberry.field(name="from")
    to: Date | None
    hours: int | None
    leads_to: LeadsTo | None
    employer: Employer
    opportunity: Opportunity | None
    student: Optional[Student]
    candidate: Optional[Candidate]


@strawberry.type(description="Proof of competence.")
class Credential(Node):
    kind: CredentialKind
    level: int | None = strawberry.field(description="Level of mbo, 0 to 4.")
    title: str
    work_processes: list[WorkProcess]
    issued_on: Date
