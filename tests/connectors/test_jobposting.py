"""Protocol 5: a feed of schema.org JobPosting."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.jobposting import pull, read
from connectors.records import OpportunityRecord
from connectors.values import WrongPart
from schema.errors import SourceMalformed
from tests.connectors.driving import drive, options, raw, told

POSTING: dict[str, Any] = {
    "@type": "JobPosting",
    "title": "Medewerker bakkerij &amp; lunch",
    "identifier": {"@type": "PropertyValue", "name": "Brood &amp; Zo", "value": "v-1"},
    "description": "&lt;p&gt;Je leert &eacute;n werkt.&lt;/p&gt;<ul><li>Vroeg op</li></ul>",
    "validThrough": "2026-12-31T23:30:00Z",
    "employmentType": ["PART_TIME"],
    "hiringOrganization": {"@type": "Organization", "name": "Brood & Zo", "identifier": {"value": "90000001"}},
    "jobLocation": [{"@type": "Place", "address": {"@type": "PostalAddress", "postalCode": "5211 AB"}}],
    "workHours": "16 tot 24 uur per week",
    "totalJobOpenings": 2,
}
RECORD = OpportunityRecord(
    "v-1", "WERK", "Medewerker bakkerij & lunch", "Je leert én werkt. Vroeg op", "90000001", "Brood & Zo",
    postcode="5211", hours_min=16, hours_max=24, places=2, closes_on=date(2027, 1, 1),
)  # fmt: skip


def without(*names: str, **other: Any) -> dict[str, Any]:
    return {key: value for key, value in POSTING.items() if key not in names} | other


@pytest.mark.parametrize(
    "body", [[POSTING], {"@context": "https://schema.org", "@graph": [{"@type": "Place"}, POSTING]}, POSTING]
)
def test_a_graph_a_list_and_one_posting_are_read(body: Any) -> None:
    driven = drive(pull(None, options()), told(body, etag='"7"'))
    assert driven.records == [RECORD]
    assert driven.pages[-1].cursor == '"7"'
    assert driven.pages[-1].complete


def test_a_feed_that_did_not_change_gives_no_page() -> None:
    driven = drive(pull('"7"', options()), raw("", 304))
    assert driven.asks[0].headers == {"if-none-match": '"7"'}
    assert driven.pages == []


def test_an_employer_may_be_a_plain_string_or_point_to_a_node() -> None:
    plain = without(hiringOrganization="Brood &amp; Zo")
    pointing = without(hiringOrganization={"@id": "#e"}, identifier="v-2")
    graph = {"@graph": [{"@id": "#e", "@type": "Organization", "name": "Groenhof"}, plain, pointing]}
    records = drive(pull(None, options()), told(graph)).records
    assert [(record.employer_name, record.employer_kvk) for record in records] == [
        ("Brood & Zo", None),
        ("Groenhof", None),
    ]


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        (without("identifier"), "reference", "MISSING"),
        (without("title"), "title", "MISSING"),
        (without("jobLocation"), "postcode", "MISSING"),
        (without(employmentType="VOLUNTEER"), "kind", "UNKNOWN_CODE"),
        (without(title="x" * 201), "title", "TOO_LONG"),
        (without(title={"@value": "x"}), "title", "FORM"),
        (without(title="nul\x00"), "title", "CHARACTERS"),
        (without(validThrough="binnenkort"), "closes_on", "FORM"),
        (without(jobLocation={"address": {"postalCode": "B-2000"}}), "postcode", "FORM"),
    ],
)
def test_a_bad_posting_is_told_and_the_others_are_taken(row: dict[str, Any], field: str, reason: str) -> None:
    driven = drive(pull(None, options()), told([row, without(identifier="v-9")]))
    assert driven.rejects == [("row 1", field, reason)]
    assert [record.reference for record in driven.records] == ["v-9"]


@pytest.mark.parametrize(
    ("prose", "hours"),
    [
        ("24", (24, 24)),
        ("32-36 uur", (32, 36)),
        ("van 08:30 tot 17:00, 20 uur", (20, 20)),
        ("in overleg", (None, None)),
    ],
)
def test_hours_are_read_out_of_prose(prose: str, hours: tuple[int | None, int | None]) -> None:
    record = read(without(workHours=prose))
    assert (record.hours_min, record.hours_max) == hours


def test_a_feed_is_cut_into_pages_and_only_the_last_has_the_cursor() -> None:
    rows = [without(identifier=f"v-{n}") for n in range(5)]
    driven = drive(pull(None, options(page=2)), told(rows, etag="e"))
    assert [(len(page.records), page.cursor, page.complete) for page in driven.pages] == [
        (2, None, False), (2, None, False), (1, "e", True),
    ]  # fmt: skip


@pytest.mark.parametrize("body", ["{}", "5", "null", '{"@graph": {}}', "[", '{"error": "x"}', ""])
def test_another_document_is_malformed(body: str) -> None:
    with pytest.raises(SourceMalformed):
        drive(pull(None, options()), raw(body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(POSTING)), JSON))
def test_no_posting_breaks_the_reader(changed: dict[str, Any]) -> None:
    with suppress(WrongPart):
        read(POSTING | changed)
