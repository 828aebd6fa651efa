"""A school with an agent: its folder, its token address, a gateway and the agent, each a process with real sockets.

async with scene_of(postgres, tmp_path) as scene:
    write(scene.folder, pupil("L1"), pupil("L2"))
    hub = await scene.hub()
    agent = await scene.agent()
    await agent.says("hub-reached")
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth.issuer import DEMO_AUDIENCE, DEMO_CLIENT
from auth.keys import DISCOVERY
from auth.viewer import PARTIES
from registry.demo import trust_issuer
from registry.embedded_home import CHECKOUT
from registry.migrate import LOGINS, make_logins
from registry.sources import Source, add_source
from spil.partners import AGENT
from tests.conftest import TestPostgres
from tests.partners.serving import serving
from tests.partners.tokens import Tokens
from tests.spil.harvest_kit import BRIN, SCHOOL, World, world_of

KEY: Final = "school-agent"
OTHER: Final = "school:90ZZ00"
PATIENCE: Final = 25.0
HEAD: Final = (
    "leerlingid;roepnaam;voorvoegsel;achternaam;geboortedatum;straat;email;telefoon;wettigevertegenwoordiger;"
    "gemeentecode;uitstroomprofiel;leerjaar;verwachteuitschrijving;datumuitschrijving;leeftijdsgroep;sectoren;"
    "urenperweek;reisafstand;ondersteuning;werkprocessen"
)
ASK: Final = "{ students(first: 50) { nodes { schoolYear identity { givenName familyName birthDate mail phone } } } }"


def pupil(number: str, *, year: str = "4", called: str = "") -> str:
    """A row of the export; every part of the name is a canary with the number in it."""
    who = (
        called or f"Kanarie{number}",
        "van",
        f"Zangvogel{number}",
        "17-03-2009",
        f"Kanariestraat {number}",
        f"kanarie{number}@leerling.example",
        "0612345917",
        f"Ouder{number}",
    )
    return f"{number};{';'.join(who)};GM0796;2;{year};2027-07-31;;16_17;GROEN|HORECA;24;10;VASTE_BEGELEIDER;"


CANARIES: Final = (
    "Kanarie",
    "Zangvogel",
    "Kanariestraat",
    "leerling.example",
    "0612345917",
    "17-03-2009",
    "2009-03-17",
)


def export(*rows: str) -> bytes:
    return "\r\n".join([HEAD, *rows, ""]).encode()


def write(folder: Path, *rows: str, name: str = "leerlingen.csv") -> Path:
    """Puts an export there as a careful program does: at once."""
    part = folder / f"{name}.part"
    part.write_bytes(export(*rows))
    return part.replace(folder / name)


class School:
    """The school's token address (private_key_jwt), whose tokens the hub trusts. `life`: seconds of a token."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256")
        self.signing = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        self.tokens, self.life, self.asked, self.base = Tokens({"agent": self.key}), 600, 0, ""
        self.app = Starlette(
            routes=[
                Route(DISCOVERY, self._discovery),
                Route("/jwks", self._jwks),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    def token(self, party: str = SCHOOL, function: str = "guidance", scope: str = "harvest", **claims: Any) -> str:
        now = int(time.time())
        told: dict[str, Any] = {
            "iss": self.base,
            "aud": DEMO_AUDIENCE,
            "sub": "agent",
            "azp": DEMO_CLIENT,
            "iat": now,
            "jti": secrets.token_hex(9),
            "exp": now + self.life,
            "scope": scope,
            "party": party,
            "function": function,
        }
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self.signing.kid}
        return jwt.encode(header, {**told, **claims}, self.signing, algorithms=["ES256"])

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {"issuer": self.base, "jwks_uri": f"{self.base}/jwks", "token_endpoint": f"{self.base}/token"}
        )

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse(KeySet([self.signing]).as_dict(private=False))

    async def _token(self, request: Request) -> Response:
        self.asked += 1
        proof = await self.tokens.endpoint(request)
        if proof.status_code != 200:
            return proof
        return JSONResponse({"access_token": self.token(), "token_type": "Bearer", "expires_in": self.life})


@dataclass
class Process:
    """A process with its log lines, and all that it wrote."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)
    text: bytearray = field(default_factory=bytearray)
    port: int = 0
    _reading: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.text += line
            if line.startswith(b"{"):
                self.lines.append(orjson.loads(line))

    async def says(self, event: str, count: int = 1, **said: Any) -> dict[str, Any]:
        """The log line of this event, when it is there so many times."""

        async def there() -> list[dict[str, Any]]:
            return [one for one in self.lines if one["event"] == event and said.items() <= one.items()]

        found = await until(lambda: _at_least(there, count), self.words)
        return found[-1]  # type: ignore[no-any-return]  # a line is JSON

    def words(self) -> str:
        """All that it wrote."""
        return self.text.decode()

    async def kill(self, kind: signal.Signals = signal.SIGKILL) -> int:
        if self.process.returncode is None:
            self.process.send_signal(kind)
        code = await asyncio.wait_for(self.process.wait(), PATIENCE)
        if self._reading is not None:
            await self._reading
        return code


async def _at_least(there: Callable[[], Awaitable[list[Any]]], count: int) -> list[Any] | None:
    found = await there()
    return found if len(found) >= count else None


async def until(look: Callable[[], Awaitable[Any]], why: Callable[[], str] = str) -> Any:
    """What `look` gives, as soon as it is true."""
    end = time.monotonic() + PATIENCE
    while not (found := await look()):
        assert time.monotonic() < end, f"waited in vain\n{why()}"
        await asyncio.sleep(0.05)
    return found


@dataclass
class Scene:
    """One school, its folder and its token address; processes that are ended with it."""

    world: World
    school: School
    folder: Path
    key_file: Path
    environ: dict[str, str]
    stack: AsyncExitStack
    gateway: Process | None = None

    @property
    def base(self) -> str:
        assert self.gateway is not None
        return f"127.0.0.1:{self.gateway.port}"

    async def hub(self) -> Process:
        place = self.school.base.removeprefix("http://")
        self.gateway = await self._start("tests.spil.agent_hub", place, environ=self.environ)
        assert self.gateway.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            self.gateway.port = int(await self.gateway.process.stdout.readline())
        return self.gateway

    async def agent(self, *more: str, source: str = KEY) -> Process:
        """The agent as a school starts it; with `more` as its own way to the hub, only that."""
        way = more or (
            "--hub", f"http://{self.base}/agent/{source}", "--token-url", f"{self.school.base}/token",
            "--client", "agent", "--key", str(self.key_file),
        )  # fmt: skip
        return await self._start("spil", "agent", "--folder", str(self.folder), "--school", BRIN, *way, environ={})

    async def _start(self, module: str, *words: str, environ: dict[str, str]) -> Process:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SPIL_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-X", "dev", "-m", module, *words, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, cwd=CHECKOUT, env={**kept, **environ, "PYTHONPATH": str(CHECKOUT)},
        )  # fmt: skip
        made = Process(process)
        made.begin()
        self.stack.push_async_callback(made.kill)
        return made

    async def ask(self, text: str = ASK, variables: Any = None, **claims: Any) -> Any:
        """What the school's guidance reads in the graph."""
        headers = {"authorization": f"Bearer {self.school.token(scope='read', **claims)}"}
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            answer = await client.post(
                f"http://{self.base}/graphql", json={"query": text, "variables": variables}, headers=headers
            )
        return answer.json()

    async def named(self, given: str) -> Any:
        """The answer in which a student of this name stands."""

        async def look() -> Any:
            body = await self.ask()
            return body if given in str(body) else None

        return await until(look, lambda: str(self.gateway and self.gateway.text.decode()))

    async def harvested(self, many: int) -> set[tuple[str, str]]:
        """References and digests, when there are so many."""

        async def look() -> list[Any]:
            rows = await self.world.db.fetch("SELECT reference, digest FROM harvested WHERE gone_at IS NULL")
            return rows if len(rows) == many else []

        rows = await until(look, lambda: str(self.gateway and self.gateway.text.decode()))
        return {(row["reference"], row["digest"]) for row in rows}

    async def dump(self) -> str:
        """Everything that stands in the database, as text."""
        tables = await self.world.db.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )
        rows = [await self.world.db.fetch(f'SELECT x::text FROM "{one[0]}" x') for one in tables]
        return "\n".join(str(row[0]) for table in rows for row in table)


@asynccontextmanager
async def scene_of(postgres: TestPostgres, tmp_path: Path, source: Source | None = None) -> AsyncIterator[Scene]:
    """A scene with its source; nothing runs yet but the token address."""
    school, folder, key_file = School(), tmp_path / "exports", tmp_path / "agent.pem"
    folder.mkdir()
    key_file.write_bytes(school.key.as_pem(private=True))
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(world_of(postgres, "t_agent"))
        port = await stack.enter_async_context(serving(school.app))
        school.base = f"http://127.0.0.1:{port}"
        logins = await make_logins(world.owner, dict.fromkeys(LOGINS, "only-for-tests"))
        urls = {"GATEWAY": logins.gateway, "DIRECTORY": logins.directory, "WORKER": logins.worker}
        environ = {f"SPIL_{name}_URL": url for name, url in urls.items()} | {"SPIL_CURSOR_KEY": os.urandom(32).hex()}
        await _agreed(world)
        pairs = [(kind, function) for kind, row in PARTIES.items() for function in sorted(row.functions)]
        await trust_issuer(world.owner, school.base, DEMO_AUDIENCE, DEMO_CLIENT, pairs)
        await add_source(world.worker, source or agent_source())
        yield Scene(world, school, folder, key_file, environ, stack)


async def _agreed(world: World) -> None:
    await world.db.execute(
        "INSERT INTO party (key, kind, name) VALUES ($1, 'school', $1) ON CONFLICT DO NOTHING", OTHER
    )
    await world.db.execute(
        "INSERT INTO party_agreement (party, kind, version, signed_at) SELECT key, 'COVENANT', '1', now() FROM party"
    )


def agent_source(key: str = KEY, party: str = SCHOOL, **told: Any) -> Source:
    return Source(
        key, party, "school", "school-rest", base_url=AGENT, answers_live=True, **{"options": {"page": 7}, **told}
    )


async def digests(world: World, source: str) -> set[tuple[str, str]]:
    rows = await world.db.fetch("SELECT reference, digest FROM harvested WHERE source = $1", source)
    return {(row["reference"], row["digest"]) for row in rows}
