"""What a municipality's system tells is done as its command would be; what cannot be done is not taken, and said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.conftest import TestPostgres
from tests.resolvers.access_kit import today
from tests.spil.event_kit import CASE, ENDED_ON, STUDENT, Tell, add_sources, event, telling
from tests.spil.hub_kit import Country, Hub, hub_of, make_country

OUTBOX = "SELECT split_part(type, '.', 3) AS what FROM outbox WHERE student = $1 ORDER BY n"


@pytest.fixture(scope="module")
async def country(postgres: TestPostgres) -> Country:
    made = await make_country(postgres, "t_effects")
    await add_sources(made)
    return made


@pytest.fixture(scope="module")
async def hub(country: Country) -> AsyncIterator[Hub]:
    async with hub_of(country, SPIL_RATE="100000", SPIL_BURST="100000") as running:
        yield running


@pytest.fixture
async def db(country: Country) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(country.owner)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def tell(hub: Hub, country: Country) -> Tell:
    return telling(hub, country)


def of(what: str, **data: str) -> dict[str, Any]:
    return event(type=f"nl.arbeidstoeleiding.{what}.v1", data={"zaaknummer": CASE, **data})


async def refused(tell: Tell, told: dict[str, Any]) -> str:
    answer = await tell(told)
    assert answer.status_code == 422, answer.text
    return str(answer.json()["errors"][0]["extensions"]["reason"])


async def state_of(db: Any) -> list[Any]:
    """What an event could have changed: uitval, what is told, and what is kept."""
    return [
        [tuple(row) for row in await db.fetch(query)]
        for query in (
            "SELECT student, n, state FROM uitval ORDER BY 1, 2",
            "SELECT n FROM outbox ORDER BY 1",
            "SELECT source, id FROM inbound_event ORDER BY 1, 2",
        )
    ]


async def test_an_uitval_goes_its_way_by_events_alone(tell: Tell, country: Country, db: Any) -> None:
    key = await db.fetchval("SELECT student FROM sight WHERE alias = $1", UUID(STUDENT[8:]))
    assert await refused(tell, of("uitval-opgepakt")) == "NO_CASE", "nothing was reported yet"
    assert (await tell(of("plaatsing-verlengd", datumEinde=str(today() + timedelta(days=90))))).status_code == 422
    assert (await tell(of("uitval-gemeld", datumEinde=ENDED_ON, reden="CONTRACT_ENDED"))).status_code == 202
    town = f"{country.municipality[0]}#participatie"
    row = await db.fetchrow("SELECT state, how, reported_by FROM uitval WHERE student = $1", key)
    assert tuple(row) == ("REPORTED", "CONTRACT_ENDED", town)
    assert [one["what"] for one in await db.fetch(OUTBOX, key)][-1] == "uitval-gemeld"
    assert (await tell(of("uitval-gemeld", datumEinde=ENDED_ON))).status_code == 202, "known: nothing is lost"
    assert await db.fetchval("SELECT count(*) FROM uitval WHERE student = $1", key) == 1
    await db.execute("UPDATE lead SET until_at = now() WHERE student = $1 AND until_at = 'infinity'", key)
    assert await refused(tell, of("uitval-opgepakt")) == "NO_CASE", "who has not the lead moves nothing"
    await db.execute("INSERT INTO lead (student, seer, from_at) VALUES ($1, $2, clock_timestamp())", key, town)
    assert (await tell(of("uitval-opgepakt"))).status_code == 202
    assert await refused(tell, of("uitval-opgepakt")) == "STATE"
    planned = today() + timedelta(days=6)
    assert (await tell(of("loopbaangesprek-gepland", datum=str(planned)))).status_code == 202
    assert await db.fetchval("SELECT interview_on FROM uitval WHERE student = $1", key) == planned
    kept = await db.fetch("SELECT outcome FROM inbound_event ORDER BY received_at")
    assert [one["outcome"] for one in kept] == ["GIVEN", "OPEN_ALREADY", "GIVEN", "GIVEN"]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (of("uitval-gemeld", zaaknummer="Z-1", datumEinde=ENDED_ON), "NO_CASE"),
        (of("uitval-gemeld", datumEinde=str(today() + timedelta(days=1))), "RANGE"),
        (of("loopbaangesprek-gepland", datum=str(today() - timedelta(days=1))), "RANGE"),
        (of("plaatsing-gestart", soort="WERK", kvkNummer="99999999", datumStart=str(today())), "NO_CASE"),
    ],
)
async def test_what_cannot_be_done_is_not_kept(tell: Tell, db: Any, told: dict[str, Any], reason: str) -> None:
    before = await db.fetchval("SELECT count(*) FROM inbound_event")
    assert await refused(tell, told) == reason
    assert await db.fetchval("SELECT count(*) FROM inbound_event") == before


async def test_an_event_is_done_as_the_function_of_its_token(tell: Tell, country: Country, db: Any) -> None:
    town = country.municipality[0]
    before = await state_of(db)
    for what in ("uitval-ingetrokken", "uitval-opgepakt"):
        for named in ({}, {"subject": STUDENT}):
            answer = await tell(of(what) | named, actor=(town, "wmo"))
            assert answer.status_code == 422, "wmo has no case here, whatever participatie has"
            assert answer.json()["errors"][0]["extensions"]["reason"] == "NO_CASE"
    assert await state_of(db) == before


async def test_all_that_an_event_names_is_one_young_person(tell: Tell, country: Country, db: Any) -> None:
    seer = f"{country.municipality[0]}#participatie"
    key = await db.fetchval("SELECT student FROM sight WHERE alias = $1", UUID(STUDENT[8:]))
    other = await db.fetchrow(
        "SELECT student, 'Student:' || alias AS id FROM sight WHERE seer = $1 AND student <> $2 AND until_identified"
        " > now() ORDER BY student LIMIT 1",
        seer,
        key,
    )
    await db.execute(
        "INSERT INTO link (student, source, key, from_at) VALUES ($1, $2, 'Z-2026-00999', clock_timestamp())",
        other["student"],
        country.municipality[0],
    )
    before, own, unknown = await state_of(db), {"datumEinde": ENDED_ON}, f"Student:{uuid4()}"
    told = [
        event(subject=STUDENT, data={"leerling": other["id"], **own}),
        event(subject=other["id"], data={"leerling": STUDENT, **own}),
        event(subject=STUDENT, data={"zaaknummer": "Z-2026-00999", **own}),
        event(data={"leerling": other["id"], "zaaknummer": CASE, **own}),
        event(subject=STUDENT, data={"leerling": STUDENT, "zaaknummer": "Z-2026-00999", **own}),
    ]
    assert [await refused(tell, one) for one in told] == ["TWO_PEOPLE"] * len(told)
    told = [
        event(subject=STUDENT, data={"leerling": unknown, **own}),
        event(subject=unknown, data={"zaaknummer": CASE, **own}),
        event(subject=STUDENT, data={"zaaknummer": "Z-1", **own}),
    ]
    assert [await refused(tell, one) for one in told] == ["NO_CASE"] * len(told)
    assert await state_of(db) == before
    agreed = event(subject=STUDENT, data={"leerling": STUDENT, "zaaknummer": CASE, **own})
    assert (await tell(agreed)).status_code == 202


async def test_another_municipality_cannot_speak_of_this_case(hub: Hub, country: Country, db: Any) -> None:
    await db.execute("UPDATE source SET party = 'municipality:GM0014' WHERE key = 'rust'")
    other = telling(hub, country)
    answer = await other(of("uitval-ingetrokken"), source="rust", actor=("municipality:GM0014", "participatie"))
    assert answer.status_code in (403, 404, 422)
    assert await db.fetchval("SELECT count(*) FROM uitval WHERE state = 'WITHDRAWN'") == 0


async def test_a_placement_begins_and_ends_by_events(tell: Tell, db: Any) -> None:
    kvk = await db.fetchval("SELECT max(kvk) FROM employer")
    begun = of("plaatsing-gestart", soort="WERK", kvkNummer=kvk, datumStart=str(today()), datumEinde=str(today()))
    assert (await tell(begun)).status_code == 202
    assert (await tell(of("plaatsing-verlengd", datumEinde=str(today() + timedelta(days=30))))).status_code == 202
    assert (await tell(of("plaatsing-beeindigd", datumEinde=str(today())))).status_code == 202
    last = await db.fetchrow("SELECT state, to_on FROM placement WHERE employer = $1 AND from_on = today()", kvk)
    assert tuple(last) == ("ENDED", today())
