"""Every type of event: what it is about, who receives it, and what it says. Source: graph.md 6; docs/events/ is printed
from here.

Laws
1. A type is never renamed and never means something else: what changes is called v2.
2. `subject` says what is asked before it is delivered. STUDENT: the receiver sees the young person now, or it is
   withheld. ENDING: it tells whom to forget, until they are erased. NONE: about nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PREFIX: Final = "nl.arbeidstoeleiding."


class Subject(StrEnum):
    """What stands behind an event (law 2)."""

    STUDENT = "STUDENT"
    ENDING = "ENDING"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class EventType:
    """`data` names the members of `data` that it may have besides `pos`."""

    name: str
    subject: Subject
    receivers: str
    dutch: str
    english: str
    data: tuple[str, ...]

    @property
    def full(self) -> str:
        return f"{PREFIX}{self.name}.v1"


_PERSON = ("student", "candidate", "case")


def _student(name: str, receivers: str, dutch: str, english: str, *more: str) -> EventType:
    return EventType(name, Subject.STUDENT, receivers, dutch, english, (*_PERSON, *more))


def _ending(name: str, dutch: str, english: str) -> EventType:
    return EventType(name, Subject.ENDING, "whose right ended", dutch, english, ("forget", "purpose"))


def _none(name: str, receivers: str, dutch: str, english: str, *more: str) -> EventType:
    return EventType(name, Subject.NONE, receivers, dutch, english, more)


LEAD: Final = "who has the lead"
TOLD: Final = "the lead, the school while its guidance runs, the municipality with an open row or an agreed safety net"
TELLER: Final = f"{TOLD}, and an employer who reported it"
PLACED: Final = f"{TOLD}, and the employer"
TYPES: Final[tuple[EventType, ...]] = (
    _student("uitval-gemeld", TOLD, "Uitval is gemeld.", "A lost place (uitval) was reported."),
    _student("uitval-opgepakt", TELLER, "De regie heeft de uitval opgepakt.", "The lead has picked the uitval up."),
    _student("uitval-ingetrokken", TELLER, "De melding is ingetrokken.", "The report was withdrawn."),
    _student(
        "uitval-termijn-verlopen", LEAD, "Een termijn van de uitval is verlopen.", "A term of the uitval has passed."
    ),
    _student(
        "loopbaangesprek-gepland", TOLD, "Een loopbaangesprek is gepland.", "A reorientation interview is planned."
    ),
    _student("vervolgstap-vastgelegd", TOLD, "De vervolgstap is vastgelegd.", "The next step was recorded."),
    _student("plaatsing-gestart", PLACED, "Een plaatsing is gestart.", "A placement has begun."),
    _student(
        "plaatsing-eindigt-binnenkort",
        f"{LEAD}, and the employer",
        "Een plaatsing eindigt binnenkort: verlengd, eindigt of onbekend?",
        "A placement ends soon: extended, ends, unknown?",
    ),
    _student("plaatsing-verlengd", PLACED, "Een plaatsing is verlengd.", "A placement was extended."),
    _student("plaatsing-beeindigd", PLACED, "Een plaatsing is beëindigd.", "A placement has ended."),
    _student(
        "stage-afgebroken",
        "the school alone, never a municipality (the account manager comes with the help request, not built yet)",
        "Een stage is afgebroken.",
        "An internship was broken off.",
    ),
    _student(
        "verzoek-ondersteuning-gedaan",
        "the municipality that was asked",
        "Een school vraagt ondersteuning.",
        "A school asks for support.",
    ),
    _student(
        "overdracht-gestart",
        "the addressed municipality",
        "Een warme overdracht is gestart.",
        "A warm handover was started.",
    ),
    _student(
        "overdracht-aanvaard",
        "the school that started it",
        "Een warme overdracht is aanvaard.",
        "A warm handover was accepted.",
    ),
    _student(
        "regie-overgedragen",
        "the old and the new lead; who gets it back, alone",
        "De regie is overgedragen.",
        "The lead has passed to another.",
    ),
    _student(
        "kandidaat-voorgedragen",
        "the service point",
        "Een kandidaat is voorgedragen.",
        "A candidate was presented.",
        "purpose",
    ),
    _none(
        "plaats-vrijgekomen",
        "the service point of the opportunity",
        "Een plaats is vrijgekomen.",
        "A place is free again.",
        "opportunity",
        "month",
    ),
    _none(
        "termijn-overschreden",
        "the coordinator of the late party's region, and the late party",
        "Een partij is te laat met een stap; over wie het gaat, staat er niet bij.",
        "A party is late with a step; whom it is about is not told.",
        "overdue",
    ),
    _ending("toegang-beeindigd", "De toegang is beëindigd.", "The access has ended."),
    _ending("toestemming-ingetrokken", "De toestemming is ingetrokken.", "The consent was withdrawn."),
)
WITHHELD: Final = f"{PREFIX}gebeurtenis-ingehouden.v1"  # a position whose event this receiver may see no more
TEST: Final = f"{PREFIX}proef.v1"
