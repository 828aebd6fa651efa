"""Protocol 6: any feed, by a mapping."""

from __future__ import annotations

from datetime import date

import pytest

from connectors.declared import begin, pull
from connectors.mapping import load
from connectors.records import OpportunityRecord
from schema.errors import BadMapping, SourceMalformed
from tests.connectors.driving import drive, options, raw

FIELDS = """
[fields]
reference = "{id}"
title = "{title}"
kind = {{ path = "{kind}", codes = "soort" }}
postcode = "{postcode}"
hours_min = {{ path = "{hours}", default = 8 }}
support_offered = {{ path = "{support}", split = "," }}
open_to_pro_vso = {{ constant = true }}
closes_on = {{ path = "{closes}", dates = "%d-%m-%Y" }}
[codes.soort]
stageplaats = "STAGE"
"*" = "WERK"
"""
JSON = 'record = "opportunity"\nformat = "json"\nrows = "data.vacatures"' + FIELDS.format(
    id="nummer",
    title="functie.naam",
    kind="functie.soort",
    postcode="/plaats/0/pc",
    hours="uren",
    support="steun",
    closes="sluit",
)
XML = 'record = "opportunity"\nformat = "xml"\nrows = "vacature"' + FIELDS.format(
    id="@nr", title="functie/naam", kind="functie/@soort", postcode="pc", hours="uren", support="steun", closes="sluit"
)
CSV = 'record = "opportunity"\nformat = "csv"\ndelimiter = ","' + FIELDS.format(
    id="nr", title="naam", kind="soort", postcode="pc", hours="uren", support="steun", closes="sluit"
)
AS_JSON = """{"data": {"vacatures": [
  {"nummer": 7, "functie": {"naam": "Groen", "soort": "stageplaats", "baas": "Berkenboom"}, "uren": 16,
   "plaats": [{"pc": "5211 AB"}], "steun": ["VASTE_TAKEN", "STAP_VOOR_STAP"], "sluit": "31-12-2026"},
  {"nummer": 8, "functie": {"naam": "Zorg", "soort": "iets"}, "plaats": [{"pc": "5211"}]}]}}"""
AS_XML = """<feed xmlns:v="urn:x"><v:vacature nr="7"><functie soort="stageplaats"><naam>Groen</naam></functie>
  <pc>5211 AB</pc><uren>16</uren><steun>VASTE_TAKEN</steun><steun>STAP_VOOR_STAP</steun><sluit>31-12-2026</sluit>
  <baas>Berkenboom</baas>
  </v:vacature><vacature nr="8"><functie soort="iets"><naam>Zorg</naam></functie><pc>5211</pc></vacature></feed>"""
AS_CSV = """nr,naam,soort,pc,uren,steun,sluit,baas
7,Groen,stageplaats,5211 AB,16,"VASTE_TAKEN,STAP_VOOR_STAP",31-12-2026,Berkenboom
8,Zorg,iets,5211,,,,
"""
RECORDS = [
    OpportunityRecord(
        "7", "STAGE", "Groen", postcode="5211", hours_min=16, support_offered=("VASTE_TAKEN", "STAP_VOOR_STAP"),
        open_to_pro_vso=True, closes_on=date(2026, 12, 31),
    ),
    OpportunityRecord("8", "WERK", "Zorg", postcode="5211", hours_min=8, open_to_pro_vso=True),
]  # fmt: skip


@pytest.mark.parametrize(("mapping", "body"), [(JSON, AS_JSON), (XML, AS_XML), (CSV, AS_CSV)])
def test_the_same_vacancies_come_out_of_every_format(mapping: str, body: str) -> None:
    driven = drive(pull(None, options(mapping=load(mapping, "m.toml"), path="/feed")), raw(body, etag="e"))
    assert driven.rejects == []
    assert driven.records == RECORDS
    assert driven.pages[-1].cursor == "e"
    assert driven.asks[0].path == "/feed"
    assert "Berkenboom" not in repr(driven.pages)


def test_hours_in_the_wrong_order_and_no_place_are_told() -> None:
    body = """{"data": {"vacatures": [{"nummer": 1, "functie": {"naam": "a", "soort": "x"}}, 5]}}"""
    driven = drive(pull(None, options(mapping=load(JSON, "m.toml"))), raw(body))
    assert driven.rejects == [("row 1", "municipality", "MISSING"), ("row 2", "", "FORM")]


@pytest.mark.parametrize("body", ["{}", '{"data": {"vacatures": {}}}', "[]", "<x/>", '{"data": 1'])
def test_a_document_without_the_list_is_malformed(body: str) -> None:
    with pytest.raises(SourceMalformed):
        drive(pull(None, options(mapping=load(JSON, "m.toml"))), raw(body))


def test_without_a_mapping_of_opportunities_nothing_is_asked() -> None:
    student = load('record = "student"\nformat = "csv"\n[fields]\nreference = "nr"', "m")
    for mapping in (None, student):
        with pytest.raises(BadMapping):
            begin(options(mapping=mapping), {})
