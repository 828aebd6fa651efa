"""The whole of it: Postgres, the hub's processes behind proxies, clients that repeat, and receivers that pull."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import httpx
import orjson

from auth.issuer import DEMO_AUDIENCE, DEMO_CLIENT, issuer_app
from auth.issuer import token as token_of
from auth.viewer import PARTIES
from registry.demo import trust_issuer
from spil.demo import ISSUER_PATH
from spil.server import listen, serve
from tests.chaos.history import Heard, History, check
from tests.chaos.proxies import Trap, before_gateway, before_postgres
from tests.chaos.servers import Postgres, Process, free_port, kept
from tests.chaos.sinks import Sink, sink_for
from tests.chaos.world import EMPLOYERS, RECEIVERS, Place, World, body_of, make_world, new_key
from wire.client import post_form

PULL = """query Pull($after: Cursor) { events(first: 100, after: $after) {
    edges { cursor node { epoch pos withheld type case { __typename ... on Uitval { id } } } } } }"""
AGAIN = frozenset({"UNAVAILABLE", "TOO_SLOW", "INTERNAL", "READS_LOG_UNAVAILABLE"})
WAITING = "SELECT count(*) FROM outbox WHERE sequenced_at IS NULL"
TO_BRING = "SELECT count(*) FROM delivery WHERE state IN ('WAITING', 'SENDING')"
UNVERIFIED = "SELECT count(*) FROM webhook WHERE state = 'PENDING'"
HOOK = "mutation Hook($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id } } }"
PATIENCE, TRIES = 60.0, 400
DRAINING = 120.0  # a lease of thirty seconds, and a retry or two
OIN = "00000001999999999000"


class Refused(Exception):
    """An answer that no repeat would change: the harness or the hub is wrong."""


@dataclass
class Rig:
    """What a scenario works with. `doors`: the ports of the gateways, behind their proxies."""

    postgres: Postgres
    world: World
    doors: list[int]
    traps: Mapping[str, Trap]
    tokens: Mapping[str, str]
    client: httpx.AsyncClient
    deliverer: Callable[[], AbstractAsyncContextManager[Trap]]  # another one
    sink: Sink
    history: History = field(default_factory=History)
    cursors: dict[str, str] = field(default_factory=dict)
    repeats: int = 0

    async def ask(self, seer: str, content: bytes, door: int = 0) -> Any:
        """The data of a question, asked again as long as the hub is away. Raises Refused."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.tokens[seer]}"}
        url, last = f"http://127.0.0.1:{self.doors[door]}/graphql", "nothing"
        for _ in range(TRIES):
            try:
                answer = orjson.loads((await self.client.post(url, content=content, headers=headers)).content)
            except (httpx.TransportError, orjson.JSONDecodeError) as problem:
                last = type(problem).__name__
            else:
                if "errors" not in answer:
                    return answer["data"]
                last = f"{answer['errors']}"
                if not {error["extensions"]["code"] for error in answer["errors"]} <= AGAIN:
                    raise Refused(last)
            self.repeats += 1
            await asyncio.sleep(0.05)
        raise Refused(f"no answer after {TRIES} tries; the last was {last}")

    async def lose(self, places: Sequence[Place], door: int = 0) -> None:
        """One young person loses one job after the other; each is repeated under its key until it is answered."""
        for place in places:
            key = new_key()
            await self.ask(place.employer, body_of(place, self.world.today, key), door)
            self.history.accepted.append((place, key))

    async def pull(self, seer: str) -> int:
        """Reads a stream from where this receiver was to its end; how many events were new."""
        new = 0
        while True:
            asked = {"query": PULL, "variables": {"after": self.cursors.get(seer)}}
            edges = (await self.ask(seer, orjson.dumps(asked)))["events"]["edges"]
            for edge in edges:
                new += self.history.hears(seer, heard(edge["node"]))
                self.cursors[seer] = edge["cursor"]
            if not edges:
                return new

    async def settle(self) -> int:
        """Waits until nothing waits for a position, and pulls every stream; how many events were new."""
        async with asyncio.timeout(PATIENCE):
            while await self.count(WAITING):  # noqa: ASYNC110 - what is polled is Postgres
                await asyncio.sleep(0.05)
        return sum([await self.pull(seer) for seer in RECEIVERS])

    async def count(self, question: str) -> int:
        """What the registry's owner counts."""
        connection = await asyncpg.connect(self.world.owner)
        try:
            found: int = await connection.fetchval(question)
            return found
        finally:
            await connection.close()

    async def hook(self, seer: str, path: str = "") -> None:
        """A webhook for a receiver, verified; `path` beside the one for its own events."""
        given = {"key": new_key(), "url": f"http://{self.sink.place}/{path or RECEIVERS.index(seer)}"}
        await self.ask(seer, orjson.dumps({"query": HOOK, "variables": {"input": given}}))
        async with asyncio.timeout(PATIENCE):
            while await self.count(UNVERIFIED):  # noqa: ASYNC110 - what is polled is Postgres
                await asyncio.sleep(0.05)

    async def drain(self) -> None:
        """Waits until nothing is to be brought to webhooks; what is left then is for the checker to say."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAINING):
                while await self.count(TO_BRING):  # noqa: ASYNC110 - what is polled is Postgres
                    await asyncio.sleep(0.1)

    async def check(self, *, brought: bool = False) -> list[str]:
        return await check(self.world.owner, self.history, self.world.hears, RECEIVERS, brought=brought)


def heard(node: Mapping[str, Any]) -> Heard:
    """An event as the graph gives it."""
    return Heard(node["epoch"], node["pos"], node["type"], (node["case"] or {}).get("id"), node["withheld"])


@contextlib.asynccontextmanager
async def rig_on(postgres: Postgres, gateways: int = 1) -> AsyncIterator[Rig]:
    """Everything runs, behind proxies."""
    async with contextlib.AsyncExitStack() as stack:
        world = await make_world(postgres)
        logs = Path(stack.enter_context(TemporaryDirectory(prefix="chaos")))
        issuer = await stack.enter_async_context(_issuer(world))
        key = os.urandom(32).hex()
        numbers, sink = itertools.count(), await stack.enter_async_context(sink_for(RECEIVERS))
        doors, traps = [], {}
        for n in range(gateways):
            door, trap = await stack.enter_async_context(
                _gateway(world, key, sink.place, issuer, logs / f"gateway-{n}")
            )
            doors.append(door)
            traps["gateway" if n == 0 else f"gateway {n}"] = trap

        def deliverer() -> AbstractAsyncContextManager[Trap]:
            return _deliverer(world, key, sink.place, logs / f"deliverer-{next(numbers)}")

        traps["deliverer"] = await stack.enter_async_context(deliverer())
        tokens = {seer: await _token(issuer, seer) for seer in (*RECEIVERS, *EMPLOYERS)}
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        client = httpx.AsyncClient(trust_env=False, timeout=10, verify=False, limits=limits)  # loopback, without TLS
        await stack.enter_async_context(client)
        rig = Rig(postgres, world, doors, traps, tokens, client, deliverer, sink)
        sink.history, sink.trap = rig.history, traps["deliverer"]
        for seer in RECEIVERS:
            await rig.hook(seer)
        yield rig


@contextlib.asynccontextmanager
async def _issuer(world: World) -> AsyncIterator[str]:
    with listen("127.0.0.1", 0) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        pairs = [(kind, function) for kind, row in PARTIES.items() for function in sorted(row.functions)]
        parties = await trust_issuer(
            world.owner, f"http://{place}{ISSUER_PATH}", DEMO_AUDIENCE, DEMO_CLIENT, pairs, others_end=False
        )
        from spil.demo import Fork

        app = issuer_app(f"http://{place}{ISSUER_PATH}", parties.__contains__)
        serving = asyncio.create_task(serve(Fork(ISSUER_PATH, app, app), listener))
        try:
            yield place
        finally:
            serving.cancel()
            await asyncio.wait([serving])


async def _token(issuer: str, seer: str) -> str:
    async def post(target: str, form: Mapping[str, str]) -> bytes:
        return await post_form(target, form, deadline=5, cap=65_536, allow_private=frozenset({issuer}))

    party, _, function = seer.partition("#")
    return await token_of(f"http://{issuer}{ISSUER_PATH}", party, function, post=post)


def _listed(sink: str) -> str:
    return ",".join(f"{seer.partition('#')[0]}={sink}" for seer in RECEIVERS)


@contextlib.asynccontextmanager
async def _gateway(world: World, key: str, sink: str, issuer: str, log: Path) -> AsyncIterator[tuple[int, Trap]]:
    process = Process("gateway", ("-m", "tests.chaos.gateway", issuer), {}, log, "gateway ready")
    trap = Trap(process)
    async with before_postgres(world.logins.gateway, trap) as url:
        port = free_port()
        process.environ = {
            "SPIL_GATEWAY_URL": url,
            "SPIL_DIRECTORY_URL": world.logins.directory,
            "SPIL_WORKER_URL": world.logins.worker,
            "SPIL_CURSOR_KEY": key,
            "SPIL_WEBHOOK_PRIVATE_HOSTS": _listed(sink),
            "SPIL_RATE": "100000",
            "SPIL_BURST": "100000",
            "PORT": str(port),
        }
        async with kept(process), before_gateway(port, trap) as door:
            yield door, trap


@contextlib.asynccontextmanager
async def _deliverer(world: World, key: str, sink: str, log: Path) -> AsyncIterator[Trap]:
    process = Process("deliverer", ("-m", "spil", "deliver"), {}, log, "deliver begins")
    trap = Trap(process)
    async with before_postgres(world.logins.worker, trap) as url:
        process.environ = {
            "SPIL_GATEWAY_URL": world.logins.gateway,
            "SPIL_WORKER_URL": url,
            "SPIL_CURSOR_KEY": key,
            "SPIL_OIN": OIN,
            "SPIL_WEBHOOK_PRIVATE_HOSTS": _listed(sink),
        }
        async with kept(process):
            yield trap
