"""A Postgres that may be stopped in the middle of everything, and the hub's processes, each a group of its own.

Laws
1. It is no demo's Postgres to those who ask: `spil deliver` runs on it as an operator runs it. A commit is written
   when it says so (but not forced to the disk: no test pulls the plug).
2. Only what was started here is ever killed: a process group by its leader, Postgres by its postmaster.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

from registry.embedded import Embedded, discard
from registry.embedded_home import CHECKOUT, home_folder

SETTINGS = """
cluster_name = 'chaos'
synchronous_commit = 'on'
max_connections = '200'
"""
START_SECONDS = 60.0


class Postgres:
    """One server with the harness's own settings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with Embedded.start(folder, fast=True) as made:
            main = made.home.data / "postgresql.conf"
            main.write_text(main.read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")
        self.server = Embedded.start(folder, fast=True)

    def stop_immediately(self) -> None:
        """As `pg_ctl stop -m immediate`: nothing is written any more, and what follows is a recovery."""
        note = (self.server.home.data / "postmaster.pid").read_text(encoding="utf-8")
        os.kill(int(note.split()[0]), signal.SIGQUIT)
        self.server.stop()  # waits for its end, and lets go of the folder

    def start(self) -> None:
        self.server = Embedded.start(self._folder, fast=True)

    def remove(self) -> None:
        self.server.stop()
        shutil.rmtree(self.server.home.sockets, ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A new one, removed at the end."""
    folder = home_folder(f"chaos-{os.getpid()}")
    for left in folder.parent.glob(folder.name.rpartition("-")[0] + "-*"):
        discard(left)  # of a run that was killed
    made = Postgres(folder)
    try:
        yield made
    finally:
        made.remove()


def socket_of(url: str) -> str:
    """The Unix socket that a URL names."""
    parts = urlsplit(url)
    return f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.{parts.port or 5432}"


def through(url: str, folder: str) -> str:
    """The same URL, by a socket in another folder."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=f"host={folder}&port=5432"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Process:
    """A process of the hub, started again when it was killed; `ready`: words of the line that says that it is."""

    name: str
    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    log: Path
    ready: str
    running: asyncio.subprocess.Process | None = None
    killed: int = 0
    _began: int = field(default=0)

    async def start(self) -> None:
        """Starts it, and waits until it says that it is ready."""
        with self.log.open("ab") as out:
            self._began = self.log.stat().st_size
            self.running = await asyncio.create_subprocess_exec(
                sys.executable, "-P", *self.arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, cwd=CHECKOUT, start_new_session=True,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "HOME": "/tmp", **self.environ},
            )  # fmt: skip
        async with asyncio.timeout(START_SECONDS):
            while self.ready not in self.words():
                if self.running.returncode is not None and not self.killed:
                    raise RuntimeError(f"{self.name} ended: {self.words()[-2000:]}")
                if self.running.returncode is not None:
                    return  # killed while it started; whoever keeps it begins again
                await asyncio.sleep(0.02)

    def words(self) -> str:
        """What it has said since it was started last."""
        with self.log.open("rb") as said:
            said.seek(self._began)
            return said.read().decode("utf-8", "replace")

    def send(self, kind: signal.Signals) -> None:
        """A signal to the whole group."""
        if self.running is not None and self.running.returncode is None:
            os.killpg(self.running.pid, kind)

    def kill(self) -> None:
        self.killed += 1
        self.send(signal.SIGKILL)

    async def end(self) -> int:
        """SIGTERM, and its code."""
        assert self.running is not None
        self.send(signal.SIGTERM)
        async with asyncio.timeout(20):
            return await self.running.wait()


@contextlib.asynccontextmanager
async def kept(process: Process) -> AsyncIterator[Process]:
    """Meanwhile it runs, and is started again whenever it was killed."""

    async def keep() -> None:
        while True:
            assert process.running is not None
            code = await process.running.wait()
            if code != -signal.SIGKILL:
                raise RuntimeError(f"{process.name} ended with {code}: {process.words()[-2000:]}")
            await process.start()

    await process.start()
    keeping = asyncio.create_task(keep())
    try:
        yield process
        if keeping.done():
            keeping.result()
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        process.send(signal.SIGKILL)
        if process.running is not None:
            await process.running.wait()
