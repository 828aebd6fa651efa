"""Protocol 7: a municipality's own system, by our own wire format."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import pytest

from connectors.ggm_rest import ask, pull
from connectors.live import SUPPORT_FIELDS
from connectors.records import CaseRecord
from schema.errors import SourceMalformed
from tests.connectors.driving import answer_schema, drive, fits, options, partner, request_schema, told

CASE = {
    "zaaknummer": "Z-1",
    "status": "OPEN",
    "functie": "participatie",
    "datumStart": "2026-09-01",
    "datumEinde": None,
}
JOBCOACH = {"naam": "A. Fictief", "telefoonnummer": "0730000000", "emailadres": "a@gemeente.example"}
SUPPORT: dict[str, Any] = {
    "zaaknummer": "Z-1",
    "clientbegeleider": JOBCOACH,
    "werkconsulent": None,
    "trajectplan": {"datumAanvang": "2026-09-01", "datumEinde": None},
    "voorzieningen": [{"codeType": "JOBCOACHING", "datumStart": "2026-10-01"}],
}
COACH = {"name": "A. Fictief", "phone": "0730000000", "mail": "a@gemeente.example"}


def zaken(*rows: Any, **rest: Any) -> dict[str, Any]:
    return {"zaken": list(rows), "cursor": "c1", "meer": False, **rest}


def test_a_case_becomes_a_record_and_fits_the_wire_format() -> None:
    answer = zaken(CASE, {"zaaknummer": "Z-2", "status": "AFGESLOTEN", "datumEinde": "2026-11-01"}, volledig=True)
    fits(partner("municipality"), answer_schema(partner("municipality"), "/zaken", "get"), answer)
    driven = drive(pull(None, options()), told(answer))
    assert driven.records == [
        CaseRecord("Z-1", "OPEN", "participatie", date(2026, 9, 1)),
        CaseRecord("Z-2", "CLOSED", closed_on=date(2026, 11, 1)),
    ]
    assert driven.pages[0].complete


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        (CASE | {"zaaknummer": "111222333"}, "reference", "BSN"),
        (CASE | {"status": "x"}, "state", "UNKNOWN_CODE"),
        (CASE | {"datumEinde": "2026-08-31"}, "closed_on", "ORDER"),
    ],
)
def test_a_bad_case_is_told(row: dict[str, Any], field: str, reason: str) -> None:
    assert drive(pull("c", options()), told(zaken(row))).rejects == [("row 1", field, reason)]


def test_support_is_asked_in_one_question_and_has_the_fields_of_the_graph() -> None:
    document = partner("municipality")
    driven = drive(ask(["Z-1", "Z-9"], "IDENTIFIED", options()), told({"ondersteuning": [SUPPORT]}))
    fits(document, request_schema(document, "/ondersteuning"), orjson.loads(driven.asks[0].body))
    fits(document, answer_schema(document, "/ondersteuning"), {"ondersteuning": [SUPPORT]})
    assert driven.result == {
        "Z-1": {
            "jobcoach": COACH,
            "werkconsulent": None,
            "plan": {"from": "2026-09-01", "to": None},
            "inPlace": [{"kind": "JOBCOACHING", "from": "2026-10-01", "to": None}],
        }
    }
    assert tuple(driven.result["Z-1"]) == SUPPORT_FIELDS


def test_at_given_name_only_the_jobcoach_is_asked_and_taken() -> None:
    driven = drive(ask(["Z-1"], "GIVEN_NAME", options()), told({"ondersteuning": [SUPPORT]}))
    assert orjson.loads(driven.asks[0].body) == {"tier": "GIVEN_NAME", "zaken": ["Z-1"]}
    assert driven.result == {"Z-1": {"jobcoach": COACH}}


def test_a_malformed_support_fails_its_own_case_alone() -> None:
    bad = {"zaaknummer": "Z-2", "clientbegeleider": "A. Fictief"}
    found = drive(ask(["Z-1", "Z-2"], "IDENTIFIED", options()), told({"ondersteuning": [SUPPORT, bad]})).result
    assert list(found) == ["Z-1"]
    assert list(found.failed) == ["Z-2"]


@pytest.mark.parametrize("body", [[], {}, {"ondersteuning": {}}, {"ondersteuning": ["x"]}, None])
def test_another_shape_is_malformed(body: Any) -> None:
    with pytest.raises(SourceMalformed):
        drive(ask(["Z-1"], "IDENTIFIED", options()), told(body))
