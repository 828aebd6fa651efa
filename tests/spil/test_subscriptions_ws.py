"""Subscriptions over graphql-transport-ws: what a client may say, what it hears, and how the hub closes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.socket_kit import AFTER, EVENTS, PROTOCOL, Line, code_of, greeting, line_of
from tests.spil.hub_kit import Country, Hub, hub_of
from tests.stream_kit import Telling, telling_of

ORIGIN = "https://portaal.example"
UNSEEN = "SELECT id FROM student WHERE id NOT IN (SELECT student FROM sight WHERE seer = $1) LIMIT 1"
DEEP = '{"type":"ping","payload":' + '{"a":' * 10_000 + "1" + "}" * 10_001


@pytest.fixture
async def telling(country: Country) -> AsyncIterator[Telling]:
    async with telling_of(country.owner) as one:
        yield one


@pytest.fixture
def seer(country: Country) -> str:
    return "#".join(country.municipality)


async def test_events_come_in_their_order_with_a_cursor_each(
    hub: Hub, country: Country, telling: Telling, seer: str
) -> None:
    async with line_of(hub, country.municipality) as line:
        await line.subscribe("subscription { events { cursor pos } }")
        await line.settled()
        await telling.many(seer, 5)
        payloads = await line.next(5)
    _, last = await telling.head(seer)
    assert [payload["data"]["events"]["pos"] for payload in payloads] == list(range(last - 4, last + 1))
    for payload in payloads:
        assert payload["extensions"]["cursor"] == payload["data"]["events"]["cursor"]


async def test_after_a_cursor_what_was_missed_comes_first_and_then_what_happens(
    hub: Hub, country: Country, telling: Telling, seer: str
) -> None:
    async with line_of(hub, country.municipality) as line:
        await line.subscribe()
        await line.settled()
        await telling.many(seer, 3)
        cursor = (await line.next(3))[0]["extensions"]["cursor"]
    await telling.many(seer, 250)
    async with line_of(hub, country.municipality) as line:
        await line.subscribe(AFTER, after=cursor)
        found = await line.positions(252)
        await telling.many(seer, 2)
        found += await line.positions(2)
    _, last = await telling.head(seer)
    assert found == list(range(last - 253, last + 1))


async def test_what_happens_while_a_client_catches_up_comes_once(
    hub: Hub, country: Country, telling: Telling, seer: str
) -> None:
    async with line_of(hub, country.municipality) as first, line_of(hub, country.municipality) as line:
        await first.subscribe(AFTER)
        await first.settled()
        await telling.many(seer, 1)
        cursor = (await first.next())[0]["extensions"]["cursor"]
        _, begin = await telling.head(seer)
        await telling.many(seer, 150)
        await line.subscribe(AFTER, after=cursor)
        for _ in range(10):
            await telling.many(seer, 10)
        wanted = list(range(begin + 1, begin + 251))
        assert await line.positions(250) == wanted
        assert await first.positions(250) == wanted


async def test_types_choose_and_a_position_that_is_withheld_passes_every_choice(
    hub: Hub, country: Country, telling: Telling, seer: str
) -> None:
    async with line_of(hub, country.municipality) as line:
        await line.subscribe("subscription { events(types: [PLAATSING_GESTART]) { withheld type } }", "types")
        await line.subscribe("subscription { uitval { withheld type } }", "uitval")
        await line.settled()
        await telling.tell(seer, "uitval-gemeld", "plaatsing-gestart", "plaats-vrijgekomen")
        # Of one whom this municipality does not see.
        hidden = await telling.owner.fetchval(UNSEEN, seer)
        await telling.tell(seer, "kandidaat-voorgedragen", student=hidden)
        found: dict[str, list[Any]] = {"types": [], "uitval": []}
        for _ in range(4):
            message = await line.hear()
            found[message["id"]].append(next(iter(message["payload"]["data"].values())))
    withheld = {"withheld": True, "type": None}
    assert found["types"] == [{"withheld": False, "type": "PLAATSING_GESTART"}, withheld]
    assert found["uitval"] == [{"withheld": False, "type": "UITVAL_GEMELD"}, withheld]


async def test_queries_and_commands_go_over_a_socket_too(hub: Hub, country: Country) -> None:
    async with line_of(hub, country.municipality) as line:
        await line.subscribe("{ me { role } }")
        assert (await line.next())[0] == {"data": {"me": {"role": "MUNICIPALITY"}}}
        assert await line.hear() == {"id": "1", "type": "complete"}
        await line.subscribe("{ me { nothing } }")
        assert code_of(await line.hear()) == "INVALID_DOCUMENT"
        await line.subscribe("{ me { role ")
        assert code_of(await line.hear()) == "BAD_DOCUMENT"
    async with line_of(hub) as line:
        await line.subscribe("{ me { role } }")
        assert (await line.next())[0] == {"data": {"me": {"role": "PUBLIC"}}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { events { student { identity { givenName } } } }", "LIVE_IN_SUBSCRIPTION"),
        ("subscription { a: events { pos } b: events { pos } }", "INVALID_DOCUMENT"),
        ("subscription { events { overig } }", "INVALID_DOCUMENT"),
        ('subscription { events(after: "x") { pos } }', "BAD_CURSOR"),
        ("subscription { events { student { placements(first: 5000) { nodes { id } } } } }", "PAGE_TOO_LARGE"),
        ("subscription A { events { pos } } subscription B { events { pos } }", "BAD_DOCUMENT"),
    ],
)
async def test_a_subscription_that_cannot_be_is_refused_and_the_socket_stays(
    hub: Hub, country: Country, query: str, code: str
) -> None:
    async with line_of(hub, country.municipality) as line:
        await line.subscribe(query)
        assert code_of(await line.hear()) == code
        await line.settled()


async def test_the_public_has_no_subscriptions_and_a_token_without_the_scope_none(hub: Hub, country: Country) -> None:
    async with line_of(hub) as line:
        await line.subscribe()
        assert code_of(await line.hear()) == "INVALID_DOCUMENT"
    answer = await hub.ask(EVENTS, as_party=country.municipality)
    assert answer.status_code in (200, 400)
    assert answer.json()["errors"][0]["extensions"]["code"] == "STREAM_NEEDED"


async def test_what_is_completed_is_heard_no_more_and_its_id_is_free(
    hub: Hub, country: Country, telling: Telling, seer: str
) -> None:
    async with line_of(hub, country.municipality) as line:
        await line.subscribe()
        await line.say({"id": "1", "type": "complete"})
        await line.settled()
        await telling.many(seer, 3)
        await line.subscribe(one="1")
        await line.settled()
        await telling.many(seer, 1)
        _, last = await telling.head(seer)
        assert await line.positions(1) == [last]
    assert hub.parts.streams._readers == {}


async def test_an_eleventh_operation_is_refused_and_the_ten_go_on(
    hub: Hub, country: Country, telling: Telling, seer: str
) -> None:
    async with line_of(hub, country.municipality) as line:
        for number in range(11):
            await line.subscribe(one=str(number))
        refused = await line.hear()
        assert (refused["id"], code_of(refused)) == ("10", "TOO_MANY_SUBSCRIPTIONS")
        await telling.many(seer, 1)
        assert {(await line.hear())["id"] for _ in range(10)} == {str(number) for number in range(10)}


FRAMES = {
    "bad JSON": "{",
    "no object": "[]",
    "a number": "5",
    "null": "null",
    "deep JSON": DEEP,
    "a type that is none": '{"type":"start"}',
    "a type that is no text": '{"type":5}',
    "no type": "{}",
    "a payload that is no object": '{"type":"ping","payload":5}',
    "bytes": b'{"type":"ping"}',
    "a lone surrogate": '{"type":"ping","payload":{"a":"\\ud800"}}',
    "subscribe without id": '{"type":"subscribe","payload":{"query":"{ me { role } }"}}',
    "an id that is a number": '{"type":"subscribe","id":5,"payload":{"query":"{ me { role } }"}}',
    "an id that is empty": '{"type":"complete","id":""}',
    "an id without end": json.dumps({"type": "complete", "id": "x" * 1000}),
    "no payload": '{"type":"subscribe","id":"1"}',
    "a payload that is a list": '{"type":"subscribe","id":"1","payload":[]}',
    "a query that is a number": '{"type":"subscribe","id":"1","payload":{"query":5}}',
    "variables that are a list": '{"type":"subscribe","id":"1","payload":{"query":"{ me { role } }","variables":[]}}',
    "a name that is a number": '{"type":"subscribe","id":"1","payload":{"query":"{ me { role } }","operationName":1}}',
}


@pytest.mark.parametrize("greeted", [True, False])
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
async def test_a_frame_that_is_no_message_closes_the_socket(
    hub: Hub, country: Country, frame: Any, greeted: bool
) -> None:
    async with line_of(hub, country.municipality, greet=greeted) as line:
        await line.say(frame)
        # An operation before the greeting is not looked at.
        assert await line.code() in ({4400} if greeted else {4400, 4401})


async def test_a_frame_that_is_too_large_or_no_text_closes_the_socket(
    hub: Hub, country: Country, capfd: pytest.CaptureFixture[str]
) -> None:
    async with line_of(hub, country.municipality) as line:
        await line.say(json.dumps({"type": "ping", "payload": {"a": "x" * 70_000}}))
        assert await line.code() == 1009
    async with line_of(hub, country.municipality) as line:
        await line.socket.send(b'"\xff"', text=True)
        assert await line.code() == 1007
    assert "Traceback" not in capfd.readouterr().err


async def test_the_greeting_comes_first_once_and_in_time(
    hub: Hub, country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with line_of(hub, country.municipality, greet=False) as line:
        await line.settled()  # a ping is answered before
        await line.subscribe()
        assert await line.code() == 4401
    async with line_of(hub, country.municipality) as line:
        await line.say({"type": "connection_init"})
        assert await line.code() == 4429
    monkeypatch.setattr("spil.socket_door.GREETING", 0.05)
    async with line_of(hub, greet=False) as line:
        assert await line.code() == 4408


async def test_an_id_in_use_closes_the_socket(hub: Hub, country: Country) -> None:
    async with line_of(hub, country.municipality) as line:
        await line.subscribe()
        await line.subscribe()
        assert await line.code() == 4409


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"authorization": "Bearer x.y.z"}, 4403),
        ({"authorization": "Basic eA=="}, 4403),
        ({"Authorization": ""}, 4403),
        ({"authorization": 5}, 4400),
        ({"authorization": "a", "Authorization": "b"}, 4400),
    ],
)
async def test_a_token_that_does_not_count_is_not_the_public(hub: Hub, payload: Any, code: int) -> None:
    async with line_of(hub, greet=False) as line:
        await line.say({"type": "connection_init", "payload": payload})
        assert await line.code() == code


async def test_another_subprotocol_is_refused(hub: Hub) -> None:
    for subprotocols in (["graphql-ws"], None):
        async with line_of(hub, greet=False, subprotocols=subprotocols) as line:
            assert await line.code() == 4406


async def test_a_page_is_let_in_from_the_origins_that_its_client_listed(country: Country) -> None:
    async with hub_of(country, SPIL_CORS=json.dumps({"demo": [ORIGIN]})) as hub:
        async with line_of(hub, country.municipality, origin=ORIGIN) as line:
            await line.settled()
        with pytest.raises(InvalidStatus) as refused:
            async with line_of(hub, country.municipality, origin="https://elders.example"):
                pass
        assert refused.value.response.status_code == 403
        async with line_of(hub, greet=False, origin=ORIGIN) as line:  # the public is no client
            await line.say({"type": "connection_init"})
            assert await line.code() == 4403


async def test_a_socket_closes_when_its_token_ends_and_the_last_cursor_goes_on(
    hub: Hub, country: Country, telling: Telling, seer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with line_of(hub, country.municipality) as line:
        await line.subscribe(AFTER)
        await line.settled()
        await telling.many(seer, 1)
        cursor = (await line.next())[0]["extensions"]["cursor"]
        for held in hub.parts.gate._known.values():
            monkeypatch.setattr("spil.lasting.time.time", lambda end=held.claims.expires: end + 1)
        assert await line.code() == 4403
    monkeypatch.undo()
    await telling.many(seer, 2)
    async with line_of(hub, country.municipality) as line:
        await line.subscribe(AFTER, after=cursor)
        _, last = await telling.head(seer)
        assert await line.positions(2) == [last - 1, last]


async def test_two_gateways_on_one_database_tell_the_same(
    hub: Hub, country: Country, telling: Telling, seer: str
) -> None:
    async with (
        hub_of(country) as other,
        line_of(other, country.municipality) as b,
    ):
        await b.subscribe()
        await b.settled()
        async with line_of(hub, country.municipality) as a:
            await a.subscribe()
            await a.settled()
            await telling.many(seer, 20)
            assert await a.positions(20) == await b.positions(20)


async def test_a_gateway_that_ends_says_so(country: Country) -> None:
    async with hub_of(country) as hub:
        opened = line_of(hub, country.municipality)
        line: Line = await opened.__aenter__()
        await line.subscribe()
        await line.settled()
    assert await line.code() == 1012
    await opened.__aexit__(None, None, None)


async def test_many_sockets_greet_at_once(hub: Hub, country: Country) -> None:
    async def one() -> dict[str, Any]:
        async with line_of(hub, greet=False) as line:
            await line.say({"type": "connection_init", "payload": await greeting(hub, country.municipality)})
            return await line.hear()

    assert await asyncio.gather(*(one() for _ in range(20))) == [{"type": "connection_ack"}] * 20
    assert PROTOCOL == "graphql-transport-ws"
