"""Hive Gateway before the hub and a municipality's subgraph: joins by key, the caller's token, the contract kept."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from graphql import build_client_schema, get_introspection_query

from auth.viewer import Role
from tests.composition.conftest import TOWN
from tests.composition.node_kit import Served, gateway_process, town_process
from tests.composition.shown import fields, fields_of
from tests.spil.hub_kit import Actor, Hub

TRACE = "0af7651916cd43dd8448eb211c80319c"
FROM_SPIL = """
{ me { role party }
  students(first: 5) { nodes { id destinationAim localCase { zaaknummer } municipality { name ownPage } } } }
"""
FROM_TOWN = """
{ gemeente { code ownPage name region { code } students(first: 1) { totalCount } }
  zaken { zaaknummer student { id destinationAim school { name } } } }
"""


async def asked(gateway: Served, hub: Hub, query: str, actor: Actor | None = TOWN, variables: Any = None) -> Any:
    """The data of a question that must go well."""
    body = await gateway.ask(query, variables, await hub.token(actor) if actor else None)
    assert "errors" not in body, body
    return body["data"]


def codes(body: dict[str, Any]) -> set[str]:
    return {error["extensions"]["code"] for error in body["errors"]}


async def test_a_question_that_starts_at_spil_joins_the_municipality_by_both_keys(
    gateway: Served, hub: Hub, cases: dict[str, str]
) -> None:
    number_of = {student: number for number, student in cases.items()}
    data = await asked(gateway, hub, FROM_SPIL)
    assert data["me"] == {"role": "MUNICIPALITY", "party": TOWN[0]}
    nodes = data["students"]["nodes"]
    found = [node["localCase"] and node["localCase"]["zaaknummer"] for node in nodes]
    assert found == [number_of.get(node["id"]) for node in nodes] == ["Z1", "Z2", "Z3", None, None]
    town = {"name": "'s-Hertogenbosch", "ownPage": "https://gemeente.example/GM0796"}
    assert town in [node["municipality"] for node in nodes]
    own = await hub.data("{ students(first: 5) { nodes { id destinationAim } } }", as_party=TOWN)
    assert [{name: node[name] for name in ("id", "destinationAim")} for node in nodes] == own["students"]["nodes"]


async def test_a_question_that_starts_at_the_municipality_joins_spil_by_both_keys(
    gateway: Served, hub: Hub, cases: dict[str, str]
) -> None:
    before = len(hub.lines)
    data = await asked(gateway, hub, FROM_TOWN)
    assert data["gemeente"] == {
        "code": "GM0796",
        "ownPage": "https://gemeente.example/GM0796",
        "name": "'s-Hertogenbosch",
        "region": {"code": "AM27"},
        "students": {"totalCount": 21},
    }
    joined = {case["zaaknummer"]: case["student"] for case in data["zaken"] if case["zaaknummer"] in ("Z1", "Z2", "Z3")}
    assert {number: student["id"] for number, student in joined.items()} == {n: cases[n] for n in joined}
    assert all(student["destinationAim"] and student["school"]["name"] for student in joined.values())
    assert len(joined) == 3
    # Both joins and all their keys are one request, and the three who were read stand in the reads log.
    assert [line["students"] for line in hub.lines[before:]] == [3]


@pytest.mark.parametrize(
    "asks", ["student(id: $id) { id destinationAim localCase { zaaknummer } }", "node(id: $id) { id }"]
)
async def test_who_is_not_seen_and_who_is_not_there_are_the_same_null(
    gateway: Served, hub: Hub, cases: dict[str, str], asks: str
) -> None:
    question = f"query($id: ID!) {{ one: {asks} }}"
    assert (await asked(gateway, hub, question, variables={"id": cases["Z1"]}))["one"]["id"] == cases["Z1"]
    for number in ("Z8", "Z9"):
        assert await asked(gateway, hub, question, variables={"id": cases[number]}) == {"one": None}


async def test_a_case_whose_young_person_is_not_seen_joins_nothing(
    gateway: Served, hub: Hub, cases: dict[str, str], other_town: Actor
) -> None:
    """An id that Spil gave another municipality, and one that nobody has: the id is the case's, Spil's part is null."""
    data = await asked(gateway, hub, FROM_TOWN)
    joined = {case["zaaknummer"]: case["student"] for case in data["zaken"]}
    for number in ("Z8", "Z9"):
        assert joined[number] == {"id": cases[number], "destinationAim": None, "school": None}
    assert (await hub.data("query($id: ID!) { student(id: $id) { id } }", {"id": cases["Z9"]}, as_party=other_town))[
        "student"
    ] is not None


async def test_a_field_that_may_not_be_null_takes_the_joined_object_with_it(gateway: Served, hub: Hub) -> None:
    """As docs/federation.md warns: whoever is not seen and who is not there are still the same."""
    body = await gateway.ask("{ zaken { zaaknummer student { id disclosure } } }", token=await hub.token(TOWN))
    students = {case["zaaknummer"]: case["student"] for case in body["data"]["zaken"]}
    assert [number for number, student in students.items() if student is None] == ["Z8", "Z9"]
    assert [error["path"] for error in body["errors"]] == [["zaken", n, "student", "disclosure"] for n in (3, 4)]


async def test_the_token_goes_to_spil_alone_and_the_trace_to_both(gateway: Served, hub: Hub, town: Served) -> None:
    before = len(await town.log())
    token = await hub.token(TOWN)
    await gateway.ask(FROM_TOWN, token=token, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    assert (hub.lines[-1]["party"], hub.lines[-1]["trace"]) == (TOWN[0], TRACE)
    lines = [line for line in (await town.log())[before:] if line["path"] == "/graphql"]
    assert lines
    for line in lines:
        assert TRACE in line["headers"]["traceparent"]
        assert token not in str(line)
        assert "authorization" not in line["headers"]


async def test_two_who_ask_the_same_at_the_same_moment_get_each_their_own(
    gateway: Served, hub: Hub, other_town: Actor
) -> None:
    question = "{ me { party } students(first: 3) { nodes { id } } }"
    actors = [TOWN, other_town, None] * 10
    own = {actor: await hub.data(question, as_party=actor) for actor in (TOWN, other_town)}
    assert own[TOWN]["students"] != own[other_town]["students"]
    tokens = [await hub.token(actor) if actor else None for actor in actors]
    bodies = await asyncio.gather(*(gateway.ask(question, token=token) for token in tokens))
    for actor, body in zip(actors, bodies, strict=True):
        if actor:
            assert body == {"data": own[actor]}
        else:
            assert body["data"] is None
            assert codes(body) == {"INVALID_DOCUMENT"}


async def test_without_a_token_spil_answers_as_to_the_public(gateway: Served, hub: Hub, cases: dict[str, str]) -> None:
    data = await asked(gateway, hub, "{ me { role } gemeente { code name } }", actor=None)
    assert data == {"me": {"role": "PUBLIC"}, "gemeente": {"code": "GM0796", "name": "'s-Hertogenbosch"}}
    for question in ("{ students(first: 1) { nodes { id } } }", "{ zaken { student { id destinationAim } } }"):
        body = await gateway.ask(question)
        assert codes(body) == {"INVALID_DOCUMENT"}
        assert hub.lines[-1]["role"] == "PUBLIC"
        aims = [case["student"] and case["student"]["destinationAim"] for case in (body["data"] or {}).get("zaken", [])]
        assert set(aims) <= {None}
    body = await gateway.ask("{ me { role } }", token="x.y.z")
    assert codes(body) == {"UNAUTHENTICATED"}


END = 'endAccess(input: {key: "7f4b3c9e-0000-4000-8000-000000000001", person: "Student:x"}) { student { id } }'


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("{ students(first: 1000) { nodes { id } } }", "PAGE_TOO_LARGE"),
        ('{ contact(topic: INTERNSHIPS, at: {postcode: "x"}) { path { kind } } }', "BAD_INPUT"),
        ("mutation { " + END + " }", "NOT_FOUND"),
    ],
)
async def test_an_error_of_spil_passes_with_its_code_and_request(
    gateway: Served, hub: Hub, question: str, code: str
) -> None:
    body = await gateway.ask(question, token=await hub.token(TOWN))
    assert codes(body) == {code}
    assert body["errors"][0]["extensions"]["requestId"] == hub.lines[-1]["request"]


async def test_a_municipality_that_is_down_takes_nothing_of_spil_with_it(
    gateway: Served, hub: Hub, town: Served
) -> None:
    await town.told(fail=500)
    try:
        body = await gateway.ask(FROM_SPIL, token=await hub.token(TOWN))
    finally:
        await town.told()
    assert body["errors"]
    assert {tuple(error["path"][-1:]) for error in body["errors"]} <= {("localCase",), ("ownPage",)}
    nodes = body["data"]["students"]["nodes"]
    assert [node["localCase"] for node in nodes] == [None] * 5
    assert all(node["destinationAim"] for node in nodes)


async def test_it_shows_what_the_contract_and_the_municipality_show_and_no_more(
    gateway: Served, hub: Hub, served: dict[Role, str], town_sdl: str
) -> None:
    told = await asked(gateway, hub, get_introspection_query(descriptions=False))
    assert fields(build_client_schema(told)) == fields_of(served[Role.MUNICIPALITY]) | fields_of(town_sdl)


@pytest.mark.parametrize(
    "question",
    [
        "{ candidates(first: 1) { nodes { id } } }",
        '{ findStudents(name: "Kanarie") { nodes { id } } }',
        "{ students { nodes { reference } } }",
        "{ _service { sdl } }",
        '{ _entities(representations: [{__typename: "Student", id: "x"}]) { __typename } }',
    ],
)
async def test_what_the_contract_lacks_never_reaches_the_hub(gateway: Served, hub: Hub, question: str) -> None:
    before = len(hub.lines)
    body = await gateway.ask(question, token=await hub.token(TOWN))
    assert codes(body) == {"GRAPHQL_VALIDATION_FAILED"}
    assert len(hub.lines) == before


async def test_a_thousand_representations_are_refused_by_the_door_or_by_the_engine(hub: Hub) -> None:
    question = "query($r: [_Any!]!) { _entities(representations: $r) { __typename } }"
    for one, code in (
        ({"__typename": "Municipality", "code": "GM0796"}, "BAD_INPUT"),
        ({"__typename": "Student", "id": f"Student:{uuid4()}"}, "BODY_TOO_LARGE"),
    ):
        answer = await hub.ask(question, {"r": [one] * 1_000}, as_party=TOWN)
        assert codes(answer.json()) == {code}


async def test_a_join_of_more_than_a_hundred_is_refused_and_the_municipality_has_its_part(
    hub: Hub, supergraph: str, town: Served
) -> None:
    crowd = {f"Z{n}": f"Student:{uuid4()}" for n in range(101)}
    question, token = "{ zaken { zaaknummer student { destinationAim } } }", await hub.token(TOWN)
    async with town_process(crowd) as crowded:
        assert town.url in supergraph
        async with gateway_process(supergraph.replace(town.url, crowded.url)) as gateway:
            body = await gateway.ask(question, token=token)
    assert codes(body) == {"BAD_INPUT"}
    assert [case["zaaknummer"] for case in body["data"]["zaken"]] == list(crowd)
    assert {str(case["student"]) for case in body["data"]["zaken"]} == {"{'destinationAim': None}"}
