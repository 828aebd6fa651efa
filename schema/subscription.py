"""The root fields of subscriptions."""

import strawberry

from schema.events import Event, EventType
from schema.pages import planned
from schema.scalars import Cursor


@strawberry.type
class Subscription:
    @strawberry.field(
        description="Every event about the loss of a placement (*uitval*), as it comes; after a cursor what was missed"
        " comes first. What may no longer be told comes as `withheld`."
    )
    def uitval(self, after: Cursor | None = strawberry.UNSET) -> Event:
        planned()

    @strawberry.field(
        description="Every event of this party's stream, or those of some types; only the unfiltered stream is gapless."
        " What may no longer be told comes as `withheld`, whatever its type."
    )
    def events(
        self, types: list[EventType] | None = strawberry.UNSET, after: Cursor | None = strawberry.UNSET
    ) -> Event:
        planned()
