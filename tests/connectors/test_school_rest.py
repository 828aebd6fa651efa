"""Protocol 1: a school's own system, by our own wire format."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import pytest

from connectors.live import IDENTITY_FIELDS, Answered
from connectors.records import CredentialRecord, PlacementRecord, StudentRecord
from connectors.school_rest import ask, find, pull
from schema.errors import SourceDown, SourceMalformed, SourceRefused
from tests.connectors.driving import answer_schema, drive, fits, options, partner, raw, request_schema, told

FULL: dict[str, Any] = {
    "leerlingid": "LN1",
    "gemeentecode": "GM0796",
    "uitstroomprofiel": "2",
    "leerjaar": 5,
    "verwachteuitschrijving": "2027-07-31",
    "datumuitschrijving": None,
    "leeftijdsgroep": "16_17",
    "sectoren": ["GROEN", "ZORG"],
    "urenperweek": 24,
    "reisafstand": 12,
    "ondersteuning": ["VASTE_BEGELEIDER"],
    "werkprocessen": ["25998:B1-K1-W1"],
    "stage": [{"soortstage": "STAGE", "kvknummer": "90000001", "begindatum": "2026-09-01", "einddatum": "2027-01-31"}],
    "certificaat": [{"soort": "PRAKTIJKVERKLARING", "datumuitgifte": "2026-06-30", "crebo": "25998"}],
}
RECORD = StudentRecord(
    "LN1", "GM0796", "ARBEID", 5, date(2027, 7, 31), None, "16_17", ("GROEN", "ZORG"), 24, 12, ("VASTE_BEGELEIDER",),
    ("25998:B1-K1-W1",), (CredentialRecord("PRAKTIJKVERKLARING", date(2026, 6, 30), None, "25998"),),
    (PlacementRecord("STAGE", "90000001", date(2026, 9, 1), date(2027, 1, 31)),),
)  # fmt: skip
NAMED = {
    "leerlingid": "LN1", "roepnaam": "Daantje", "voorvoegsel": "van de", "achternaam": "Berkenboom",
    "geboortedatum": "2009-03-17", "email": "d@voorbeeld.example", "telefoon": "0600000000",
    "wettigevertegenwoordiger": "T. Berkenboom",
}  # fmt: skip


def page(*rows: Any, cursor: str = "c1", more: bool = False, **rest: Any) -> dict[str, Any]:
    return {"leerlingen": list(rows), "cursor": cursor, "meer": more, **rest}


def test_a_profile_becomes_a_record_and_fits_the_wire_format() -> None:
    answer = page(FULL, volledig=True)
    fits(partner("school"), answer_schema(partner("school"), "/students", "get"), answer)
    driven = drive(pull(None, options()), told(answer))
    assert driven.records == [RECORD]
    assert driven.pages[0].complete
    assert driven.pages[0].cursor == "c1"
    assert driven.asks[0].path == "/students"


def test_pages_are_followed_each_with_its_own_cursor_and_only_the_last_is_complete() -> None:
    first, second = (
        page({"leerlingid": "A"}, cursor="c1", more=True),
        page({"leerlingid": "B"}, cursor="c2", volledig=True),
    )
    driven = drive(pull(None, options(page=1)), told(first), told(second))
    assert [(p.cursor, p.complete) for p in driven.pages] == [("c1", False), ("c2", True)]
    assert driven.asks[0].query == (("limit", "1"),)
    assert driven.asks[1].query == (("limit", "1"), ("cursor", "c1"))


def test_changes_carry_tombstones_and_are_never_complete() -> None:
    driven = drive(pull("c1", options()), told(page({"leerlingid": "A"}, cursor="c2", verwijderd=["B"])))
    assert driven.pages[0].gone == ["B"]
    assert not driven.pages[0].complete


def test_of_two_changes_of_one_student_in_a_page_the_last_counts() -> None:
    driven = drive(
        pull("c1", options()), told(page({"leerlingid": "A", "leerjaar": 3}, {"leerlingid": "A", "leerjaar": 4}))
    )
    assert [record.school_year for record in driven.records] == [4]


def test_a_forgotten_cursor_begins_a_full_sync() -> None:
    driven = drive(pull("old", options()), raw("", 410), told(page({"leerlingid": "A"}, volledig=True)))
    assert driven.asks[1].query == (("limit", "1000"),)
    assert driven.pages[0].complete


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({"leerlingid": "A", "leerjaar": 9}, "school_year", "RANGE"),
        ({"leerlingid": "A", "uitstroomprofiel": "7"}, "destination_aim", "UNKNOWN_CODE"),
        ({"leerlingid": "A", "verwachteuitschrijving": "31-07-2027"}, "leaves_on", "FORM"),
        ({"leerlingid": "111222333"}, "reference", "BSN"),
        ({"leerlingid": "Kanarie1"}, "reference", "FORM"),
        ({"leerjaar": 3}, "reference", "MISSING"),
        ({"leerlingid": "A", "stage": [{"soortstage": "STAGE"}]}, "placements.employer_kvk", "MISSING"),
        ({"leerlingid": "A", "werkprocessen": ["Berkenboom"]}, "work_processes", "FORM"),
        ("A", "", "FORM"),
    ],
)
def test_a_bad_row_is_told_without_its_value_and_the_page_goes_on(row: Any, field: str, reason: str) -> None:
    answer = told(page(row, {"leerlingid": "B"}))
    if not isinstance(row, dict):
        with pytest.raises(SourceMalformed):
            drive(pull("c", options()), answer)
        return
    driven = drive(pull("c", options()), answer)
    assert driven.rejects == [("row 1", field, reason)]
    assert [record.reference for record in driven.records] == ["B"]


def test_a_refused_row_was_named_so_that_its_student_is_not_gone() -> None:
    driven = drive(pull(None, options()), told(page({"leerlingid": "A", "leerjaar": 9}, volledig=True)))
    assert driven.pages[0].refused == ["A"]


@pytest.mark.parametrize("body", [{}, [], {"leerlingen": []}, page(cursor=""), {"leerlingen": {}, "cursor": "c"}, 5])
def test_another_shape_of_page_is_malformed(body: Any) -> None:
    with pytest.raises(SourceMalformed):
        drive(pull(None, options()), told(body))


def test_a_page_that_leads_to_itself_is_malformed() -> None:
    with pytest.raises(SourceMalformed):
        drive(pull("c1", options()), told(page(cursor="c1", more=True)))


@pytest.mark.parametrize(("status", "error"), [(403, SourceRefused), (503, SourceDown), (429, SourceDown)])
def test_a_refusal_and_a_failure_are_told_apart(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        drive(pull(None, options()), raw("", status))


def test_identities_are_asked_in_one_question_and_have_the_fields_of_the_graph() -> None:
    answer = {"identiteiten": [NAMED]}
    driven = drive(ask(["LN1", "LN2"], "IDENTIFIED", options()), told(answer))
    assert driven.result == {
        "LN1": {
            "givenName": "Daantje", "familyName": "van de Berkenboom", "birthDate": "2009-03-17",
            "mail": "d@voorbeeld.example", "phone": "0600000000", "legalRepresentative": "T. Berkenboom",
        }
    }  # fmt: skip
    assert tuple(driven.result["LN1"]) == IDENTITY_FIELDS
    assert len(driven.asks) == 1
    school = partner("school")
    fits(school, request_schema(school, "/identities"), orjson.loads(driven.asks[0].body))
    fits(school, answer_schema(school, "/identities"), answer)


def test_at_given_name_only_the_given_name_is_asked_and_taken_whatever_the_school_sends() -> None:
    driven = drive(ask(["LN1"], "GIVEN_NAME", options()), told({"identiteiten": [NAMED]}))
    assert orjson.loads(driven.asks[0].body) == {"tier": "GIVEN_NAME", "leerlingen": ["LN1"]}
    assert driven.result == {"LN1": {"givenName": "Daantje"}}


def test_a_student_who_was_not_asked_is_not_taken() -> None:
    driven = drive(ask(["LN2"], "IDENTIFIED", options()), told({"identiteiten": [NAMED]}))
    assert driven.result == {}


def test_a_malformed_identity_fails_its_own_key_alone() -> None:
    answer = {"identiteiten": [{"leerlingid": "A", "geboortedatum": "ooit"}, {"leerlingid": "B", "roepnaam": "Bo"}]}
    found = drive(ask(["A", "B"], "IDENTIFIED", options()), told(answer)).result
    assert isinstance(found, Answered)
    assert list(found) == ["B"]
    assert isinstance(found.failed["A"], SourceMalformed)
    assert found.failed["A"].__context__ is None


def test_no_name_stands_in_a_path_a_query_or_a_print_of_a_question() -> None:
    driven = drive(find("Daantje Berkenboom", options()), told({"leerlingen": ["LN1"]}))
    assert driven.result == ["LN1"]
    assert "Daantje" not in repr(driven.asks)
    assert driven.asks[0].path == "/identities/search"
    fits(partner("school"), request_schema(partner("school"), "/identities/search"), orjson.loads(driven.asks[0].body))
