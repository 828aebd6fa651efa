"""The list of protocols, and what holds for all of them."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from connectors import live, oso_xml, school_csv, school_rest
from connectors.everything import PROTOCOLS, protocol
from connectors.flow import Protocol
from connectors.options import options_of
from connectors.records import REASONS
from connectors.values import Wrong, eleven_test, reference
from registry.embedded_home import CHECKOUT
from schema.errors import BadMapping
from tests.connectors.driving import TODAY, drive, options, partner, raw, told

CONNECTORS = sorted((CHECKOUT / "connectors").glob("*.py"))


def file_of(one: Protocol) -> Path:
    does = one.pull or one.ask or one.accept
    return Path(inspect.getfile(does)) if does else Path()


def test_there_are_nine_protocols_each_in_one_file_of_at_most_120_lines() -> None:
    assert [one.name for one in PROTOCOLS] == [
        "school-rest", "oso-xml", "school-csv", "vum-v3", "jobposting", "declared", "ggm-rest", "federation",
        "cloudevents",
    ]  # fmt: skip
    files = {file_of(one) for one in PROTOCOLS}
    assert len(files) == 9
    assert {file.name: lines for file in files if (lines := len(file.read_text().splitlines())) > 120} == {}


def test_a_protocol_does_what_its_mode_says() -> None:
    for one in PROTOCOLS:
        assert ("harvest" in one.mode) == (one.pull is not None), one.name
        assert ("live" in one.mode) == (one.ask is not None), one.name
        assert ("door" in one.mode) == (one.accept is not None), one.name
        assert protocol(one.name) is one
    assert protocol("fax") is None


def test_connectors_are_pure() -> None:
    allowed = {"connectors", "schema", "wire"} | sys.stdlib_module_names | {"orjson"}
    forbidden = {"asyncio", "socket", "ssl", "os", "pathlib", "threading", "time", "logging", "urllib.request", "http"}
    for file in CONNECTORS:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[0] in allowed, f"{file.name} imports {name}"
                assert name not in forbidden, f"{file.name} imports {name}"
                assert not name.startswith("wire.") or name == "wire.messages"
            clock = isinstance(node, ast.Attribute) and node.attr in ("now", "today", "utcnow")
            assert not clock or ast.unparse(node) == "options.today", f"{file.name} reads a clock"


@pytest.mark.parametrize("name", ["school", "municipality"])
def test_our_own_wire_formats_are_valid_openapi(name: str) -> None:
    validate(partner(name))


def test_reasons_that_are_given_are_in_the_list() -> None:
    for file in CONNECTORS:
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("Wrong", "WrongPart", "Reject")
            ):
                last = node.args[-1]
                assert not isinstance(last, ast.Constant) or last.value in REASONS, f"{file.name}:{node.lineno}"


@pytest.mark.parametrize(
    "number",
    ["LN094837", "1001", "Z-2026-00417", "ZAAK.17/b", "A", "p17", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
     "3f2b8c1e-9a4d-4b7e-8f00-deadbeefcafe", "deadbeef01", "20260417", "20201303", "20101332", "32132010", "201003140",
     "2010031", "Z20100314", "3161234567", "316123456789", "18991231"],
)  # fmt: skip
def test_a_number_is_a_reference(number: str) -> None:
    assert reference(number) == number


@pytest.mark.parametrize(
    "name",
    ["Kanarie", "Kanarie17", "17-Kanarie", "Jan", "J. Jansen1", "kanarie@school.example1", "Zoë1", "Jan Pen 1",
     "2009-03-17", "17-03-2009", "17/3/2009", "0612345917", "06-12345917", "0031612345917",
     "20100314", "14032010", "19671231", "31122019", "31612345917", "31-6-12345917", "310612345917", "31061234567",
     "0031612345678", "00310612345917", "31201234567"],
)  # fmt: skip
def test_a_name_is_no_reference(name: str) -> None:
    with pytest.raises(Wrong) as caught:
        reference(name)
    assert caught.value.reason == "FORM"


def test_the_eleven_test_knows_a_bsn_with_and_without_its_first_zero() -> None:
    assert eleven_test("111222333")
    assert eleven_test("010000008") == eleven_test("10000008")
    assert not eleven_test("111222334")
    assert not eleven_test("1234567")
    assert not eleven_test("000000000")


@pytest.mark.parametrize(
    "told_options",
    [{"colour": "x"}, {"page": 0}, {"page": "9"}, {"path": "feed"}, {"path": "https://elders"}, {"settings": []},
     {"settings": {"a": 1}}, {"sidecar": "record = 1"}],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(told_options: dict[str, Any]) -> None:
    with pytest.raises(BadMapping):
        options_of(school_csv.PROTOCOL, told_options, today=TODAY)


def test_options_are_read_and_a_mapping_of_another_record_is_refused_before_anything_is_asked() -> None:
    one = options_of(oso_xml.PROTOCOL, {"path": "/d.xml", "sidecar_path": "/b.csv", "page": 9}, today=TODAY)
    assert (one.path, one.page, one.sidecar) == ("/d.xml", 9, school_csv.default_sidecar())
    declared = protocol("declared")
    assert declared is not None
    with pytest.raises(BadMapping):
        options_of(declared, {}, today=TODAY, mapping=school_csv.DEFAULT, name="m.toml")


NAME = st.from_regex(r"[A-Z][a-z]{5,9}Zz", fullmatch=True)  # no word of ours ends so


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(NAME, NAME, st.dates().map(str), st.integers(0, 5))
def test_no_name_from_a_dossier_ever_stands_in_a_record_or_a_reject(
    first: str, last: str, born: str, where: int
) -> None:
    loose = [text.format(last) for text in LOOSE]
    body = (
        f"<dossier><huidigeschool><leerling><voornaam>{first}</voornaam><achternaam>{last}</achternaam><roepnaam>{first}"
        f"</roepnaam><geboortedatum>{born}</geboortedatum><leerlingid>LN1</leerlingid>{loose[where]}"
        f"<verzorger><achternaam>{last}</achternaam></verzorger></leerling></huidigeschool></dossier>"
    )
    kept = repr(drive(oso_xml.pull(None, options()), raw(body)).pages)
    table = f"leerlingid;naam;{';'.join(COLUMNS)}\nLN1;{first} {last};" + ";".join([last] * len(COLUMNS)) + "\n"
    kept += repr(drive(school_csv.pull(None, options()), raw(table)).pages)
    row = {"leerlingid": "LN1", "roepnaam": first, "achternaam": last, "geboortedatum": born, "sectoren": [last]}
    page = {"leerlingen": [row, row | {"sectoren": []}], "cursor": "c", "meer": False}
    kept += repr(drive(school_rest.pull(None, options()), told(page)).pages)
    assert "LN1" in kept
    assert first not in kept
    assert last not in kept


LOOSE = (
    "<certificaat>{}</certificaat>",
    "<stage><functierol>{}</functierol></stage>",
    "<x>{}</x>",
    "<adreslijst><adres><soortadres>gba</soortadres><gemeente>{}</gemeente></adres></adreslijst>",
    "<upw><upwuitstroomprofiel>{}</upwuitstroomprofiel></upw>",
    "<datumuitschrijving>{}</datumuitschrijving>",
)
COLUMNS = (
    "gemeentecode", "uitstroomprofiel", "leerjaar", "verwachteuitschrijving", "datumuitschrijving", "leeftijdsgroep",
    "sectoren", "urenperweek", "reisafstand", "ondersteuning", "werkprocessen",
)  # fmt: skip


def test_a_live_answer_has_the_fields_of_the_graph() -> None:
    assert tuple(school_rest.WHOLE) == live.IDENTITY_FIELDS
    assert tuple(live.support({}, "IDENTIFIED")) == live.SUPPORT_FIELDS
