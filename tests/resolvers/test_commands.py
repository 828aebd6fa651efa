"""The commands: who may, what they keep, and what a repeat does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from auth.viewer import Role, Viewer
from registry import reference
from schema.errors import Unavailable
from tests.hub_kit import Hub, codes, open_hub

if TYPE_CHECKING:
    from registry.migrate import Logins

NATIONAL, AM27, AM01 = "national#lead", "coordinator:AM27#coordinator", "coordinator:AM01#coordinator"
GM0796 = "municipality:GM0796#participatie"
SET = """mutation S($i: SetContactPointInput!) { setContactPoint(input: $i) { contact { id desk mail verified owner {
  __typename } } } }"""
VERIFY = "mutation V($i: VerifyContactPointInput!) { verifyContactPoint(input: $i) { contact { id verified } } }"
APPOINT = """mutation A($i: AppointCoordinatorInput!) { appointCoordinator(input: $i) { post { state filled hours
  holder {
  name desk verified } history { state } region { code } } } }"""
END = "mutation E($i: EndAppointmentInput!) { endAppointment(input: $i) { post { state holder { name } } } }"
STATE = "mutation P($i: SetPostStateInput!) { setPostState(input: $i) { post { state history { state } } } }"
UPDATE = """mutation U($i: UpdatePostInput!) { updatePost(input: $i) { post { organisation hours mandate
  schoolsRepresented history { hours } } } }"""


@pytest.fixture(scope="module")
async def hub(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Hub]:
    await reference.load(fresh_database)
    async with open_hub(fresh_logins) as made:
        yield made


@pytest.fixture
async def owner(fresh_database: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


def new(**given: Any) -> dict[str, Any]:
    return {"i": {"key": str(uuid4()), **given}}


def desk(owner: str = "GM0796", kind: str = "MUNICIPALITY", **more: Any) -> dict[str, Any]:
    return new(**{"ownerKind": kind, "owner": owner, "topic": "BASIC_CONDITIONS", "desk": "Loket", **more})


async def test_a_party_sets_its_own_contact_and_verifies_it(hub: Hub, owner: Any) -> None:
    made = await hub.ask(GM0796, SET, desk(mail="loket@gemeente.example"))
    contact = made["data"]["setContactPoint"]["contact"]
    assert contact["desk"] == "Loket"
    assert contact["verified"] is None
    verified = await hub.ask(GM0796, VERIFY, new(contact=contact["id"]))
    assert verified["data"]["verifyContactPoint"]["contact"]["verified"] == str(await owner.fetchval("SELECT today()"))
    changed = await hub.ask(GM0796, SET, desk(desk="Ander loket"))
    assert changed["data"]["setContactPoint"]["contact"] == contact | {"desk": "Ander loket", "mail": None}
    rows = await owner.fetch("SELECT command, seer FROM contact_point_history ORDER BY n")
    assert [row["command"] for row in rows] == ["setContactPoint", "verifyContactPoint", "setContactPoint"]
    assert {row["seer"] for row in rows} == {GM0796}


@pytest.mark.parametrize(
    ("seer", "kind", "key"),
    [
        (GM0796, "MUNICIPALITY", "GM0344"),
        (GM0796, "REGION", "AM27"),
        (GM0796, "NATIONAL", "national"),
        (AM27, "MUNICIPALITY", "GM0344"),
        (AM27, "REGION", "AM01"),
        (AM27, "NATIONAL", "national"),
        (NATIONAL, "MUNICIPALITY", "GM9999"),
        ("school:90ZA00#guidance", "SCHOOL", "90ZA01"),
    ],
)
async def test_what_is_not_yours_and_what_is_not_there_are_the_same(hub: Hub, seer: str, kind: str, key: str) -> None:
    body = await hub.ask(seer, SET, desk(key, kind))
    assert codes(body) == ["NOT_FOUND"]
    assert body["errors"][0]["path"] == ["setContactPoint"]
    assert body["data"] == {"setContactPoint": None}


async def test_a_coordinator_sets_contacts_of_its_region_and_national_of_all(hub: Hub) -> None:
    for seer, kind, key in ((AM27, "REGION", "AM27"), (AM27, "MUNICIPALITY", "GM0796"), (NATIONAL, "REGION", "AM01")):
        assert "errors" not in await hub.ask(seer, SET, desk(key, kind))


async def test_a_repeat_gives_the_same_and_other_content_is_key_reused(hub: Hub, owner: Any) -> None:
    given = desk(desk="Eenmaal")
    before = await owner.fetchval("SELECT count(*) FROM contact_point_history")
    answers = await asyncio.gather(*(hub.ask(GM0796, SET, given) for _ in range(4)))
    assert all(answer == answers[0] for answer in answers)
    assert await owner.fetchval("SELECT count(*) FROM contact_point_history") == before + 1
    other = {"i": given["i"] | {"desk": "Anders"}}
    assert codes(await hub.ask(GM0796, SET, other)) == ["KEY_REUSED"]
    assert "errors" not in await hub.ask(AM27, SET, other), "keys belong to the seer"


async def test_the_post_goes_from_talks_to_an_appointment_and_back_with_history(hub: Hub, owner: Any) -> None:
    for state in ("IN_TALKS", "RECRUITING"):
        body = await hub.ask(NATIONAL, STATE, new(region="AM18", state=state))
        assert body["data"]["setPostState"]["post"]["state"] == state
    given = new(region="AM18", name="Q. Verzonnen", desk="Coordinator", hours=24)
    post = (await hub.ask(NATIONAL, APPOINT, given))["data"]["appointCoordinator"]["post"]
    assert post["state"] == "APPOINTED"
    assert post["filled"] is True
    assert post["holder"]["name"] == "Q. Verzonnen"
    assert [one["state"] for one in post["history"]] == ["RECRUITING", "IN_TALKS", "NONE"]
    again = new(region="AM18", name="Q. Verzonnen", desk="Coordinator")
    assert codes(await hub.ask(NATIONAL, APPOINT, again)) == ["CONFLICT"]
    assert codes(await hub.ask(NATIONAL, STATE, new(region="AM18", state="NONE"))) == ["CONFLICT"]
    ended = (await hub.ask(NATIONAL, END, new(region="AM18")))["data"]["endAppointment"]["post"]
    assert ended == {"state": "NONE", "holder": None}
    name = "SELECT name FROM contact_point WHERE owner_kind = 'REGION' AND owner = 'AM18' AND topic = 'PUPILS_TO_WORK'"
    assert await owner.fetchval(name) is None
    assert codes(await hub.ask(NATIONAL, END, new(region="AM18"))) == ["CONFLICT"]


async def test_an_appointment_is_no_state_that_can_be_set(hub: Hub) -> None:
    assert codes(await hub.ask(NATIONAL, STATE, new(region="AM18", state="APPOINTED"))) == ["BAD_INPUT"]


async def test_a_coordinator_updates_the_own_post_and_what_is_not_given_stays(hub: Hub) -> None:
    await hub.ask(NATIONAL, APPOINT, new(region="AM27", name="Z. Verzonnen", desk="Coordinator", hours=16, mandate="M"))
    body = await hub.ask(AM27, UPDATE, new(region="AM27", hours=20))
    post = body["data"]["updatePost"]["post"]
    assert (post["hours"], post["mandate"]) == (20, "M")
    assert post["history"][0] == {"hours": 16}
    cleared = (await hub.ask(AM27, UPDATE, new(region="AM27", mandate=None)))["data"]["updatePost"]["post"]
    assert cleared["mandate"] is None
    assert codes(await hub.ask(AM01, UPDATE, new(region="AM27", hours=1))) == ["NOT_FOUND"]
    assert codes(await hub.ask(AM27, UPDATE, new(region="AM27", hours=99))) == ["BAD_INPUT"]


async def test_a_command_outside_the_contract_does_not_exist(hub: Hub) -> None:
    for seer in (GM0796, AM27, None):
        body = await hub.ask(seer, STATE, new(region="AM27", state="NONE"))
        assert codes(body)[0] == "INVALID_DOCUMENT"


async def test_a_token_without_the_scope_reads_or_commands_nothing(hub: Hub) -> None:
    reader = Viewer(Role.NATIONAL, "national", "lead", scopes=frozenset({"read"}))
    assert codes(await hub.ask(reader, STATE, new(region="AM18", state="NONE"))) == ["FORBIDDEN"]
    writer = Viewer(Role.NATIONAL, "national", "lead", scopes=frozenset({"command"}))
    assert codes(await hub.ask(writer, "{ regions { code } }")) == ["FORBIDDEN"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"mail": "no address"}, "BAD_INPUT"),
        ({"phone": "call me"}, "BAD_INPUT"),
        ({"desk": "  "}, "BAD_INPUT"),
        ({"deputy": "ContactPoint:" + str(uuid4())}, "NOT_FOUND"),
        ({"deputy": "nonsense"}, "NOT_FOUND"),
        ({"key": "1"}, "BAD_INPUT"),
        ({"desk": "a\x00b"}, "BAD_INPUT"),
        ({"desk": "a\ud800b"}, "BAD_INPUT"),
        ({"desk": "x" * 2001}, "BAD_INPUT"),
    ],
)
async def test_bad_input_is_refused_without_quoting_it(hub: Hub, more: dict[str, Any], code: str) -> None:
    body = await hub.ask(GM0796, SET, desk(**more))
    assert codes(body) == [code]
    assert str(next(iter(more.values())))[:30] not in body["errors"][0]["message"]


async def test_several_commands_run_in_their_order_and_each_has_its_own_error(hub: Hub) -> None:
    text = """mutation M($a: SetPostStateInput!, $b: SetPostStateInput!, $c: SetPostStateInput!) {
      x: setPostState(input: $a) { post { state } } y: setPostState(input: $b) { post { state } }
      z: setPostState(input: $c) { post { state } } }"""
    a, b, c = (new(region=r, state=s)["i"] for r, s in (("AM02", "IN_TALKS"), ("AM99", "NONE"), ("AM02", "RECRUITING")))
    body = await hub.ask(NATIONAL, text, {"a": a, "b": b, "c": c})
    assert body["data"] == {"x": {"post": {"state": "IN_TALKS"}}, "y": None, "z": {"post": {"state": "RECRUITING"}}}
    assert [(e["extensions"]["code"], e["path"]) for e in body["errors"]] == [("NOT_FOUND", ["y"])]


async def test_a_payload_that_fails_after_the_commit_says_so_on_its_own_error(
    hub: Hub, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(hub.database, "read", away)
    text = """mutation M($a: SetPostStateInput!, $b: SetPostStateInput!) {
      x: setPostState(input: $a) { post { state } } y: setPostState(input: $b) { post { state } } }"""
    a, b = (new(region=r, state="IN_TALKS")["i"] for r in ("AM99", "AM03"))
    body = await hub.ask(NATIONAL, text, {"a": a, "b": b})
    said = [(e["path"], e["extensions"]["code"], e["extensions"].get("committed")) for e in body["errors"]]
    assert said == [(["x"], "NOT_FOUND", None), (["y"], "UNAVAILABLE", True)]
    assert await owner.fetchval("SELECT state FROM coordinator_post WHERE region = 'AM03'") == "IN_TALKS"


async def test_a_deadline_says_at_each_command_whether_it_was_committed(
    hub: Hub, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_: Any) -> Any:
        await asyncio.sleep(60)

    monkeypatch.setattr(hub.database, "read", slow)
    monkeypatch.setattr(hub.engine, "_limits", replace(hub.engine._limits, seconds=1.0))
    text = """mutation M($a: SetPostStateInput!, $b: SetPostStateInput!) {
      x: setPostState(input: $a) { post { state } } y: setPostState(input: $b) { post { state } } }"""
    a, b = (new(region=r, state="IN_TALKS")["i"] for r in ("AM05", "AM06"))
    body = await hub.ask(NATIONAL, text, {"a": a, "b": b})
    said = [(e["path"], e["extensions"]["code"], e["extensions"].get("committed")) for e in body["errors"]]
    assert said == [(["x"], "TOO_SLOW", True), (["y"], "TOO_SLOW", None)]
    states = "SELECT region, state FROM coordinator_post WHERE region IN ('AM05', 'AM06') ORDER BY region"
    before = dict(await owner.fetch(states))
    assert before["AM05"] == "IN_TALKS"
    assert before["AM06"] != "IN_TALKS"
