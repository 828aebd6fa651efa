"""Events: what a party is told, in order and without a hole."""

from enum import Enum

import strawberry

from schema.people import Candidate, Student
from schema.scalars import Cursor, Instant


@strawberry.enum(description="What happened: `nl.arbeidstoeleiding.<what>.v1` of CloudEvents.")
class EventType(Enum):
    UITVAL_GEMELD = "UITVAL_GEMELD"
    UITVAL_OPGEPAKT = "UITVAL_OPGEPAKT"
    UITVAL_INGETROKKEN = "UITVAL_INGETROKKEN"
    UITVAL_TERMIJN_VERLOPEN = "UITVAL_TERMIJN_VERLOPEN"
    LOOPBAANGESPREK_GEPLAND = "LOOPBAANGESPREK_GEPLAND"
    VERVOLGSTAP_VASTGELEGD = "VERVOLGSTAP_VASTGELEGD"
    PLAATSING_GESTART = "PLAATSING_GESTART"
    PLAATSING_EINDIGT_BINNENKORT = "PLAATSING_EINDIGT_BINNENKORT"
    PLAATSING_VERLENGD = "PLAATSING_VERLENGD"
    PLAATSING_BEEINDIGD = "PLAATSING_BEEINDIGD"
    STAGE_AFGEBROKEN = "STAGE_AFGEBROKEN"
    VERZOEK_ONDERSTEUNING_GEDAAN = "VERZOEK_ONDERSTEUNING_GEDAAN"
    OVERDRACHT_GESTART = "OVERDRACHT_GESTART"
    OVERDRACHT_AANVAARD = "OVERDRACHT_AANVAARD"
    REGIE_OVERGEDRAGEN = "REGIE_OVERGEDRAGEN"
    KANDIDAAT_VOORGEDRAGEN = "KANDIDAAT_VOORGEDRAGEN"
    PLAATS_VRIJGEKOMEN = "PLAATS_VRIJGEKOMEN"
    HULPVRAAG_GESTELD = "HULPVRAAG_GESTELD"
    PRAKTIJKVERKLARING_UITGEGEVEN = "PRAKTIJKVERKLARING_UITGEGEVEN"
    BERICHT_GEPUBLICEERD = "BERICHT_GEPUBLICEERD"
    TOEGANG_BEEINDIGD = "TOEGANG_BEEINDIGD"
    TOESTEMMING_INGETROKKEN = "TOESTEMMING_INGETROKKEN"
    LEERLING_VERHUISD = "LEERLING_VERHUISD"


@strawberry.type(description="Something that happened, at its position in the stream of this party.")
class Event:
    cursor: Cursor
    pos: int
    epoch: int
    withheld: bool = strawberry.field(description="The right to know it has ended: all but the position is null.")
    type: EventType | None
    recorded: Instant | None
    student: Student | None
    candidate: Candidate | None
