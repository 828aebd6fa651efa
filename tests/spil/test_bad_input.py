"""Hostile values: each is an error with a stable code and the path of its field, or finds nothing; never a 500."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.spil.hub_kit import Country, Hub, codes

LISTS = "query($c: Cursor, $n: Int) { here: students(first: $n, after: $c) { pageInfo { endCursor } nodes { id } } }"
BACK = "query($c: Cursor) { here: students(last: 1, before: $c) { nodes { id } } }"
NAMES = "query($t: Text) { here: municipalities(filter: {nameStartsWith: $t}) { nodes { name } } }"
PLACE = (
    "query($p: ContactPlace!) { here: contact(topic: PUPILS_TO_WORK, at: $p) { contact { desk } path { kind why } } }"
)
NODE = "query($id: ID!) { here: node(id: $id) { id } }"
SCHOOL = "query($id: ID!) { here: school(brin: $id) { name } }"
HOSTILE = [
    "\x00",
    "a\x00b",
    "\ud800",
    "x\udfff",
    "",
    "x" * 20_000,
    "' OR 1=1 --",
    "{person.alias}",
    "$1",
    "\u202e",
    "٣" * 4,
]


@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
async def test_a_hostile_id_finds_nothing_or_is_refused(hub: Hub, value: str) -> None:
    for query in (NODE, SCHOOL):
        for given in (value, f"School:{value}"):
            answer = await hub.ask(query, {"id": given})
            assert answer.status_code == 200
            assert_harmless(answer.json())


@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
async def test_a_hostile_text_finds_nothing_or_is_refused(hub: Hub, value: str) -> None:
    answer = await hub.ask(NAMES, {"t": value})
    assert answer.status_code == 200
    found = answer.json()
    if value != "":
        assert_harmless(found)


@pytest.mark.parametrize("value", [*HOSTILE, "GM07961", "gm0796", "521111", "0999", "AM99999"], ids=ascii)
@pytest.mark.parametrize("kind", ["school", "board", "municipality", "region", "postcode"])
async def test_a_malformed_place_is_bad_input_with_its_path(hub: Hub, kind: str, value: str) -> None:
    answer = await hub.ask(PLACE, {"p": {kind: value}})
    assert answer.status_code == 200
    assert codes(answer) == ["BAD_INPUT"]
    assert answer.json()["errors"][0]["path"] == ["here"]
    assert not value or value not in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "place", [{}, {"region": None}, {"region": "AM27", "postcode": "5211"}, {"planet": "x"}, 5, []]
)
async def test_a_place_is_exactly_one(hub: Hub, place: Any) -> None:
    answer = await hub.ask(PLACE, {"p": place})
    assert (answer.status_code, set(codes(answer))) == (200, {"BAD_INPUT"})
    assert answer.json()["errors"][0]["path"] == ["here"]


@pytest.mark.parametrize(
    "place",
    [{"region": "AM99"}, {"municipality": "GM9999"}, {"postcode": "1999"}, {"school": "99ZZ99"}, {"board": "99999"}],
)
async def test_a_well_formed_unknown_place_is_answered_by_the_national_desk(hub: Hub, place: dict[str, str]) -> None:
    found = (await hub.data(PLACE, {"p": place}))["here"]
    assert found["contact"]["desk"]
    assert [step["kind"] for step in found["path"]] == ["UNKNOWN_PLACE", "NATIONAL_DESK"]


@pytest.mark.parametrize("number", [10**30, -(10**30), 2**31, 1.5, 1e300, "5", True, [5], {}])
async def test_a_number_out_of_its_type_is_bad_input_with_its_path(hub: Hub, country: Country, number: Any) -> None:
    answer = await hub.ask(LISTS, {"n": number}, as_party=country.school)
    if number == [5]:
        assert answer.status_code == 200
        return
    assert (answer.status_code, codes(answer)) == (200, ["BAD_INPUT"])
    assert answer.json()["errors"][0]["path"] == ["here"]


@pytest.mark.parametrize(("number", "code"), [(-1, "BAD_INPUT"), (101, "PAGE_TOO_LARGE"), (2**31 - 1, "TOO_COSTLY")])
async def test_a_page_of_no_fit_size_is_refused(hub: Hub, country: Country, number: int, code: str) -> None:
    answer = await hub.ask(LISTS, {"n": number}, as_party=country.school)
    assert codes(answer) == [code]


@pytest.mark.parametrize(
    "literal", ['"\\u0000"', '"\\uD800"', "99999999999999999999999999", "1e400", '"""x"""', "X", "{}"]
)
async def test_hostile_literals_are_refused_as_documents(hub: Hub, country: Country, literal: str) -> None:
    for query in (
        f"{{ students(first: {literal}) {{ nodes {{ id }} }} }}",
        f"{{ students(after: {literal}) {{ nodes {{ id }} }} }}",
        f"{{ node(id: {literal}) {{ id }} }}",
    ):
        answer = await hub.ask(query, as_party=country.school)
        assert answer.status_code == 200
        found = answer.json()
        if "errors" in found:
            assert codes(answer)[0] in {"INVALID_DOCUMENT", "BAD_DOCUMENT", "BAD_CURSOR", "BAD_INPUT"}
            assert not literal.isdigit() or literal not in found["errors"][0]["message"]
        else:
            assert found == {"data": {"node": None}}


async def test_surrogates_in_raw_json_are_no_500(hub: Hub, country: Country) -> None:
    for body in (
        b'{"query": "\\ud800"}',
        b'{"query": "{ me { role } }", "operationName": "\\ud800"}',
        b'{"query": "{ me { role } }", "variables": {"\\ud800": 1}}',
        b'{"query": "query($c: Cursor) { students(after: $c) { nodes { id } } }", "variables": {"c": "\\udfff"}}',
        b'{"query": "{ node(id: \\"School:\\ud800\\") { id } }"}',
    ):
        answer = await hub.send(body, as_party=country.school)
        assert answer.status_code == 200
        assert "INTERNAL" not in answer.text


# ---- cursors


async def cursor_of(hub: Hub, country: Country) -> str:
    return str((await hub.data(LISTS, {"n": 1}, as_party=country.school))["here"]["pageInfo"]["endCursor"])


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "!!", "\x00", "\ud800", "é", "A" * 900, "=" * 8])
@pytest.mark.parametrize("query", [LISTS, BACK])
async def test_a_broken_cursor_is_bad_cursor_with_its_path(hub: Hub, country: Country, query: str, cursor: str) -> None:
    answer = await hub.ask(query, {"c": cursor}, as_party=country.school)
    assert (answer.status_code, codes(answer)) == (200, ["BAD_CURSOR"])
    assert answer.json()["errors"][0]["path"] == ["here"]


async def test_a_cursor_serves_its_own_party_list_and_order_alone(hub: Hub, country: Country) -> None:
    cursor = await cursor_of(hub, country)
    again = await hub.data(LISTS, {"n": 1, "c": cursor}, as_party=country.school)
    assert again["here"]["nodes"]
    for who in (country.other_school, country.municipality):
        assert codes(await hub.ask(LISTS, {"c": cursor}, as_party=who)) == ["BAD_CURSOR"]
    for query in (
        "query($c: Cursor) { here: placements(after: $c) { nodes { id } } }",
        "query($c: Cursor) { here: students(after: $c, order: {field: LEAVES_ON}) { nodes { id } } }",
        "query($c: Cursor) { here: students(after: $c, order: {field: ID, direction: DESC}) { nodes { id } } }",
    ):
        answer = await hub.ask(query, {"c": cursor}, as_party=country.school)
        assert codes(answer) == ["BAD_CURSOR"], query
        assert answer.json()["errors"][0]["path"] == ["here"]


async def test_every_changed_sign_of_a_cursor_is_refused(hub: Hub, country: Country) -> None:
    cursor = await cursor_of(hub, country)
    for place in range(0, len(cursor) - 1, 7):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        assert codes(await hub.ask(LISTS, {"c": changed}, as_party=country.school)) == ["BAD_CURSOR"]


def assert_harmless(found: dict[str, Any]) -> None:
    """Nothing was found, or it was refused with a code of ours."""
    if "errors" in found:
        assert {error["extensions"]["code"] for error in found["errors"]} <= {"BAD_INPUT", "INVALID_DOCUMENT"}
        assert all(error["path"] == ["here"] for error in found["errors"])
    else:
        assert found["data"]["here"] in (None, {"nodes": []}), orjson.dumps(found)
