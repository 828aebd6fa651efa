"""What a municipality's system tells at the door: who may, what is kept, what comes again, and what is never kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from auth.issuer import token as token_of
from registry.embedded_home import home_folder
from spil.demo import ISSUER_PATH
from tests.conftest import TestPostgres
from tests.connectors.driving import fits, partner
from tests.spil.event_kit import (
    CASE,
    ENDED,
    ENDED_ON,
    STRUCTURED,
    STUDENT,
    URN,
    Tell,
    add_sources,
    code,
    event,
    telling,
)
from tests.spil.hub_kit import Country, Hub, hub_of, make_country
from wire.client import post_form

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
CANARIES = ("Kanarieroep", "Kanarieachter", "2009-03-17", "kanarie@voorbeeld.example", "0612345917", "123456782")


@pytest.fixture(scope="module")
async def country(postgres: TestPostgres) -> Country:
    """A country of this module's own: it is written to."""
    made = await make_country(postgres, "t_events")
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
        await connection.execute("TRUNCATE inbound_event, source_run, quarantine")
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def tell(hub: Hub, country: Country) -> Tell:
    return telling(hub, country)


async def kept(db: Any) -> list[dict[str, Any]]:
    rows = await db.fetch("SELECT *, data::text AS data FROM inbound_event ORDER BY received_at")
    return [dict(row) | {"data": orjson.loads(row["data"])} for row in rows]


async def run_of(db: Any, source: str = "werk") -> tuple[Any, ...]:
    """The readings of a source, as (added, unchanged, rejected)."""
    rows = await db.fetch(
        "SELECT state, added, unchanged, rejected FROM source_run WHERE source = $1 ORDER BY started_at", source
    )
    return tuple((row["state"], row["added"], row["unchanged"], row["rejected"]) for row in rows)


async def test_an_event_is_taken_and_stands_in_the_database_by_its_listed_fields(tell: Tell, db: Any) -> None:
    told = event(subject=STUDENT)
    answer = await tell(told)
    assert (answer.status_code, answer.json()) == (202, {"state": "TAKEN"})
    (row,) = await kept(db)
    assert (str(row["id"]), row["source"], row["event_source"], row["type"]) == (told["id"], "werk", URN, ENDED)
    assert f"Student:{row['subject']}" == STUDENT
    assert row["time"] == datetime.fromisoformat(told["time"])
    assert row["data"] == {"case": CASE, "ended_on": ENDED_ON, "ending": "CONTRACT_ENDED"}


async def test_both_modes_bring_the_same_event(tell: Tell, db: Any) -> None:
    told = event()
    assert (await tell(told)).status_code == 202
    data = orjson.dumps(told.pop("data"))
    headers = {f"ce_{name}": value for name, value in told.items() if name != "datacontenttype"}
    again = await tell(data, content_type="application/json", **headers)
    assert (again.status_code, again.json()) == (200, {"state": "KNOWN"})
    assert len(await kept(db)) == 1


async def test_what_comes_again_is_known_and_other_content_under_its_key_is_refused(tell: Tell, db: Any) -> None:
    told = event()
    answers = [await tell(told) for _ in range(3)]
    assert [one.status_code for one in answers] == [202, 200, 200]
    before = await kept(db)
    for changed in (
        {"data": told["data"] | {"zaaknummer": "Z-9"}},
        {"subject": STUDENT},
        {"type": "nl.arbeidstoeleiding.uitval-opgepakt.v1"},
        {"time": (datetime.now(UTC) - timedelta(hours=1)).isoformat()},
    ):
        other = await tell(told | changed)
        assert (other.status_code, code(other)) == (409, "KEY_REUSED"), changed
    assert await kept(db) == before
    dropped = await tell(told | {"data": told["data"] | {"roepnaam": CANARIES[0]}, "traceparent": "x"})
    assert dropped.status_code == 200, "what is not kept makes no other event"
    assert await run_of(db) == (("DONE", 1, 3, 0),)


async def test_answers_are_of_the_described_interface(tell: Tell, db: Any) -> None:
    document, told = partner("municipality"), event()
    answers = document["paths"]["/events/{source}"]["post"]["responses"]
    for body, status in ((told, 202), (told, 200), (told | {"subject": STUDENT}, 409), (event(data={}), 422)):
        answer = await tell(body)
        assert answer.status_code == status
        fits(document, answers[str(status)]["content"]["application/json"]["schema"], answer.json())


async def test_different_events_at_once_are_all_taken_and_one_reading(tell: Tell, db: Any) -> None:
    answers = await asyncio.gather(*(tell(event()) for _ in range(8)))
    assert [one.status_code for one in answers] == [202] * 8
    assert await run_of(db) == (("DONE", 8, 0, 0),)


async def test_many_at_once_are_one_event(tell: Tell, db: Any) -> None:
    told = event()
    answers = await asyncio.gather(*(tell(told) for _ in range(8)))
    assert sorted(one.status_code for one in answers) == [200] * 7 + [202]
    assert len(await kept(db)) == 1
    assert await run_of(db) == (("DONE", 1, 7, 0),)


async def test_who_brings_is_settled_before_the_body(hub: Hub, country: Country, db: Any) -> None:
    body, path = orjson.dumps(event()), "/events/werk"
    nobody = await hub.send(body, path=path, content_type=STRUCTURED)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    forged = await hub.send(b"{", path=path, content_type="x/y", authorization="Bearer a.b.c")
    assert forged.status_code == 401
    place = hub.base.removeprefix("http://")

    async def post(target: str, form: object) -> bytes:
        return await post_form(target, dict(form), deadline=5, cap=65_536, allow_private=frozenset({place}))  # type: ignore[call-overload]  # a mapping

    for scope in ("harvest", "read command"):
        bearer = await token_of(hub.base + ISSUER_PATH, *country.municipality, post=post, scope=scope)
        refused = await hub.send(b"{", path=path, content_type="x/y", authorization=f"Bearer {bearer}")
        assert (refused.status_code, code(refused)) == (403, "FORBIDDEN"), scope
    alone = await token_of(hub.base + ISSUER_PATH, *country.municipality, post=post, scope="events")
    taken = await hub.send(body, path=path, content_type=STRUCTURED, authorization=f"Bearer {alone}")
    assert taken.status_code == 202


async def test_another_party_s_source_an_ended_one_and_none_are_the_same_answer(
    tell: Tell, country: Country, db: Any
) -> None:
    await db.execute("UPDATE source SET state = 'ENDED' WHERE key = 'rust'")
    answers = [await tell(event(), source) for source in ("elders", "rust", "geen-bron", "x" * 300, "%00")]
    answers.append(await tell(event(), "werk", actor=country.school))
    assert [answer.status_code for answer in answers] == [404] * 6
    texts = {answer.text.replace(answer.json()["errors"][0]["extensions"]["requestId"], "") for answer in answers}
    assert len(texts) == 1
    assert await kept(db) == []


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"id": ...}, "id", "MISSING"),
        ({"id": "Kanarieroep-1"}, "id", "FORM"),
        ({"source": URN + ":Kanarieroep"}, "source", "PROFILE"),
        ({"source": URN.removesuffix(":systeem:werk")}, "source", "PROFILE"),
        ({"type": "nl.arbeidstoeleiding.kanarie-gevlogen.v1"}, "type", "UNKNOWN_TYPE"),
        ({"type": ENDED.replace("v1", "v2")}, "type", "UNKNOWN_TYPE"),
        ({"type": "uitval"}, "type", "PROFILE"),
        ({"time": "2026-01-01T12:00:00Z"}, "time", "WINDOW"),
        ({"time": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "time", "WINDOW"),
        ({"subject": "123456782"}, "subject", "BSN"),
        ({"dataref": "https://elders.example/1"}, "dataref", "PROFILE"),
        ({"data": ...}, "data", "FORM"),
        ({"data": ["Kanarieroep"]}, "data", "FORM"),
        ({"data": {"datumEinde": ENDED_ON}}, "data.zaaknummer", "MISSING"),
        ({"data": {"zaaknummer": "Z-1"}}, "data.datumEinde", "MISSING"),
        ({"data": {"zaaknummer": "Z-1", "datumEinde": "gisteren"}}, "data.datumEinde", "FORM"),
        ({"data": {"zaaknummer": "Kanarieroep", "datumEinde": ENDED_ON}}, "data.zaaknummer", "FORM"),
        ({"data": {"zaaknummer": "Z-123456782", "datumEinde": ENDED_ON}}, "data.zaaknummer", "BSN"),
        ({"data": {"zaaknummer": "Z-1234.56782", "datumEinde": ENDED_ON}}, "data.zaaknummer", "BSN"),
        ({"data": {"leerling": "Kanarieroep", "datumEinde": ENDED_ON}}, "data.leerling", "FORM"),
        (
            {"data": {"zaaknummer": "Z-1", "datumEinde": ENDED_ON, "reden": "Kanarieroep is ziek"}},
            "data.reden",
            "UNKNOWN_CODE",
        ),
    ],
)
async def test_what_does_not_fit_is_told_by_field_and_reason_and_counted(
    tell: Tell, db: Any, changed: dict[str, Any], field: str, reason: str
) -> None:
    answer = await tell(event(**changed))
    told = answer.json()["errors"][0]
    assert answer.status_code == 422
    assert (told["extensions"]["code"], told["extensions"]["field"], told["extensions"]["reason"]) == (
        "EVENT_REFUSED",
        field,
        reason,
    )
    assert "anarie" not in answer.text
    assert await kept(db) == []
    assert await run_of(db) == (("DONE", 0, 0, 1),)
    assert [tuple(row) for row in await db.fetch("SELECT n, position, field, reason FROM quarantine")] == [
        (1, "event", field, reason)
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"null", b"\xff", b"[" * 60_000, b'{"id": NaN}'])
async def test_a_body_that_is_no_event_is_refused(tell: Tell, db: Any, body: bytes) -> None:
    answer = await tell(body)
    assert (answer.status_code, code(answer)) == (422, "EVENT_REFUSED")


@pytest.mark.parametrize(
    "kind",
    [
        "application/cloudevents-batch+json",
        "text/csv",
        "",
        "multipart/form-data; boundary=x",
        "application/cloudevents+json; charset=latin1",
    ],
)
async def test_no_other_media_type_is_read_and_never_a_batch(tell: Tell, db: Any, kind: str) -> None:
    answer = await tell(orjson.dumps([event()]), content_type=kind)
    assert (answer.status_code, code(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    packed = await tell(event(), content_encoding="gzip")
    assert packed.status_code == 415


async def test_a_body_above_64_kb_is_refused_told_or_not(tell: Tell, hub: Hub, country: Country, db: Any) -> None:
    large = orjson.dumps(event(note="x" * 65_536))
    assert (await tell(large)).status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    untold = await hub.send(pieces(), as_party=country.municipality, path="/events/werk", content_type=STRUCTURED)
    assert untold.status_code == 413
    assert await kept(db) == []


async def test_only_post_is_an_event(hub: Hub, country: Country) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = await hub.send(b"", as_party=country.municipality, path="/events/werk", method=method)
        assert (answer.status_code, answer.headers["allow"], code(answer)) == (405, "POST", "METHOD_NOT_ALLOWED")


async def test_an_attribute_that_stands_twice_is_no_event(hub: Hub, country: Country, db: Any) -> None:
    _, writer = pair = await asyncio.open_connection("127.0.0.1", hub.port)
    told = event()
    body = orjson.dumps(told["data"])
    lines = [f"ce-{name}: {told[name]}" for name in ("specversion", "source", "type", "time")]
    writer.write(
        "\r\n".join(
            [
                "POST /events/werk HTTP/1.1",
                "host: x",
                "connection: close",
                "content-type: application/json",
                f"authorization: Bearer {await hub.token(country.municipality)}",
                f"content-length: {len(body)}",
                f"ce-id: {uuid4()}",
                f"ce-id: {uuid4()}",
                *lines,
                "",
                "",
            ]
        ).encode()
        + body
    )
    answer = await asyncio.wait_for(pair[0].read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"BAD_REQUEST" in answer
    assert await kept(db) == []


async def test_a_source_that_is_paused_sends_no_events_or_has_no_urn_says_so(tell: Tell, db: Any) -> None:
    await db.execute("UPDATE source SET state = 'PAUSED' WHERE key = 'werk'")
    try:
        paused = await tell(event())
    finally:
        await db.execute("UPDATE source SET state = 'ACTIVE' WHERE key = 'werk'")
    assert (paused.status_code, code(paused)) == (409, "CONFLICT")
    assert [
        (one.status_code, code(one)) for one in (await tell(event(), "zaken"), await tell(event(), "naamloos"))
    ] == [
        (409, "CONFLICT"),
        (422, "BAD_MAPPING"),
    ]
    assert await kept(db) == []


async def test_a_municipality_reads_in_the_graph_how_its_events_went(
    tell: Tell, hub: Hub, country: Country, db: Any
) -> None:
    for told in (event(), event(), event(type="nl.arbeidstoeleiding.onbekend.v1")):
        await tell(told)
    query = "{ sources(first: 9) { nodes { key protocol lastRun { state added unchanged rejected } } } }"
    data = await hub.data(query, as_party=country.municipality)
    assert {
        "key": "werk",
        "protocol": "cloudevents",
        "lastRun": {"state": "DONE", "added": 2, "unchanged": 0, "rejected": 1},
    } in data["sources"]["nodes"]


async def test_nothing_is_said_to_be_taken_while_the_database_refuses(tell: Tell, db: Any) -> None:
    await db.execute("ALTER TABLE inbound_event ADD CONSTRAINT closed CHECK (type = 'never')")
    told = event()
    try:
        broken = await tell(told)
    finally:
        await db.execute("ALTER TABLE inbound_event DROP CONSTRAINT closed")
    assert (broken.status_code, code(broken)) == (500, "INTERNAL")
    assert await run_of(db) == ()
    assert (await tell(told)).status_code == 202


async def test_no_canary_reaches_database_or_log(tell: Tell, hub: Hub, country: Country, db: Any) -> None:
    first, last, born, mail, phone, bsn = CANARIES
    data = {"zaaknummer": CASE, "datumEinde": ENDED_ON, "roepnaam": first, "geboortedatum": born, "bsn": bsn}
    answers = [
        await tell(event(data=data, naam=last, subject=mail)),
        await tell(event(subject=bsn)),
        await tell(event(id=f"{first}.{phone}")),
        await tell(event(data={**data, "reden": f"{first} {last}"})),
        await tell(event(type=f"nl.{first.lower()}.x.v1")),
        await tell(orjson.dumps(event(data=data))[:-5]),
        await tell(event(data=data), source=first),
    ]
    assert [one.status_code for one in answers] == [202, 422, 422, 422, 422, 422, 404]
    tables = await db.fetch(TABLES)
    dump = [str(one[0]) for t in tables for one in await db.fetch(f'SELECT x::text FROM "{t[0]}" x')]
    log = home_folder(f"test-{os.getpid()}").joinpath("postgres.log").read_text(errors="replace")
    everything = "\n".join([*dump, *map(str, hub.lines), log, *(one.text for one in answers)]).lower()
    assert CASE.lower() in everything
    assert [canary for canary in CANARIES if canary.lower() in everything] == []
