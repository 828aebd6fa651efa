"""`_entities`: N representations are one load, a bad one hurts no other, out of scope and absent are the same null."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from auth.viewer import Role
from tests.federation.country import Country
from tests.federation.test_statements import Counting
from tests.hub_kit import Hub, codes, open_hub

SECRET = "Kanarie-0796"
ASK = """
query($r: [_Any!]!) { _entities(representations: $r) {
  __typename
  ... on Region { code name }
  ... on Municipality { town: code region { code } }
  ... on Student { id destinationAim municipality { code } placements(first: 5) { nodes { kind } } }
} }
"""
REGION = {"__typename": "Region", "code": "AM27"}
TOWN = {"__typename": "Municipality", "code": "GM0796"}


@pytest.fixture(scope="module")
async def hub(country: Country) -> AsyncIterator[Hub]:
    async with open_hub(country.logins) as opened:
        yield opened


@pytest.fixture
async def counting(hub: Hub) -> AsyncIterator[list[str]]:
    """What goes over the connections while a test runs."""
    database, calls = hub.database, []  # type: ignore[var-annotated]
    pools = database._gateway, database._directory
    database._gateway, database._directory = counters = tuple(Counting(pool) for pool in pools)  # type: ignore[assignment]
    for counter in counters:
        counter.calls = calls
    yield calls
    database._gateway, database._directory = pools


def seer_of(country: Country, role: Role, nth: int = 0) -> str:
    return [f"{party}#{function}" for one, party, function in country.seers if one is role][nth]


async def students_of(hub: Hub, seer: str, most: int = 100) -> list[dict[str, Any]]:
    body = await hub.ask(seer, f"{{ students(first: {most}) {{ nodes {{ id }} }} }}")
    return [{"__typename": "Student", "id": node["id"]} for node in body["data"]["students"]["nodes"]]


async def entities(hub: Hub, seer: str | None, given: list[Any], text: str = ASK) -> Any:
    """The entities of a question in which nothing is wrong."""
    if seer is None:
        text = "query($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Region { code name } } }"
    body = await hub.ask(seer, text, {"r": given})
    assert "errors" not in body, body
    return body["data"]["_entities"]


async def test_many_representations_of_many_types_are_one_load(hub: Hub, country: Country, counting: list[str]) -> None:
    seer = seer_of(country, Role.MUNICIPALITY)
    students = await students_of(hub, seer, 60)
    assert len(students) > 20
    given = [REGION, *students, TOWN, *students[:5], REGION]
    for some in (given, students[:1], given):
        counting.clear()
        hub.reads.clear()
        found = await entities(hub, seer, some)
        assert counting == ["BEGIN READ ONLY", "statement", "COMMIT"]
        assert [len(read.students) for read in hub.reads] == [len({one.get("id") for one in some} - {None})]
        assert [one.get("code") or one.get("town") or one["id"] for one in found] == [
            one.get("code") or one["id"] for one in some
        ]
    counting.clear()
    assert (
        await entities(hub, None, [REGION] * 3)
        == [{"__typename": "Region", "code": "AM27", "name": found[0]["name"]}] * 3
    )
    assert counting == ["statement"]


BAD: list[tuple[Any, str]] = [
    ({"__typename": SECRET, "id": SECRET}, "UNKNOWN_ENTITY"),
    ({"__typename": "Candidate", "id": f"Candidate:{uuid4()}"}, "UNKNOWN_ENTITY"),
    ({"__typename": "Placement", "id": SECRET}, "UNKNOWN_ENTITY"),
    ({"__typename": "_Service", "sdl": SECRET}, "UNKNOWN_ENTITY"),
    ({"__typename": ["Region"], "code": "AM27"}, "UNKNOWN_ENTITY"),
    ({"code": "AM27"}, "UNKNOWN_ENTITY"),
    ({}, "UNKNOWN_ENTITY"),
    (SECRET, "UNKNOWN_ENTITY"),
    (5, "UNKNOWN_ENTITY"),
    ([[REGION]], "UNKNOWN_ENTITY"),
    (REGION | {"name": SECRET}, "BAD_REPRESENTATION"),
    (REGION | {SECRET: None}, "BAD_REPRESENTATION"),
    ({"__typename": "Region"}, "BAD_REPRESENTATION"),
    ({"__typename": "Region", "id": "Region:AM27"}, "BAD_REPRESENTATION"),
    ({"__typename": "Region", "code": None}, "BAD_REPRESENTATION"),
    ({"__typename": "Region", "code": 27}, "BAD_REPRESENTATION"),
    ({"__typename": "Region", "code": {"code": SECRET}}, "BAD_REPRESENTATION"),
    ({"__typename": "Student", "id": [SECRET]}, "BAD_REPRESENTATION"),
]


@pytest.mark.parametrize(("bad", "code"), BAD, ids=range(len(BAD)))
async def test_a_bad_representation_is_null_with_a_code_and_hurts_no_other(
    hub: Hub, country: Country, bad: Any, code: str
) -> None:
    seer = seer_of(country, Role.MUNICIPALITY)
    good = [REGION, *await students_of(hub, seer, 2), TOWN]
    whole = await entities(hub, seer, good)
    assert None not in whole
    for place in range(len(good) + 1):
        body = await hub.ask(seer, ASK, {"r": [*good[:place], bad, *good[place:]]})
        assert body["data"]["_entities"] == [*whole[:place], None, *whole[place:]]
        assert [(error["path"], error["extensions"]["code"]) for error in body["errors"]] == [
            (["_entities", place], code)
        ]
        assert SECRET not in str(body)


async def test_all_bad_ones_at_once_have_an_error_each(hub: Hub, country: Country) -> None:
    body = await hub.ask(seer_of(country, Role.MUNICIPALITY), ASK, {"r": [bad for bad, _ in BAD]})
    assert body["data"]["_entities"] == [None] * len(BAD)
    assert codes(body) == [code for _, code in BAD]
    assert [error["path"][-1] for error in body["errors"]] == list(range(len(BAD)))


async def test_a_type_that_the_role_has_not_is_as_unknown_as_one_that_nobody_has(hub: Hub, country: Country) -> None:
    text = "query($r: [_Any!]!) { _entities(representations: $r) { __typename } }"
    foreign = (await students_of(hub, seer_of(country, Role.MUNICIPALITY), 1))[0]
    for role in (Role.PUBLIC, Role.SERVICE_POINT, Role.EMPLOYER, Role.COORDINATOR, Role.NATIONAL):
        seer = None if role is Role.PUBLIC else seer_of(country, role)
        of_others = await hub.ask(seer, text, {"r": [foreign, REGION]})
        of_nobody = await hub.ask(seer, text, {"r": [foreign | {"__typename": "Nothing"}, REGION]})
        assert of_others == of_nobody
        assert codes(of_others) == ["UNKNOWN_ENTITY"]
        assert of_others["data"]["_entities"] == [None, {"__typename": "Region"}]


@pytest.mark.parametrize("role", [Role.SCHOOL, Role.MUNICIPALITY])
async def test_out_of_scope_and_absent_are_the_same_null_without_an_error(
    hub: Hub, country: Country, role: Role
) -> None:
    seer, other = seer_of(country, role), seer_of(country, role, 1)
    own, foreign = await students_of(hub, seer, 1), await students_of(hub, other, 5)
    assert len(foreign) == 5
    absent = [{"__typename": "Student", "id": one} for one in _absent()]
    absent += [{"__typename": "Region", "code": code} for code in ("AM99", "AM27\x00", "ÅM27", "AM27" * 30, "")]
    found = await entities(hub, seer, [*foreign, *own, *absent])
    assert found == [None] * 5 + await entities(hub, seer, own) + [None] * len(absent)
    assert None not in await entities(hub, other, foreign)
    one_by_one = [await entities(hub, seer, [one]) for one in (*foreign, *absent)]
    assert one_by_one == [[None]] * len(one_by_one)
    hub.reads.clear()
    await entities(hub, seer, [*foreign, *absent])
    assert hub.reads == []  # nobody was read


def _absent() -> list[str]:
    return [
        f"Student:{uuid4()}",
        str(uuid4()),
        "Student:",
        "Student:x",
        "Region:AM27",
        "",
        "Student:\x00",
        "Student:" + "x" * 5_000,
    ]


async def test_more_than_a_hundred_are_refused_before_anything_is_read(
    hub: Hub, country: Country, counting: list[str]
) -> None:
    seer = seer_of(country, Role.MUNICIPALITY)
    assert len(await entities(hub, seer, [REGION, TOWN] * 50)) == 100
    counting.clear()
    for many in (101, 1_000):
        body = await hub.ask(seer, ASK, {"r": [REGION] * many})
        assert codes(body) == ["BAD_INPUT"]
        assert body["data"] is None
        assert body["errors"][0]["path"] == ["_entities"]
    assert counting == []


async def test_every_representation_weighs(hub: Hub, country: Country) -> None:
    """A hundred places with a hundred students each, with their placements, is more than one question may cost."""
    text = """query($r: [_Any!]!) { _entities(representations: $r) { ... on Municipality {
      students(first: 100) { nodes { placements(first: 2) { nodes { kind } } } } } } }"""
    seer = seer_of(country, Role.MUNICIPALITY)
    assert len(await entities(hub, seer, [TOWN], text)) == 1
    assert codes(await hub.ask(seer, text, {"r": [TOWN] * 100})) == ["TOO_COSTLY"]
