"""The commands. Every input has `key`: a repeat gives the same result, other content under it is KEY_REUSED."""

import strawberry

from schema.access import AccessMutation
from schema.cases import CaseMutation
from schema.directory import ContactPoint, CoordinatorPost
from schema.due import DueMutation
from schema.enums import ContactOwnerKind, ContactTopic, PostState
from schema.pages import planned
from schema.scalars import Date, Key, RegionCode, Text
from schema.uitval import UitvalMutation
from schema.webhooks import WebhookMutation


@strawberry.input
class SetContactPointInput:
    key: Key
    owner_kind: ContactOwnerKind
    owner: Text = strawberry.field(
        description="Code of the owner: BRIN, GM or AM code, code of the service point; `national`."
    )
    topic: ContactTopic
    desk: Text
    name: Text | None = strawberry.UNSET
    phone: Text | None = strawberry.UNSET
    mail: Text | None = strawberry.UNSET
    hours: Text | None = strawberry.UNSET
    absent_until: Date | None = strawberry.UNSET
    deputy: strawberry.ID | None = strawberry.UNSET
    partner_only: bool = False


@strawberry.input
class VerifyContactPointInput:
    key: Key
    contact: strawberry.ID


@strawberry.input
class SetPostStateInput:
    key: Key
    region: RegionCode
    state: PostState = strawberry.field(description="NONE, IN_TALKS or RECRUITING; APPOINTED comes with a holder only.")


@strawberry.input
class AppointCoordinatorInput:
    key: Key
    region: RegionCode
    name: Text
    desk: Text
    phone: Text | None = strawberry.UNSET
    mail: Text | None = strawberry.UNSET
    organisation: Text | None = strawberry.UNSET
    hours: int | None = strawberry.UNSET
    mandate: Text | None = strawberry.UNSET
    schools_represented: int | None = strawberry.UNSET


@strawberry.input
class EndAppointmentInput:
    key: Key
    region: RegionCode


@strawberry.input
class UpdatePostInput:
    key: Key
    region: RegionCode
    organisation: Text | None = strawberry.UNSET
    hours: int | None = strawberry.UNSET
    mandate: Text | None = strawberry.UNSET
    schools_represented: int | None = strawberry.UNSET


@strawberry.type
class ContactPointPayload:
    contact: ContactPoint | None


@strawberry.type
class PostPayload:
    post: CoordinatorPost | None


@strawberry.type
class Mutation(AccessMutation, CaseMutation, UitvalMutation, WebhookMutation, DueMutation):
    @strawberry.mutation(
        description="Makes or changes a contact point of the own organisation, region, or (national) any."
    )
    def set_contact_point(self, input: SetContactPointInput) -> ContactPointPayload | None:
        planned()

    @strawberry.mutation(description="Confirms that a contact point is right as of today.")
    def verify_contact_point(self, input: VerifyContactPointInput) -> ContactPointPayload | None:
        planned()

    @strawberry.mutation
    def set_post_state(self, input: SetPostStateInput) -> PostPayload | None:
        planned()

    @strawberry.mutation
    def appoint_coordinator(self, input: AppointCoordinatorInput) -> PostPayload | None:
        planned()

    @strawberry.mutation
    def end_appointment(self, input: EndAppointmentInput) -> PostPayload | None:
        planned()

    @strawberry.mutation(description="A coordinator keeps the own post up to date.")
    def update_post(self, input: UpdatePostInput) -> PostPayload | None:
        planned()
