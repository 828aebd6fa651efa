"""Placements as they begin, go on and end; and *uitval*: the loss of one, and what is done about it."""

from enum import Enum
from typing import Optional

import strawberry

from schema.directory import Node
from schema.enums import LeadsTo, PlacementKind
from schema.pages import planned
from schema.people import Candidate, Placement, Student
from schema.scalars import Date, Key, KvK, PartyKey


@strawberry.enum(description="Where an uitval stands.")
class UitvalState(Enum):
    SIGNALLED = strawberry.enum_value("SIGNALLED", description="Presumed: the end passed and nobody said a word.")
    REPORTED = "REPORTED"
    PICKED_UP = "PICKED_UP"
    INTERVIEW_PLANNED = "INTERVIEW_PLANNED"
    INTERVIEW_HELD = "INTERVIEW_HELD"
    NEXT_STEP = "NEXT_STEP"
    CLOSED = "CLOSED"
    WITHDRAWN = "WITHDRAWN"


@strawberry.enum(description="What an uitval rests on.")
class UitvalBasis(Enum):
    TOLD = "TOLD"
    PRESUMED = strawberry.enum_value("PRESUMED", description="A silence: told to the lead alone, and not counted.")


@strawberry.enum(description="How a placement ended. No reason of health, behaviour or home is ever asked or kept.")
class UitvalHow(Enum):
    CONTRACT_ENDED = "CONTRACT_ENDED"
    PROBATION = "PROBATION"
    ENDED_BY_EMPLOYER = "ENDED_BY_EMPLOYER"
    ENDED_BY_YOUNG_PERSON = "ENDED_BY_YOUNG_PERSON"
    BY_AGREEMENT = "BY_AGREEMENT"
    NO_WORK_OR_CLOSED = "NO_WORK_OR_CLOSED"
    COURSE_STOPPED = "COURSE_STOPPED"
    MOVED = "MOVED"
    UNKNOWN = "UNKNOWN"


@strawberry.enum(description="The next step (*vervolgstap*) that an interview led to.")
class NextStep(Enum):
    NEW_PLACEMENT = "NEW_PLACEMENT"
    LEERLIJN = "LEERLIJN"
    MBO = "MBO"
    INDIVIDUEEL_TRAJECT = "INDIVIDUEEL_TRAJECT"
    BESCHUT_WERK = "BESCHUT_WERK"
    DAGBESTEDING = "DAGBESTEDING"


@strawberry.type(description="The loss of a job, a course or a day activity (*uitval*).")
class Uitval(Node):
    state: UitvalState
    basis: UitvalBasis
    how: UitvalHow | None = strawberry.field(description="Null as long as it is only presumed.")
    ended_on: Date = strawberry.field(description="Last day of the placement.")
    reported_on: Date | None
    reported_by: PartyKey | None
    picked_up_on: Date | None = strawberry.field(description="Day on which the lead took it up; null: nobody did yet.")
    interview_on: Date | None = strawberry.field(
        description="The reorientation interview (*inclusief loopbaangesprek*)."
    )
    interview_held_on: Date | None
    next_step: NextStep | None
    closed_on: Date | None = strawberry.field(description="Closed or withdrawn.")
    placement: Placement | None
    student: Optional[Student]
    candidate: Optional[Candidate]


@strawberry.input
class UitvalFilter:
    state: list[UitvalState] | None = strawberry.UNSET


# ---- commands


@strawberry.input
class StartPlacementInput:
    key: Key
    person: strawberry.ID = strawberry.field(description="Id of the student or candidate.")
    kind: PlacementKind
    employer: KvK
    opportunity: strawberry.ID | None = strawberry.UNSET
    hours: int | None = strawberry.field(default=strawberry.UNSET, description="A week, 1 to 48.")
    from_: Date = strawberry.field(name="from")
    to: Date | None = strawberry.field(default=strawberry.UNSET, description="Last day; none: for as long as it lasts.")
    leads_to: LeadsTo | None = strawberry.UNSET


@strawberry.input
class ExtendPlacementInput:
    key: Key
    placement: strawberry.ID
    to: Date = strawberry.field(description="The new last day, later than the one before.")


@strawberry.input
class EndPlacementInput:
    key: Key
    placement: strawberry.ID
    ended_on: Date = strawberry.field(description="Last day: today or earlier.")


@strawberry.input
class ReportUitvalInput:
    key: Key
    placement: strawberry.ID
    how: UitvalHow
    ended_on: Date = strawberry.field(description="Last day: today or earlier.")
    young_person_knows: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="An employer says `true`: nobody hears it from the hub before the young person.",
    )


@strawberry.input
class ConfirmUitvalInput:
    key: Key
    uitval: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="By the lead.")
    placement: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="By the employer.")
    how: UitvalHow
    young_person_knows: bool | None = strawberry.field(default=strawberry.UNSET, description="An employer says `true`.")


@strawberry.input
class AcknowledgeUitvalInput:
    key: Key
    uitval: strawberry.ID


@strawberry.input
class PlanInterviewInput:
    key: Key
    uitval: strawberry.ID
    on: Date


@strawberry.input
class HoldInterviewInput:
    key: Key
    uitval: strawberry.ID
    on: Date


@strawberry.input
class RecordNextStepInput:
    key: Key
    uitval: strawberry.ID
    step: NextStep


@strawberry.input
class CloseUitvalInput:
    key: Key
    uitval: strawberry.ID


@strawberry.input
class WithdrawUitvalInput:
    key: Key
    uitval: strawberry.ID


@strawberry.type(description="The placement as the own party sees it after the command.")
class PlacementPayload:
    placement: Placement | None
    student: Student | None
    candidate: Candidate | None


@strawberry.type(
    description="The uitval as the own party sees it after the command; null where there is none, or no more."
)
class UitvalPayload:
    uitval: Uitval | None
    student: Student | None
    candidate: Candidate | None


@strawberry.type
class UitvalMutation:
    """Fields of Mutation."""

    @strawberry.mutation(
        description="A young person begins somewhere (*plaatsing*); the employer sees a given name from then."
    )
    def start_placement(self, input: StartPlacementInput) -> PlacementPayload | None:
        planned()

    @strawberry.mutation
    def extend_placement(self, input: ExtendPlacementInput) -> PlacementPayload | None:
        planned()

    @strawberry.mutation(description="It ended as was agreed, and nothing was lost; otherwise: `reportUitval`.")
    def end_placement(self, input: EndPlacementInput) -> PlacementPayload | None:
        planned()

    @strawberry.mutation(
        description="A place was lost: the lead and the school hear it within seconds, a municipality if it was agreed."
        " Of an internship the school alone hears, and there is no uitval."
    )
    def report_uitval(self, input: ReportUitvalInput) -> UitvalPayload | None:
        planned()

    @strawberry.mutation(description="What was presumed is so: from now on it is as if it had been reported.")
    def confirm_uitval(self, input: ConfirmUitvalInput) -> UitvalPayload | None:
        planned()

    @strawberry.mutation(description="The lead takes it up.")
    def acknowledge_uitval(self, input: AcknowledgeUitvalInput) -> UitvalPayload | None:
        planned()

    @strawberry.mutation(
        description="Plans the reorientation interview (*inclusief loopbaangesprek*); again: another day."
    )
    def plan_interview(self, input: PlanInterviewInput) -> UitvalPayload | None:
        planned()

    @strawberry.mutation
    def hold_interview(self, input: HoldInterviewInput) -> UitvalPayload | None:
        planned()

    @strawberry.mutation(description="What was agreed to come next.")
    def record_next_step(self, input: RecordNextStepInput) -> UitvalPayload | None:
        planned()

    @strawberry.mutation(description="The next step is made. Who was let in by the safety net sees no more.")
    def close_uitval(self, input: CloseUitvalInput) -> UitvalPayload | None:
        planned()

    @strawberry.mutation(description="It was not so: the placement is as it was before.")
    def withdraw_uitval(self, input: WithdrawUitvalInput) -> UitvalPayload | None:
        planned()
