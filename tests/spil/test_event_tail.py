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

from registry.embedded_home import CHECKOUT
from schema.errors import TokenExpired
from tests.spil.hub_kit import Actor, Country, Hub
from tests.stream_kit import telling_of, within


@dataclass
class Tail:
    """The process."""

    process: asyncio.subprocess.Process

    async def line(self) -> str:
        assert self.process.stdout is not None
        line: bytes = await within(20, self.process.stdout.readline())
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


async def test_it_says_what_is_wrong_and_ends(hub: Hub, country: Country, tmp_path: Path) -> None:
    for options, words in (
        (("--after", "no cursor"), "BAD_CURSOR"),
        (("--types", "ONBEKEND"), "BAD_INPUT"),
        (("--token-file", str(tmp_path / "none")), "The token file cannot be read."),
    ):
        async with tail_of(hub.base, country.school, *options) as tail:
            said = await tail.ended()
        assert words in said
        assert "Traceback" not in said
        assert tail.process.returncode == 1
    async with tail_of(hub.base, country.school, environ=[("SPIL_TOKEN", "x.y.z")]) as tail:
        assert "token" in await tail.ended()
        assert tail.process.returncode == 1
