"""Subscriptions over server-sent events (graphql-sse, distinct connections)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.socket_kit import AFTER, EVENTS, listening
from tests.spil.hub_kit import Country, Hub, codes, hub_of
from tests.stream_kit import Telling, telling_of, within


@pytest.fixture
async def telling(country: Country) -> AsyncIterator[Telling]:
    async with telling_of(country.owner) as one:
        yield one


@pytest.fixture
def seer(country: Country) -> str:
    return "#".join(country.school)


def position(body: dict[str, Any]) -> int:
    return int(body["data"]["events"]["pos"])


async def test_events_come_with_their_cursor_as_id(hub: Hub, country: Country, telling: Telling, seer: str) -> None:
    async with listening(hub, country.school) as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert list(await stream.hear()) == ["id"]  # where it begins
        await telling.many(seer, 3)
        found = [await stream.next() for _ in range(3)]
    _, last = await telling.head(seer)
    assert [position(body) for _, body in found] == [last - 2, last - 1, last]
    for cursor, body in found:
        assert cursor == body["extensions"]["cursor"]


async def test_the_last_event_id_goes_on_exactly_there(hub: Hub, country: Country, telling: Telling, seer: str) -> None:
    async with listening(hub, country.school) as stream:
        begin = (await stream.hear())["id"]
        await telling.many(seer, 4)
        cursors = [(await stream.next())[0] for _ in range(2)]
    _, last = await telling.head(seer)
    async with listening(hub, country.school, last_event_id=cursors[1]) as stream:
        await stream.hear()
        assert [position((await stream.next())[1]) for _ in range(2)] == [last - 1, last]
    # A client that comes back sends the body that it sent first: the header goes before its `after`.
    async with listening(hub, country.school, AFTER, {"after": begin}, last_event_id=cursors[0]) as stream:
        await stream.hear()
        assert position((await stream.next())[1]) == last - 2
    async with listening(hub, country.school, AFTER, {"after": begin}) as stream:
        await stream.hear()
        assert position((await stream.next())[1]) == last - 3


async def test_what_was_cut_off_before_its_first_event_goes_on_where_it_began(
    hub: Hub, country: Country, telling: Telling, seer: str
) -> None:
    async with listening(hub, country.school) as stream:
        begin = (await stream.hear())["id"]
    await telling.many(seer, 1)
    async with listening(hub, country.school, last_event_id=begin) as stream:
        await stream.hear()
        assert position((await stream.next())[1]) == (await telling.head(seer))[1]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { events { nothing } }", "INVALID_DOCUMENT"),
        ("subscription {", "BAD_DOCUMENT"),
        ('subscription { events(after: "x") { pos } }', "BAD_CURSOR"),
        ('subscription { events(after: "") { pos } }', "BAD_CURSOR"),
        ("subscription { events { student { support { plan { state } } } } }", "INVALID_DOCUMENT"),
        ("subscription { events { student { identity { givenName } } } }", "LIVE_IN_SUBSCRIPTION"),
    ],
)
async def test_what_is_wrong_with_an_operation_is_its_one_answer(
    hub: Hub, country: Country, query: str, code: str
) -> None:
    async with listening(hub, country.school, query) as stream:
        assert stream.response.status_code == 200
        _, body = await stream.next()
        assert body["errors"][0]["extensions"]["code"] == code
        assert await stream.hear() == {"event": "complete", "data": ""}
        assert await stream.hear() == {}


async def test_a_query_is_streamed_too_where_nothing_else_is_taken(hub: Hub, country: Country) -> None:
    async with listening(hub, country.school, "{ me { role } }") as stream:
        assert (await stream.next())[1] == {"data": {"me": {"role": "SCHOOL"}}}
        assert (await stream.hear())["event"] == "complete"
    many = "application/json, text/event-stream"
    answer = await hub.ask("{ me { role } }", as_party=country.school, accept=many)
    assert answer.headers["content-type"].startswith("application/json")
    async with listening(hub, country.school, accept=many) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/graphql-response+json", ""])
async def test_without_a_stream_a_subscription_is_refused_with_what_it_needs(
    hub: Hub, country: Country, accept: str
) -> None:
    answer = await hub.ask(EVENTS, as_party=country.school, accept=accept)
    assert codes(answer) == ["STREAM_NEEDED"]


async def test_a_bad_token_and_another_method_are_refused_as_elsewhere(hub: Hub, country: Country) -> None:
    async with listening(hub, None, authorization="Bearer x.y.z") as stream:
        assert stream.response.status_code == 401
    answer = await hub.send(b"", method="GET", accept="text/event-stream", content_type="")
    assert answer.status_code == 405


async def test_a_cursor_of_another_party_is_refused(hub: Hub, country: Country, telling: Telling, seer: str) -> None:
    async with listening(hub, country.school) as stream:
        cursor = (await stream.hear())["id"]
    async with listening(hub, country.municipality, last_event_id=cursor) as stream:
        _, body = await stream.next()
        assert body["errors"][0]["extensions"]["code"] == "BAD_CURSOR"


async def test_a_stream_ends_with_its_token_and_says_where_to_go_on(
    hub: Hub, country: Country, telling: Telling, seer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(hub, country.school) as stream:
        await stream.hear()
        await telling.many(seer, 1)
        cursor, _ = await stream.next()
        for held in hub.parts.gate._known.values():
            monkeypatch.setattr("spil.lasting.time.time", lambda end=held.claims.expires: end + 1)
        _, body = await stream.next()
        monkeypatch.undo()
        assert body["errors"][0]["extensions"]["code"] == "TOKEN_EXPIRED"
        assert body["errors"][0]["extensions"]["cursor"] == cursor
        assert (await stream.hear())["event"] == "complete"


async def test_a_quiet_stream_is_kept_alive_by_comments(
    hub: Hub, country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spil.lasting.CHECK", 0.0)
    async with listening(hub, country.school) as stream:
        await stream.hear()

        async def comment() -> str:
            async for line in stream._lines:
                if line.startswith(":"):
                    return line
            return ""

        assert await within(10, comment()) == ":"


@asynccontextmanager
async def no_agreement(hub: Hub, telling: Telling, party: str) -> AsyncIterator[None]:
    """The party's agreement ends now, and the hub knows; afterwards it stands again."""
    move = "UPDATE party_agreement SET until_at = $2 WHERE party = $1"
    before = await telling.owner.fetchval("SELECT until_at FROM party_agreement WHERE party = $1", party)
    await telling.owner.execute(move, party, datetime.now(UTC))
    try:
        await hub.parts.trust.refresh()
        yield
    finally:
        await telling.owner.execute(move, party, before)
        await hub.parts.trust.refresh()


async def test_an_agreement_that_ends_ends_the_stream_and_nothing_comes_any_more(
    hub: Hub, country: Country, telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spil.lasting.STEP", 3600.0)  # nobody looks: what goes out asks by itself
    async with listening(hub, country.other_school) as stream:
        await stream.hear()
        async with no_agreement(hub, telling, country.other_school[0]):
            await telling.many("#".join(country.other_school), 3)
            _, body = await stream.next()
        assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert (await stream.hear())["event"] == "complete"


async def test_a_quiet_stream_ends_with_its_agreement_too(hub: Hub, country: Country, telling: Telling) -> None:
    async with listening(hub, country.other_school) as stream:
        await stream.hear()
        async with no_agreement(hub, telling, country.other_school[0]):
            _, body = await stream.next()
        assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_gateway_that_ends_breaks_its_streams_off(country: Country) -> None:
    async with hub_of(country) as hub:
        opened = listening(hub, country.school)
        stream = await opened.__aenter__()
        await stream.hear()
    with pytest.raises(httpx.RemoteProtocolError):
        await stream.hear()
    await opened.__aexit__(None, None, None)


async def test_who_goes_leaves_nothing_behind(hub: Hub, country: Country, telling: Telling, seer: str) -> None:
    async with listening(hub, country.school) as stream:
        await stream.hear()
        assert len(hub.parts.streams._of) == 1

    async with asyncio.timeout(10):
        while hub.parts.streams._of or hub.parts.streams._readers:  # noqa: ASYNC110 - its door notices by itself
            await asyncio.sleep(0)


def test_a_message_is_one_line() -> None:
    from spil.event_stream import _one_line

    body = json.dumps({"data": {"a": "b"}}, indent=2).encode()
    assert json.loads(_one_line(body)) == json.loads(body)
    assert b"\n" not in _one_line(body)
