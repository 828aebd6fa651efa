"""`spil events tail`, as a process on a terminal: it prints, and comes back where it was."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from graphql import GraphQLObjectType, build_schema, parse, validate

from auth.viewer import Role
from registry.embedded_home import CHECKOUT
from schema.errors import TokenExpired
from spil.following import SELECTED, document_of
from tests.setup.demos import free_port
from tests.spil.hub_kit import Actor, Country, Hub
from tests.stream_kit import telling_of, within

LATE = """
INSERT INTO overdue (region, late_seer, process, step, due_at, escalated_at)
    VALUES ('AM27', 'municipality:GM0796#participatie', 'UITVAL', 'PICK_UP', '2026-01-06 00:00+01', '2026-01-08')
    RETURNING id
"""


@dataclass
class Tail:
    """The process."""

    process: asyncio.subprocess.Process

    async def line(self) -> str:
        assert self.process.stdout is not None
        line: bytes = await within(20, self.process.stdout.readline())
        return line.decode().rstrip("\n")

    async def aside(self) -> str:
        """A line beside the events."""
        assert self.process.stderr is not None
        line: bytes = await within(20, self.process.stderr.readline())
        return line.decode().rstrip("\n")

    async def ended(self) -> str:
        """What it said beside the events."""
        _, said = await within(20, self.process.communicate())
        return str(said.decode())


@contextlib.asynccontextmanager
async def tail_of(
    url: str, actor: Actor, *options: str, environ: Sequence[tuple[str, str]] = ()
) -> AsyncIterator[Tail]:
    words = ["events", "tail", "--party", actor[0], "--function", actor[1], "--url", url, *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "spil", *words),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"} | dict(environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Tail(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def followed(hub: Hub) -> None:
    async with asyncio.timeout(20):
        while not hub.parts.streams._of:  # noqa: ASYNC110 - another process begins
            await asyncio.sleep(0.01)


class Relay:
    """A port of its own before the hub, which can be away."""

    def __init__(self, hub: Hub) -> None:
        self._place = urlsplit(hub.base)
        self._ways: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", port)

    def cut(self) -> None:
        if self._server is not None:
            self._server.close()
        for way in self._ways:
            way.transport.abort()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hubs, way = await asyncio.open_connection(self._place.hostname, self._place.port)
        self._ways += [writer, way]
        await asyncio.gather(self._pass(reader, way), self._pass(hubs, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def relay(port: int, hub: Hub) -> AsyncIterator[Relay]:
    one = Relay(hub)
    await one.open(port)
    try:
        yield one
    finally:
        one.cut()


async def test_it_prints_a_line_for_each_event_and_where_to_go_on(hub: Hub, country: Country) -> None:
    seer = "#".join(country.municipality)
    async with telling_of(country.owner) as telling, tail_of(hub.base, country.municipality) as tail:
        await followed(hub)
        student = await telling.seen_by(seer)
        await telling.tell(seer, "uitval-gemeld", student=student)
        alias = await telling.owner.fetchval("SELECT alias FROM sight WHERE seer = $1 AND student = $2", seer, student)
        line = await tail.line()
        assert "UITVAL_GEMELD" in line
        assert f"Student:{alias}" in line
        tail.process.send_signal(signal.SIGTERM)
        said = await tail.ended()
        assert "Traceback" not in said
        cursor = said.rpartition("--after ")[2].strip()
        await telling.many(seer, 2)
        _, last = await telling.head(seer)
    async with tail_of(hub.base, country.municipality, "--after", cursor, "--json") as tail:
        assert [json.loads(await tail.line())["pos"] for _ in range(2)] == [last - 1, last]


async def test_it_comes_back_where_it_was_when_its_connection_breaks(hub: Hub, country: Country) -> None:
    seer = "#".join(country.school)
    async with telling_of(country.owner) as telling, tail_of(hub.base, country.school, "--json") as tail:
        await followed(hub)
        await telling.many(seer, 1)
        first = json.loads(await tail.line())["pos"]
        for subscriber in list(hub.parts.streams._of):
            await subscriber._ended(TokenExpired(), subscriber.cursor)
        await telling.many(seer, 2)
        assert [json.loads(await tail.line())["pos"] for _ in range(2)] == [first + 1, first + 2]


async def test_it_says_that_it_follows_and_that_it_is_back_after_the_hub_was_away(hub: Hub, country: Country) -> None:
    seer, port = "#".join(country.school), free_port()
    base, token = f"http://127.0.0.1:{port}", [("SPIL_TOKEN", await hub.token(country.school))]
    async with (
        telling_of(country.owner) as telling,
        relay(port, hub) as first,
        tail_of(base, country.school, environ=token) as tail,
    ):
        assert await tail.aside() == f"Following at {base}."
        await followed(hub)
        first.cut()
        assert await tail.aside() == "The hub cannot be reached."
        async with relay(port, hub):
            assert await tail.aside() == "The hub is back: going on where it was."
            await telling.many(seer, 1)
            assert "PLAATS_VRIJGEKOMEN" in await tail.line()


async def test_who_was_never_told_anything_begins_exactly(hub: Hub, country: Country) -> None:
    """The recipe of docs/streams.md, and a first event that came before the client did."""
    actor = ("coordinator:AM01", "coordinator")
    query = "{ events(last: 1) { nodes { pos } pageInfo { endCursor } } }"
    page = (await hub.data(query, as_party=actor))["events"]
    assert page["nodes"] == []
    async with telling_of(country.owner) as telling:
        await telling.many("#".join(actor), 1, "termijn-overschreden")
        async with tail_of(hub.base, actor, "--after", page["pageInfo"]["endCursor"], "--json") as tail:
            assert json.loads(await tail.line())["pos"] == 1


async def test_a_coordinator_reads_which_step_of_whom_is_late(hub: Hub, country: Country) -> None:
    actor = ("coordinator:AM27", "coordinator")
    async with telling_of(country.owner) as telling, tail_of(hub.base, actor) as tail:
        await followed(hub)
        item = await telling.owner.fetchval(LATE)
        await telling.owner.execute(
            "INSERT INTO outbox (type, subject_kind, seers, details)"
            " VALUES ('nl.arbeidstoeleiding.termijn-overschreden.v1', 'NONE', ARRAY[$1],"
            " jsonb_build_object('overdue', $2::uuid))",
            "#".join(actor),
            item,
        )
        await telling.sequence()
        line = await tail.line()
    assert "TERMIJN_OVERSCHREDEN" in line
    assert line.endswith("municipality:GM0796 UITVAL PICK_UP, due on 2026-01-05")


@pytest.mark.parametrize("role", SELECTED)
def test_what_it_asks_is_in_the_contract_of_each_role(role: Role) -> None:
    contract = build_schema((CHECKOUT / "schema" / "contracts" / f"{role.value.lower()}.graphql").read_text(), True)
    assert validate(contract, parse(document_of(role))) == []
    event = contract.type_map["Event"]
    assert isinstance(event, GraphQLObjectType)
    assert ("overdue" in event.fields) == ("overdue" in SELECTED[role])
    assert set(SELECTED) == set(Role) - {Role.PUBLIC}


async def test_it_says_what_is_wrong_and_ends(hub: Hub, country: Country, tmp_path: Path) -> None:
    for options, words in (
        (("--after", "no cursor"), "BAD_CURSOR"),
        (("--types", "ONBEKEND"), "BAD_INPUT"),
        (
            ("--types", "UITVAL_GEMELD,ONBEKEND"),
            "There is no type ONBEKEND. There are: UITVAL_GEMELD, UITVAL_OPGEPAKT,",
        ),
        (("--types", ""), "--types names none."),
        (("--types", ","), "--types names none."),
        (("--token-file", str(tmp_path / "none")), "The token file cannot be read."),
    ):
        async with tail_of(hub.base, country.school, *options) as tail:
            said = await tail.ended()
        assert words in said
        assert "Traceback" not in said
        assert tail.process.returncode == 1
    async with tail_of(hub.base, country.school, environ=[("SPIL_TOKEN", "x.y.z")]) as tail:
        assert "UNAUTHENTICATED: " in await tail.ended()
        assert tail.process.returncode == 1
