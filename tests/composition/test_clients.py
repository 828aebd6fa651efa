"""Stock clients follow a party's events: npm graphql-ws and graphql-sse, and Hive Gateway in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.composition.conftest import TOWN
from tests.composition.node_kit import FOLDER, NODE, Served
from tests.spil.hub_kit import Actor, Country, Hub
from tests.stream_kit import Telling, telling_of, within

QUERY = "subscription Follow($after: Cursor) { events(after: $after) { epoch pos type withheld } }"
SEER = "#".join(TOWN)


@pytest.fixture
async def telling(country: Country) -> AsyncIterator[Telling]:
    async with telling_of(country.owner) as one:
        yield one


@dataclass
class Following:
    """A process of node that follows."""

    process: asyncio.subprocess.Process

    async def hear(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(await within(20, self.process.stdout.readline()))

    async def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def positions(self, count: int) -> list[int]:
        return [(await self.hear())["data"]["events"]["pos"] for _ in range(count)]


@contextlib.asynccontextmanager
async def following(way: str, url: str, token: str, after: str | None = None) -> AsyncIterator[Following]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(NODE, FOLDER / "follow.mjs", way, stdin=pipe, stdout=pipe)
    one = Following(process)
    asked = {"url": url, "token": token, "query": QUERY, "variables": {"after": after} if after else {}}
    await one.say(json.dumps(asked))
    try:
        yield one
    finally:
        with contextlib.suppress(ProcessLookupError, ConnectionError):
            await one.say("end")
        await within(20, process.wait())


async def begun(hub: Hub, count: int = 1) -> None:
    """So many follow: events that are told from now on reach them."""
    async with asyncio.timeout(20):
        while len(hub.parts.streams._of) < count:  # noqa: ASYNC110 - another process begins
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("way", ["ws", "sse"])
async def test_a_stock_client_gets_what_happens_and_goes_on_after_its_cursor(
    node: None, hub: Hub, telling: Telling, way: str
) -> None:
    token, url = await hub.token(TOWN), f"{hub.base}/graphql"
    async with following(way, url, token) as client:
        assert await client.hear() == "ready"
        await begun(hub)
        await telling.many(SEER, 3)
        answers = [await client.hear() for _ in range(3)]
    cursor = answers[0]["extensions"]["cursor"]
    positions = [answer["data"]["events"]["pos"] for answer in answers]
    async with following(way, url, token, cursor) as client:
        assert await client.hear() == "ready"
        assert await client.positions(2) == positions[1:]


async def test_graphql_ws_that_is_cut_comes_back_where_it_was(node: None, hub: Hub, telling: Telling) -> None:
    async with following("ws", f"{hub.base}/graphql", await hub.token(TOWN)) as client:
        assert await client.hear() == "ready"
        await begun(hub)
        await telling.many(SEER, 2)
        found = await client.positions(2)
        await client.say("cut")
        await telling.many(SEER, 2)
        assert await client.hear() == "ready"
        assert await client.positions(2) == [found[-1] + 1, found[-1] + 2]


@pytest.mark.parametrize("way", ["ws", "sse"])
async def test_a_stock_client_reads_why_it_is_refused(node: None, hub: Hub, way: str) -> None:
    async with following(way, f"{hub.base}/graphql", await hub.token(TOWN), "no cursor") as client:
        assert await client.hear() == "ready"
        told = await client.hear()
        errors = told.get("errors") or told["error"]
        assert errors[0]["extensions"]["code"] == "BAD_CURSOR"


async def heard(client: Following, count: int) -> list[Any]:
    """So many answers; that it is connected is told whenever it is."""
    answers: list[Any] = []
    while len(answers) < count:
        told = await client.hear()
        answers += [] if told == "ready" else [told]
    return answers


async def test_hive_gateway_passes_a_subscription_on_and_the_events_do_arrive(
    gateway: Served, hub: Hub, telling: Telling, other_town: Actor
) -> None:
    """To each caller its own, also at the same moment: the token goes along with each."""
    other = "#".join(other_town)
    async with (
        following("sse", gateway.url, await hub.token(TOWN)) as client,
        following("sse", gateway.url, await hub.token(other_town)) as foreign,
    ):
        await begun(hub, 2)
        await telling.many(SEER, 3)
        await telling.tell(other, "plaatsing-gestart")
        answers, others = await heard(client, 3), await heard(foreign, 1)
    _, last = await telling.head(SEER)
    assert [answer["data"]["events"]["pos"] for answer in answers] == [last - 2, last - 1, last]
    assert others[0]["data"]["events"]["type"] == "PLAATSING_GESTART"
