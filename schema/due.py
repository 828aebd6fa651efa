"""What is due and what is overdue; what both parties say about the end of a placement."""

from enum import Enum
from typing import Annotated, Optional, Union

import strawberry

from schema.access import AccessPayload
from schema.directory import Node, Region
from schema.pages import planned
from schema.people import Placement, Student
from schema.scalars import Date, Instant, Key, PartyKey
from schema.uitval import PlacementPayload, Uitval


@strawberry.enum(description="The process that waits.")
class DueProcess(Enum):
    UITVAL = "UITVAL"
    PLACEMENT_END = strawberry.enum_value("PLACEMENT_END", description="A placement comes to its last day.")
    MOVE = strawberry.enum_value("MOVE", description="A young person moved: another municipality answers from then.")
    LEAD = strawberry.enum_value("LEAD", description="The lead is offered to the own party, which does not have it.")


@strawberry.enum(description="What is to be done.")
class DueStep(Enum):
    PICK_UP = strawberry.enum_value("PICK_UP", description="`acknowledgeUitval`, within 2 office days.")
    PLAN_INTERVIEW = strawberry.enum_value("PLAN_INTERVIEW", description="`planInterview`, within 10.")
    HOLD_INTERVIEW = strawberry.enum_value("HOLD_INTERVIEW", description="`holdInterview`, within 20.")
    CONFIRM = strawberry.enum_value("CONFIRM", description="`confirmUitval` or `withdrawUitval` of what is presumed.")
    ANSWER = strawberry.enum_value("ANSWER", description="`answerPlacementEnd`; of LEAD `acceptLead` or `declineLead`.")
    REVIEW = strawberry.enum_value("REVIEW", description="Look at it, then `closeDueItem`.")


DueCase = Annotated[Union[Uitval, Placement], strawberry.union("DueCase")]


@strawberry.type(description="What the own party, which has the lead or is offered it, has to do, and by when.")
class DueItem(Node):
    process: DueProcess
    step: DueStep
    due_at: Instant = strawberry.field(description="End of the last day, Europe/Amsterdam.")
    reminded: bool = strawberry.field(description="That day has passed, and the own party was told.")
    student: Optional[Student]
    case: DueCase | None


@strawberry.type(
    description="Somebody is late: who, with what and since when, and never about whom. Its id is the same for the late"
    " party and the coordinator of its region."
)
class OverdueItem(Node):
    process: DueProcess
    step: DueStep
    late_party: PartyKey
    region: Region = strawberry.field(description="Of the late party.")
    due_on: Date = strawberry.field(description="The last day on which it was in time.")
    escalated_on: Date
    cleared_on: Date | None = strawberry.field(description="The step was done, or the lead passed on.")


@strawberry.input
class OverdueFilter:
    open: bool | None = strawberry.field(default=strawberry.UNSET, description="`true`: not cleared yet.")


@strawberry.type(description="How much is overdue in the country, as far as nobody is recognised by it.")
class OverdueFigure:
    region: Region | None = strawberry.field(description="Null: all regions together.")
    process: DueProcess
    step: DueStep
    items: str = strawberry.field(
        description='A number; "<5" for 1 to 4. Of all regions a range ("12-18") where a region\'s number is hidden:'
        " what the numbers shown leave open, and no more."
    )
    computed_on: Date


# ---- commands


@strawberry.enum(description="What becomes of a placement on its last day.")
class PlacementEndAnswer(Enum):
    EXTENDED = strawberry.enum_value("EXTENDED", description="It goes on, until `to`.")
    ENDS = strawberry.enum_value("ENDS", description="It ends; without another place that is an uitval then.")
    UNKNOWN = strawberry.enum_value("UNKNOWN", description="Not known yet: it is asked again.")


@strawberry.input
class AnswerPlacementEndInput:
    key: Key
    placement: strawberry.ID
    answer: PlacementEndAnswer
    to: Date | None = strawberry.field(default=strawberry.UNSET, description="Of EXTENDED: the new last day.")
    young_person_knows: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Of ENDS an employer says `true`: on that day it is told as a loss."
    )


@strawberry.input
class CloseDueItemInput:
    key: Key
    item: strawberry.ID


@strawberry.type
class DueMutation:
    """Fields of Mutation."""

    @strawberry.mutation(
        description="Extended, ends, unknown? Lead and employer are asked 12, 8 and 4 weeks before the last day."
    )
    def answer_placement_end(self, input: AnswerPlacementEndInput) -> PlacementPayload | None:
        planned()

    @strawberry.mutation(description="Seen: of a MOVE alone. Everything else is closed by its own step.")
    def close_due_item(self, input: CloseDueItemInput) -> AccessPayload | None:
        planned()
