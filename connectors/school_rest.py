"""A school's own system by our own wire format: pages of changes, and names live (docs/partners/school.yaml).

Wire: `GET /students?cursor=&limit=` gives changes and what was taken back; `POST /identities` names, by number;
`POST /identities/search` numbers, by name. Field names are OSO's. Quirk: a cursor that the school no longer knows is
answered 410, and the sync begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.changes import pull_changes
from connectors.flow import Flow, Live, Options, Protocol, post
from connectors.live import GIVEN_NAME, asked_only, identity, listed, rows_of
from connectors.mapping import load

PROFILE = """
record = "student"
format = "json"
[fields]
reference = "leerlingid"
municipality = "gemeentecode"
destination_aim = { path = "uitstroomprofiel", codes = "uitstroomprofiel" }
school_year = "leerjaar"
leaves_on = "verwachteuitschrijving"
left_on = "datumuitschrijving"
age_band = "leeftijdsgroep"
sectors = "sectoren"
hours = "urenperweek"
travel_limit = "reisafstand"
support_wanted = "ondersteuning"
work_processes = "werkprocessen"
[codes.uitstroomprofiel]        # OSO code list 32, and words of ours for what it has no code for
"1" = "DAGBESTEDING"
"2" = "ARBEID"
"3" = "VERVOLGONDERWIJS"
ARBEID_EN_LEREN = "ARBEID_EN_LEREN"
BESCHUT_WERK = "BESCHUT_WERK"
ONBEKEND = "ONBEKEND"
[placements]
rows = "stage"
[placements.fields]
kind = "soortstage"
employer_kvk = "kvknummer"
from_on = "begindatum"
to_on = "einddatum"
hours = "urenperweek"
leads_to = "leidttot"
[credentials]
rows = "certificaat"
[credentials.fields]
kind = "soort"
issued_on = "datumuitgifte"
level = "niveau"
crebo = "crebo"
work_processes = "werkprocessen"
"""


def pull(cursor: str | None, options: Options) -> Flow[None]:
    """All students that changed since the cursor; without one, all there are."""
    reader = load(PROFILE, "school-rest").reader
    yield from pull_changes(options.path or "/students", "leerlingen", cursor, reader, options)


def ask(keys: Sequence[str], tier: str, _options: Options) -> Flow[Mapping[str, Live]]:
    """`StudentIdentity` of each number that the school knows, in one question; at GIVEN_NAME only the given name."""
    answer = yield from post("/identities", {"tier": tier, "leerlingen": list(keys)}, operation="identities")
    read = {"givenName": "roepnaam"} if tier == GIVEN_NAME else WHOLE
    return asked_only(rows_of(answer.json, "identiteiten"), "leerlingid", keys, lambda row: identity(row, read))


WHOLE = {
    "givenName": "roepnaam", "familyName": "achternaam", "birthDate": "geboortedatum", "mail": "email",
    "phone": "telefoon", "legalRepresentative": "wettigevertegenwoordiger",
}  # fmt: skip


def find(name: str, _options: Options) -> Flow[list[str]]:
    """The numbers of at most 100 students whom the school finds by a name; the name stands in the body only."""
    answer = yield from post("/identities/search", {"naam": name}, operation="find")
    return listed(answer.json, "leerlingen")[:100]


PROTOCOL = Protocol("school-rest", "school", frozenset({"harvest", "live"}), pull, ask, find=find)
