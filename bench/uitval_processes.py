"""The processes of the uitval bench: who reports, who listens, who receives; and what each of them used."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson

from auth.issuer import token
from bench.contestants import Clock, Contestant
from bench.data import Database
from bench.load import Tokens
from registry.embedded_home import CHECKOUT
from schema.errors import SetUp
from wire.client import post_form

Who = tuple[str, str]  # party, function
PATIENCE = 60.0
CREATE = "mutation($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id state } } }"
STATES = "{ webhooks { nodes { state reason } } }"


@dataclass
class Sink:
    """A receiver's process, and what it noted when it ended."""

    process: subprocess.Popen[str]
    port: int
    told: dict[str, Any] | None = None

    def end(self) -> dict[str, Any]:
        if self.told is None:
            self.told = orjson.loads(self.process.communicate(timeout=20)[0])
        return self.told


@contextmanager
def sinks(many: int) -> Iterator[list[Sink]]:
    """So many receivers."""
    running = [_module("bench.peers.sink") for _ in range(many)]
    try:
        yield [Sink(one, int(_line(one))) for one in running]
    finally:
        for one in running:
            one.kill()
            one.wait()


def hub_settings(whose: Sequence[Who], receivers: Sequence[Sink]) -> dict[str, str]:
    """What hub and deliverer are told besides: where webhooks may go on this machine."""
    return {
        "SPIL_WEBHOOK_PRIVATE_HOSTS": ",".join(
            f"{who[0]}=127.0.0.1:{one.port}" for who, one in zip(whose, receivers, strict=True)
        ),
        "SPIL_OIN": "00000099999999999000",
    }


@contextmanager
def deliverer(database: Database, log: Path, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`spil deliver`, as a process."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT),
        "SPIL_GATEWAY_URL": database.logins.gateway,
        "SPIL_DIRECTORY_URL": database.logins.directory,
        "SPIL_WORKER_URL": database.logins.worker,
        "SPIL_CURSOR_KEY": "00" * 32,
        **settings,
    }
    with log.open("ab") as out:
        command = [sys.executable, "-P", "-m", "bench.peers.deliverer"]
        process = subprocess.Popen(command, env=environment, cwd=CHECKOUT, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@dataclass
class Cast:
    """Who plays, and where their papers are."""

    hub: Contestant
    deliverer: subprocess.Popen[bytes]
    postmaster: int
    tokens: Tokens
    folder: Path
    owner: Any  # a connection
    owner_url: str
    client: httpx.AsyncClient  # one for all: a new one reads the system's certificates

    def write(self, name: str, text: bytes) -> Path:
        """A file for one of the processes."""
        path = self.folder / name
        path.write_bytes(text)
        return path

    async def ask(self, who: Who, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """`data`. Raises SetUp when there is an error."""
        headers = {"authorization": await self.tokens.header(*who)}
        asked = {"query": query, "variables": variables}
        answer = await self.client.post(f"{self.hub.base}/graphql", json=asked, headers=headers)
        told: dict[str, Any] = answer.json()
        if "errors" in told:
            raise SetUp(f"The hub answers: {told['errors'][0]['message']}")
        return dict(told["data"])

    async def patiently(self, who: Who) -> None:
        """Until the hub has read who may speak."""
        for _ in range(100):
            try:
                await self.ask(who, "{ me { role name } }", {})
            except (SetUp, httpx.HTTPError, KeyError, ValueError):
                await asyncio.sleep(0.1)
            else:
                return
        raise SetUp("The hub does not know its issuer.")

    async def pull(self, query: str, who: Who) -> list[int]:
        """Every position, page by page."""
        found: list[int] = []
        after, more = None, True
        while more:
            page = (await self.ask(who, query, {"after": after}))["events"]
            found += [node["pos"] for node in page["nodes"]]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        return found

    async def register(self, whose: Sequence[Who], receivers: Sequence[Sink]) -> None:
        """A webhook each, at a sink of its own, and verified."""
        for n, (who, sink) in enumerate(zip(whose, receivers, strict=True)):
            given = {"key": str(uuid4()), "url": f"http://127.0.0.1:{sink.port}/{n}"}
            await self.ask(who, CREATE, {"input": given})
            for _ in range(200):
                nodes = (await self.ask(who, STATES, {}))["webhooks"]["nodes"]
                if nodes[0]["state"] == "ACTIVE":
                    break
                await asyncio.sleep(0.05)
            else:
                raise SetUp(f"A webhook was not verified: {nodes}")

    async def sequenced(self) -> None:
        """Until nothing waits for a position."""
        for _ in range(int(PATIENCE * 50)):
            if not await self.owner.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE sequenced_at IS NULL)"):
                return
            await asyncio.sleep(0.02)

    async def settled(self) -> None:
        """Until nothing waits for a position or for its delivery; half a second more for the sockets."""
        waits = (
            "SELECT EXISTS (SELECT FROM outbox WHERE sequenced_at IS NULL)"
            " OR EXISTS (SELECT FROM delivery WHERE state IN ('WAITING', 'SENDING'))"
        )
        for _ in range(int(PATIENCE * 20)):
            if not await self.owner.fetchval(waits):
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)

    def hub_kb(self) -> float:
        """Resident memory of the hub."""
        status = Path(f"/proc/{self.hub.process.pid}/status").read_text()
        return float(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


class Clocks:
    """Processor time from here on, of the three that run all along."""

    def __init__(self, cast: Cast) -> None:
        self._hub = Clock(cast.hub.process.pid, cast.postmaster)
        self._deliverer = Clock(cast.deliverer.pid, cast.postmaster)

    def used(self) -> str:
        hub, postgres = self._hub.used()
        return f"hub {hub:.1f}, deliverer {self._deliverer.used()[0]:.1f}, Postgres {postgres:.1f}"


async def reports(cast: Cast, bodies: Path, rate: float, who: Who) -> dict[str, Any]:
    """Sends them; gives what the load found."""
    header = cast.write("reporter.token", (await cast.tokens.header(*who)).encode())
    arguments = [str(cast.hub.port), str(rate), str(bodies), str(header)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "bench.peers.reports", *arguments,
        cwd=CHECKOUT, stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    told, _ = await process.communicate()
    found: dict[str, Any] = orjson.loads(told)
    return found


class Listening:
    """Subscribers that are there."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    async def end(self) -> dict[str, Any]:
        """What they received."""
        told: dict[str, Any] = orjson.loads((await asyncio.to_thread(self._process.communicate, None, 30))[0])
        if told["closed"]:
            raise SetUp(f"Listeners were closed: {told['closed']}")
        return told


@asynccontextmanager
async def listeners(
    cast: Cast, every: Sequence[tuple[Who, str]], *, own_tokens: bool = False
) -> AsyncIterator[Listening]:
    """A subscriber for each; all have subscribed when this is entered."""
    lines = []
    for who, document in every:
        header = "Bearer " + await _own_token(cast.hub, who) if own_tokens else await cast.tokens.header(*who)
        lines.append(f"{'#'.join(who)}\t{header}\t{document}")
    written = cast.write("listeners.tsv", "\n".join(lines).encode())
    process = _module("bench.peers.listeners", str(cast.hub.port), str(written))
    try:
        if await asyncio.to_thread(_line, process) != "READY":
            raise SetUp("The listeners could not subscribe.")
        yield Listening(process)
    finally:
        process.kill()
        process.wait()


async def _own_token(hub: Contestant, who: Who) -> str:
    async def post(url: str, form: Mapping[str, str]) -> bytes:
        return await post_form(url, form, deadline=5, cap=10_000, allow_private=frozenset({f"127.0.0.1:{hub.port}"}))

    return await token(hub.issuer, *who, post=post)


def _module(name: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", name, *arguments],
        cwd=CHECKOUT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
