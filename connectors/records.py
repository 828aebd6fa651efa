"""What a harvest may hold: one record per young person, opportunity and case, and the note on a row that was refused.

Laws
1. No record has a field for a name, birth date, address, phone, mail or BSN of a young person, nor for free text
   about one; what has no field cannot be kept.
2. A Reject tells where and why, never what stood there.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple


class PlacementRecord(NamedTuple):
    """A placement (*stage, werk ...*) as its source tells it; days inclusive, hours a week."""

    kind: str
    employer_kvk: str
    from_on: date
    to_on: date | None = None
    hours: int | None = None
    leads_to: str | None = None


class CredentialRecord(NamedTuple):
    """Proof of competence. There is no title: a school types it, and a name may stand in what is typed."""

    kind: str
    issued_on: date
    level: int | None = None
    crebo: str | None = None
    work_processes: tuple[str, ...] = ()


class StudentRecord(NamedTuple):
    """The profile of a *leerling* under the school's own number. None: the source does not tell."""

    reference: str
    municipality: str | None = None
    destination_aim: str | None = None
    school_year: int | None = None
    leaves_on: date | None = None
    left_on: date | None = None
    age_band: str | None = None
    sectors: tuple[str, ...] | None = None
    hours: int | None = None
    travel_limit: int | None = None
    support_wanted: tuple[str, ...] | None = None
    work_processes: tuple[str, ...] | None = None
    credentials: tuple[CredentialRecord, ...] | None = None
    placements: tuple[PlacementRecord, ...] | None = None


class OpportunityRecord(NamedTuple):
    """A place that is offered. Its town is a municipality (GMxxxx) or the four digits of a postcode."""

    reference: str
    kind: str
    title: str
    description: str | None = None
    employer_kvk: str | None = None
    employer_name: str | None = None
    municipality: str | None = None
    postcode: str | None = None
    sector: str | None = None
    hours_min: int | None = None
    hours_max: int | None = None
    support_offered: tuple[str, ...] = ()
    open_to_pro_vso: bool = False
    places: int = 1
    closes_on: date | None = None
    conditions: tuple[str, ...] = ()


class CaseRecord(NamedTuple):
    """A municipality's own case (*zaak*) that rests on a handover: its number, whether it is open, and since when."""

    reference: str
    state: str
    function: str | None = None
    opened_on: date | None = None
    closed_on: date | None = None


Record = StudentRecord | OpportunityRecord | CaseRecord
RECORDS: dict[str, type[Record]] = {"student": StudentRecord, "opportunity": OpportunityRecord, "case": CaseRecord}
PARTS: dict[str, type[PlacementRecord | CredentialRecord]] = {
    "placements": PlacementRecord,
    "credentials": CredentialRecord,
}


class Reject(NamedTuple):
    """A row that was not taken: its place in what was read, the record's field ('': the row as a whole), and why."""

    position: str
    field: str
    reason: str


REASONS = {
    "MISSING": "the field must be there, and is not",
    "FORM": "the value does not have the form or type of its field",
    "RANGE": "a number or a day lies outside what is possible",
    "UNKNOWN_CODE": "the code is in no code list of the source",
    "TOO_LONG": "the value is longer than its field holds",
    "CHARACTERS": "the value has characters that cannot be stored, or was read in another encoding",
    "BSN": "the number passes the eleven-test, and may be a citizen service number",
    "ORDER": "an end lies before its beginning",
    "COLUMNS": "the row has more or fewer columns than the first line",
    "REPEATED": "an earlier row has the same reference",
    "OTHER_SCHOOL": "the dossier was made by another school than the source's",
    "WINDOW": "the moment lies outside the window in which an event is taken",
    "PROFILE": "the NL GOV profile for CloudEvents asks otherwise",
    "UNKNOWN_TYPE": "this hub takes no event of that type",
    "NO_CASE": "the hub knows no such case, student or placement of the sender's, or it is not the sender's to change",
    "TWO_PEOPLE": "what it names - subject, leerling, zaaknummer - is not one and the same young person",
    "STATE": "the state of the case does not lead there",
    "NOBODY": "no school and no municipality follows this young person: nobody would hear it",
    "NOT_KNOWN": "no dossier of the source has that number",
}
