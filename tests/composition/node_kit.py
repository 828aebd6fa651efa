"""What runs on node here: both composers, and Hive Gateway as a process before a hub and a municipality's subgraph."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from registry.embedded_home import CHECKOUT
from tests.setup.demos import free_port

FOLDER: Final = CHECKOUT / "tests" / "composition"
NODE: Final = CHECKOUT / ".venv" / "bin" / "node"
HIVE: Final = FOLDER / "node_modules" / "@graphql-hive" / "gateway" / "dist" / "bin.js"
CONFIG: Final = CHECKOUT / "deploy" / "federation" / "gateway.config.mjs"
COMPOSERS: Final = ("apollo", "guild")
PATIENCE: Final = 30.0

Subgraph = dict[str, str]  # name, url, sdl


def install() -> None:
    """Node and the locked packages. Talks on the terminal; raises with a sentence when they cannot be had."""
    done = subprocess.run([CHECKOUT / "scripts" / "packages", "tests/composition"], check=False)
    if done.returncode:
        raise RuntimeError("scripts/packages could not install what tests/composition needs: it says why above.")


def compose(supergraphs: Mapping[str, Sequence[Subgraph]]) -> dict[str, dict[str, dict[str, Any]]]:
    """By supergraph and composer: errors, hints, supergraph and API schema."""
    done = subprocess.run(
        [NODE, FOLDER / "compose.mjs"],
        check=False,
        input=json.dumps(supergraphs),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    made: dict[str, dict[str, dict[str, Any]]] = json.loads(done.stdout)
    return made


@dataclass(frozen=True)
class Served:
    """A GraphQL endpoint that is asked as anybody."""

    url: str

    async def ask(self, query: str, variables: Any = None, token: str | None = None, **headers: str) -> dict[str, Any]:
        """The answer, errors and all."""
        headers |= {"authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            answer = await client.post(self.url, json={"query": query, "variables": variables}, headers=headers)
        body: dict[str, Any] = answer.json()
        return body

    @property
    def _control(self) -> str:
        return self.url.replace("/graphql", "/control")

    async def told(self, **behaviour: Any) -> None:
        """A partner behaves so from now on (tests/partners/behaviour.py)."""
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.post(self._control, json=behaviour)

    async def log(self) -> list[dict[str, Any]]:
        """What a partner wrote down of the requests that it got."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(self._control)
        lines: list[dict[str, Any]] = answer.json()["log"]
        return lines


@contextlib.asynccontextmanager
async def town_process(cases: Mapping[str, str]) -> AsyncIterator[Served]:
    """A municipality's subgraph that knows these cases: number -> Spil's id of the student."""
    known = ",".join(f"{number}={student}" for number, student in cases.items())
    command = [sys.executable, "-P", "-m", "tests.partners", "subgraph", "--know", known]
    async with _process(command, PYTHONPATH=str(CHECKOUT)) as process:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
        yield Served(f"http://127.0.0.1:{port}/graphql")


@contextlib.asynccontextmanager
async def gateway_process(supergraph: str) -> AsyncIterator[Served]:
    """Hive Gateway with the config that deploy/ offers, ready to be asked."""
    port = free_port()
    command = [NODE, HIVE, "supergraph", "--config-path", CONFIG, "--host", "127.0.0.1", "--port", port]
    with _file(supergraph) as path:
        async with _process([str(word) for word in (*command, path)]) as process:
            await _until_ready(process, f"http://127.0.0.1:{port}/readiness")
            yield Served(f"http://127.0.0.1:{port}/graphql")


@contextlib.contextmanager
def _file(supergraph: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "supergraph.graphql"
        path.write_text(supergraph, encoding="utf-8")
        yield path


async def _until_ready(process: asyncio.subprocess.Process, url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(PATIENCE):
        while not await _is_ready(client, url):
            assert process.returncode is None, (await process.stdout.read()).decode() if process.stdout else ""
            await asyncio.sleep(0.1)


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return (await client.get(url)).status_code == 200
    return False


@contextlib.asynccontextmanager
async def _process(command: Sequence[str], **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": os.environ["PATH"], "NODE_ENV": "production"} | environ,
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # node stands behind a process of its wheel
        await process.communicate()
