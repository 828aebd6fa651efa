"""Protocol 2: OSO-style dossiers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from connectors.oso_xml import begin, pull
from connectors.records import StudentRecord
from connectors.school_csv import default_sidecar
from schema.errors import SourceMalformed
from tests.connectors.driving import drive, options, raw

SAMPLE = "standards/oso_voorbeelddossier_VOVO_full_2019.1.xml"


def dossier(
    number: str = "LN1", left: str = "", extra: str = "", towns: str = "", school: str = "18BR00", leaves: str = ""
) -> str:
    return f"""<dossier xmlns="http://www.edustandaard.nl/oso_gegevensset/2019/dossier"><huidigeschool>
      <brincode>{school[:4]}</brincode><vestigingscode>{school[4:]}</vestigingscode>
      <leerling><voornaam>Berkenboom</voornaam><roepnaam>Daantje</roepnaam><geboortedatum>2009-03-17</geboortedatum>
        <adreslijst>{towns}</adreslijst><bsn>111222333</bsn>{f"<leerlingid>{number}</leerlingid>" if number else ""}
        {f"<datumuitschrijving>{left}</datumuitschrijving>" if left else ""}{extra}
        <verzorger><voornaam>Tanja</voornaam><leerlingid>nep</leerlingid></verzorger>
      </leerling></huidigeschool></dossier>"""


def town(kind: str, name: str) -> str:
    return f"<adres><soortadres>{kind}</soortadres><straat>Dorpsweg</straat><gemeente>{name}</gemeente></adres>"


def test_the_sample_dossier_becomes_one_profile(shared: Callable[[str], Path]) -> None:
    body = shared(SAMPLE).read_bytes()
    driven = drive(pull(None, options(municipalities={"Apeldoorn": "GM0200"})), raw(body, etag='"1"'))
    assert driven.records == [
        StudentRecord("LN094837", municipality="GM0200", school_year=2, left_on=date(2016, 7, 31))
    ]
    assert driven.rejects == []
    assert driven.pages[-1].complete
    assert driven.pages[-1].cursor == '"1"'


def test_nothing_that_names_anybody_in_the_sample_stands_in_the_record(shared: Callable[[str], Path]) -> None:
    sample = shared(SAMPLE).read_bytes()
    driven = drive(pull(None, options(municipalities={"Apeldoorn": "GM0200"})), raw(sample))
    named = re.findall(
        rb"<(?:\w+:)?(?:voornaam|achternaam|roepnaam|geboortedatum|bsn|straatnaam|postcode|emailadres|adres)>([^<]{3,})<",
        sample,
    )
    assert len(set(named)) >= 5
    for name in set(named):
        assert name.decode() not in repr(driven.pages)


def test_many_dossiers_in_one_document_are_read_and_one_without_a_number_is_told() -> None:
    body = f"<dossiers>{dossier('A')}{dossier('')}{dossier('B')}</dossiers>"
    driven = drive(pull(None, options()), raw(body))
    assert [record.reference for record in driven.records] == ["A", "B"]
    assert driven.rejects == [("row 2", "reference", "MISSING")]


def test_a_number_that_may_be_a_bsn_is_refused() -> None:
    assert drive(pull(None, options()), raw(dossier("111222333"))).rejects == [("row 1", "reference", "BSN")]


def test_a_day_of_deregistration_that_lies_ahead_is_when_the_student_leaves() -> None:
    past = drive(pull(None, options()), raw(dossier(left="2026-11-21"))).records[0]
    ahead = drive(pull(None, options()), raw(dossier(left="2026-11-22"))).records[0]
    assert (past.left_on, past.leaves_on) == (date(2026, 11, 21), None)
    assert (ahead.left_on, ahead.leaves_on) == (None, date(2026, 11, 22))


@pytest.mark.parametrize(("code", "aim"), [("1", "DAGBESTEDING"), ("2", "ARBEID"), ("3", "VERVOLGONDERWIJS")])
def test_the_codes_of_list_32_become_the_aim(code: str, aim: str) -> None:
    body = dossier(extra=f"<upw><upwuitstroomprofiel>{code}</upwuitstroomprofiel></upw>")
    assert drive(pull(None, options()), raw(body)).records[0].destination_aim == aim


def test_an_unknown_aim_is_told() -> None:
    body = dossier(extra="<upw><upwuitstroomprofiel>9</upwuitstroomprofiel></upw>")
    driven = drive(pull(None, options()), raw(body))
    assert driven.rejects == [("row 1", "destination_aim", "UNKNOWN_CODE")]
    assert driven.pages[0].refused == ["LN1"]


def test_the_municipality_is_the_registered_one_and_none_when_the_address_is_secret() -> None:
    towns = town("post", "Zwolle") + town("bezoek", "Ede") + town("gba", "Tiel")
    known = {"Zwolle": "GM0193", "Ede": "GM0228", "Tiel": "GM0281"}
    open_one = drive(pull(None, options(municipalities=known)), raw(dossier(towns=towns))).records[0]
    secret = dossier(towns=towns, extra="<adresgeheim>true</adresgeheim>")
    assert open_one.municipality == "GM0281"
    assert drive(pull(None, options(municipalities=known)), raw(secret)).records[0].municipality is None


def test_a_dossier_that_another_school_made_is_refused_where_the_source_says_which() -> None:
    chosen = options(settings={"school": "18BR00"})
    body = f"<d>{dossier('A')}{dossier('B', school='25PW51')}</d>"
    driven = drive(pull(None, chosen), raw(body))
    assert [record.reference for record in driven.records] == ["A"]
    assert driven.rejects == [("row 2", "", "OTHER_SCHOOL")]


def test_what_a_dossier_does_not_carry_comes_from_the_sidecar() -> None:
    chosen = options(sidecar=default_sidecar(), sidecar_path="/bij.csv")
    header = "leerlingid;naam;uitstroomprofiel;verwachteuitschrijving;urenperweek\n"
    rows = "LN1;Daantje;2;2027-07-31;24\nX;Y;2;ooit;\n"
    driven = drive(pull(None, chosen), raw(header + rows), raw(dossier()))
    assert driven.records == [StudentRecord("LN1", None, "ARBEID", leaves_on=date(2027, 7, 31), hours=24)]
    assert driven.rejects == [("sidecar row 2", "leaves_on", "FORM")]
    assert [ask.path for ask in driven.asks] == ["/bij.csv", "/dossiers.xml"]


def test_a_document_that_did_not_change_gives_no_page() -> None:
    driven = drive(pull('"1"', options()), raw("", 304))
    assert driven.pages == []
    assert driven.asks[0].headers == {"if-none-match": '"1"'}


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_document_may_come_in_pieces_of_any_size(size: int) -> None:
    body = f"<d>{dossier('A', left='2026-07-31')}{dossier('B')}</d>".encode()
    intake = begin(options(page=1), {})
    pages = [page for start in range(0, len(body), size) for page in intake.feed(body[start : start + size])]
    pages += intake.close("c")
    assert [[record.reference for record in page.records] for page in pages] == [["A"], ["B"], []]
    assert [page.complete for page in pages] == [False, False, True]


LAUGHS = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><d>&b;</d>'
OUTSIDE = '<!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/hostname">]><d>&f;</d>'


@pytest.mark.parametrize("body", [LAUGHS, OUTSIDE, "<!DOCTYPE d><d/>", "<d>", "<d>&x;</d>", "", "<d/><d/>"])
def test_a_dtd_an_entity_and_broken_xml_are_refused(body: str) -> None:
    with pytest.raises(SourceMalformed):
        drive(pull(None, options()), raw(body))


def test_depth_elements_and_text_have_caps() -> None:
    deep = "<a>" * 65 + "</a>" * 65
    wide = dossier(extra="<b/>" * 20_001)
    long = dossier(number="9" * 70_000)
    for body in (deep, wide, long):
        with pytest.raises(SourceMalformed):
            drive(pull(None, options()), raw(body))
