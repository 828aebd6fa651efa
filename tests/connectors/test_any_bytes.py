"""Whatever bytes a source brings, in whatever pieces: records, refusals, or an error of ours."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors import declared, jobposting, oso_xml, school_csv
from connectors.flow import Options, Page, Protocol
from connectors.mapping import load
from connectors.records import REASONS, OpportunityRecord, StudentRecord
from connectors.tables import Table
from connectors.values import Wrong
from schema.errors import SourceMalformed
from tests.connectors.driving import options
from tests.connectors.test_declared import AS_CSV, AS_JSON, AS_XML, CSV, JSON, XML
from tests.connectors.test_everything import COLUMNS

HEAD = (";".join(("leerlingid", *COLUMNS)) + "\n").encode()
DOSSIER = b"<dossier><huidigeschool><leerling><leerlingid>LN1</leerlingid></leerling></huidigeschool></dossier>"
JOBS = b'[{"@type": "JobPosting", "identifier": "1", "title": "Groen", "jobLocation": {}}]'
SAVED = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def bodies(*parts: bytes) -> st.SearchStrategy[bytes]:
    """Bytes that get past the first look: parts of a good body, marks of its format and anything at all."""
    marks = [*parts, b"\r", b"\n", b"\r\n", b'"', b'""', b";", b",", b"\x00", b"\xff", b"<", b">", b"]", b"}", b"&lt;"]
    return st.lists(st.sampled_from(marks) | st.binary(max_size=12), max_size=30).map(b"".join)


def bring(protocol: Protocol, chosen: Options, body: bytes, size: int) -> None:
    """Raises what is no SourceMalformed, and fails over what is no record and no refusal."""
    assert protocol.intake is not None
    intake = protocol.intake(chosen, {})
    pages: list[Page] = []
    with contextlib.suppress(SourceMalformed):
        for start in range(0, len(body), size):
            pages += intake.feed(body[start : start + size])
        pages += intake.close()
    for page in pages:
        assert all(isinstance(one, StudentRecord | OpportunityRecord) for one in page.records)
        assert all(one.reason in REASONS for one in page.rejects)


@SAVED
@given(bodies(HEAD, b"LN1;GM0796;2;4;;;16_17;GROEN;24;10;;", *HEAD.split(b";")), st.integers(1, 40), st.booleans())
@example(b"a\rb", 40, True)
def test_any_table_of_students(body: bytes, size: int, headed: bool) -> None:
    bring(school_csv.PROTOCOL, options(page=3), HEAD + body if headed else body, size)


@SAVED
@given(
    bodies(DOSSIER, b"<dossier>", b"</dossier>", b"<leerling>", b'<?xml version="1.0" encoding="'), st.integers(1, 40)
)
@example(b'<?xml version="1.0" encoding="elders"?><dossier/>', 40)
@example(b'<?xml version="1.0" encoding="utf-7"?><dossier/>', 40)
@example(b'<?xml version="1.0" encoding="idna"?><dossier/>', 40)
def test_any_dossiers(body: bytes, size: int) -> None:
    bring(oso_xml.PROTOCOL, options(page=3, settings={"school": "18BR00"}), body, size)


@SAVED
@given(
    st.sampled_from([(CSV, AS_CSV), (JSON, AS_JSON), (XML, AS_XML)]),
    st.integers(0, 400),
    st.integers(0, 60),
    bodies(),
    st.integers(1, 40),
)
def test_any_feed_that_was_damaged(good: tuple[str, str], start: int, cut: int, damage: bytes, size: int) -> None:
    mapping, text = good
    body = text.encode()
    bring(declared.PROTOCOL, options(mapping=load(mapping, "m")), body[:start] + damage + body[start + cut :], size)


@SAVED
@given(st.integers(0, 90), st.integers(0, 30), bodies(JOBS, b"null", b"{}", b"[", b"1e999"), st.integers(1, 40))
def test_any_job_postings(start: int, cut: int, damage: bytes, size: int) -> None:
    bring(jobposting.PROTOCOL, options(), JOBS[:start] + damage + JOBS[start + cut :], size)


ROWS = [["nr", "naam"], ["1", "a"], ["2", 'een "b"\nc;\rd'], ["3", ""], ["", "x"]]


@given(st.sampled_from(["\r", "\n", "\r\n"]), st.integers(1, 30), st.booleans())
def test_a_row_ends_with_any_line_end_wherever_it_is_cut(end: str, size: int, last: bool) -> None:
    quoted = [";".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in ROWS]
    body = (end.join(quoted) + end * last).encode()
    table = Table(("nr", "naam"), delimiter=";")
    rows = [row for start in range(0, len(body), size) for row in table.feed(body[start : start + size])]
    rows += table.close()
    assert rows == [{"nr": nr, "naam": name} for nr, name in ROWS[1:]]


@pytest.mark.parametrize("first", [b"a;b\x00;c", b"a\rb", b'"a";b', b'nr;"a\rb"', b'"nr"x;y', b"\xff;nr"])
def test_a_first_row_is_read_or_refused(first: bytes) -> None:
    table = Table(("nr",), delimiter=";")
    try:
        rows = [*table.feed(first + b"\r\n1;2\r\n"), *table.close()]
    except SourceMalformed:
        return
    assert all(isinstance(row, Wrong) or set(row) == {"nr"} for row in rows)


def test_a_cell_of_very_many_lines_is_read_once() -> None:
    """Each line of an open cell is looked at once: it was once per line before it, half a minute for one row."""
    looked = []

    class Counting(Table):
        def _is_open(self, line: str) -> bool:
            looked.append(len(line))
            return super()._is_open(line)

    table = Counting(("nr", "naam"), delimiter=";")
    body = b'nr;naam\n1;"' + b'""\n' * 20_000 + b'"\n'
    assert len([*table.feed(body), *table.close()]) == 1
    assert sum(looked) == len(body)


def test_a_column_that_is_not_there_is_named() -> None:
    table = Table(("nr", "uren", "leerjaar"), delimiter=";")
    with pytest.raises(SourceMalformed) as raised:
        list(table.feed(b"nr;Kanarie\n1;2\n"))
    assert raised.value.message == "A source gave a table without what its mapping names: uren, leerjaar."
