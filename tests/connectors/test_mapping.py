"""A mapping file is checked before anything is asked, and every problem names its line."""

from __future__ import annotations

from datetime import date

import pytest

from connectors import ggm_rest, school_csv, school_rest
from connectors.mapping import load
from connectors.records import REASONS, OpportunityRecord, Record, Reject
from connectors.values import FIELDS
from schema.errors import BadMapping

GOOD = """record = "opportunity"
format = "json"
rows = "x"

[fields]
reference = "id"
title = "titel"
kind = { path = "soort", codes = "soort" }
postcode = "pc"
hours_min = { path = "uren.min", default = 4 }
conditions = { constant = ["BANENAFSPRAAK"] }

[codes.soort]
"1" = "STAGE"
true = "BBL"
"""


def problems(source: str) -> list[str]:
    with pytest.raises(BadMapping) as raised:
        load(source, "bron.toml")
    return str(raised.value).split("\n")


def read(row: object, source: str = GOOD) -> Record | Reject:
    return load(source, "bron.toml").reader.read(row, "row 1")


def test_a_row_becomes_a_record_with_codes_defaults_and_constants() -> None:
    row = {"id": 7, "titel": " Groen ", "soort": 1, "pc": "5211 AB", "uren": None, "naam": "Berkenboom"}
    assert read(row) == OpportunityRecord(
        "7", "STAGE", "Groen", postcode="5211", hours_min=4, conditions=("BANENAFSPRAAK",)
    )
    yes = read(row | {"soort": True})
    assert isinstance(yes, OpportunityRecord)
    assert yes.kind == "BBL"


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ('record = "opportunity"', 'record = "person"', 1, "record is one of"),
        ('format = "json"', 'format = "yaml"', 2, "format is one of"),
        ('rows = "x"', "rows = 5", 3, "rows is a text"),
        ('rows = "x"', 'colour = "x"', 3, "this stands in no mapping"),
        ('rows = "x"', 'encoding = "rot13"', 3, "encoding is one of"),
        ('rows = "x"', 'dates = "dd-mm-yyyy"', 3, "dates is written like"),
        ('rows = "x"', "delimiter = '\"'", 3, "delimiter is one character"),
        ('postcode = "pc"', "", 5, "municipality or postcode must be mapped"),
        ("kind = { path", "sector = { path", 5, "kind must be mapped"),
        ('reference = "id"', 'reference = { constant = "id" }', 6, "each row has one of its own"),
        ('rows = "x"', 'placements = "x"', 3, "this stands in no mapping"),
        ('title = "titel"', "", 5, "title must be mapped"),
        ('title = "titel"', 'titel = "titel"', 7, "no field titel"),
        ('title = "titel"', 'title = "a..b"', 7, "no path of json"),
        ('title = "titel"', "title = { codes = 'soort' }", 7, "either a path or a constant"),
        ('title = "titel"', "title = { path = 'a', constant = 'b' }", 7, "either a path or a constant"),
        ('title = "titel"', "title = { path = 'a', splits = ',' }", 7, "splits is not known"),
        ('title = "titel"', "title = { path = 'a', split = ',' }", 7, "split is for lists"),
        ('title = "titel"', "title = { path = 'a', dates = '%Y' }", 7, "dates is for days"),
        ('codes = "soort"', 'codes = "kind"', 8, "no such code list"),
        ("default = 4", 'default = "vier"', 10, "default does not have the type"),
        ("default = 4", "default = 49", 10, "default does not have the type"),
        ('["BANENAFSPRAAK"]', '"BANENAFSPRAAK"', 11, "constant does not have the type"),
        ('"1" = "STAGE"', '"1" = "STAG"', 8, "its code list gives what the field does not take"),
        ("[codes.soort]", "[codes.soort]\n[codes.rest]", 14, "no field uses this code list"),
        ('"1" = "STAGE"', '"1" = STAGE', 14, "Invalid"),
    ],
)
def test_a_wrong_mapping_names_the_line(old: str, new: str, line: int, what: str) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new))
    assert any(one.startswith(f"bron.toml:{line}:") and what in one for one in found), found


@pytest.mark.parametrize("town", ['municipality = "gm"', 'postcode = { path = "pc", default = "5211" }',
    'municipality = { constant = "GM0796" }', 'postcode = "pc"\nmunicipality = "gm"'])  # fmt: skip
def test_one_of_the_two_places_is_enough(town: str) -> None:
    assert load(GOOD.replace('postcode = "pc"', town), "bron.toml").record == "opportunity"


def test_all_problems_are_told_at_once() -> None:
    assert len(problems(GOOD.replace('"pc"', '"p c"').replace("default = 4", "default = -1"))) == 2


@pytest.mark.parametrize(
    "column", ["achternaam", "Roepnaam", "leerling.bsn", "adres", "geboortedatum", "e-mail", "naam"]
)
def test_a_column_that_names_a_person_is_not_taken_for_a_student(column: str) -> None:
    source = f'record = "student"\nformat = "json"\n[fields]\nreference = "{column}"'
    assert problems(source) == ["bron.toml:4: reference: a column that names a person is not taken"]


def test_lists_of_records_are_checked_and_read_within_a_student() -> None:
    source = """record = "student"
format = "json"
dates = "%d/%m/%Y"
[fields]
reference = "nr"
[placements]
rows = "stages"
[placements.fields]
kind = { constant = "STAGE" }
employer_kvk = "kvk"
from_on = "van"
"""
    stage = {"kvk": "90000001", "van": "01/09/2026"}
    record = load(source, "m").reader.read({"nr": "A", "stages": [stage]}, "row 1")
    assert not isinstance(record, Reject)
    assert record[-1] == (("STAGE", "90000001", date(2026, 9, 1), None, None, None),)
    bad = load(source, "m").reader.read({"nr": "A", "stages": [stage | {"kvk": "x"}]}, "row 1")
    assert bad == Reject("row 1", "placements.employer_kvk", "FORM")
    assert problems(source.replace('from_on = "van"', 'since = "van"')) == [
        "bron.toml:8: from_on must be mapped",
        "bron.toml:11: placements has no field since",
    ]


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({}, "reference", "MISSING"),
        ({"id": ["a"]}, "reference", "FORM"),
        ({"id": "a", "titel": "x", "soort": "9"}, "kind", "UNKNOWN_CODE"),
        ({"id": "a", "titel": "x", "soort": "1", "pc": "0000"}, "postcode", "FORM"),
        ({"id": "a", "titel": "x", "soort": "1", "pc": "5211", "uren": {"min": "99"}}, "hours_min", "RANGE"),
        ({"id": "a", "titel": "x", "soort": "1"}, "municipality", "MISSING"),
        ([], "", "FORM"),
        (None, "", "FORM"),
    ],
)
def test_a_reject_tells_position_field_and_reason(row: object, field: str, reason: str) -> None:
    assert read(row) == Reject("row 1", field, reason)
    assert reason in REASONS


def test_the_mappings_that_are_built_in_load() -> None:
    for source in (school_rest.PROFILE, school_csv.DEFAULT, school_csv.SIDECAR, ggm_rest.CASES):
        assert load(source, "built-in").paths


def test_no_field_of_a_record_could_hold_who_somebody_is() -> None:
    held = {name for record in ("student", "case", "placements", "credentials") for name in FIELDS[record]}
    assert not {
        name for name in held if any(part in name for part in ("name", "birth", "mail", "phone", "address", "bsn"))
    }
