"""Live fields against partners on real sockets: who is asked what, how often, and what a failing one costs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from schema.errors import Unavailable
from tests.hub_kit import Hub, codes, viewer
from tests.partners.subgraph import Subgraph
from tests.resolvers.live_kit import (
    DEADLINE,
    EMPLOYER,
    OTHER_TOWN,
    TOWN,
    TOWN_SEER,
    Partners,
    People,
    names,
    subgraph_partner,
)

if TYPE_CHECKING:
    pass

ALL = """{ students(first: 100) { nodes { id identity { givenName familyName birthDate mail phone legalRepresentative }
  support { jobcoach { name phone mail } werkconsulent { name } plan { from to } inPlace { kind from to } } } } }"""
NAMES = "{ students(first: 100) { nodes { identity { givenName } } } }"
CARDS = "{ candidates(first: 100) { nodes { id givenName jobcoach { name mail } } } }"
SLACK = 0.25


async def test_a_hundred_students_cost_one_call_per_source_and_layer(hub: Hub, partners: Partners) -> None:
    body = await hub.ask(TOWN_SEER, ALL)
    assert "errors" not in body, body["errors"]
    students = body["data"]["students"]["nodes"]
    assert len(students) == 100
    assert len({one["identity"]["givenName"] for one in students}) == 100
    assert len({one["support"]["jobcoach"]["name"] for one in students}) == 100
    assert sorted(partners.calls()) == ["/identities"] * 3 + ["/ondersteuning"]
    assert students[0]["identity"]["familyName"].startswith("van Zangvogel")
    assert students[0]["identity"]["birthDate"] == "2009-03-14"
    assert students[0]["support"]["plan"] == {"from": "2026-09-01", "to": None}
    assert [one["kind"] for one in students[0]["support"]["inPlace"]] == ["JOBCOACHING", "REISKOSTEN"]


async def test_every_key_goes_to_the_partner_whose_it_is(hub: Hub, partners: Partners, people: People) -> None:
    await hub.ask(TOWN_SEER, ALL)
    for party, school in partners.schools.items():
        (asked,) = school.app.asked("/identities")
        assert sorted(asked["leerlingen"]) == sorted(number for _, number in people.schools[party])
        assert asked["tier"] == "IDENTIFIED"


async def test_a_school_asks_its_own_system_and_of_a_case_the_jobcoach_alone(
    hub: Hub, partners: Partners, people: People
) -> None:
    own = next(iter(people.schools))
    body = await hub.ask(
        f"{own}#guidance", "{ students(first: 100) { nodes { identity { mail } support { jobcoach { name } } } } }"
    )
    assert "errors" not in body, body["errors"]
    assert all(one["support"]["jobcoach"]["name"] for one in body["data"]["students"]["nodes"])
    assert sorted(partners.calls()) == ["/identities", "/ondersteuning"]
    (asked,) = partners.town.app.asked("/ondersteuning")
    assert asked["tier"] == "GIVEN_NAME"
    for hidden in ("werkconsulent { name }", "plan { from }", "inPlace { kind }"):
        told = await hub.ask(f"{own}#guidance", f"{{ students {{ nodes {{ support {{ {hidden} }} }} }} }}")
        assert codes(told) == ["INVALID_DOCUMENT"]


async def test_an_employer_is_told_the_given_name_and_nothing_else_is_asked(hub: Hub, partners: Partners) -> None:
    body = await hub.ask(EMPLOYER, CARDS)
    assert "errors" not in body, body["errors"]
    cards = body["data"]["candidates"]["nodes"]
    assert len(cards) == 10
    assert all(one["givenName"].startswith("Kanarie") and one["jobcoach"]["name"] for one in cards)
    for school in partners.schools.values():
        assert {asked["tier"] for asked in school.app.asked("/identities")} <= {"GIVEN_NAME"}
    assert {asked["tier"] for asked in partners.town.app.asked("/ondersteuning")} == {"GIVEN_NAME"}
    told = await hub.ask(EMPLOYER, "{ candidates { nodes { identity { mail } } } }")
    assert codes(told) == ["INVALID_DOCUMENT"]


async def test_an_employer_does_not_learn_from_an_error_which_school_it_is(hub: Hub, partners: Partners) -> None:
    for school in partners.schools.values():
        school.app.told(fail=400)
    body = await hub.ask(EMPLOYER, CARDS)
    (error,) = body["errors"]
    assert error["extensions"]["source"] == "school"
    assert not any(party.partition(":")[2] in str(body) for party in partners.schools)


async def test_keys_below_the_tier_stay_in_the_hub(hub: Hub, partners: Partners, fresh_database: str) -> None:
    owner = await asyncpg.connect(fresh_database)
    low = "UPDATE access SET tier = '%s' WHERE seer = '%s'"
    try:
        for seer, tier, document in (
            (TOWN_SEER, "GIVEN_NAME", ALL),
            (TOWN_SEER, "CANDIDATE", NAMES),
            (EMPLOYER, "CANDIDATE", CARDS),
        ):
            async with _changed(owner, low % (tier, seer)):
                body = await hub.ask(seer, document)
            nodes = next(iter(body["data"].values()))["nodes"]
            assert nodes, "they are seen"
            assert all(value is None for one in nodes for name, value in one.items() if name != "id")
    finally:
        await owner.close()
    assert partners.calls() == []


class _changed:  # noqa: N801 - reads as a statement
    """A change of reasons' tiers, taken back; `access_stays` is stood aside for it."""

    def __init__(self, owner: Any, sql: str) -> None:
        self.owner, self.sql = owner, sql

    async def __aenter__(self) -> None:
        self.rows = await self.owner.fetch("SELECT id, tier FROM access")
        await self._do(self.sql)

    async def __aexit__(self, *_: object) -> None:
        for tier in {row["tier"] for row in self.rows}:
            ids = ", ".join(f"'{row['id']}'" for row in self.rows if row["tier"] == tier)
            await self._do(f"UPDATE access SET tier = '{tier}' WHERE id IN ({ids})")

    async def _do(self, sql: str) -> None:
        await self.owner.execute("ALTER TABLE access DISABLE TRIGGER access_stays")
        await self.owner.execute(sql)
        await self.owner.execute("ALTER TABLE access ENABLE TRIGGER access_stays")


@pytest.mark.parametrize(
    ("fail", "code"),
    [
        ("garbage", "SOURCE_MALFORMED"),
        ("break", "SOURCE_DOWN"),
        (500, "SOURCE_DOWN"),
        (429, "SOURCE_DOWN"),
        (400, "SOURCE_REFUSED"),
        ("hang", "SOURCE_TIMEOUT"),
    ],
)
async def test_a_failing_source_takes_its_own_fields_with_it_and_says_so_once(
    hub: Hub, partners: Partners, people: People, fail: Any, code: str
) -> None:
    party, school = list(partners.schools.items())[1]
    school.app.told(fail=fail)
    began = time.perf_counter()
    body = await hub.ask(TOWN_SEER, ALL)
    assert time.perf_counter() - began < DEADLINE + SLACK
    (error,) = body["errors"]
    assert error["extensions"]["code"] == code
    assert error["extensions"]["source"] == "school-1"
    assert error["extensions"]["at"].endswith("Z")
    assert error["path"] == ["students", "nodes", names(body).index(None), "identity"]
    assert sum(one is None for one in names(body)) == len(people.schools[party])
    assert all(one["support"] for one in body["data"]["students"]["nodes"])
    assert "Kanarie must not" not in str(body)


async def test_a_hanging_source_holds_up_nobody_else(hub: Hub, partners: Partners) -> None:
    list(partners.schools.values())[2].app.told(fail="hang")
    slow = asyncio.create_task(hub.ask(TOWN_SEER, NAMES))
    for _ in range(5):
        assert (await hub.ask(TOWN_SEER, "{ students(first: 5) { nodes { support { jobcoach { name } } } } }"))["data"]
    assert not slow.done(), "five questions take less than one deadline"
    assert codes(await slow) == ["SOURCE_TIMEOUT"]


async def test_fifty_equal_questions_at_once_are_one(hub: Hub, partners: Partners) -> None:
    for one in partners.everybody:
        one.app.told(slow=0.5)
    bodies = await asyncio.gather(*(hub.ask(TOWN_SEER, NAMES) for _ in range(50)))
    assert all("errors" not in body for body in bodies)
    assert partners.calls() == ["/identities"] * 3


async def test_another_purpose_is_another_question(hub: Hub, partners: Partners) -> None:
    for one in partners.everybody:
        one.app.told(slow=0.3)
    who = [replace(viewer(TOWN_SEER), purpose=purpose) for purpose in ("A", "B")]
    await asyncio.gather(*(hub.ask(one, NAMES) for one in who))
    assert len(partners.calls()) == 6


async def test_no_source_is_asked_before_the_reads_log_has_it(
    hub: Hub, partners: Partners, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: Any) -> None:
        assert partners.calls() == []
        raise Unavailable

    monkeypatch.setattr(hub.engine, "_record", refuse)
    body = await hub.ask(TOWN_SEER, ALL)
    assert codes(body) == ["UNAVAILABLE"]
    assert partners.calls() == []


async def test_a_party_without_a_source_is_named_and_never_silent(hub: Hub, partners: Partners, people: People) -> None:
    party = next(iter(people.schools))
    del partners.known[party, "school"]
    body = await hub.ask(TOWN_SEER, NAMES)
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["source"]) == ("SOURCE_DOWN", party)
    assert sum(one is None for one in names(body)) == len(people.schools[party])


async def test_whom_a_source_does_not_know_is_null_without_an_error(
    hub: Hub, partners: Partners, people: People
) -> None:
    party, school = next(iter(partners.schools.items()))
    del school.identities[people.schools[party][0][1]]
    body = await hub.ask(TOWN_SEER, NAMES)
    assert "errors" not in body
    assert sum(one is None for one in names(body)) == 1


async def test_a_case_that_a_subgraph_cannot_give_fails_alone(
    hub: Hub, partners: Partners, fresh_database: str
) -> None:
    graph = Subgraph()
    for n in range(100):
        graph.open_case(f"Z{n}")
    owner = await asyncpg.connect(fresh_database)
    await owner.execute("UPDATE link SET key = 'KAPOT' WHERE source = $1 AND key = 'Z7'", TOWN)
    try:
        async with subgraph_partner(graph) as one:
            partners.known[TOWN, "municipality"] = one
            body = await hub.ask(TOWN_SEER, "{ students(first: 100) { nodes { support { plan { from } } } } }")
    finally:
        await owner.execute("UPDATE link SET key = 'Z7' WHERE source = $1 AND key = 'KAPOT'", TOWN)
        await owner.close()
    told = [one["support"] for one in body["data"]["students"]["nodes"]]
    assert codes(body) == ["SOURCE_REFUSED"]
    assert [one for one in told if one != {"plan": {"from": "2026-09-01"}}] == [None]
    assert len(graph.app.log) == 1


async def test_a_municipality_is_told_of_its_own_case_only(hub: Hub, partners: Partners, fresh_database: str) -> None:
    owner = await asyncpg.connect(fresh_database)
    await owner.execute("UPDATE link SET source = $2 WHERE source = $1", TOWN, OTHER_TOWN)
    try:
        body = await hub.ask(TOWN_SEER, "{ students(first: 100) { nodes { support { jobcoach { name } } } } }")
    finally:
        await owner.execute("UPDATE link SET source = $1 WHERE source = $2", TOWN, OTHER_TOWN)
        await owner.close()
    assert all(one["support"] is None for one in body["data"]["students"]["nodes"])
    assert partners.calls() == []


async def test_a_live_value_is_cut_to_what_was_asked(hub: Hub, partners: Partners) -> None:
    body = await hub.ask(
        TOWN_SEER,
        """{ students(first: 1) { nodes { identity { __typename first: givenName givenName }
        support { ... on MunicipalSupport { coach: jobcoach { __typename who: name } } jobcoach { mail }
        inPlace { what: kind __typename } } } } }""",
    )
    (one,) = body["data"]["students"]["nodes"]
    assert list(one["identity"]) == ["__typename", "first", "givenName"]
    assert one["identity"]["__typename"] == "StudentIdentity"
    assert one["support"]["coach"]["__typename"] == "SupportContact"
    assert set(one["support"]["coach"]) == {"__typename", "who"}
    assert one["support"]["jobcoach"] == {"mail": "desk@gemeente.example"}
    assert one["support"]["inPlace"][0] == {"what": "JOBCOACHING", "__typename": "SupportInPlace"}


async def test_nothing_of_who_somebody_is_stays_in_the_database_or_a_log(
    hub: Hub, partners: Partners, fresh_database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    list(partners.schools.values())[1].app.told(fail="garbage")
    assert "Kanarie" in str(await hub.ask(TOWN_SEER, ALL))
    owner = await asyncpg.connect(fresh_database)
    try:
        tables = await owner.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'public'"
        )
        for row in tables:
            found = await owner.fetchval(f"SELECT count(*) FROM {row['name']} t WHERE t::text ~* 'kanarie|zangvogel'")
            assert not found, row["name"]
    finally:
        await owner.close()
    out, err = capfd.readouterr()
    assert "anarie" not in out + err
