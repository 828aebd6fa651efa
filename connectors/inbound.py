"""Which events of a municipality are taken, and what of each is kept: keys, codes and days (docs/partners).

Laws
1. A type that is not in TYPES is refused, and so is an id that is no UUID: an id may say something about somebody.
2. Of `data` only what TYPES lists leaves this module, and of `subject` only the pseudonym that Spil gave.
3. An event comes from one system: its source is the URN of the source's row, to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from connectors.cloudevents import FORMS, InboundEvent
from connectors.flow import Options
from connectors.records import Reject
from connectors.values import PLACEMENT, Field, Read, Wrong, day, eleven_test, form, one_of
from schema.errors import BadMapping

URN = "urn"
NO_URN = "A source of events has the setting urn: urn:nld:oin:... of the system that sends them."
UUID_FORM = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
STUDENT = re.compile(f"Student:({UUID_FORM})")
ENDINGS = (
    "CONTRACT_ENDED", "PROBATION", "ENDED_BY_EMPLOYER", "ENDED_BY_YOUNG_PERSON", "BY_AGREEMENT", "NO_WORK_OR_CLOSED",
    "COURSE_STOPPED", "MOVED", "UNKNOWN",
)  # fmt: skip


def case_number(raw: Any) -> str:
    """The sender's own number of a case: without a space, with a digit, and never what may be a BSN."""
    read = str(form(r"(?=.*[0-9])[A-Za-z0-9./_-]{1,40}")(raw))
    if any(map(eleven_test, (*re.findall("[0-9]+", read), re.sub("[^0-9]", "", read)))):
        raise Wrong("BSN")
    return read


@dataclass(frozen=True, slots=True)
class Part:
    """One field of `data`: what it is called on the wire, and what it becomes here."""

    name: str
    field: Field


def _needed(read: Read) -> Field:
    return Field(read, needed=True)


# Whom it is about: the sender's case or the student as Spil named them to the sender, one of the two at least.
ABOUT = {"case": Part("zaaknummer", Field(case_number)), "student": Part("leerling", Field(form(STUDENT.pattern)))}
_PLACEMENT = {"placement": Part("plaatsing", Field(form(f"Placement:{UUID_FORM}\\.[0-9a-f]{{12}}")))}
_UITVAL = {"uitval": Part("uitval", Field(form(f"Uitval:{UUID_FORM}\\.[0-9a-f]{{12}}")))}
_HOW = {"ending": Part("reden", one_of(*ENDINGS))}
_NAME = "nl.arbeidstoeleiding.{}.v1"
TYPES: Mapping[str, Mapping[str, Part]] = {
    _NAME.format(what): {**ABOUT, **parts}
    for what, parts in {
        "uitval-gemeld": {**_PLACEMENT, **_HOW, "ended_on": Part("datumEinde", _needed(day))},
        "uitval-opgepakt": _UITVAL,
        "uitval-ingetrokken": _UITVAL,
        "loopbaangesprek-gepland": {**_UITVAL, "planned_on": Part("datum", _needed(day))},
        "plaatsing-gestart": {
            "kind": Part("soort", PLACEMENT["kind"]),
            "employer_kvk": Part("kvkNummer", PLACEMENT["employer_kvk"]),
            "from_on": Part("datumStart", _needed(day)),
            "to_on": Part("datumEinde", Field(day)),
        },
        "plaatsing-verlengd": {**_PLACEMENT, "to_on": Part("datumEinde", _needed(day))},
        "plaatsing-beeindigd": {**_PLACEMENT, **_HOW, "ended_on": Part("datumEinde", _needed(day))},
    }.items()
}


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """What stays of an event. `subject` is an alias of the sender's party; `data` has keys, codes and days."""

    id: UUID
    source: str
    type: str
    time: datetime
    subject: UUID | None
    data: dict[str, str]


def urn_of(options: Options) -> str:
    """The URN of the system that sends. Raises BadMapping where the source's row has none."""
    urn = options.settings.get(URN, "")
    if not re.fullmatch(FORMS["source"], urn):
        raise BadMapping(NO_URN)
    return urn


def keep(event: InboundEvent, urn: str) -> KeptEvent | Reject:
    """Cuts an event to what is kept of it, or says what does not fit."""
    if event.source != urn:
        return Reject("", "source", "PROFILE")
    if not re.fullmatch(UUID_FORM, event.id, re.IGNORECASE):
        return Reject("", "id", "FORM")
    parts = TYPES.get(event.type)
    if parts is None:
        return Reject("", "type", "UNKNOWN_TYPE")
    if not isinstance(event.data, dict):
        return Reject("", "data", "FORM")
    kept: dict[str, str] = {}
    for ours, part in parts.items():
        raw = event.data.get(part.name)
        if raw is None or raw == "":
            if part.field.needed:
                return Reject("", f"data.{part.name}", "MISSING")
            continue
        try:
            kept[ours] = str(part.field.read(raw))
        except Wrong as wrong:
            return Reject("", f"data.{part.name}", wrong.reason)
    named = STUDENT.fullmatch(event.subject or "")
    if named is None and not kept.keys() & ABOUT.keys():
        return Reject("", "data.zaaknummer", "MISSING")
    subject = UUID(named[1]) if named else None
    return KeptEvent(UUID(event.id), urn, event.type, event.time, subject, kept)
