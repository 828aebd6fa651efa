"""What a source brings itself: who may, what is read, and what stays when it breaks off. Law 1 over all of it."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from auth.issuer import token as token_of
from registry.embedded_home import home_folder
from registry.sources import Source, add_source
from spil.demo import ISSUER_PATH
from tests.conftest import TestPostgres
from tests.spil.hub_kit import Country, Hub, hub_of, make_country
from wire.client import post_form

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
HEAD = (
    "leerlingid;roepnaam;achternaam;geboortedatum;straat;email;telefoon;gemeentecode;uitstroomprofiel;leerjaar;"
    "verwachteuitschrijving;datumuitschrijving;leeftijdsgroep;sectoren;urenperweek;reisafstand;ondersteuning;werkprocessen"
)
CANARIES = ("Kanarieroep", "Kanarieachter", "2009-03-17", "Kanariestraat 17", "kanarie@voorbeeld.example", "0612345917")


def row(number: int, year: str = "4") -> str:
    return f"p{number};" + ";".join(CANARIES) + f";GM0796;2;{year};;;16_17;GROEN;24;10;;"


def body(*rows: str) -> bytes:
    return "\r\n".join([HEAD, *rows, ""]).encode()


@pytest.fixture(scope="module")
async def country(postgres: TestPostgres) -> Country:
    """A country of this module's own: it is written to."""
    made = await make_country(postgres, "t_door")
    party = made.school[0]
    await add_source(made.logins.worker, Source("proef-csv", party, "school", "school-csv", options={"page": 5}))
    await add_source(made.logins.worker, Source("proef-oso", party, "school", "oso-xml"))
    await add_source(made.logins.worker, Source("ander-csv", made.other_school[0], "school", "school-csv"))
    return made


@pytest.fixture(scope="module")
async def hub(country: Country) -> AsyncIterator[Hub]:
    async with hub_of(country, SPIL_MAX_HARVEST_BYTES="200000") as running:
        yield running


@pytest.fixture(autouse=True)
async def _nothing_brought(country: Country) -> None:
    connection = await asyncpg.connect(country.owner)
    await connection.execute("DELETE FROM harvested")
    await connection.close()


async def bring(hub: Hub, country: Country, content: bytes, source: str = "proef-csv", **headers: str):  # type: ignore[no-untyped-def]  # httpx's response
    return await hub.send(
        content, as_party=country.school, path=f"/harvest/{source}", **({"content_type": "text/csv"} | headers)
    )


async def held(country: Country) -> set[tuple[str, bool]]:
    connection = await asyncpg.connect(country.owner)
    try:
        rows = await connection.fetch("SELECT reference, gone_at IS NOT NULL AS gone FROM harvested")
    finally:
        await connection.close()
    return {(row["reference"], row["gone"]) for row in rows}


async def until(country: Country, question: str) -> None:
    """Waits until the database says yes."""
    connection = await asyncpg.connect(country.owner)
    try:
        async with asyncio.timeout(10):
            while not await connection.fetchval(question):  # noqa: ASYNC110 - the server tells nobody when it commits
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


def server_log() -> str:
    log = home_folder(f"test-{os.getpid()}") / "postgres.log"
    if not log.exists():
        pytest.skip("wants the embedded server of the tests")
    return log.read_text(errors="replace")


async def test_a_school_brings_its_export_and_reads_in_the_graph_how_that_went(hub: Hub, country: Country) -> None:
    answer = await bring(hub, country, body(*(row(n) for n in range(12)), row(99, "geheim")))
    told = answer.json()
    assert (answer.status_code, told["state"], told["added"], told["rejected"]) == (200, "DONE", 12, 1)
    assert told["refusals"] == [{"position": "row 13", "field": "school_year", "reason": "FORM"}]
    query = "{ sources(first: 9) { totalCount nodes { key state kind lastRun { state added rejected endedAt } } } }"
    data = await hub.data(query, as_party=country.school)
    assert data["sources"]["totalCount"] == 2
    assert {
        "key": "proef-csv",
        "state": "ACTIVE",
        "kind": "SCHOOL",
        "lastRun": {
            "state": "DONE",
            "added": 12,
            "rejected": 1,
            "endedAt": data["sources"]["nodes"][0]["lastRun"]["endedAt"],
        },
    } in data["sources"]["nodes"]


async def test_a_second_export_ends_whom_it_does_not_name(hub: Hub, country: Country) -> None:
    await bring(hub, country, body(*(row(n) for n in range(12))))
    answer = await bring(hub, country, body(*(row(n) for n in range(10))))
    assert (answer.json()["ended"], answer.json()["unchanged"]) == (2, 10)
    assert {("p10", True), ("p11", True), ("p0", False)} <= await held(country)


async def test_an_export_with_the_line_ends_of_old_spreadsheets_is_read(hub: Hub, country: Country) -> None:
    content = body(*(row(n) for n in range(3))).replace(b"\r\n", b"\r")
    answer = await bring(hub, country, content)
    assert (answer.status_code, answer.json()["state"], answer.json()["rejected"]) == (200, "DONE", 0)
    assert {("p0", False), ("p1", False), ("p2", False)} <= await held(country)


@pytest.mark.parametrize(
    "content", [b"leerlingid\x00\r\xff;\n1", b'"a\r', b"\r\r\n", b"\x89PNG\r\n\x1a\n", b"\xff\xfea\x00"]
)
async def test_a_body_that_is_no_table_is_refused_with_a_code(hub: Hub, country: Country, content: bytes) -> None:
    answer = await bring(hub, country, content)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (422, "SOURCE_MALFORMED")


async def test_an_export_that_shrank_ends_nobody(hub: Hub, country: Country) -> None:
    await bring(hub, country, body(*(row(n) for n in range(12))))
    answer = await bring(hub, country, body(row(0)))
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (409, "SYNC_SHRANK")
    assert "`POST /harvest/proef-csv?confirm=shrink`" in answer.json()["errors"][0]["message"]
    assert ("p5", False) in await held(country)


async def test_an_export_that_shrank_is_taken_from_who_confirms_it(hub: Hub, country: Country) -> None:
    await bring(hub, country, body(*(row(n) for n in range(12))))
    assert (await bring(hub, country, body(row(0)))).status_code == 409
    for query in ("confirm=Shrink", "confirm=shrink&part=sidecar", "confirm=shrink&", "confirm", "confirm=yes"):
        refused = await bring(hub, country, body(row(0)), f"proef-csv?{query}")
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST"), query
    assert ("p5", False) in await held(country)
    answer = await bring(hub, country, body(row(0)), "proef-csv?confirm=shrink")
    assert (answer.status_code, answer.json()["ended"]) == (200, 11)
    assert {("p0", False), ("p5", True)} <= await held(country)


async def test_who_brings_is_settled_before_the_body(hub: Hub, country: Country) -> None:
    nobody = await hub.send(body(row(1)), path="/harvest/proef-csv", content_type="text/csv")
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    forged = await hub.send(b"", path="/harvest/proef-csv", content_type="text/csv", authorization="Bearer a.b.c")
    assert forged.status_code == 401

    place = hub.base.removeprefix("http://")

    async def post(target: str, form: object) -> bytes:
        return await post_form(target, dict(form), deadline=5, cap=65_536, allow_private=frozenset({place}))  # type: ignore[call-overload]  # a mapping

    reads = await token_of(hub.base + ISSUER_PATH, *country.school, post=post, scope="read")
    refused = await hub.send(
        body(row(1)), path="/harvest/proef-csv", content_type="text/csv", authorization=f"Bearer {reads}"
    )
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")


async def test_another_party_s_source_and_one_that_does_not_exist_are_the_same_answer(
    hub: Hub, country: Country
) -> None:
    answers = [await bring(hub, country, body(row(1)), source) for source in ("ander-csv", "geen-bron", "%00")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    texts = {answer.text.replace(answer.json()["errors"][0]["extensions"]["requestId"], "") for answer in answers}
    assert len(texts) == 1


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "application/json", "", "application/x-www-form-urlencoded"]
)
async def test_nothing_but_csv_and_xml_is_read(hub: Hub, country: Country, kind: str) -> None:
    assert (await bring(hub, country, body(row(1)), content_type=kind)).status_code == 415
    packed = await bring(hub, country, b"x", content_encoding="gzip")
    assert packed.status_code == 415


async def test_a_body_above_the_cap_is_refused_told_or_not(hub: Hub, country: Country) -> None:
    large = body(*(row(n) for n in range(3_000)))
    assert (await bring(hub, country, large)).status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    untold = await hub.send(pieces(), as_party=country.school, path="/harvest/proef-csv", content_type="text/csv")
    assert untold.status_code == 413


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("proef-csv", b"een;twee\r\n1;2\r\n"),
        ("proef-csv", b""),
        ("proef-csv", body(row(1))[:-2] + b'"open'),
        ("proef-oso", b"<dossiers><dossier>"),
        ("proef-oso", b'<!DOCTYPE x [<!ENTITY a "b">]><dossiers>&a;</dossiers>'),
        ("proef-oso", b"\x00\xff"),
    ],
)
async def test_a_body_that_is_no_table_or_document_is_refused(
    hub: Hub, country: Country, source: str, content: bytes
) -> None:
    kind = "text/csv" if source == "proef-csv" else "application/xml"
    answer = await bring(hub, country, content, source, content_type=kind)
    told = answer.json()
    assert (answer.status_code, [one["extensions"]["code"] for one in told.get("errors", [])]) in (
        (422, ["SOURCE_MALFORMED"]),
        (200, []),  # a cell that a stray quote ends is read as it stands
    ), told


async def test_a_body_that_breaks_off_keeps_what_came_and_ends_nobody(hub: Hub, country: Country) -> None:
    await bring(hub, country, body(*(row(n) for n in range(12))))
    parts = urlsplit(hub.base)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    sent = body(*(row(n) for n in range(200, 230)))
    writer.write(
        b"POST /harvest/proef-csv HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n"
        + f"authorization: Bearer {await hub.token(country.school)}\r\n".encode()
        + f"content-length: {len(sent) + 9999}\r\n\r\n".encode()
        + sent
    )
    await writer.drain()
    await until(country, "SELECT EXISTS (SELECT FROM harvested WHERE reference = 'p204')")
    writer.close()
    await until(country, "SELECT NOT EXISTS (SELECT FROM source_run WHERE state = 'RUNNING')")
    assert {("p0", False), ("p200", False)} <= await held(country)
    whole = await bring(hub, country, body(*(row(n) for n in (*range(12), *range(200, 230)))))
    assert (whole.status_code, whole.json()["ended"]) == (200, 0)


async def test_no_canary_reaches_database_log_or_temporary_file(
    hub: Hub, country: Country, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    await bring(hub, country, body(*(row(n) for n in range(12)), row(300, CANARIES[1])))
    await bring(hub, country, body(row(301), CANARIES[0]))
    await bring(hub, country, b"leerlingid;" + ";".join(CANARIES).encode() + b"\r\n")
    await bring(hub, country, f"<dossiers><naam>{CANARIES[0]}".encode(), "proef-oso", content_type="application/xml")
    connection = await asyncpg.connect(country.owner)
    try:
        tables = await connection.fetch(TABLES)
        dump = [str(one[0]) for t in tables for one in await connection.fetch(f'SELECT x::text FROM "{t[0]}" x')]
    finally:
        await connection.close()
    everything = "\n".join([*dump, *map(str, hub.lines), server_log()])
    assert "p11" in everything
    assert [canary for canary in CANARIES if canary in everything] == []
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - no path of asyncio
