"""A school finds its students by name: asked of its own system, never logged, never kept."""

from __future__ import annotations

import asyncio

import pytest

from tests.hub_kit import Hub, codes
from tests.resolvers.live_kit import TOWN_SEER, Partners, People

FIND = "query($name: Text!) { findStudents(name: $name) { totalCount nodes { reference identity { givenName } } } }"


async def test_a_school_finds_its_students_by_name(hub: Hub, partners: Partners, people: People) -> None:
    party, school = list(partners.schools.items())[1]
    school.know("LN1-of-nobody-here")
    body = await hub.ask(f"{party}#guidance", FIND, {"name": "zangvogelln1"})
    assert "errors" not in body, body["errors"]
    found = body["data"]["findStudents"]
    assert found["totalCount"] == len(people.schools[party])
    (_, number) = people.schools[party][4]
    body = await hub.ask(f"{party}#guidance", FIND, {"name": f"Kanarie{number} van"})
    assert body["data"]["findStudents"]["nodes"] == [
        {"reference": number, "identity": {"givenName": f"Kanarie{number}"}}
    ]
    body = await hub.ask(f"{party}#guidance", FIND, {"name": "nobody of that name"})
    assert body["data"]["findStudents"] == {"totalCount": 0, "nodes": []}
    assert all(asked.app.asked("/identities/search") == [] for one, asked in partners.schools.items() if one != party)


async def test_a_search_is_asked_once_however_often_it_is_written(hub: Hub, partners: Partners) -> None:
    party, school = list(partners.schools.items())[1]
    seer = f"{party}#guidance"
    written = " ".join(f"a{n}: findStudents(name: $a) {{ totalCount }}" for n in range(9))
    body = await hub.ask(seer, f"query($a: Text!) {{ {written} }}", {"a": "zangvogel"})
    assert "errors" not in body
    assert len({one["totalCount"] for one in body["data"].values()}) == 1
    assert len(school.app.asked("/identities/search")) == 1
    school.app.told(slow=0.3)
    many = await asyncio.gather(*(hub.ask(seer, FIND, {"name": "zangvogel"}) for _ in range(20)))
    assert all("errors" not in one for one in many)
    assert len(school.app.asked("/identities/search")) == 2


async def test_two_searches_in_one_operation_are_refused_before_anybody_is_asked(hub: Hub, partners: Partners) -> None:
    party, school = list(partners.schools.items())[1]
    text = """query($a: Text!, $b: Text!) { a: findStudents(name: $a) { totalCount }
      b: findStudents(name: $b) { totalCount } regions { code } }"""
    body = await hub.ask(f"{party}#guidance", text, {"a": "zangvogel", "b": "kanarie"})
    assert [(e["path"], e["extensions"]["code"]) for e in body["errors"]] == [
        (["a"], "TOO_COSTLY"),
        (["b"], "TOO_COSTLY"),
    ]
    assert (body["data"]["a"], body["data"]["b"], len(body["data"]["regions"])) == (None, None, 35)
    assert school.app.asked("/identities/search") == []


async def test_a_search_that_could_not_be_made_is_no_empty_list(hub: Hub, partners: Partners) -> None:
    party, school = list(partners.schools.items())[1]
    school.app.told(fail=500)
    body = await hub.ask(f"{party}#guidance", FIND, {"name": "Kanarie"})
    assert body["data"]["findStudents"] is None
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["source"]) == ("SOURCE_DOWN", "school-1")
    assert error["path"] == ["findStudents"]


@pytest.mark.parametrize(
    "document",
    [
        '{ findStudents(name: "Kanarie") { totalCount } }',
        'query($n: Text! = "Kanarie") { findStudents(name: $n) { totalCount } }',
        'fragment F on Query { findStudents(name: "Kanarie") { totalCount } } query($n: Text!) { ...F nodes(ids: $n) }',
    ],
)
async def test_a_name_that_is_written_out_is_refused_and_not_remembered(
    hub: Hub, partners: Partners, people: People, document: str
) -> None:
    party = list(people.schools)[1]
    body = await hub.ask(f"{party}#guidance", document)
    assert codes(body) == ["INVALID_DOCUMENT"]
    assert partners.calls() == []
    await hub.ask(f"{party}#guidance", FIND, {"name": "Kanarie"})
    kept = str(list(hub.engine._documents._known)) + str(list(hub.engine._plans)) + str(hub.reads)
    assert "Kanarie" not in kept


async def test_who_sees_no_students_finds_none_and_nobody_is_asked(
    hub: Hub, partners: Partners, people: People
) -> None:
    party = list(people.schools)[1]
    body = await hub.ask(f"{party}#administration", FIND, {"name": "Kanarie"})
    assert body["data"]["findStudents"]["nodes"] == []
    assert partners.calls() == []
    assert codes(await hub.ask(TOWN_SEER, FIND, {"name": "Kanarie"})) == ["INVALID_DOCUMENT"]
