"""Protocol 8: a municipality's own Apollo Federation subgraph."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from graphql import build_schema, parse, validate

from connectors.subgraph import ask
from schema.errors import BadInput, SourceDown, SourceMalformed, SourceRefused
from tests.connectors.driving import drive, options, raw, told

PARTNER = """
scalar _Any
union _Entity = Zaak
type Query { _entities(representations: [_Any!]!): [_Entity]! }
type Zaak {
  zaaknummer: ID!
  clientbegeleider: Medewerker
  werkconsulent: Medewerker
  trajectplan: Trajectplan
  voorzieningen: [Voorziening!]!
}
type Medewerker { naam: String telefoonnummer: String emailadres: String }
type Trajectplan { datumAanvang: String datumEinde: String }
type Voorziening { codeType: String! datumStart: String datumEinde: String }
"""
ROW: dict[str, Any] = {
    "clientbegeleider": {"naam": "A. Fictief", "telefoonnummer": None, "emailadres": None},
    "werkconsulent": None,
    "trajectplan": None,
    "voorzieningen": [],
}
COACH = {"name": "A. Fictief", "phone": None, "mail": None}


def entities(*rows: Any, **rest: Any) -> dict[str, Any]:
    return {"data": {"_entities": list(rows)}, **rest}


@pytest.mark.parametrize("tier", ["GIVEN_NAME", "IDENTIFIED"])
def test_the_question_is_valid_against_the_partners_schema_and_carries_its_own_keys(tier: str) -> None:
    asked = drive(ask(["Z-1", "Z-2"], tier, options()), told(entities(ROW, None))).asks[0]
    body = orjson.loads(asked.body)
    assert validate(build_schema(PARTNER), parse(body["query"])) == []
    assert body["variables"]["of"] == [
        {"__typename": "Zaak", "zaaknummer": "Z-1"},
        {"__typename": "Zaak", "zaaknummer": "Z-2"},
    ]
    assert ("werkconsulent" in body["query"]) == (tier == "IDENTIFIED")
    assert asked.path == "/graphql"


def test_what_is_null_is_not_known_and_absent() -> None:
    found = drive(ask(["Z-1", "Z-2"], "IDENTIFIED", options()), told(entities(None, ROW))).result
    assert found == {"Z-2": {"jobcoach": COACH, "werkconsulent": None, "plan": None, "inPlace": []}}
    assert found.failed == {}


def test_at_given_name_only_the_jobcoach_is_taken() -> None:
    found = drive(ask(["Z-1"], "GIVEN_NAME", options()), told(entities(ROW))).result
    assert found == {"Z-1": {"jobcoach": COACH}}


def test_an_error_at_one_place_fails_that_key_alone() -> None:
    errors = [{"message": "Berkenboom", "path": ["_entities", 0, "clientbegeleider"]}]
    found = drive(ask(["Z-1", "Z-2"], "IDENTIFIED", options()), told(entities(None, ROW, errors=errors))).result
    assert list(found) == ["Z-2"]
    assert isinstance(found.failed["Z-1"], SourceRefused)
    assert "Berkenboom" not in str(found.failed["Z-1"])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (told({"errors": [{"message": "nee"}]}), SourceRefused),
        (told({"data": None, "errors": [{"message": "nee"}]}), SourceRefused),
        (told(entities(ROW, errors=[{"message": "nee"}])), SourceRefused),
        (told(entities(ROW, ROW)), SourceMalformed),
        (told(entities("x")), SourceMalformed),
        (told({"data": {}}), SourceMalformed),
        (told([]), SourceMalformed),
        (raw("<html>"), SourceMalformed),
        (raw("", 400), SourceRefused),
        (raw("", 502), SourceDown),
    ],
)
def test_a_refusal_a_failure_and_another_shape_are_told_apart(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        drive(ask(["Z-1"], "IDENTIFIED", options()), answer)


def test_the_partners_type_and_key_may_have_other_names_but_no_other_forms() -> None:
    chosen = options(settings={"entity": "Dossier", "key": "nummer"}, path="/federatie")
    asked = drive(ask(["7"], "IDENTIFIED", chosen), told(entities(ROW))).asks[0]
    body = orjson.loads(asked.body)
    assert body["variables"]["of"] == [{"__typename": "Dossier", "nummer": "7"}]
    assert "... on Dossier {" in body["query"]
    assert asked.path == "/federatie"
    with pytest.raises(BadInput):
        drive(ask(["7"], "IDENTIFIED", options(settings={"entity": "X { a } } #"})))
