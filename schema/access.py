"""Access in motion: what is agreed, given and ended about who sees a young person, and who sees them now."""

import strawberry

from schema.enums import AccessPurpose, ConsentGiver, SearchPurpose
from schema.pages import planned
from schema.people import Candidate, Student
from schema.scalars import Date, Key, KvK, PartyKey, ServicePointCode, Text


@strawberry.input
class RecordConsentInput:
    key: Key
    student: strawberry.ID
    purpose: AccessPurpose = strawberry.field(
        description="WORK_SEARCH and INTRODUCTION rest on TOESTEMMING, CONTINUE_SUPPORT and SAFETY_NET on INSTEMMING."
    )
    party: PartyKey | None = strawberry.field(
        default=strawberry.UNSET, description="For whom; the municipality of residence need not be named."
    )
    by: ConsentGiver
    text_version: Text = strawberry.field(description="Version of the text that was read, such as 2026-09.")
    until: Date = strawberry.field(
        description="Last day: within a year from today for TOESTEMMING, within two for INSTEMMING."
    )


@strawberry.input
class WithdrawConsentInput:
    key: Key
    person: strawberry.ID
    purpose: AccessPurpose
    party: PartyKey | None = strawberry.field(
        default=strawberry.UNSET, description="For whom it was given; not needed for the own party."
    )
    by: ConsentGiver = strawberry.field(description="On whose word; a young person may alone, from 12.")


@strawberry.input
class PresentCandidateInput:
    key: Key
    student: strawberry.ID
    purpose: SearchPurpose
    service_point: ServicePointCode


@strawberry.input
class IntroduceInput:
    key: Key
    student: strawberry.ID
    employer: KvK


@strawberry.input
class RenewAccessInput:
    key: Key
    student: strawberry.ID
    service_point: ServicePointCode


@strawberry.input
class EndAccessInput:
    key: Key
    person: strawberry.ID
    party: PartyKey | None = strawberry.field(
        default=strawberry.UNSET, description="With `function`: whose right, by the own school; neither: the own."
    )
    function: Text | None = strawberry.UNSET
    purpose: AccessPurpose | None = strawberry.field(
        default=strawberry.UNSET, description="Any but ENROLMENT; none: all."
    )


@strawberry.type(description="The young person as the own party sees them after the command; null where no more.")
class AccessPayload:
    student: Student | None
    candidate: Candidate | None


@strawberry.type
class AccessMutation:
    """Fields of Mutation."""

    @strawberry.mutation(description="Writes down who agreed to what, for whom (*toestemming, instemming*).")
    def record_consent(self, input: RecordConsentInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="Withdraws a consent: all that rests on it ends at once, whoever gave it.")
    def withdraw_consent(self, input: WithdrawConsentInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="Shows a young person to a service point, as a card that does not recognise.")
    def present_candidate(self, input: PresentCandidateInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="Introduces a young person to an employer by given name, for four weeks.")
    def introduce(self, input: IntroduceInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="Six months more for a service point that looks for work, under the consent.")
    def renew_access(self, input: RenewAccessInput) -> AccessPayload | None:
        planned()

    @strawberry.mutation(description="Ends why a party sees a young person: gone in its next request.")
    def end_access(self, input: EndAccessInput) -> AccessPayload | None:
        planned()
