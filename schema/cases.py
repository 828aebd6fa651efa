"""The cases between school and municipality: support request, warm handover, safety net, lead. Their commands."""

import strawberry

from schema.access import AccessPayload
from schema.enums import (
    HandoverReason,
    SafetyNetChoice,
    Support,
    SupportAnswer,
    SupportReason,
)
from schema.pages import planned
from schema.scalars import Key, PartyKey, Text


@strawberry.input
class StartHandoverInput:
    key: Key
    student: strawberry.ID


@strawberry.input
class RenewHandoverCodeInput:
    key: Key
    student: strawberry.ID


@strawberry.input
class ConfirmIdentityInput:
    key: Key
    student: strawberry.ID


@strawberry.input
class AcceptLeadInput:
    key: Key
    student: strawberry.ID


@strawberry.input
class DeclineLeadInput:
    key: Key
    student: strawberry.ID


@strawberry.input
class RequestSupportInput:
    key: Key
    student: strawberry.ID
    support_wanted: list[Support]


@strawberry.input
class AnswerSupportRequestInput:
    key: Key
    student: strawberry.ID
    answer: SupportAnswer
    reason: SupportReason | None = strawberry.field(default=strawberry.UNSET, description="Of DECLINED.")


@strawberry.input
class AcceptHandoverInput:
    key: Key
    code: Text
    case_number: Text = strawberry.field(description="The municipality's own; never a number of the person.")


@strawberry.input
class RelinkHandoverInput:
    key: Key
    student: strawberry.ID
    case_number: Text


@strawberry.input
class DeclineHandoverInput:
    key: Key
    code: Text | None = strawberry.field(default=strawberry.UNSET, description="Before the acceptance.")
    student: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="After it.")
    reason: HandoverReason


@strawberry.input
class SetSafetyNetInput:
    key: Key
    student: strawberry.ID
    choice: SafetyNetChoice


@strawberry.input
class TransferLeadInput:
    key: Key
    student: strawberry.ID
    party: PartyKey
    function: Text


@strawberry.type
class CaseMutation:
    """Fields of Mutation."""

    @strawberry.mutation(description="Asks the municipality of residence for support; it sees the student from then.")
    def request_support(self, input: RequestSupportInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="The municipality answers; who declines sees no more.")
    def answer_support_request(self, input: AnswerSupportRequestInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(
        description="Starts a warm handover; `student { handovers { code } }` shows the code."
        " `endAccess` for CONTINUE_SUPPORT calls it off."
    )
    def start_handover(self, input: StartHandoverInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="A new code for a handover that nobody accepted; the old one is worth nothing.")
    def renew_handover_code(self, input: RenewHandoverCodeInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="Accepts by the code, under the own case number. Five wrong codes an hour.")
    def accept_handover(self, input: AcceptHandoverInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="Declines by the code, or after acceptance by the student.")
    def decline_handover(self, input: DeclineHandoverInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="It is this person: support can be asked live under the case number.")
    def confirm_identity(self, input: ConfirmIdentityInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="Another case number; `confirmIdentity` follows again.")
    def relink_handover(self, input: RelinkHandoverInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="What happens when a place is lost, as agreed (*vangnet*).")
    def set_safety_net(self, input: SetSafetyNetInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="Offers the lead (*regie*) to a party that sees the student already.")
    def transfer_lead(self, input: TransferLeadInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="Takes the lead: it is yours from this moment.")
    def accept_lead(self, input: AcceptLeadInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation
    def decline_lead(self, input: DeclineLeadInput) -> AccessPayload | None:
        planned()
