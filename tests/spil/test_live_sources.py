"""The list of sources that answer live: read in the background, followed when it changes, and never in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from registry.sources import Source
from spil.live_sources import LiveSources
from tests.spil.hub_kit import Country, Hub, codes, hub_of

PARTY = "school:90ZZ00"
ROW = Source(
    "aaa",
    PARTY,
    "school",
    "school-rest",
    "http://127.0.0.1:9",
    ("127.0.0.1",),
    ("127.0.0.1:9",),
    answers_live=True,
)


class Registry:
    """What the list says now; None: the registry is away."""

    def __init__(self, *rows: Source) -> None:
        self.rows: tuple[Source, ...] | None = rows

    async def __call__(self) -> tuple[Source, ...]:
        if self.rows is None:
            raise ConnectionRefusedError
        return self.rows


@pytest.fixture
async def told() -> AsyncIterator[tuple[Registry, LiveSources, list[dict[str, Any]]]]:
    registry, lines = Registry(ROW), list[dict[str, Any]]()

    def log(event: str, **said: Any) -> None:
        lines.append({"event": event, **said})

    sources = LiveSources(registry, {"KEY": '{"headers": {"x-key": "sesame"}}'}, log)
    yield registry, sources, lines
    await sources.close()


async def test_a_source_keeps_its_client_while_its_row_stays_the_same(told: Any) -> None:
    registry, sources, _ = told
    await sources.refresh()
    first = sources.find(PARTY, "school")
    assert first.key == "aaa"
    registry.rows = (replace(ROW, cursor="a harvest moved it"),)
    await sources.refresh()
    assert sources.find(PARTY, "school") is first
    registry.rows = (replace(ROW, options={"page": 5}),)
    await sources.refresh()
    assert sources.find(PARTY, "school") is not first


async def test_a_source_that_is_paused_or_does_not_answer_live_is_not_asked(told: Any) -> None:
    registry, sources, _ = told
    await sources.refresh()
    for rows in ((), (replace(ROW, answers_live=False),), (replace(ROW, base_url=None),)):
        registry.rows = rows
        await sources.refresh()
        assert sources.find(PARTY, "school") is None


async def test_of_two_systems_of_one_party_the_first_by_key_is_asked(told: Any) -> None:
    registry, sources, _ = told
    registry.rows = (ROW, replace(ROW, key="bbb"))
    await sources.refresh()
    assert sources.find(PARTY, "school").key == "aaa"
    assert sources.find(PARTY, "municipality") is None


async def test_one_that_cannot_be_used_is_logged_without_its_secret_and_spoils_no_other(told: Any) -> None:
    registry, sources, lines = told
    registry.rows = (
        replace(ROW, key="no-file", party="school:90ZZ01", credentials="file:/nowhere/sesame"),
        replace(ROW, key="no-protocol", party="school:90ZZ02", protocol="semaphore"),
        replace(ROW, credentials="env:KEY"),
    )
    await sources.refresh()
    assert sources.find(PARTY, "school").key == "aaa"
    assert [line["source"] for line in lines] == ["no-file", "no-protocol"]
    assert "sesame" not in str(lines)


async def test_why_one_cannot_be_used_is_logged_once_and_again_when_that_changes(told: Any) -> None:
    registry, sources, lines = told
    row = replace(ROW, credentials="file:/nowhere/sesame")

    async def logged(*rows: Source) -> list[str]:
        registry.rows = rows
        lines.clear()
        await sources.refresh()
        return [f"{line['event']} {line['source']} {line['code']} {line['what']}" for line in lines]

    (first,) = await logged(row)
    assert first.startswith("source-unusable aaa SET_UP The credentials")
    assert await logged(row) == []
    assert await logged(replace(row, cursor="a harvest moved it")) == []
    (other,) = await logged(replace(row, protocol="semaphore"))
    assert "does not speak" in other
    assert await logged(replace(row, protocol="semaphore")) == []
    assert len(await logged(replace(row, credentials="file:/elsewhere/sesame"))) == 1
    assert await logged(ROW) == []
    assert len(await logged(replace(row, credentials="file:/elsewhere/sesame"))) == 1, "it was mended in between"


async def test_what_is_known_stays_while_the_registry_is_away(told: Any) -> None:
    registry, sources, _ = told
    await sources.refresh()
    registry.rows = None
    with pytest.raises(ConnectionRefusedError):
        await sources.refresh()
    assert sources.find(PARTY, "school").key == "aaa"


async def test_the_hub_starts_and_answers_with_every_source_down(country: Country) -> None:
    party, _ = country.school
    owner = await asyncpg.connect(country.owner)
    await owner.execute(
        "INSERT INTO source (key, party, kind, protocol, base_url, hosts, private_hosts, harvests, answers_live)"
        " VALUES ('down', $1, 'school', 'school-rest', 'http://127.0.0.1:9', '{127.0.0.1}', '{127.0.0.1:9}', true,"
        " true)",
        party,
    )
    try:
        async with hub_of(country) as hub:
            await hub.parts.sources.refresh()
            answer = await hub.ask(
                "{ students(first: 3) { nodes { id identity { givenName } } } }", as_party=country.school
            )
            await _is_down(hub, answer)
    finally:
        await owner.execute("DELETE FROM source WHERE key = 'down'")
        await owner.close()


async def _is_down(hub: Hub, answer: Any) -> None:
    body = answer.json()
    assert codes(answer) == ["SOURCE_DOWN"]
    assert body["errors"][0]["extensions"]["source"] == "down"
    assert len(body["data"]["students"]["nodes"]) == 3
    assert all(one["id"] and one["identity"] is None for one in body["data"]["students"]["nodes"])
    assert "127.0.0.1" not in str(body["errors"])
