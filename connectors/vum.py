"""Vacancies live from the VUM exchange (Verbeteren Uitwisseling Matchingsgegevens), specification 3.0.0.

Wire: `POST /vacatures/matches` and `GET /vacatures/{vumID}` over mTLS; parties are OINs in X-VUM headers. Quirks: a
source ignores operators that it does not know, so what it found is held against the question here; it answers at
most 100 in random order, so they are put in one. Settings: `to_party`, `via_party`; `from_party` where the hub's
certificate bears no OIN; `suwi_party` ("true", "false") where the other side is a source itself (contract Bron), which
says `idVacature`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.flow import Flow, Live, Options, Protocol, post
from connectors.live import Answered, day_of, number_of, rows_of, text_of, within
from connectors.vacancies import Hits, VacancySearch
from schema.errors import BadInput, SourceDown, SourceMalformed, SourceRefused
from wire.messages import Answer, Ask

VERSION = "3.0.0"
MOST = 100
DETAILS = 10
ID = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9_.-]{1,500}")
KINDS = {"01": "WERK", "02": "BBL", "04": "WERKERVARINGSPLAATS"}  # 03 is volunteering
PARTIES = {"from_party": "fromParty", "to_party": "toParty", "via_party": "viaParty", "suwi_party": "SUWIparty"}
REFUSALS = {
    "400.01": "The exchange cannot read this hub's question (VUM 400.01).",
    "401.01": "The exchange does not know this hub's certificate (VUM 401.01).",
    "429.01": "The exchange answers no more of these questions now (VUM 429.01).",
}


def body(asked: VacancySearch) -> dict[str, Any]:
    """The question in VUM's terms."""
    question: dict[str, Any] = {"selectiegebied": {"postcode": asked.postcode, "afstand": asked.distance}}
    if asked.hours_most is not None:
        question["werktijden.aantalWerkurenPerWeekMinimaal"] = {"$lte": asked.hours_most}
    if asked.hours_least is not None:
        question["werktijden.aantalWerkurenPerWeekMaximaal"] = {"$gte": asked.hours_least}
    if asked.occupation is not None:
        question["beroep.codeBeroepsnaam"] = {"$eq": asked.occupation}
    return {"vraagObject": question}


def search(asked: VacancySearch, options: Options) -> Flow[Hits]:
    """Asks once; asking twice does no harm."""
    answer = yield from post("/vacatures/matches", body(asked), _headers(options), operation="matches", check=_check)
    told = answer.json
    hits = {hit["id"]: hit for hit in map(_hit, rows_of(told, "matches")) if asked.fits(hit)}
    ordered = sorted(hits.values(), key=lambda hit: (hit["closesOn"] or "9999", hit["id"]))
    return Hits(tuple(ordered[:MOST]), told.get("maximumAantalResultatenBereikt") is True or len(ordered) > MOST)


def ask(keys: Sequence[str], _tier: str, options: Options) -> Flow[Mapping[str, Live]]:
    """The whole vacancies of at most 10 ids, a question each, as the exchange allows."""
    found = Answered()
    if len(keys) > DETAILS or not all(map(ID.fullmatch, keys)):
        raise BadInput
    for key in keys:
        answer = yield Ask("GET", f"/vacatures/{key}", (), _headers(options), operation="vacature")
        if answer is not None and answer.status != 404:
            row = _check(answer).json
            found[key] = _hit({**(within(row, "vacature") or row), "vumID": key} if isinstance(row, dict) else {})
    return found


def _headers(options: Options) -> dict[str, str]:
    told = {"X-VUM-berichtVersie": VERSION, "API-Version": VERSION, "accept": "application/json"}
    return told | {f"X-VUM-{name}": options.settings[key] for key, name in PARTIES.items() if key in options.settings}


def _check(answer: Answer) -> Answer:
    """Raises with our sentence for a code of VUM's that we know; the message and details of the source are dropped."""
    if answer.status in (400, 401, 429):
        told = answer.json if answer.body else None
        sentence = REFUSALS.get(str(told.get("code"))) if isinstance(told, dict) else None
        raise (SourceDown if answer.status == 429 else SourceRefused)(sentence)
    return answer.ok()


def _hit(row: Mapping[str, Any]) -> Live:
    """A `VacancyHit`; only the detail has somebody to call at the employer."""
    address, hours, employer = (within(row, name) or {} for name in ("adres", "werktijden", "werkgever"))
    number = text_of(row, "vumID") or text_of(row, "idVacature")
    if number is None or not ID.fullmatch(number):
        raise SourceMalformed
    kinds = (KINDS.get(text_of(form, "codeTypeOvereenkomst") or "") for form in rows_of(row, "contractvorm", True))
    person = next(iter(rows_of(employer, "contactpersoon", True)), None)
    return {
        "id": number,
        "title": text_of(row, "naamVacature"),
        "description": text_of(row, "omschrijvingVacature", 2000),
        "occupation": text_of(within(row, "beroep") or {}, "codeBeroepsnaam"),
        "kinds": sorted({kind for kind in kinds if kind}),
        "employerName": text_of(employer, "handelsnaamOrganisatie", 500),
        "postcode": (text_of(address, "postcode") or "")[:4] or None,
        "hoursMin": number_of(hours, "aantalWerkurenPerWeekMinimaal"),
        "hoursMax": number_of(hours, "aantalWerkurenPerWeekMaximaal"),
        "startsOn": day_of(within(row, "arbeidsVoorwaarden") or {}, "datumAanvangWerkzaamheden"),
        "closesOn": day_of(row, "sluitingsdatumVacature"),
        "contact": person and text_of(person, "naamContactpersoonAfdeling"),
    }


PROTOCOL = Protocol(
    "vum-v3", "servicepoint", frozenset({"live"}), ask=ask, search=search, settings=(*PARTIES,), oin="from_party"
)
