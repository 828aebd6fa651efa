"""One file's bytes as what the agent tells: rows of protocol 1 (docs/partners/school.yaml), and who they are.

Laws
1. A row is read by the connector that the hub would read the file with, so that both find the same record.
2. A row that cannot be read is told as one that cannot be read: its student is named, and stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from connectors import oso_xml, school_csv
from connectors.flow import Options, Page
from connectors.intake import PIECE, Intake
from connectors.records import Reject, StudentRecord
from spil.agent.names import Identity, of_dossiers, of_table

Row = dict[str, Any]

AIMS: Final = {"DAGBESTEDING": "1", "ARBEID": "2", "VERVOLGONDERWIJS": "3"}  # OSO code list 32
WORDS: Final = {
    "municipality": "gemeentecode", "destination_aim": "uitstroomprofiel", "school_year": "leerjaar",
    "leaves_on": "verwachteuitschrijving", "left_on": "datumuitschrijving", "age_band": "leeftijdsgroep",
    "sectors": "sectoren", "hours": "urenperweek", "travel_limit": "reisafstand", "support_wanted": "ondersteuning",
    "work_processes": "werkprocessen",
}  # fmt: skip


@dataclass(slots=True)
class Read:
    """What a file told, by number. `refusals` say where and why, never what."""

    rows: dict[str, Row] = field(default_factory=dict, repr=False)
    identities: dict[str, Identity] = field(default_factory=dict, repr=False)
    refusals: list[Reject] = field(default_factory=list)


def read(
    kind: str, body: bytes, options: Options, beside: Mapping[str, StudentRecord], columns: Mapping[str, str]
) -> Read:
    """A `csv` or `xml` file, with the table `beside` it. Raises SourceMalformed."""
    options = replace(options, page=1)  # one row a page: so it is known which refusal is of which number
    if kind == "csv":
        intake = school_csv.begin(options, beside)
        named = dict(of_table(body, options.mapping or school_csv.default_mapping(), columns))
    else:
        intake = oso_xml.begin(replace(options, mapping=None), beside)
        named = dict(of_dossiers(body))
    told = Read()
    for page in _pages(intake, body):
        told.rows |= {record.reference: row_of(record) for record in page.records}
        told.refusals += page.rejects
        for number in page.refused:
            told.rows.setdefault(number, _unread(number, page.rejects[0]))
    told.identities = {number: named[number] for number in told.rows if number in named}
    return told


def _pages(intake: Intake, body: bytes) -> Iterator[Page]:
    for start in range(0, len(body), PIECE):
        yield from intake.feed(body[start : start + PIECE])
    yield from intake.close()


def row_of(record: Any) -> Row:
    """A profile in the words of protocol 1; what is unknown is left out."""
    row: Row = {"leerlingid": record.reference}
    for name, word in WORDS.items():
        value = getattr(record, name)
        if value is None:
            continue
        if isinstance(value, date):
            value = value.isoformat()
        elif isinstance(value, tuple):
            value = list(value)
        row[word] = AIMS.get(value, value) if name == "destination_aim" else value
    return row


def _unread(number: str, refusal: Reject) -> Row:
    """An object where a value is to stand, at the field that could not be read (law 2)."""
    return {"leerlingid": number, WORDS.get(refusal.field, WORDS["school_year"]): {}}
