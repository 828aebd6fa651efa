"""A school's CSV export, and the table that stands beside a file that tells less (sidecar), by `leerlingid`.

Wire: CSV with a first row, `;` or `,`, UTF-8 unless the mapping says otherwise. A source's own mapping replaces
DEFAULT. Quirk: exports hold names in columns of their own; what no mapping names never leaves the parser.
"""

from __future__ import annotations

from connectors.flow import Flow, Options, Protocol, Sidecar
from connectors.intake import Intake, Pager, beside, pull_body, pull_sidecar
from connectors.mapping import SourceMapping, load
from connectors.tables import Table
from schema.errors import BadMapping

DEFAULT = """
record = "student"
format = "csv"
[fields]
reference = "leerlingid"
municipality = "gemeentecode"
destination_aim = { path = "uitstroomprofiel", codes = "uitstroomprofiel" }
school_year = "leerjaar"
leaves_on = "verwachteuitschrijving"
left_on = "datumuitschrijving"
age_band = "leeftijdsgroep"
sectors = { path = "sectoren", split = "|" }
hours = "urenperweek"
travel_limit = "reisafstand"
support_wanted = { path = "ondersteuning", split = "|" }
work_processes = { path = "werkprocessen", split = "|" }
[codes.uitstroomprofiel]        # OSO code list 32, and words of ours for what it has no code for
"1" = "DAGBESTEDING"
"2" = "ARBEID"
"3" = "VERVOLGONDERWIJS"
ARBEID_EN_LEREN = "ARBEID_EN_LEREN"
BESCHUT_WERK = "BESCHUT_WERK"
ONBEKEND = "ONBEKEND"
"""
SIDECAR = """
record = "student"
format = "csv"
[fields]
reference = "leerlingid"
destination_aim = { path = "uitstroomprofiel", codes = "uitstroomprofiel" }
leaves_on = "verwachteuitschrijving"
hours = "urenperweek"
[codes.uitstroomprofiel]
"1" = "DAGBESTEDING"
"2" = "ARBEID"
"3" = "VERVOLGONDERWIJS"
ARBEID_EN_LEREN = "ARBEID_EN_LEREN"
BESCHUT_WERK = "BESCHUT_WERK"
ONBEKEND = "ONBEKEND"
"""


def default_mapping() -> SourceMapping:
    """The columns of DEFAULT."""
    return load(DEFAULT, "school-csv")


def default_sidecar() -> SourceMapping:
    """The columns of SIDECAR: what an OSO dossier does not tell."""
    return load(SIDECAR, "school-csv-sidecar")


def begin(options: Options, sidecar: Sidecar) -> Intake:
    """Reads an export that is fetched or brought. Raises BadMapping when the mapping is not of a CSV of students."""
    mapping = options.mapping or default_mapping()
    if (mapping.record, mapping.format) != ("student", "csv"):
        raise BadMapping("This protocol takes a mapping of a csv of students.")
    rows = Table(mapping.paths, mapping.encoding, mapping.delimiter)
    return Intake(rows, Pager(mapping.reader, options.page, join=beside(sidecar)))


def pull(cursor: str | None, options: Options) -> Flow[None]:
    """The whole export, unless it did not change."""
    sidecar, rejects = yield from pull_sidecar(options)
    intake = begin(options, sidecar)
    intake.pager.rejects.extend(rejects)
    yield from pull_body(options.path or "/leerlingen.csv", cursor, lambda: intake)


PROTOCOL = Protocol("school-csv", "school", frozenset({"harvest"}), pull, intake=begin)
