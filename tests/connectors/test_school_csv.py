"""Protocol 3: a school's CSV export, and tables in general."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mapping import load
from connectors.records import StudentRecord
from connectors.school_csv import begin, pull
from connectors.tables import Table
from connectors.values import Wrong
from schema.errors import BadMapping, SourceMalformed
from tests.connectors.driving import drive, options, raw

OWN = """
record = "student"
format = "csv"
encoding = "windows-1252"
dates = "%d-%m-%Y"
[fields]
reference = "Nr."
leaves_on = "Uitschrijving"
sectors = { path = "Richting", split = "/", codes = "richting" }
[codes.richting]
groen = "GROEN"
zorg = "ZORG"
"""
HEADER = (
    "achternaam;leerlingid;roepnaam;gemeentecode;uitstroomprofiel;leerjaar;verwachteuitschrijving;datumuitschrijving;"
    "leeftijdsgroep;sectoren;urenperweek;reisafstand;ondersteuning;werkprocessen\n"
)


def test_an_export_with_names_becomes_profiles_without() -> None:
    body = HEADER + 'Berkenboom;LN1;"Daan""tje";GM0796;3;5;;2026-07-31;18_PLUS;GROEN|ZORG;24;10;VASTE_TAKEN;\n'
    driven = drive(pull(None, options()), raw(body, etag="e"))
    assert driven.records == [
        StudentRecord(
            "LN1", "GM0796", "VERVOLGONDERWIJS", 5, None, date(2026, 7, 31), "18_PLUS", ("GROEN", "ZORG"), 24, 10,
            ("VASTE_TAKEN",),
        )
    ]  # fmt: skip
    assert "Berkenboom" not in repr(driven.pages)
    assert driven.pages[-1].complete
    assert driven.asks[0].path == "/leerlingen.csv"


def test_a_mapping_of_the_school_replaces_the_default() -> None:
    body = "Naam;Nr.;Uitschrijving;Richting\r\nÉva;7;31-07-2027;groen/zorg\r\n".encode("windows-1252")
    chosen = options(mapping=load(OWN, "own.toml"))
    driven = drive(pull(None, chosen), raw(body))
    assert driven.records == [StudentRecord("7", leaves_on=date(2027, 7, 31), sectors=("GROEN", "ZORG"))]


def test_a_bad_row_is_told_and_the_others_are_taken() -> None:
    rows = ["A;1", "B;2;3", "A;4", "C;x", ";5", "D\ufffd;5", "E;"]
    mapping = load('record = "student"\nformat = "csv"\n[fields]\nreference = "nr"\nhours = "uren"', "m")
    driven = drive(pull(None, options(mapping=mapping)), raw("nr;uren\n" + "\n".join(rows)))
    assert [record.reference for record in driven.records] == ["A", "E"]
    assert driven.rejects == [
        ("row 2", "", "COLUMNS"),
        ("row 3", "reference", "REPEATED"),
        ("row 4", "hours", "FORM"),
        ("row 5", "reference", "MISSING"),
        ("row 6", "reference", "CHARACTERS"),
    ]
    assert driven.pages[0].refused == ["C"]


@pytest.mark.parametrize("body", ["", "nr;uren", "leerlingid\n1\n", HEADER.replace("leerjaar", "klas") + "x\n"])
def test_a_table_without_its_columns_is_malformed(body: str) -> None:
    with pytest.raises(SourceMalformed):
        drive(pull(None, options()), raw(body))


def test_a_table_that_breaks_off_within_a_cell_is_malformed_and_never_complete() -> None:
    with pytest.raises(SourceMalformed):
        drive(pull(None, options()), raw(HEADER + 'x;LN1;"Daan\n'))


def test_a_row_longer_than_the_cap_is_malformed() -> None:
    with pytest.raises(SourceMalformed):
        drive(pull(None, options()), raw(HEADER + '"' + "x" * 70_000))


def test_a_mapping_of_something_else_is_refused() -> None:
    other = load('record = "student"\nformat = "xml"\nrows = "l"\n[fields]\nreference = "nr"', "m")
    with pytest.raises(BadMapping):
        begin(options(mapping=other), {})


def test_a_stray_quote_in_a_cell_costs_at_most_its_own_row() -> None:
    table = Table(("nr",), delimiter=";")
    rows = list(table.feed(b'nr;naam\n1;5" buis\n2;O"Neil\n3;"a;b"\n')) + list(table.close())
    assert rows == [{"nr": "1"}, {"nr": "2"}, {"nr": "3"}]


@given(
    st.lists(st.tuples(st.text(), st.text('"\n;,ab', max_size=9), st.text(max_size=9)), max_size=20),
    st.integers(1, 40),
    st.sampled_from(";,\t|"),
)
def test_rows_are_those_of_the_csv_module_whatever_the_pieces(
    cells: list[tuple[str, str, str]], size: int, delimiter: str
) -> None:
    clean = [tuple(cell.replace("\r", "").encode("utf-8", "replace").decode() for cell in row) for row in cells]
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("a", "naam", "c"), *clean])
    body = sink.getvalue().encode()
    table = Table(("a", "c"), delimiter=delimiter)
    rows = [row for start in range(0, len(body), size) for row in table.feed(body[start : start + size])]
    rows += table.close()
    assert not any(isinstance(row, Wrong) for row in rows)
    assert rows == [{"a": row[0], "c": row[2]} for row in clean]
