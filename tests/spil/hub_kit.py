"""A whole hub for tests: a seeded database, the app with the demo's issuer, served by uvicorn on a real socket.

async with hub_of(country, SPIL_RATE="1") as hub:
    answer = await hub.ask("{ me { role } }", as_party=country.school)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import httpx
import orjson

from auth.issuer import DEMO_AUDIENCE, DEMO_CLIENT, issuer_app
from auth.issuer import token as token_of
from auth.viewer import PARTIES
from registry import reference
from registry.demo import trust_issuer
from registry.migrate import LOGINS, Logins, make_logins, migrate
from registry.seed import seed
from spil.app import build_app
from spil.demo import ISSUER_PATH, Fork
from spil.log import Log
from spil.server import listen, serve
from spil.settings import read
from spil.wiring import Parts, build
from tests.conftest import TestPostgres
from wire.client import post_form

SCALE: Final = 0.01
Actor = tuple[str, str]  # party, function
NATIONAL: Final[Actor] = ("national", "lead")


@dataclass(frozen=True)
class Country:
    """A seeded database, and for each kind of party one that sees somebody."""

    owner: str
    logins: Logins
    school: Actor
    other_school: Actor
    municipality: Actor
    service_point: Actor
    employer: Actor


async def make_country(postgres: TestPostgres, stem: str = "t_hub") -> Country:
    """Migrates, seeds a hundredth of the country, and finds its parties."""
    owner = await postgres.create(stem)
    await migrate(owner)
    logins = await make_logins(owner, dict.fromkeys(LOGINS, "only-for-tests"))
    await reference.load(owner)
    await seed(owner, SCALE, lambda *_: None)
    connection = await asyncpg.connect(owner)
    try:
        seers = [row["seer"] for row in await connection.fetch(_SEERS)]
    finally:
        await connection.close()
    parties = iter(
        [
            [seer for seer in seers if seer.startswith(f"{kind}:") and seer.endswith(f"#{function}")]
            for kind, function in (
                ("school", "guidance"),
                ("municipality", "participatie"),
                ("servicepoint", "matching"),
                ("employer", "mentor"),
            )
        ]
    )
    schools = next(parties)
    found = [_actor(seer) for seer in (schools[0], schools[1], *(next(parties)[0] for _ in range(3)))]
    return Country(owner, logins, *found)


_SEERS = """
SELECT seer FROM sight WHERE until_candidate > now() GROUP BY seer ORDER BY count(*) DESC, seer
"""


def _actor(seer: str) -> Actor:
    party, _, function = seer.partition("#")
    return party, function


@dataclass
class Hub:
    """A hub that runs. `lines` are its log lines so far."""

    base: str
    parts: Parts
    lines: list[dict[str, Any]] = field(default_factory=list)
    _tokens: dict[Actor, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    async def token(self, actor: Actor) -> str:
        if actor not in self._tokens:
            place = self.base.removeprefix("http://")

            async def post(target: str, form: Mapping[str, str]) -> bytes:
                return await post_form(target, form, deadline=5, cap=65_536, allow_private=frozenset({place}))

            self._tokens[actor] = await token_of(self.base + ISSUER_PATH, *actor, post=post)
        return self._tokens[actor]

    async def send(
        self,
        content: bytes | AsyncIterator[bytes],
        *,
        as_party: Actor | None = None,
        method: str = "POST",
        path: str = "/graphql",
        **headers: str,
    ) -> httpx.Response:
        """One request on a connection of its own. Headers are named with `_` for `-`; an empty value leaves one out."""
        given = {"content_type": "application/json"} | headers
        if as_party is not None:
            given["authorization"] = f"Bearer {await self.token(as_party)}"
        named = {name.replace("_", "-"): value for name, value in given.items() if value}
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            return await client.request(method, self.base + path, content=content, headers=named)

    async def ask(
        self, query: str, variables: Any = None, *, as_party: Actor | None = None, **headers: str
    ) -> httpx.Response:
        """One question."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        return await self.send(body, as_party=as_party, **headers)

    async def data(self, query: str, variables: Any = None, *, as_party: Actor | None = None) -> Any:
        """The data of a question that must go well."""
        answer = (await self.ask(query, variables, as_party=as_party)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def line_of(self, response: httpx.Response) -> dict[str, Any]:
        """The log line of an answer."""
        return next(line for line in self.lines if line["request"] == response.headers["x-request-id"])


def codes(response: httpx.Response) -> list[str]:
    """The codes of an answer's errors, in their order."""
    return [error["extensions"]["code"] for error in response.json()["errors"]]


@contextlib.asynccontextmanager
async def hub_of(country: Country, logins: Logins | None = None, **environ: str) -> AsyncIterator[Hub]:
    """A hub on a free port, with settings of its own; its issuer is trusted beside those of other hubs."""
    logins = logins or country.logins
    with listen("127.0.0.1", 0) as listener:
        port: int = listener.getsockname()[1]
        base = f"http://127.0.0.1:{port}"
        issuer = base + ISSUER_PATH
        parties = await _trusted(country.owner, issuer)
        urls = {"GATEWAY": logins.gateway, "DIRECTORY": logins.directory, "WORKER": logins.worker}
        known = {f"SPIL_{name}_URL": url for name, url in urls.items()} | {"SPIL_CURSOR_KEY": os.urandom(32).hex()}
        parts = await build(read(known | environ), frozenset({f"127.0.0.1:{port}"}))
        hub = Hub(base, parts)
        log = Log(lambda line: hub.lines.append(orjson.loads(line)))
        app = Fork(ISSUER_PATH, issuer_app(issuer, parties.__contains__), build_app(parts, log))
        serving = asyncio.create_task(serve(app, listener))
        try:
            yield hub
        finally:
            serving.cancel()
            await asyncio.wait([serving])
            await parts.close()


async def _trusted(owner: str, issuer: str) -> frozenset[str]:
    """Trusts this hub's issuer, beside those of other hubs that run."""
    pairs: Sequence[Actor] = [(kind, function) for kind, row in PARTIES.items() for function in sorted(row.functions)]
    return await trust_issuer(owner, issuer, DEMO_AUDIENCE, DEMO_CLIENT, pairs, others_end=False)
