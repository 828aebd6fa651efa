"""`vacancyHits`: the VUM exchange asked live, over mTLS on real sockets, for who may, and nothing of it kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from registry.sources import Source, add_source
from tests.conftest import TestPostgres
from tests.partners.serving import serving
from tests.partners.vum import Vum
from tests.spil.hub_kit import Actor, Country, Hub, codes, hub_of, make_country
from tests.wire.tls_kit import Authority

OIN = "00000001001564743000"
POINT: Actor = ("servicepoint:AM27-WERKCENTRUM", "matching")
TOWN: Actor = ("municipality:GM0796", "participatie")
FAR: Actor = ("municipality:GM0014", "participatie")
SETTINGS = {"to_party": "00000001821002193000", "via_party": "VUM"}
FIELDS = "id title description occupation kinds employerName postcode hoursMin hoursMax startsOn closesOn __typename"
ASK = f"query($s: VacancySearch!) {{ vacancyHits(search: $s) {{ more hits {{ {FIELDS} }} }} }}"
WIDE = {"postcode": "5271TH", "distance": 550}
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"


@dataclass
class Exchange:
    """A hub, and the exchange that its service point is connected to."""

    hub: Hub
    party: Vum

    async def ask(self, search: dict[str, Any], actor: Actor = POINT, document: str = ASK) -> dict[str, Any]:
        body: dict[str, Any] = (await self.hub.ask(document, {"s": search}, as_party=actor)).json()
        return body

    @property
    def asked(self) -> list[Any]:
        return self.party.app.asked("/vacatures/matches")


@pytest.fixture(scope="module")
async def country(postgres: TestPostgres) -> Country:
    return await make_country(postgres, "t_vacancies")


@pytest.fixture(scope="module")
async def running(
    country: Country, shared: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Exchange]:
    folder = tmp_path_factory.mktemp("vum")
    party, authority = Vum(shared("standards/vum-v3"), {"spil.example": OIN}), Authority(folder)
    server, ours = authority.issue("127.0.0.1"), authority.issue("spil.example", oin=OIN)
    tls = {"authority": str(authority.file), "certificate": str(ours.certificate), "key": str(ours.key)}
    (folder / "vum.json").write_bytes(orjson.dumps({"tls": tls}))
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            serving(party.app, certificate=server.certificate, key=server.key, authority=authority.file)
        )
        row = Source(
            "vum-nob",
            POINT[0],
            "servicepoint",
            "vum-v3",
            base_url=f"https://127.0.0.1:{port}",
            hosts=("127.0.0.1",),
            private_hosts=(f"127.0.0.1:{port}",),
            credentials=f"file:{folder / 'vum.json'}",
            options={"settings": SETTINGS},
            harvests=False,
            answers_live=True,
        )
        await add_source(country.logins.worker, row)
        hub = await stack.enter_async_context(hub_of(country, SPIL_RATE="100000", SPIL_BURST="100000"))
        await hub.parts.sources.refresh()
        yield Exchange(hub, party)


@pytest.fixture
def exchange(running: Exchange) -> Exchange:
    running.party.app.told()
    running.party.app.log.clear()
    return running


async def test_a_service_point_searches_by_its_own_source_with_one_call(exchange: Exchange) -> None:
    body = await exchange.ask(WIDE)
    assert "errors" not in body, body
    found = body["data"]["vacancyHits"]
    assert (len(found["hits"]), found["more"]) == (len(exchange.party.vacancies), False)
    named = next(hit for hit in found["hits"] if hit["title"] == "Vertaler")
    assert (named["postcode"], named["hoursMin"], named["hoursMax"], named["closesOn"], named["__typename"]) == (
        "5283",
        10,
        75,
        "2033-08-24",
        "VacancyHit",
    )
    assert len(exchange.asked) == 1
    assert exchange.asked[0]["vraagObject"]["selectiegebied"] == {"postcode": "5271TH", "afstand": 550}
    (line,) = exchange.party.app.log
    assert line["headers"]["x-vum-fromparty"] == OIN


async def test_what_an_exchange_does_not_compare_is_held_against_the_search_here(exchange: Exchange) -> None:
    search = WIDE | {"hoursLeast": 12, "hoursMost": 20, "occupation": "https://linkeddata.competentnl.nl/x"}
    body = await exchange.ask(search)
    assert exchange.asked[0]["vraagObject"] == {
        "selectiegebied": {"postcode": "5271TH", "afstand": 550},
        "werktijden.aantalWerkurenPerWeekMinimaal": {"$lte": 20},
        "werktijden.aantalWerkurenPerWeekMaximaal": {"$gte": 12},
        "beroep.codeBeroepsnaam": {"$eq": "https://linkeddata.competentnl.nl/x"},
    }
    for hit in body["data"]["vacancyHits"]["hits"]:
        assert hit["hoursMin"] is None or hit["hoursMin"] <= 20
        assert hit["hoursMax"] is None or hit["hoursMax"] >= 12


async def test_a_hundred_come_of_more_and_that_there_are_more_is_told(exchange: Exchange) -> None:
    samples = dict(exchange.party.vacancies)
    one = next(iter(samples.values()))
    exchange.party.vacancies |= {f"meer-{n}": {**one, "idVacature": f"meer-{n}"} for n in range(140)}
    try:
        body = await exchange.ask(WIDE)
    finally:
        exchange.party.vacancies = samples
    found = body["data"]["vacancyHits"]
    assert (len(found["hits"]), found["more"]) == (100, True)


async def test_a_search_that_stands_twice_is_one_call_and_two_are_refused(exchange: Exchange) -> None:
    twice = (
        "query($s: VacancySearch!) { one: vacancyHits(search: $s) { hits { id } }"
        " two: vacancyHits(search: $s) { hits { title } more } }"
    )
    body = await exchange.ask(WIDE, document=twice)
    assert len(body["data"]["one"]["hits"]) == len(body["data"]["two"]["hits"]) > 0
    assert len(exchange.asked) == 1
    other = twice.replace("two: vacancyHits(search: $s)", 'two: vacancyHits(search: {postcode: "1011ZZ"})')
    body = await exchange.ask(WIDE, document=other)
    assert body["data"] == {"one": None, "two": None}
    assert [(e["extensions"]["code"], e["path"]) for e in body["errors"]] == [
        ("TOO_COSTLY", ["one"]),
        ("TOO_COSTLY", ["two"]),
    ]
    assert len(exchange.asked) == 1


async def test_a_municipality_searches_by_a_service_point_of_its_region(exchange: Exchange) -> None:
    body = await exchange.ask(WIDE, TOWN)
    assert len(body["data"]["vacancyHits"]["hits"]) == len(exchange.party.vacancies)
    assert len(exchange.asked) == 1
    body = await exchange.ask(WIDE, FAR)
    assert body["data"] == {"vacancyHits": None}
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["source"]) == ("SOURCE_DOWN", FAR[0])
    assert len(exchange.asked) == 1, "another region's source is not asked"


async def test_another_service_point_does_not_search_by_this_one_s_source(exchange: Exchange, country: Country) -> None:
    owner = await asyncpg.connect(country.owner)
    try:
        other = await owner.fetchval(
            "SELECT 'servicepoint:' || code FROM service_point JOIN party ON key = 'servicepoint:' || code"
            " WHERE region <> 'AM27' ORDER BY code LIMIT 1"
        )
    finally:
        await owner.close()
    body = await exchange.ask(WIDE, (other, "matching"))
    assert (body["data"], codes_of(body)) == ({"vacancyHits": None}, ["SOURCE_DOWN"])
    assert exchange.asked == []


@pytest.mark.parametrize(
    ("fail", "code"),
    [(500, "SOURCE_DOWN"), (400, "SOURCE_REFUSED"), (429, "SOURCE_DOWN"), ("garbage", "SOURCE_MALFORMED")],
)
async def test_an_exchange_that_fails_is_null_with_one_error_and_no_empty_list(
    exchange: Exchange, fail: str | int, code: str
) -> None:
    exchange.party.app.told(fail=fail)
    body = await exchange.ask(WIDE, document=ASK.replace("vacancyHits(", "me { role } here: vacancyHits("))
    assert body["data"] == {"me": {"role": "SERVICE_POINT"}, "here": None}
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["path"], error["extensions"]["source"]) == (code, ["here"], "vum-nob")
    assert error["extensions"]["at"].endswith("Z")
    assert "anarie" not in str(error)


@pytest.mark.parametrize(
    "wrong",
    [
        {"postcode": "5211"},
        {"postcode": "5211ab"},
        {"postcode": "\x00"},
        {"distance": 1000},
        {"distance": -1},
        {"hoursLeast": 30, "hoursMost": 20},
        {"hoursMost": 0, "hoursLeast": 1},
        {"occupation": "x" * 201},
        {"occupation": "\ud800"},
    ],
)
async def test_a_search_of_another_form_is_bad_input_and_is_not_made(exchange: Exchange, wrong: dict[str, Any]) -> None:
    answer = await exchange.hub.ask(ASK, {"s": WIDE | wrong}, as_party=POINT)
    assert codes(answer) == ["BAD_INPUT"]
    assert answer.json()["errors"][0]["path"] == ["vacancyHits"]
    assert exchange.asked == []


async def test_for_other_roles_there_is_no_such_field(exchange: Exchange, country: Country) -> None:
    for actor in (country.school, country.employer, ("national", "lead"), None):
        answer = await exchange.hub.ask(ASK, {"s": WIDE}, as_party=actor)
        assert set(codes(answer)) == {"INVALID_DOCUMENT"}, actor
    assert exchange.asked == []


async def test_a_search_weighs_as_what_it_may_bring(exchange: Exchange) -> None:
    many = " ".join(f"a{n}: vacancyHits(search: $s) {{ more }}" for n in range(30))
    document = exchange.hub.parts.engine.document("SERVICE_POINT", f"query($s: VacancySearch!) {{ {many} }}", None)
    plan = exchange.hub.parts.engine.plan(document, {"s": WIDE})
    assert plan.weigh({"s": WIDE}) == 30 * 100


async def test_nothing_that_was_found_is_kept(exchange: Exchange, country: Country) -> None:
    samples = dict(exchange.party.vacancies)
    exchange.party.vacancies = {
        key: {**row, "naamVacature": "Kanarieverzorger", "omschrijvingVacature": "Kanarie"}
        for key, row in samples.items()
    }
    try:
        assert "Kanarieverzorger" in str(await exchange.ask(WIDE))
    finally:
        exchange.party.vacancies = samples
    owner = await asyncpg.connect(country.owner)
    try:
        for (table,) in await owner.fetch(TABLES):
            assert not await owner.fetchval(f"SELECT count(*) FROM \"{table}\" t WHERE t::text ~* 'kanarie'"), table
    finally:
        await owner.close()
    assert "anarie" not in str(exchange.hub.lines)


def codes_of(body: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in body["errors"]]
