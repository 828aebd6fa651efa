"""docs/mappings.md: its mappings read its samples, its wrong ones are refused in its words, nothing is left out."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors import declared, school_csv
from connectors.mapping import load
from connectors.mapping_check import ENCODINGS, ENTRY, TOP
from connectors.records import REASONS
from connectors.values import FIELDS
from registry.embedded_home import CHECKOUT
from schema.errors import BadMapping
from spil.mapping_rows import column_rows, field_rows, reason_rows
from tests.connectors.driving import options
from tests.docs.expected import difference, read
from tests.docs.fences import Block, blocks_of

PAGE = (CHECKOUT / "docs" / "mappings.md").read_text(encoding="utf-8")
BLOCKS = list(blocks_of(PAGE, "docs/mappings.md"))
MAPPINGS = [(one, BLOCKS[n + 1]) for n, one in enumerate(BLOCKS) if one.language == "toml"]
GOOD = [pair for pair in MAPPINGS if "wrong" not in pair[0].words]
WRONG = [pair for pair in MAPPINGS if "wrong" in pair[0].words]


def told(record: Any) -> dict[str, Any]:
    """What a mapping filled, as JSON."""
    defaults = record._field_defaults
    filled = {name: value for name, value in record._asdict().items() if value != defaults.get(name)}
    found: dict[str, Any] = orjson.loads(orjson.dumps(filled))
    return found


@pytest.mark.parametrize(("mapping", "beside"), GOOD, ids=str)
def test_a_mapping_reads_the_sample_that_stands_below_it(mapping: Block, beside: Block) -> None:
    loaded = load(mapping.body, "vacatures.toml")
    sample, answer = (mapping.variables, mapping.answer) if mapping.variables else (beside.body, beside.answer)
    assert sample is not None
    assert answer is not None
    protocol = declared if loaded.record == "opportunity" else school_csv
    intake = protocol.begin(options(mapping=loaded), {})
    pages = [*intake.feed(sample.encode(loaded.encoding if loaded.format == "csv" else "utf-8")), *intake.close()]
    found = {
        "records": [told(record) for page in pages for record in page.records],
        "refused": [f"{no.position}: {no.field or 'the row'}: {no.reason}" for page in pages for no in page.rejects],
    }
    assert difference(read(answer), found) is None, found


def test_there_is_an_example_of_every_format() -> None:
    assert [load(one.body, "m").format for one, _ in GOOD] == ["json", "xml", "csv"]


@pytest.mark.parametrize(("mapping", "beside"), WRONG, ids=str)
def test_a_wrong_mapping_is_refused_in_the_words_below_it(mapping: Block, beside: Block) -> None:
    with pytest.raises(BadMapping) as raised:
        load(mapping.body, "vacatures.toml")
    assert raised.value.message.split("\n") == beside.body.rstrip("\n").split("\n")


def test_every_key_field_and_reason_is_there() -> None:
    keys = {f"`{key}`" for key in (TOP - {"fields", "codes"}) | ENTRY | set(ENCODINGS)} | {
        "`[fields]`",
        "`[codes.NAME]`",
    }
    assert {key for key in keys if key not in PAGE} == set()
    for record in FIELDS:
        assert [row[0] for row in field_rows(record)] == [f"`{name}`" for name in FIELDS[record]]
    assert len(reason_rows()) == len(REASONS)


def test_every_field_says_what_it_takes() -> None:
    for record in FIELDS:
        for name, needed, form, _ in field_rows(record):
            assert len(form) > 10, name
            assert bool(needed) == (FIELDS[record][name.strip("`")].needed or "municipality" in needed)
    assert "from 1 to 6" in {row[1]: row[2] for row in column_rows()}["`school_year`"]


def test_an_export_with_the_printed_columns_is_read() -> None:
    columns = [row[0].strip("`") for row in column_rows()]
    intake = school_csv.begin(options(), {})
    body = ";".join(columns) + "\nLN1" + ";" * (len(columns) - 1) + "\n"
    pages = [*intake.feed(body.encode()), *intake.close()]
    assert [record.reference for page in pages for record in page.records] == ["LN1"]
    beside = {row[0].strip("`") for row in column_rows() if row[3]} | {"leerlingid"}
    assert beside == set(school_csv.default_sidecar().paths)
