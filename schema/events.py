"""What happened, as each party is told: its own stream, in order and without a hole."""

from enum import Enum
from typing import Annotated, Optional, Union

import strawberry

from schema.due import OverdueItem
from schema.enums import AccessPurpose
from schema.opportunities import Opportunity
from schema.people import Candidate, Placement, Student, SupportRequest, WarmHandover
from schema.scalars import Cursor, Date, Instant
from schema.uitval import Uitval


@strawberry.enum(
    description="What happened: `nl.arbeidstoeleiding.<what>.v1`, with the name of CloudEvents in docs/events."
)
class EventType(Enum):
    UITVAL_GEMELD = "uitval-gemeld"
    UITVAL_OPGEPAKT = "uitval-opgepakt"
    UITVAL_INGETROKKEN = "uitval-ingetrokken"
    UITVAL_TERMIJN_VERLOPEN = "uitval-termijn-verlopen"
    LOOPBAANGESPREK_GEPLAND = "loopbaangesprek-gepland"
    VERVOLGSTAP_VASTGELEGD = "vervolgstap-vastgelegd"
    PLAATSING_GESTART = "plaatsing-gestart"
    PLAATSING_EINDIGT_BINNENKORT = "plaatsing-eindigt-binnenkort"
    PLAATSING_VERLENGD = "plaatsing-verlengd"
    PLAATSING_BEEINDIGD = "plaatsing-beeindigd"
    STAGE_AFGEBROKEN = "stage-afgebroken"
    VERZOEK_ONDERSTEUNING_GEDAAN = "verzoek-ondersteuning-gedaan"
    OVERDRACHT_GESTART = "overdracht-gestart"
    OVERDRACHT_AANVAARD = "overdracht-aanvaard"
    REGIE_OVERGEDRAGEN = "regie-overgedragen"
    KANDIDAAT_VOORGEDRAGEN = "kandidaat-voorgedragen"
    PLAATS_VRIJGEKOMEN = "plaats-vrijgekomen"
    TERMIJN_OVERSCHREDEN = "termijn-overschreden"
    TOEGANG_BEEINDIGD = "toegang-beeindigd"
    TOESTEMMING_INGETROKKEN = "toestemming-ingetrokken"


EventCase = Annotated[Union[Uitval, Placement, SupportRequest, WarmHandover], strawberry.union("EventCase")]


@strawberry.type(
    description="One position of the own stream. It is given once; what may no longer be told comes as `withheld`."
)
class Event:
    cursor: Cursor = strawberry.field(description="Goes on from here: `after` of `events` and of the subscriptions.")
    epoch: int = strawberry.field(description="A new one only after a loss at the hub; positions begin anew with it.")
    pos: int = strawberry.field(description="1, 2, 3 ... within the epoch, without a hole.")
    withheld: bool = strawberry.field(
        description="The right to know it ended before it was read: nothing else is told."
    )
    type: EventType | None
    recorded: Instant | None = strawberry.field(description="When the hub recorded it, to the minute.")
    purpose: AccessPurpose | None = strawberry.field(description="Of an end: for what the young person was seen.")
    forget: strawberry.ID | None = strawberry.field(description="Of an end: whom to forget.")
    month: str | None = strawberry.field(description="Of a place that is free: `YYYY-MM`.")
    student: Optional[Student]
    candidate: Optional[Candidate]
    case: EventCase | None = strawberry.field(description="What it is about, as the own party sees it now.")
    opportunity: Opportunity | None
    overdue: OverdueItem | None


@strawberry.type(
    description="An event that a webhook did not take in ten tries. It stays in `events`, and can be replayed."
)
class DeadLetter:
    webhook: strawberry.ID
    position: str = strawberry.field(description="`<epoch>.<pos>` in the own stream.")
    tries: int
    code: str | None = strawberry.field(description="How the last try ended: an HTTP status, TIMEOUT, UNREACHABLE ...")
    died_at: Instant


@strawberry.type(description="What the own stream holds of one day: enough to prove that all of it arrived.")
class Completeness:
    date: Date
    count: int
    first: str | None = strawberry.field(description="`<epoch>.<pos>` of the first, as the `id` of webhooks.")
    last: str | None
    dead_letters: list[DeadLetter] = strawberry.field(
        description="Those of this day that a webhook did not take, at most 100."
    )
