"""`/agent/<source>`: who is let in, what an agent may send, and how a connection ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from auth.issuer import token as token_of
from registry.sources import Source, add_source
from schema.errors import SourceDown
from spil.agents import UNDER_WAY, Line
from spil.demo import ISSUER_PATH
from tests.conftest import TestPostgres
from tests.spil.agent_kit import KEY, agent_source, scene_of
from tests.spil.hub_kit import Country, Hub, hub_of, make_country
from wire import frames
from wire.client import post_form
from wire.messages import Answer, Ask

ASK = "{ students(first: 3) { nodes { id identity { givenName } } } }"
ANSWER = '{"id": 1, "status": 200, "headers": {}, "body": ""}'


@pytest.fixture(scope="module")
async def country(postgres: TestPostgres) -> Country:
    """A country of this module's own: it gets sources."""
    made = await make_country(postgres, "t_agent_door")
    row = agent_source("aaa", made.school[0], harvests=False)
    dialled = Source("zzz", made.school[0], "school", "school-rest", "https://school.example", ("school.example",))
    rows = (
        row,
        replace(row, key="ended", answers_live=False),
        replace(row, key="other", party=made.other_school[0]),
        dialled,
    )
    for one in rows:
        await add_source(made.logins.worker, one)
    owner = await asyncpg.connect(made.owner)
    await owner.execute("UPDATE source SET state = 'ENDED' WHERE key = 'ended'")
    await owner.close()
    return made


@pytest.fixture(scope="module")
async def hub(country: Country) -> AsyncIterator[Hub]:
    async with hub_of(country, SPIL_RATE="100000", SPIL_BURST="100000", SPIL_LIVE_DEADLINE="1") as running:
        await running.parts.sources.refresh()
        yield running


async def token(hub: Hub, actor: tuple[str, str], scope: str = "harvest") -> str:
    place = hub.base.removeprefix("http://")

    async def post(target: str, form: Mapping[str, str]) -> bytes:
        return await post_form(target, form, deadline=5, cap=65_536, allow_private=frozenset({place}))

    return await token_of(hub.base + ISSUER_PATH, *actor, post=post, scope=scope)


@contextlib.asynccontextmanager
async def joined(place: str, bearer: str, source: str = "aaa", **more: Any) -> AsyncIterator[ClientConnection]:
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    async with connect(
        f"ws://{place}/agent/{source}", additional_headers=headers, compression=None, proxy=None, max_size=None, **more
    ) as line:
        yield line


async def code_of(line: ClientConnection) -> int | None:
    """With what the hub closes, within patience; frames before that are left aside."""
    async with asyncio.timeout(10):
        try:
            while True:
                await line.recv()
        except ConnectionClosed:
            return line.close_code


async def told(line: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        found: dict[str, Any] = orjson.loads(await line.recv())
    return found


async def answer(line: ClientConnection, asked: dict[str, Any], body: str | None = None, status: int = 200) -> None:
    """Who they are, as a school says it."""
    numbers = orjson.loads(asked["body"])["leerlingen"]
    rows = [{"leerlingid": number, "roepnaam": f"Kanarie{number}"} for number in numbers]
    text = body if body is not None else orjson.dumps({"identiteiten": rows}).decode()
    await line.send(orjson.dumps({"id": asked["id"], "status": status, "headers": {}, "body": text}).decode())


def place(hub: Hub) -> str:
    return hub.base.removeprefix("http://")


async def names(hub: Hub, country: Country) -> tuple[list[str], list[Any]]:
    """The codes of a question for names, and the given names."""
    body = (await hub.ask(ASK, as_party=country.school)).json()
    found = [one["identity"] and one["identity"]["givenName"] for one in body["data"]["students"]["nodes"]]
    return [error["extensions"]["code"] for error in body.get("errors", ())], found


async def test_who_connects_is_settled_before_the_connection_is(hub: Hub, country: Country) -> None:
    good, reads = await token(hub, country.school), await token(hub, country.school, "read")
    town = await token(hub, country.municipality)
    table: list[tuple[str, str, dict[str, Any], int]] = [
        ("", "aaa", {}, 401),
        ("a.b.c", "aaa", {}, 401),
        (good[:-4] + "AAAA", "aaa", {}, 401),
        (reads, "aaa", {}, 403),
        (town, "aaa", {}, 403),
        (good, "aaa", {"origin": "https://portal.example"}, 403),
        (good, "other", {}, 404),
        (good, "nowhere", {}, 404),
        (good, "ended", {}, 404),
        (good, "zzz", {}, 404),
    ]
    bodies: dict[int, set[bytes]] = {}
    for bearer, source, more, status in table:
        with pytest.raises(InvalidStatus) as refused:
            async with joined(place(hub), bearer, source, **more):
                pass
        response = refused.value.response
        assert response.status_code == status, (source, more)
        body = orjson.loads(response.body or b"{}")["errors"][0]
        body["extensions"].pop("requestId")
        bodies.setdefault(status, set()).add(orjson.dumps(body))
    assert len(bodies[404]) == 1
    async with joined(place(hub), good) as line:
        assert line.response is not None
        assert 3000 < int(line.response.headers["x-spil-seconds"]) <= 3600
    assert not (await hub.send(b"", method="GET", path="/agent/aaa")).is_success


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("", 4400),
        ("[]", 4400),
        ("5", 4400),
        ('"x"', 4400),
        ("null", 4400),
        ("NaN", 4400),
        ("[" * 100_000, 4400),
        ('{"a":' * 50_000, 4400),
        ("{}", 4400),
        ('{"event": "other"}', 4400),
        ('{"event": "changed", "more": 1}', 4400),
        (ANSWER, 4400),
        (ANSWER.replace("1", "0"), 4400),
        (ANSWER.replace("1", "-1"), 4400),
        (ANSWER.replace("1", "true"), 4400),
        (ANSWER.replace("1", '"1"'), 4400),
        (ANSWER.replace("1", "1e3"), 4400),
        (ANSWER.replace("200", "99"), 4400),
        (ANSWER.replace("200", "true"), 4400),
        (ANSWER.replace("{}", "[]"), 4400),
        (ANSWER.replace("{}", '{"a": 1}'), 4400),
        (ANSWER.replace("{}", orjson.dumps({str(n): "" for n in range(40)}).decode()), 4400),
        (ANSWER.replace('""', "{}"), 4400),
        (ANSWER.replace('""', r'"\ud800"'), 4400),
        (ANSWER.replace("}", ', "more": 1}'), 4400),
        (b"{}", 1003),
        (b"", 1003),
        ("x" * (frames.MOST + 1), 1009),
    ],
)
async def test_what_was_not_agreed_closes_with_its_code_and_without_a_word_in_a_log(
    hub: Hub, country: Country, capfd: pytest.CaptureFixture[str], sent: str | bytes, code: int
) -> None:
    before = len(hub.lines)
    async with joined(place(hub), await token(hub, country.school)) as line:
        await line.send(sent)
        assert await code_of(line) == code
    assert {one["event"] for one in hub.lines[before:]} <= {"agent-joined", "agent-left", "request"}
    shown = capfd.readouterr()
    assert "Traceback" not in shown.out + shown.err


async def test_text_that_is_no_utf8_closes_with_1007(
    hub: Hub, country: Country, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with joined(place(hub), await token(hub, country.school)) as line:
        line.protocol.send_frame(Frame(Opcode.TEXT, b"\xff\xfe"))
        line.transport.write(b"".join(line.protocol.data_to_send()))
        assert await code_of(line) == 1007
    assert "Traceback" not in "".join([*capfd.readouterr(), caplog.text])


async def test_a_frame_in_pieces_above_the_cap_is_no_way_around_it(hub: Hub, country: Country) -> None:
    async with joined(place(hub), await token(hub, country.school)) as line:

        async def pieces() -> AsyncIterator[str]:
            for _ in range(frames.MOST // 65_536 + 2):
                yield "x" * 65_536

        with contextlib.suppress(ConnectionClosed):
            await line.send(pieces())
        assert await code_of(line) == 1009


async def test_questions_carry_their_deadline_and_answers_may_come_in_any_order(hub: Hub, country: Country) -> None:
    async with joined(place(hub), await token(hub, country.school)) as line:
        asking = [asyncio.create_task(hub.ask(text, as_party=country.school)) for text in (ASK, ASK.replace("3", "2"))]
        first, second = await told(line), await told(line)
        assert (first["method"], first["path"]) == ("POST", "/identities")
        assert 0 < int(first["headers"]["x-spil-deadline-ms"]) <= 1000
        assert "authorization" not in first["headers"]
        await answer(line, second)
        await answer(line, first)
        bodies = [(await one).json() for one in asking]
        assert all(str(one["data"]).count("Kanarie") == n for one, n in zip(bodies, (3, 2), strict=True))


async def test_an_agent_that_is_slow_is_a_timeout_and_its_late_answer_is_dropped(hub: Hub, country: Country) -> None:
    async with joined(place(hub), await token(hub, country.school)) as line:
        codes, found = await names(hub, country)
        assert (codes, found) == (["SOURCE_TIMEOUT"], [None] * 3)
        late = await told(line)
        await answer(line, late)
        await answer(line, late)
        asking = asyncio.create_task(names(hub, country))
        asked = await told(line)
        assert asked["id"] == late["id"] + 1
        await answer(line, asked)
        codes, found = await asking
        assert codes == []
        assert all(name.startswith("Kanarie") for name in found)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("x", 200, "SOURCE_MALFORMED"),
        ("[]", 200, "SOURCE_MALFORMED"),
        ("", 401, "SOURCE_REFUSED"),
        ("", 500, "SOURCE_DOWN"),
    ],
)
async def test_a_bad_answer_is_an_error_with_a_code_and_the_connection_stays(
    hub: Hub, country: Country, body: str, status: int, code: str
) -> None:
    async with joined(place(hub), await token(hub, country.school)) as line:
        asking = asyncio.create_task(names(hub, country))
        await answer(line, await told(line), body, status)
        assert (await asking)[0] == [code]
        asking = asyncio.create_task(names(hub, country))
        await answer(line, await told(line))
        assert (await asking)[0] == []


async def test_a_newer_connection_takes_the_place_of_the_older_which_ends_what_it_was_asked(
    hub: Hub, country: Country
) -> None:
    bearer = await token(hub, country.school)
    async with joined(place(hub), bearer) as older:
        asking = asyncio.create_task(names(hub, country))
        asked = await told(older)
        async with joined(place(hub), bearer) as newer:
            await answer(older, asked)
            assert (await asking)[0] == []
            assert await code_of(older) == 4409
            asking = asyncio.create_task(names(hub, country))
            await answer(newer, await told(newer))
            assert (await asking)[0] == []


async def test_an_agent_that_goes_while_it_is_asked_takes_the_question_with_it(hub: Hub, country: Country) -> None:
    async with joined(place(hub), await token(hub, country.school)) as line:
        asking = asyncio.create_task(names(hub, country))
        await told(line)
        line.transport.abort()
        assert (await asking)[0] == ["SOURCE_DOWN"]
    assert (await names(hub, country))[0] == ["SOURCE_DOWN"]


async def test_a_connection_ends_with_its_token_and_with_the_agreement(postgres: TestPostgres, tmp_path: Path) -> None:
    async with scene_of(postgres, tmp_path) as scene:
        await scene.hub()
        now = int(time.time())
        async with joined(scene.base, scene.school.token(exp=now + 3), KEY) as line:
            assert await code_of(line) == 4401
            assert time.time() >= now + 3
        with pytest.raises(InvalidStatus):
            async with joined(scene.base, scene.school.token(exp=now + 3), KEY):
                pass
        async with joined(scene.base, scene.school.token(), KEY) as line:
            await scene.world.db.execute("UPDATE party_agreement SET until_at = now()")
            assert await code_of(line) == 4403


async def test_a_connection_holds_no_more_questions_than_it_has_seats_for() -> None:
    sent: list[str] = []

    async def send(text: str) -> None:
        sent.append(text)

    line, left = Line(send), lambda: 5.0
    asking = [asyncio.create_task(line.ask(Ask("GET", "/students"), left)) for _ in range(UNDER_WAY)]
    await asyncio.sleep(0)
    with pytest.raises(SourceDown, match="Too many questions"):
        await asyncio.wait_for(line.ask(Ask("GET", "/students"), left), 5)
    line.take(1, Answer(200))
    assert (await asking[0]).status == 200
    asking.append(asyncio.create_task(line.ask(Ask("GET", "/students"), left)))
    await asyncio.sleep(0)
    line.lose()
    results = await asyncio.gather(*asking[1:], return_exceptions=True)
    assert {type(one).__name__ for one in results} == {"SourceDown"}
    assert len(sent) == UNDER_WAY + 1
