"""PyPI `gql`, as a party's own Python would use it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

from tests.spil.hub_kit import Country, Hub
from tests.stream_kit import telling_of, within


async def transport(hub: Hub, country: Country) -> WebsocketsTransport:
    return WebsocketsTransport(
        url=hub.base.replace("http", "ws") + "/graphql",
        init_payload={"Authorization": f"Bearer {await hub.token(country.school)}"},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
        connect_args={"proxy": None, "compression": None},
    )


async def test_gql_follows_events_and_asks_questions_on_one_socket(hub: Hub, country: Country) -> None:
    seer = "#".join(country.school)
    async with Client(transport=await transport(hub, country)) as session, telling_of(country.owner) as telling:
        found: list[Any] = []
        following = session.subscribe(gql("subscription { events { pos cursor } }"))
        assert await session.execute(gql("{ me { role } }")) == {"me": {"role": "SCHOOL"}}
        first = within(20, anext(following))
        waiting = asyncio.ensure_future(first)
        while seer not in {reader.seer for reader in hub.parts.streams._readers.values()}:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await telling.many(seer, 3)
        found.append(await waiting)
        found += [await within(20, anext(following)) for _ in range(2)]
        await following.aclose()
        _, last = await telling.head(seer)
    assert [one["events"]["pos"] for one in found] == [last - 2, last - 1, last]


async def test_gql_raises_what_the_hub_refuses(hub: Hub, country: Country) -> None:
    async with Client(transport=await transport(hub, country)) as session:
        following = session.subscribe(gql('subscription { events(after: "x") { pos } }'))
        with pytest.raises(TransportQueryError) as refused:
            await within(20, anext(following))
    assert refused.value.errors is not None
    assert refused.value.errors[0]["extensions"]["code"] == "BAD_CURSOR"
