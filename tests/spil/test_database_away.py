"""A database that goes away: readiness says so, questions are UNAVAILABLE in time, and all comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest

from registry.migrate import Logins
from tests.spil.hub_kit import Country, Hub, codes, hub_of

REGIONS = "{ regions { code } }"
STUDENTS = "{ students(first: 1) { nodes { id } } }"
RESPONSE = "application/graphql-response+json"
PATIENCE = 3.0


@dataclass
class Gate:
    """A proxy before the Postgres of a URL. `shut` breaks what is open and refuses; `mute` never answers."""

    url: str
    path: str
    mode: str = "open"
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def open(self) -> None:
        self.mode = "open"
        if self._server is None:
            self._server = await asyncio.start_unix_server(self._carry, self.path)

    async def shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
            Path(self.path).unlink(missing_ok=True)  # noqa: ASYNC240 - one call in a test
        self.cut()

    def mute(self) -> None:
        self.mode = "mute"
        self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self.mode == "mute":
                while await reader.read(65_536):
                    pass
                return
            there, back = await self._reach()
            self._writers.add(back)
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
            self._writers.discard(back)
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.url)
        if folder := parse_qs(parts.query).get("host"):
            return await asyncio.open_unix_connection(f"{folder[0]}/.s.PGSQL.{parts.port or 5432}")
        return await asyncio.open_connection(parts.hostname, parts.port or 5432)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@pytest.fixture(scope="module")
async def gated(country: Country) -> AsyncIterator[tuple[Hub, Gate]]:
    """A hub that reaches its database through a gate."""
    with TemporaryDirectory(prefix="gate") as place:
        gate = Gate(country.logins.gateway, f"{place}/.s.PGSQL.5432")
        await gate.open()

        def through(url: str) -> str:
            parts = urlsplit(url)
            login = parts.netloc.rpartition("@")[0]
            return urlunsplit(parts._replace(netloc=f"{login}@", query=f"host={place}&port=5432"))

        logins = Logins(*(through(getattr(country.logins, name)) for name in ("gateway", "directory", "worker")))
        async with hub_of(country, logins) as hub:
            yield hub, gate
        await gate.shut()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    """Polls until it holds."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is polled is another process
            await asyncio.sleep(0.05)


async def ready(hub: Hub) -> int:
    return (await hub.send(b"", method="GET", path="/health/ready")).status_code


@pytest.mark.parametrize("how", ["refuses", "does not answer"])
async def test_a_database_that_is_away_is_said_in_time_and_comes_back(
    gated: tuple[Hub, Gate], country: Country, how: str
) -> None:
    hub, gate = gated
    await hub.data(STUDENTS, as_party=country.school)
    await hub.data(REGIONS)
    if how == "refuses":
        await gate.shut()
    else:
        gate.mute()

    for query, who in ((REGIONS, None), (STUDENTS, country.school)):
        began = time.monotonic()
        answer = await hub.ask(query, as_party=who, accept=RESPONSE)
        assert time.monotonic() - began < PATIENCE
        assert (answer.status_code, codes(answer)) == (503, ["UNAVAILABLE"])
        assert "data" not in answer.json()
    assert await ready(hub) == 503
    assert (await hub.send(b"", method="GET", path="/health/live")).status_code == 200

    if how == "refuses":
        await gate.open()
    else:
        gate.mode = "open"
        gate.cut()

    async def well() -> bool:
        answers = [await hub.ask(query, as_party=who) for query, who in ((REGIONS, None), (STUDENTS, country.school))]
        return all("errors" not in answer.json() for answer in answers)

    await until(well)
    assert await ready(hub) == 200


async def test_without_a_young_person_the_reads_log_is_not_waited_for(
    gated: tuple[Hub, Gate], country: Country
) -> None:
    hub, _ = gated
    groups = hub.parts.reads_log.groups
    await hub.data(REGIONS, as_party=country.school)
    assert hub.parts.reads_log.groups == groups
    await hub.data(STUDENTS, as_party=country.school)
    assert hub.parts.reads_log.groups == groups + 1
