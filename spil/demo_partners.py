"""The demo's partner systems: one of each, in one process beside the hub, reached as real ones are; and a receiver of
webhooks, whose lines appear in the demo's terminal.

Laws
1. They are the tests' partners, and import nothing of the hub: what the demo shows went over a socket.
2. They end with the demo, whatever ends it: the pipe on their stdin is held by it alone.
3. Without them, or without one of them, the demo runs all the same, and says so in one line.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson

from registry.demo_partners import Cast, cast_of, place_sources
from registry.embedded_home import CHECKOUT
from registry.sources import Source
from schema.errors import SpilError
from spil.demo_uitval import SINK_PATH
from spil.progress import Steps

PROGRAM: Final = CHECKOUT / "tests" / "partners" / "__main__.py"
STANDARD: Final = "standards/vum-v3"  # below the shared fixtures
LOG_FILE: Final = "partners.log"
PORT_FILE: Final = "sink.port"  # in the demo's home
PATIENCE: Final = 20.0  # seconds to start, in which an interpreter starts anew
POSTINGS: Final = 24
KEYS: Final = {kind: f"demo-{kind}" for kind in ("school", "municipality", "subgraph", "feed", "vum")}
PARTIES_OF_VUM: Final = {
    "to_party": "00000001821002193000",
    "via_party": "VUM",
}


@dataclass(frozen=True, slots=True)
class Partners:
    """What runs: the ports by kind (none: they do not run), whose they are, and where their credentials stand."""

    ports: Mapping[str, int]
    cast: Cast
    folder: Path
    process: Process | None = None

    @property
    def sink(self) -> str | None:
        """The address of the receiver of webhooks."""
        return f"http://127.0.0.1:{self.ports['sink']}{SINK_PATH}" if "sink" in self.ports else None

    def tell_sink(self, party: str, keys: Sequence[str]) -> None:
        """Whose webhook it is, and the public keys that it believes: over a pipe that is the demo's alone."""
        if self.process is not None and self.process.stdin is not None:
            with suppress(RuntimeError, OSError):  # it has ended
                self.process.stdin.write(orjson.dumps({"party": party, "keys": keys}) + b"\n")

    @asynccontextmanager
    async def overheard(self) -> AsyncIterator[None]:
        """Meanwhile what the receiver of webhooks prints stands in this terminal too."""

        async def listen() -> None:
            if self.process is not None and self.process.stdout is not None:
                async for line in self.process.stdout:
                    click.echo(line.decode("utf-8", "replace").rstrip("\n"))

        listening = asyncio.create_task(listen())
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.wait([listening])

    async def join(self, owner: str, worker: str, steps: Steps) -> None:
        """Makes them sources, and reads once those that were never read."""
        from spil import harvest

        for key in await place_sources(owner, self.sources()):
            with suppress(SpilError), steps.step(f"Reading {key}") as tell:
                await harvest.sync(worker, key, tell=tell)

    def sources(self) -> list[Source]:
        """The rows of those that run."""
        return [self._source(kind, port) for kind, port in self.ports.items() if kind in KEYS and self._party(kind)]

    def _party(self, kind: str) -> str | None:
        cast = self.cast
        parties = {"school": cast.school, "municipality": cast.town, "subgraph": cast.other_town}
        return parties.get(kind, cast.point)

    def _source(self, kind: str, port: int) -> Source:
        place = f"127.0.0.1:{port}"
        protocol, of, options, harvests, live = _SPOKEN[kind]
        file = self._credentials(kind, place)
        return Source(
            KEYS[kind],
            self._party(kind) or "",
            of,
            protocol,
            base_url=f"{'https' if kind == 'vum' else 'http'}://{place}",
            hosts=("127.0.0.1",),
            private_hosts=(place,),
            credentials=f"file:{file}" if file else None,
            options=options,
            harvests=harvests,
            answers_live=live,
        )

    def _credentials(self, kind: str, place: str) -> Path | None:
        """The file by which the hub gets in: a key of its own at the school, a certificate at the exchange."""
        if kind == "school":
            key = (self.folder / "client.key").read_text(encoding="utf-8")
            told: dict[str, Any] = {"token_url": f"http://{place}/token", "client_id": "spil", "key": key}
        elif kind == "vum":
            files = {"authority": "authority.pem", "certificate": "hub.pem", "key": "hub.key"}
            told = {"tls": {name: str(self.folder / file) for name, file in files.items()}}
        else:
            return None
        path = self.folder / f"{kind}.json"
        path.write_bytes(orjson.dumps(told))
        return path

    def told(self) -> str:
        """For the terminal: who they are, and how one is broken."""
        if not self.ports:
            return ""
        at = {kind: f"127.0.0.1:{port}" for kind, port in self.ports.items()}
        vum = f", VUM {at['vum']}" if "vum" in at else ""
        return f"""
  Beside it: the system of {self.cast.school} {at["school"]} and of {self.cast.town} {at["municipality"]},
  the subgraph of {self.cast.other_town} {at["subgraph"]}, a vacancy feed {at["feed"]}{vum}.
  To see SOURCE_DOWN where the names are: curl -s {at["school"]}/control -d '{{"fail": 500}}'  ('{{}}' mends it)
  Webhooks of {self.cast.town} go to 127.0.0.1:{self.ports["sink"]}: a line of each appears here.
  To see one tried again, after 5 s: curl -s 127.0.0.1:{self.ports["sink"]}/control -d '{{"fail": 500, "times": 1}}'
"""


# Of each kind: protocol, kind of source, options, whether it is harvested, whether it answers live. The seed wrote the
# school's students: what its system says of them is asked live alone.
_SPOKEN: Final[Mapping[str, tuple[str, str, dict[str, Any], bool, bool]]] = {
    "school": ("school-rest", "school", {}, False, True),
    "municipality": ("ggm-rest", "municipality", {}, True, True),
    "subgraph": ("federation", "municipality", {}, False, True),
    "feed": ("jobposting", "servicepoint", {"path": "/vacatures.json"}, True, False),
    "vum": ("vum-v3", "servicepoint", {"settings": PARTIES_OF_VUM}, False, True),
}


@dataclass(frozen=True, slots=True)
class Beginning:
    """The partners' process while it comes up: `begin` tells it whom they know, `up` waits until they serve."""

    process: Process | None
    folder: Path
    standard: Path | None
    sink: str | None = None  # the `host:port` of the receiver of webhooks, known before it serves

    async def begin(self, owner: str, school: str, town: str) -> Cast:
        """Finds whose systems they are. Numbers of students and cases only: the names are made up over there."""
        cast = await cast_of(owner, school, town, list(KEYS.values()))
        if self.process is not None and self.process.stdin is not None:
            _make_key(self.folder)
            towns = {"municipality": cast.town, "subgraph": cast.other_town}
            known: dict[str, Sequence[str]] = {"school": cast.numbers[cast.school], "feed": [""] * POSTINGS}
            known |= {kind: cast.numbers[one] for kind, one in towns.items() if one is not None}
            with suppress(RuntimeError, OSError):  # it ended at once: `up` tells why
                self.process.stdin.write(orjson.dumps(known) + b"\n")
        return cast

    async def up(self, cast: Cast, steps: Steps) -> Partners:
        """Their ports; says which of them are not there, and why."""
        if self.process is None or self.process.stdout is None:
            steps.say("Without partners: they come with a checkout of Spil.")
            return Partners({}, cast, self.folder)
        ports: dict[str, int] = {}
        with suppress(TimeoutError, ValueError), steps.step("Waiting for the partners"):
            async with asyncio.timeout(PATIENCE):
                ports = orjson.loads(await self.process.stdout.readline())
        if not ports:
            steps.say(f"Without partners: they did not start. {_last_line(self.folder / LOG_FILE)}")
        elif "vum" not in ports:
            why = "its packages are not installed" if self.standard else "SPIL_SHARED has no standard"
            steps.say(f"Without a party of the VUM exchange: {why}.")
        return Partners(ports, cast, self.folder, self.process)


@asynccontextmanager
async def partners_beside(shared: Path | None, home: Path | None) -> AsyncIterator[Beginning]:
    """Starts their process, which comes up while the caller goes on, and ends it. `home`: where their files may be."""
    files = (shared or CHECKOUT.parent / "shared") / STANDARD
    standard = files if files.is_dir() else None
    with _folder(home) as folder:
        if not PROGRAM.is_file():
            yield Beginning(None, folder, standard)
            return
        with _listening(home) as listener:
            process = await _start(folder, standard, listener)
            place = f"127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield Beginning(process, folder, standard, place)
        finally:
            await _end(process)


@contextmanager
def _folder(home: Path | None) -> Iterator[Path]:
    """An empty folder that is ours alone, for keys and certificates that last as long as the demo."""
    folder = home / "partners" if home is not None else Path(tempfile.mkdtemp(prefix="spil-partners-"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _listening(home: Path | None) -> Iterator[socket.socket]:
    """The sink's socket: made here, so that the hub is built with its port while the partners come up.

    The port is that of the last start, if it can be had: what waits at its endpoint then comes.
    """
    file = home / PORT_FILE if home is not None else None
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", int(file.read_text(encoding="ascii")) if file is not None else 0))
        except (OSError, ValueError, OverflowError):  # none was kept, or another has it
            listener.bind(("127.0.0.1", 0))
        listener.listen()
        if file is not None:
            file.write_text(f"{listener.getsockname()[1]}\n", encoding="ascii")
        yield listener


async def _start(folder: Path, standard: Path | None, listener: socket.socket) -> Process:
    told = ["--client-key", folder / "client.pem", "--sink-fd", listener.fileno()]
    more = ["--shared", standard, "--tls", folder] if standard else []
    with (folder / LOG_FILE).open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "tests.partners", "all", *map(str, (*told, *more))),
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
            cwd=CHECKOUT,
            env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
            pass_fds=(listener.fileno(),),
            start_new_session=True,  # a terminal's Ctrl-C is the demo's to hear
        )


async def _end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(5):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _make_key(folder: Path) -> None:
    """The hub's key pair of this start: what it proves itself with, and what the school has of it."""
    from joserfc.jwk import ECKey

    key = ECKey.generate_key("P-256")
    (folder / "client.key").write_bytes(key.as_pem(private=True))
    (folder / "client.pem").write_bytes(key.as_pem(private=False))


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")
