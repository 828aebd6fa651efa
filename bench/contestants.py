"""The contestants as processes: started, asked whether they answer, their processor time read, and ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from auth.issuer import DEMO_AUDIENCE, DEMO_CLIENT
from auth.viewer import PARTIES
from bench.data import Database
from registry.demo import trust_issuer
from registry.embedded_home import CHECKOUT
from schema.errors import SetUp
from spil.demo import ISSUER_PATH

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 20.0
# What the bench raises, and prints: outside it no page has a thousand nodes, no client sends thousands of requests.
RAISED = {
    "SPIL_RATE": "1000000",
    "SPIL_BURST": "1000000",
    "SPIL_MAX_PAGE": "1000",
    "SPIL_MAX_COST": "1000000",
    "SPIL_DEADLINE": "30",
}


@dataclass(frozen=True)
class Contestant:
    """One server process. `key` is a, b or c."""

    key: str
    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return self.base + ISSUER_PATH


@contextmanager
def contestants(
    database: Database, log: Path, keys: str = "abc", more: Mapping[str, str] | None = None
) -> Iterator[dict[str, Contestant]]:
    """Starts them on one database; each has its pools and none is asked anything yet. `more`: settings of Spil's."""
    with ExitStack() as stack:
        yield {key: stack.enter_context(_started(key, database, log, more or {})) for key in keys}


@contextmanager
def _started(key: str, database: Database, log: Path, more: Mapping[str, str]) -> Iterator[Contestant]:
    module, name = {
        "a": ("bench.peers.hub", "Spil"),
        "b": ("bench.peers.strawberry_peer", "Strawberry"),
        "c": ("bench.peers.bare", "bare SQL"),
    }[key]
    port = _free_port()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)}
    arguments = [str(port), database.owner]
    if key == "a":
        environment |= {
            "PORT": str(port),
            "SPIL_GATEWAY_URL": database.logins.gateway,
            "SPIL_DIRECTORY_URL": database.logins.directory,
            "SPIL_WORKER_URL": database.logins.worker,
            "SPIL_CURSOR_KEY": "00" * 32,
            **RAISED,
            **more,
        }
        arguments = []
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments], env=environment, cwd=CHECKOUT, stdout=out, stderr=out
        )
    try:
        _wait(process, port, log)
        yield Contestant(key, name, port, process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


async def trust(database: Database, hub: Contestant) -> None:
    """Lets the hub's own issuer speak for every party of this database."""
    pairs = [(kind, function) for kind, row in PARTIES.items() for function in sorted(row.functions)]
    await trust_issuer(database.owner, hub.issuer, DEMO_AUDIENCE, DEMO_CLIENT, pairs)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SetUp(f"A contestant did not start. Its last words:\n{log.read_text(errors='replace')[-1500:]}")


class Clock:
    """Processor time, in seconds, of a process and of all of Postgres: what was used since the clock was made."""

    def __init__(self, server: int, postmaster: int) -> None:
        self._server, self._postmaster = server, postmaster
        self._before = self._now()

    def used(self) -> tuple[float, float]:
        """(server, Postgres)"""
        now = self._now()
        before = self._before
        postgres = sum(used - before.get(pid, 0.0) for pid, used in now.items() if pid != self._server)
        return now[self._server] - before[self._server], postgres

    def _now(self) -> Mapping[int, float]:
        pids = [self._server, self._postmaster, *_children(self._postmaster)]
        return {pid: seconds for pid in pids if (seconds := _seconds(pid)) is not None}


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _seconds(pid: int) -> float | None:
    """User and system time of all threads; None when the process has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS
