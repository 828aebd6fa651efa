"""Webhooks: where a party has its events brought, how that goes, and what could not be delivered."""

import strawberry

from schema.enums import WebhookReason, WebhookState
from schema.events import DeadLetter, EventType
from schema.pages import Connection, planned
from schema.scalars import Cursor, Instant, Key, Text


@strawberry.type(description="A key with which this hub signs what it sends (ed25519, Standard Webhooks).")
class WebhookKey:
    key: str = strawberry.field(description="The public key, `whpk_...`.")
    valid_from: Instant
    valid_until: Instant | None


@strawberry.type(description="An address to which this hub brings the events of this party, signed.")
class Webhook:
    id: strawberry.ID
    url: str
    types: list[EventType] = strawberry.field(description="The types that are brought; none means all, without a hole.")
    state: WebhookState
    reason: WebhookReason | None = strawberry.field(description="Why it FAILED or is DISABLED.")
    created_at: Instant
    verified_at: Instant | None = strawberry.field(description="Since when it is brought events.")
    public_keys: list[WebhookKey] = strawberry.field(description="Those that are valid now, the newest first.")
    waiting: int = strawberry.field(description="Events that are still to be delivered.")
    dead: int = strawberry.field(description="Events that were given up: `deadLetters`.")
    last_delivered_at: Instant | None
    last_test: str | None = strawberry.field(description="How the latest test ended; null while it is on its way.")

    @strawberry.field(description="What was given up, the oldest first.")
    def dead_letters(
        self,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
    ) -> Connection[DeadLetter]:
        planned()


@strawberry.input
class CreateWebhookInput:
    key: Key
    url: Text = strawberry.field(description="https, without login, query or fragment; at most 500 characters.")
    types: list[EventType] | None = strawberry.field(
        default=strawberry.UNSET, description="Only these types; absent: all."
    )


@strawberry.input
class RotateWebhookKeyInput:
    key: Key
    webhook: strawberry.ID


@strawberry.input
class TestWebhookInput:
    key: Key
    webhook: strawberry.ID


@strawberry.input
class ReplayWebhookInput:
    key: Key
    webhook: strawberry.ID
    from_: Text = strawberry.field(name="from", description="The first position, `<epoch>.<pos>`.")
    to: Text = strawberry.field(description="The last position, `<epoch>.<pos>`.")


@strawberry.input
class DisableWebhookInput:
    key: Key
    webhook: strawberry.ID


@strawberry.type
class WebhookPayload:
    webhook: Webhook | None


@strawberry.type
class WebhookMutation:
    """Fields of Mutation."""

    @strawberry.mutation(
        description="Has the events of this party brought to an address, once it gave a challenge back. At most five."
    )
    def create_webhook(self, input: CreateWebhookInput) -> WebhookPayload | None:
        planned()

    @strawberry.mutation(description="A new key to sign with; the one before it signs beside it for a day.")
    def rotate_webhook_key(self, input: RotateWebhookKeyInput) -> WebhookPayload | None:
        planned()

    @strawberry.mutation(description="Sends one test event, `nl.arbeidstoeleiding.proef.v1`.")
    def test_webhook(self, input: TestWebhookInput) -> WebhookPayload | None:
        planned()

    @strawberry.mutation(description="Delivers a range of positions again, at most 10,000; with the ids that they had.")
    def replay_webhook(self, input: ReplayWebhookInput) -> WebhookPayload | None:
        planned()

    @strawberry.mutation(description="Ends an endpoint for good. What it did not get stays in `events`.")
    def disable_webhook(self, input: DisableWebhookInput) -> WebhookPayload | None:
        planned()
