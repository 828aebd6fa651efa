"""A school's OSO-style dossiers (Overstapservice, Edustandaard 2019.1): one file, or many dossiers in one document.

Wire: XML, an element `dossier` per student. Quirks: a day of deregistration may lie ahead (then it is leavesOn); the
block `upw` was dropped in 2019 and still occurs; `jaargroep` counts from primary school, so 11 is year 1. Not taken:
stages name their place without a KvK number and certificates are free text; aim, hours and the rest come from the
sidecar (school_csv.DEFAULT) by `leerlingid`. Setting `school`: only dossiers that this BRIN and location made.
Of an address only the municipality is read, and where it is secret (`adresgeheim`) not even that.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

from connectors.elements import Elements
from connectors.flow import Flow, Options, Protocol, Sidecar
from connectors.intake import Intake, Pager, beside, pull_body, pull_sidecar
from connectors.records import StudentRecord
from connectors.values import FIELDS, Reader, Wrong, WrongPart, day

SCHOOL = "huidigeschool"
STUDENT = SCHOOL + "/leerling"
NUMBER = STUDENT + "/leerlingid"
SECRET = STUDENT + "/adresgeheim"
LEFT = STUDENT + "/datumuitschrijving"
AIM = STUDENT + "/upw/upwuitstroomprofiel"
ADDRESS = STUDENT + "/adreslijst/adres"
YEAR = STUDENT + "/schoolloopbaanlijst/schoolloopbaan"
PATHS = (
    SCHOOL + "/brincode", SCHOOL + "/vestigingscode", NUMBER, SECRET, LEFT, AIM,
    ADDRESS + "/soortadres", ADDRESS + "/gemeente", YEAR + "/jaargroep", YEAR + "/begindatum",
)  # fmt: skip
AIMS = {"1": "DAGBESTEDING", "2": "ARBEID", "3": "VERVOLGONDERWIJS"}  # OSO code list 32
YEARS = {str(10 + year): year for year in range(1, 7)}
HOME = ("gba", "bezoek")


def begin(options: Options, sidecar: Sidecar) -> Intake:
    """Reads a document of dossiers that is fetched or brought."""
    reader = Reader(partial(_student, options), _reference)
    return Intake(Elements("dossier", PATHS, (ADDRESS, YEAR)), Pager(reader, options.page, join=beside(sidecar)))


def pull(cursor: str | None, options: Options) -> Flow[None]:
    """The whole document, unless it did not change."""
    sidecar, rejects = yield from pull_sidecar(options)
    intake = begin(options, sidecar)
    intake.pager.rejects.extend(rejects)
    yield from pull_body(options.path or "/dossiers.xml", cursor, lambda: intake)


def _student(options: Options, row: dict[str, Any]) -> StudentRecord:
    """One dossier's profile; every name, number and address of it stayed in the parser."""
    made_by = f"{row.get(SCHOOL + '/brincode', '')}{row.get(SCHOOL + '/vestigingscode', '')}"
    if options.settings.get("school", made_by) != made_by:
        raise WrongPart("", "OTHER_SCHOOL")
    left = _field("left_on", row.get(LEFT))
    past = left is not None and left <= options.today
    return StudentRecord(
        reference=_field("reference", row.get(NUMBER, "")),
        municipality=_home(row, options),
        destination_aim=_field("destination_aim", AIMS.get(aim, "?") if (aim := row.get(AIM)) else None),
        school_year=_year(row),
        leaves_on=None if past else left,
        left_on=left if past else None,
    )


def _reference(row: dict[str, Any]) -> Any:
    return FIELDS["student"]["reference"].read(row.get(NUMBER, ""))


def _field(name: str, raw: Any) -> Any:
    if raw is None or (raw == "" and name != "reference"):
        return None
    try:
        return FIELDS["student"][name].read(raw)
    except Wrong as wrong:
        problem = WrongPart(name, wrong.reason)
    raise problem


def _home(row: dict[str, Any], options: Options) -> str | None:
    if str(row.get(SECRET, "false")).lower() in ("true", "1"):
        return None
    towns = {one.get(ADDRESS + "/soortadres"): one.get(ADDRESS + "/gemeente") for one in row.get(ADDRESS, ())}
    town = next((towns[kind] for kind in HOME if isinstance(towns.get(kind), str)), None)
    return options.municipalities.get(str(town))


def _year(row: dict[str, Any]) -> int | None:
    """*Leerjaar* of the youngest entry of the school career."""
    entries: list[tuple[date, int]] = []
    for entry in row.get(YEAR, ()):
        try:
            begun = day(entry.get(YEAR + "/begindatum"))
        except Wrong:
            continue
        if year := YEARS.get(entry.get(YEAR + "/jaargroep", "")):
            entries.append((begun, year))
    return max(entries)[1] if entries else None


PROTOCOL = Protocol("oso-xml", "school", frozenset({"harvest"}), pull, intake=begin)
