"""`contact()`: the one right contact, and how it was found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from registry import reference
from tests.hub_kit import Hub, codes, open_hub

if TYPE_CHECKING:
    from registry.migrate import Logins

ASK = """query C($topic: ContactTopic!, $at: ContactPlace!) {
  contact(topic: $topic, at: $at) { contact { desk name } path { kind why verified } } }"""
SCHOOL = (
    "INSERT INTO school (brin, name, kind, municipality, region, fictitious, source, digest, seen_on, place, board)"
    " VALUES ($1, 'Een school', 'PRO', 'GM0796', 'AM27', true, 'seed', '', today(), '''S-HERTOGENBOSCH', '99999')"
)


@pytest.fixture(scope="module")
async def hub(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Hub]:
    await reference.load(fresh_database)
    async with open_hub(fresh_logins) as made:
        yield made


@pytest.fixture
async def owner(fresh_database: str, hub: Hub) -> AsyncIterator[Any]:  # the reference data first
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("UPDATE coordinator_post SET state = 'NONE', holder = NULL")
    await connection.execute("UPDATE contact_point SET deputy = NULL")
    await connection.execute("DELETE FROM contact_point WHERE owner_kind <> 'NATIONAL'")
    await connection.execute("DELETE FROM service_point")
    await connection.execute("DELETE FROM school")
    yield connection
    await connection.close()


async def add(owner: Any, kind: str, key: str, topic: str, desk: str, **more: Any) -> Any:
    columns = {"verified": "2000-01-01", **more}
    names = "".join(f", {name}" for name in columns)
    values = "".join(f", {value}" for value in columns.values())
    return await owner.fetchval(
        f"INSERT INTO contact_point (owner_kind, owner, topic, desk{names})"
        f" VALUES ($1, $2, $3, $4{values}) RETURNING id",
        kind,
        key,
        topic,
        desk,
    )


async def route(hub: Hub, topic: str, seer: str | None = None, **at: str) -> tuple[str, list[tuple[str, str]]]:
    body = await hub.ask(seer, ASK, {"topic": topic, "at": at})
    assert "errors" not in body, body
    answer = body["data"]["contact"]
    return answer["contact"]["desk"], [(step["kind"], step["why"]) for step in answer["path"]]


TODAY = {"verified": "today()"}
OLD = {"verified": "today() - 400"}


async def test_an_appointed_coordinator_comes_first(hub: Hub, owner: Any) -> None:
    key = await add(owner, "REGION", "AM27", "PUPILS_TO_WORK", "Coordinator", **TODAY)
    await owner.execute("UPDATE coordinator_post SET state = 'APPOINTED', holder = $1 WHERE region = 'AM27'", key)
    for at in ({"municipality": "GM0796"}, {"postcode": "5211"}, {"region": "AM27"}):
        assert await route(hub, "PUPILS_TO_WORK", **at) == ("Coordinator", [("COORDINATOR", "FOUND")])


async def test_without_a_coordinator_the_route_goes_on_and_tells_each_step(hub: Hub, owner: Any) -> None:
    assert await route(hub, "PUPILS_TO_WORK", municipality="GM0796") == (
        "Landelijk loket arbeidstoeleiding pro-vso",
        [
            ("COORDINATOR", "POST_NOT_FILLED"),
            ("SERVICE_POINT", "NO_CONTACT"),
            ("CENTRE_MUNICIPALITY", "NO_CONTACT"),
            ("NATIONAL_DESK", "FOUND"),
        ],
    )
    await add(owner, "MUNICIPALITY", "GM0796", "PUPILS_TO_WORK", "Gemeente", **TODAY)
    assert (await route(hub, "PUPILS_TO_WORK", municipality="GM0828"))[0] == "Gemeente"


async def test_a_contact_that_nobody_confirmed_for_a_year_is_skipped(hub: Hub, owner: Any) -> None:
    await add(owner, "MUNICIPALITY", "GM0796", "CAREER_GUIDANCE", "Oud", **OLD)
    desk, path = await route(hub, "CAREER_GUIDANCE", municipality="GM0796")
    assert path[0] == ("MUNICIPALITY", "NOT_VERIFIED")
    assert desk == "Landelijk loket arbeidstoeleiding pro-vso"


async def test_somebody_absent_has_a_deputy_or_is_skipped(hub: Hub, owner: Any) -> None:
    key = await add(owner, "MUNICIPALITY", "GM0796", "BASIC_CONDITIONS", "Afwezig", absent_until="today()", **TODAY)
    assert (await route(hub, "BASIC_CONDITIONS", municipality="GM0796"))[1][0] == ("MUNICIPALITY", "ABSENT")
    deputy = await add(owner, "MUNICIPALITY", "GM0796", "CAREER_GUIDANCE", "Vervanger", **TODAY)
    await owner.execute("UPDATE contact_point SET deputy = $2 WHERE id = $1", key, deputy)
    assert await route(hub, "BASIC_CONDITIONS", municipality="GM0796") == ("Vervanger", [("MUNICIPALITY", "DEPUTY")])


async def test_a_school_is_a_place_for_internships_and_its_board_for_the_board(hub: Hub, owner: Any) -> None:
    await owner.execute("INSERT INTO school_board (number, fictitious) VALUES ('99999', true) ON CONFLICT DO NOTHING")
    await owner.execute(SCHOOL, "90ZA00")
    await add(owner, "SCHOOL", "90ZA00", "INTERNSHIPS", "Stagebureau", **TODAY)
    await add(owner, "REGION", "AM27", "SCHOOL_BOARD_AS_EMPLOYER", "Besturen", **TODAY)
    assert await route(hub, "INTERNSHIPS", school="90ZA00") == ("Stagebureau", [("SCHOOL_DESK", "FOUND")])
    assert (await route(hub, "SCHOOL_BOARD_AS_EMPLOYER", board="99999"))[0] == "Besturen"


async def test_a_partner_only_contact_is_no_contact_for_the_public(hub: Hub, owner: Any) -> None:
    await add(owner, "MUNICIPALITY", "GM0796", "BASIC_CONDITIONS", "Partners", partner_only="true", **TODAY)
    assert (await route(hub, "BASIC_CONDITIONS", municipality="GM0796"))[1][0] == ("MUNICIPALITY", "NO_CONTACT")
    desk, _ = await route(hub, "BASIC_CONDITIONS", "municipality:GM0796#participatie", municipality="GM0796")
    assert desk == "Partners"


@pytest.mark.parametrize(
    "at",
    [{"school": "99ZZ99"}, {"board": "00001"}, {"municipality": "GM9999"}, {"region": "AM99"}, {"postcode": "1000"}],
)
@pytest.mark.usefixtures("owner")
async def test_an_unknown_place_is_answered_by_the_national_desk(hub: Hub, at: dict[str, str]) -> None:
    desk, path = await route(hub, "PUPILS_TO_WORK", **at)
    assert desk == "Landelijk loket arbeidstoeleiding pro-vso"
    assert path == [("UNKNOWN_PLACE", "UNKNOWN_PLACE"), ("NATIONAL_DESK", "FOUND")]


@pytest.mark.parametrize(
    "at",
    [
        {"school": "18br00"},
        {"board": ""},
        {"municipality": "gm-0344"},
        {"region": "AM27; DROP"},
        {"postcode": "52 11"},
        {"postcode": "5211AB"},
        {"school": "\x00"},
        {"postcode": "x" * 50_000},
    ],
)
async def test_a_malformed_place_is_bad_input_with_its_path(hub: Hub, at: dict[str, str]) -> None:
    body = await hub.ask(None, ASK, {"topic": "INTERNSHIPS", "at": at})
    assert codes(body) == ["BAD_INPUT"]
    assert body["errors"][0]["path"] == ["contact"]
    assert next(iter(at.values()))[:40] not in body["errors"][0]["message"] or at == {"board": ""}


async def test_two_places_at_once_are_refused(hub: Hub) -> None:
    body = await hub.ask(None, ASK, {"topic": "INTERNSHIPS", "at": {"region": "AM27", "postcode": "5211"}})
    assert codes(body) == ["BAD_INPUT"]
