"""Protocol 4: the VUM exchange, held against its own contracts."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.vacancies import HIT_FIELDS, Hits, VacancySearch
from connectors.vum import ask, search
from schema.errors import BadInput, SourceDown, SourceMalformed, SourceRefused
from tests.connectors.driving import answer_schema, contract, drive, fits, options, raw, request_schema, told

PARTIES = options(
    settings={"from_party": "00000001001564743000", "to_party": "00000001821002193000", "via_party": "VUM"}
)
AROUND = VacancySearch("5271TH", 50, hours_most=24, hours_least=16)


def match(number: str, least: int | None = None, most: int | None = None, **rest: Any) -> dict[str, Any]:
    hours = {"aantalWerkurenPerWeekMinimaal": least, "aantalWerkurenPerWeekMaximaal": most}
    told_hours = {key: value for key, value in hours.items() if value is not None}
    return {"vumID": number, "adres": {"postcode": "5283HR"}, "werktijden": told_hours, **rest}


def found(*rows: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"maximumAantalResultatenBereikt": more, "vraagID": "v1", "matches": list(rows)}


def test_the_question_and_its_headers_fit_the_contract(shared: Callable[[str], Path]) -> None:
    wanted = VacancySearch("5271TH", 50, 16, 24, "https://linkeddata.competentnl.nl/uwv/id/occupation/4C4DEF567A")
    asked = drive(search(wanted, PARTIES), told(found())).asks[0]
    document = contract(shared("standards/vum-v3/VUM-Bemiddelaar-Vacatures.yaml"))
    fits(document, request_schema(document, "/vacatures/matches"), orjson.loads(asked.body))
    needed = {one["name"] for one in document["components"]["parameters"].values()}
    assert needed <= asked.headers.keys()
    assert asked.headers["API-Version"] == "3.0.0"
    assert (asked.method, asked.path) == ("POST", "/vacatures/matches")


def test_the_exchanges_own_samples_are_read(shared: Callable[[str], Path]) -> None:
    sample = orjson.loads(shared("standards/vum-v3/sample_vacatures.json").read_bytes())["zoekresultaten"]
    result: Hits = drive(search(VacancySearch("5271TH", 550), PARTIES), told(found(*sample))).result
    assert len(result.hits) == len(sample)
    assert all(tuple(hit) == HIT_FIELDS for hit in result.hits)
    named = next(hit for hit in result.hits if hit["title"] == "Vertaler")
    assert (named["postcode"], named["hoursMin"], named["hoursMax"], named["closesOn"]) == (
        "5283",
        10,
        75,
        "2033-08-24",
    )
    detail = contract(shared("standards/vum-v3/VUM-Bemiddelaar-Vacatures.yaml"))
    fits(detail, {"$ref": "#/components/schemas/Vacature"}, sample[0])


def test_hits_come_in_one_order_however_the_sources_shuffled_them() -> None:
    rows = [match(f"v{n:03}", sluitingsdatumVacature=f"2027-01-{1 + n % 9:02}") for n in range(40)]
    orders = []
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        orders.append(
            [hit["id"] for hit in drive(search(VacancySearch("5271TH", 5), PARTIES), told(found(*rows))).result.hits]
        )
    assert orders[0] == orders[1] == orders[2]


def test_what_a_source_gave_in_spite_of_an_operator_it_does_not_know_is_left_out() -> None:
    rows = [match("fits", 16, 24), match("tells-nothing"), match("too-many", 32, 40), match("too-few", 2, 8)]
    result = drive(search(AROUND, PARTIES), told(found(*rows))).result
    assert [hit["id"] for hit in result.hits] == ["fits", "tells-nothing"]


def test_at_most_a_hundred_come_back_and_that_there_are_more_is_told() -> None:
    result = drive(
        search(VacancySearch("5271TH", 5), PARTIES), told(found(*(match(f"v{n}") for n in range(130))))
    ).result
    assert len(result.hits) == 100
    assert result.more
    assert drive(search(VacancySearch("5271TH", 5), PARTIES), told(found(more=True))).result == Hits((), True)


@pytest.mark.parametrize(
    ("status", "code", "error", "sentence"),
    [
        (400, "400.01", SourceRefused, "400.01"),
        (401, "401.01", SourceRefused, "401.01"),
        (429, "429.01", SourceDown, "429.01"),
        (400, "400.77", SourceRefused, "refused"),
        (500, "500.01", SourceDown, "reached"),
        (503, "503.01", SourceDown, "reached"),
    ],
)
def test_error_codes_are_told_in_our_words(status: int, code: str, error: type[Exception], sentence: str) -> None:
    answer = told({"code": code, "message": "Ongeldige aanroep Berkenboom", "details": "5271TH"}, status)
    with pytest.raises(error, match=sentence) as raised:
        drive(search(AROUND, PARTIES), answer)
    assert "Berkenboom" not in str(raised.value)


def test_a_refusal_without_a_body_is_a_refusal() -> None:
    with pytest.raises(SourceRefused):
        drive(search(AROUND, PARTIES), raw("", 401))


@pytest.mark.parametrize(
    "body", [{}, {"matches": {}}, {"matches": [{"adres": {}}]}, found(match("../x")), [], found({"vumID": 5})]
)
def test_another_shape_is_malformed(body: Any) -> None:
    with pytest.raises(SourceMalformed):
        drive(search(AROUND, PARTIES), told(body))


def test_a_detail_is_asked_by_its_id_and_has_whom_to_call() -> None:
    vacancy = {
        "idVacature": "a", "naamVacature": "Medewerker groen", "omschrijvingVacature": "Buiten werken",
        "contractvorm": [{"codeTypeOvereenkomst": "02"}, {"codeTypeOvereenkomst": "03"}],
        "werkgever": {"contactpersoon": [{"naamContactpersoonAfdeling": "Balie"}]},
    }  # fmt: skip
    driven = drive(ask(["v.1", "v2"], "", PARTIES), told({"bronID": "b", "vacature": vacancy}), raw("", 404))
    assert [one.path for one in driven.asks] == ["/vacatures/v.1", "/vacatures/v2"]
    assert driven.result.keys() == {"v.1"}
    assert driven.result["v.1"] | {"id": "v.1", "kinds": ["BBL"], "contact": "Balie"} == driven.result["v.1"]
    assert tuple(driven.result["v.1"]) == HIT_FIELDS


@pytest.mark.parametrize("keys", [[".."], ["a/b"], ["a?b"], [""], [str(n) for n in range(11)]])
def test_an_id_that_is_no_id_and_an_eleventh_are_never_asked(keys: list[str]) -> None:
    with pytest.raises(BadInput):
        drive(ask(keys, "", PARTIES))


@pytest.mark.parametrize(
    "asked",
    [("5211", 5), ("5211ab", 5), ("5211AB", 1000), ("5211AB", -1), ("5211AB", 5, 30, 20), ("5211AB", 5, None, 0)],
)
def test_a_search_that_vum_would_not_take_is_not_made(asked: tuple[Any, ...]) -> None:
    with pytest.raises(BadInput):
        VacancySearch(*asked)


def test_the_other_side_is_a_source_itself_when_the_settings_say_so(shared: Callable[[str], Path]) -> None:
    chosen = options(settings={**PARTIES.settings, "suwi_party": "true"})
    asked = drive(search(AROUND, chosen), told(found({"idVacature": "x", "adres": {"postcode": "5283HR"}}))).asks[0]
    document = contract(shared("standards/vum-v3/VUM-Bron-Vacatures.yaml"))
    assert {one["name"] for one in document["components"]["parameters"].values()} <= asked.headers.keys()


def test_answer_of_the_contract_holds_what_is_read(shared: Callable[[str], Path]) -> None:
    document = contract(shared("standards/vum-v3/VUM-Bemiddelaar-Vacatures.yaml"))
    fits(document, answer_schema(document, "/vacatures/matches"), found(match("fits", 16, 24)))
