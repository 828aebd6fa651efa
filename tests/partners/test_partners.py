"""The partner systems themselves: what they say is what the wire formats say, and the connectors read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors import jobposting, vum
from connectors.flow import Options, Page
from connectors.vacancies import VacancySearch
from resolvers.live import run
from schema.errors import SourceDown, SourceRefused
from tests.connectors.driving import answer_schema, fits, partner
from tests.partners.feed import Feed, posting
from tests.partners.municipality import Municipality
from tests.partners.school import School
from tests.partners.serving import serving
from tests.partners.subgraph import Subgraph
from tests.partners.vum import Vum
from tests.wire.tls_kit import Authority
from wire.place import Place
from wire.source_client import SourceClient
from wire.tls import Tls

OPTIONS = Options(today=date(2026, 11, 21))
PROFILE = {"leerlingid": "LN1", "gemeentecode": "GM0796", "uitstroomprofiel": "2", "sectoren": ["HORECA"]}


def place(port: int, host: str = "127.0.0.1", scheme: str = "http", **more: Any) -> Place:
    return Place(f"{scheme}://{host}:{port}", frozenset({host}), frozenset({f"{host}:{port}"}), **more)


async def test_a_school_speaks_the_wire_format() -> None:
    school, document = School(), partner("school")
    for n in range(5):
        school.enrol(PROFILE | {"leerlingid": f"LN{n}"})
    async with serving(school.app) as port, _http(port) as http:
        seen, cursor = [], None
        while True:
            page = (await http.get("/students", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
            fits(document, answer_schema(document, "/students", "get"), page)
            seen += [row["leerlingid"] for row in page["leerlingen"]]
            cursor = page["cursor"]
            if not page["meer"]:
                break
        assert (seen, page["volledig"]) == ([f"LN{n}" for n in range(5)], True)
        school.enrol(PROFILE | {"leerlingid": "LN9"})
        school.profiles.take_back("LN2")
        page = (await http.get("/students", params={"cursor": cursor})).json()
        fits(document, answer_schema(document, "/students", "get"), page)
        assert ([row["leerlingid"] for row in page["leerlingen"]], page["verwijderd"]) == (["LN9"], ["LN2"])
        school.profiles.forgotten = 99
        assert (await http.get("/students", params={"cursor": page["cursor"]})).status_code == 410
        for tier, fields in (("IDENTIFIED", 8), ("GIVEN_NAME", 2)):
            told = (await http.post("/identities", json={"tier": tier, "leerlingen": ["LN1", "LN77"]})).json()
            fits(document, answer_schema(document, "/identities"), told)
            assert [len(row) for row in told["identiteiten"]] == [fields]
        told = (await http.post("/identities/search", json={"naam": "kanarieln3"})).json()
        fits(document, answer_schema(document, "/identities/search"), told)
        assert told == {"leerlingen": ["LN3"]}


async def test_a_municipality_and_its_subgraph_speak_the_wire_format() -> None:
    town, graph, document = Municipality(), Subgraph(), partner("municipality")
    town.open_case("Z1")
    graph.open_case("Z1")
    async with serving(town.app) as port, _http(port) as http:
        fits(document, answer_schema(document, "/zaken", "get"), (await http.get("/zaken")).json())
        for tier in ("IDENTIFIED", "GIVEN_NAME"):
            told = (await http.post("/ondersteuning", json={"tier": tier, "zaken": ["Z1", "Z2"]})).json()
            fits(document, answer_schema(document, "/ondersteuning"), told)
            assert len(told["ondersteuning"]) == 1
    assert 'type Zaak\n  @key(fields: "zaaknummer")' in str(graph.schema) or '@key(fields: "zaaknummer")' in str(
        graph.schema
    )


async def test_a_partner_does_what_it_is_told_and_notes_its_times() -> None:
    school = School()
    async with serving(school.app) as port, _http(port) as http:
        await http.post("/control", json={"slow": 0.05})
        await http.post("/identities", json={"tier": "GIVEN_NAME", "leerlingen": ["x"]})
        await http.post("/control", json={"fail": 503, "times": 1})
        answers = [await http.post("/identities", json={"tier": "GIVEN_NAME", "leerlingen": ["x"]}) for _ in range(2)]
        assert [one.status_code for one in answers] == [503, 200]
        await http.post("/control", json={"fail": "break"})
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/students")
        log = (await http.get("/control")).json()["log"]
    assert [one["path"] for one in log] == ["/identities"] * 3 + ["/students"]
    assert log[0]["took_ms"] >= 50


async def test_a_feed_that_did_not_change_says_so() -> None:
    feed = Feed([posting(n) for n in range(3)])
    async with serving(feed.app) as port:
        client = SourceClient(place(port))
        try:
            options = Options(today=OPTIONS.today, path="/vacatures.json")
            pages = await _pages(jobposting.PROTOCOL.pull, client, None, options)
            assert sum(len(page.records) for page in pages) == 3, [page.rejects for page in pages]
            again = await _pages(jobposting.PROTOCOL.pull, client, pages[-1].cursor, options)
            assert sum(len(page.records) for page in again) == 0
        finally:
            await client.close()


async def test_the_exchange_answers_who_shows_a_certificate_and_by_its_contract(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    party = Vum(shared("standards/vum-v3"), {"spil.example": "00000001001564743000"})
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Stranger")
    server, ours = authority.issue("127.0.0.1"), authority.issue("spil.example")
    said = {"from_party": "00000001001564743000", "to_party": "00000001821002193000", "via_party": "VUM"}
    options = Options(today=OPTIONS.today, settings=said)
    async with serving(party.app, certificate=server.certificate, key=server.key, authority=authority.file) as port:
        client = SourceClient(place(port, scheme="https", tls=Tls(authority.file, ours.certificate, ours.key)))
        try:
            search = vum.search(VacancySearch("5271TH", 550), options)
            hits = (await run(search, client, 5)).hits
            assert len(hits) == len(party.vacancies)
            found = await run(vum.ask([hits[0]["id"], "unknown"], "", options), client, 5)
            assert list(found) == [hits[0]["id"]]
            other = Options(today=OPTIONS.today, settings=said | {"from_party": "00000009999999999000"})
            with pytest.raises(SourceRefused):
                await run(vum.search(VacancySearch("5271TH", 550), other), client, 5)
        finally:
            await client.close()
        theirs = stranger.issue("spil.example")
        client = SourceClient(place(port, scheme="https", tls=Tls(authority.file, theirs.certificate, theirs.key)))
        try:
            with pytest.raises(SourceDown):
                await run(vum.search(VacancySearch("5271TH", 550), options), client, 5)
        finally:
            await client.close()


def _http(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)


async def _pages(pull: Any, client: SourceClient, cursor: str | None, options: Options) -> list[Page]:
    """Drives a harvest without a registry."""
    flow, answer = pull(cursor, options), None
    pages: list[Page] = []
    while True:
        try:
            step = flow.send(answer)
        except StopIteration:
            return pages
        if isinstance(step, Page):
            pages.append(step)
            answer = None
        else:
            answer = await client.send(step, 5)


def test_partner_systems_import_nothing_of_the_hub() -> None:
    ours = ("schema", "resolvers", "connectors", "auth", "federation", "events", "registry", "wire", "spil")
    for path in Path(__file__).parent.glob("*.py"):
        if path.name.startswith("test_"):
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        assert not [
            line for line in lines if line.startswith(tuple(f"{w} {o}" for w in ("from", "import") for o in ours))
        ]
