"""Partners as a process of its own: `python -m tests.partners school --port 9101 --know LN1,LN2 --slow 0.05`.

Prints its port when it is up, and runs until it is killed. `all` is one of each in one process: it reads whom each
knows from the first line of its stdin (JSON by kind), prints their ports as JSON, and ends when its stdin does: with
whoever holds the other end of that pipe, in whatever way that ends. Meanwhile each further line tells the sink whose it
is and which keys it believes (`{"party": ..., "keys": [...]}`), and the sink prints a line for what it gets.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from tests.partners import people
from tests.partners.feed import Feed, posting
from tests.partners.municipality import Municipality, support_of
from tests.partners.school import School, identity_of
from tests.partners.serving import serving
from tests.partners.sink import Sink
from tests.partners.subgraph import Subgraph
from tests.partners.tokens import Tokens

KINDS = ("school", "municipality", "subgraph", "feed", "vum", "sink")
HUB = "spil.example"  # the name in the certificate that the hub shows
OIN = "00000001001564743000"


def make(kind: str, known: list[str], told: argparse.Namespace) -> Any:
    """A partner that knows these: students of a school, vacancies of a feed by their count, cases of a municipality.

    A case of the subgraph may name its student by Spil's id: `Z1=Student:...`. A sink knows public keys: `whpk_...`.
    """
    pleasant = told.names == "pleasant"
    supported = people.support_of if pleasant else support_of
    if kind == "school":
        school = School(_tokens(told.client_key), named=people.identity_of if pleasant else identity_of)
        for number in known:
            school.enrol({"leerlingid": number})
        return school
    if kind == "sink":
        return Sink(keys=known)
    if kind == "subgraph":
        graph = Subgraph(supported)
        for one in known:
            number, _, student = one.partition("=")
            graph.open_case(number, student or None)
        return graph
    if kind == "municipality":
        town = Municipality(supported=supported)
        for number in known:
            town.open_case(number)
        return town
    if kind == "feed":
        return Feed([(people.posting if pleasant else posting)(n) for n in range(len(known))])
    from tests.partners.vum import Vum  # its packages are the tests': who starts the others need not have them

    assert told.shared is not None, "a VUM party is fed from the standard's files: --shared"
    return Vum(told.shared, {HUB: OIN} if told.tls else {})


def _tokens(client_key: Path | None) -> Tokens | None:
    """Whom a school lets in: who proves to be `spil`."""
    if client_key is None:
        return None
    from joserfc.jwk import ECKey

    return Tokens({"spil": ECKey.import_key(client_key.read_text(encoding="utf-8"))})


def certificates(folder: Path) -> dict[str, Any]:
    """As the exchange gives them out: its own, and in the same folder the hub's, of one new authority."""
    from tests.wire.tls_kit import Authority

    authority = Authority(folder, "authority")
    server, hub = authority.issue("127.0.0.1"), authority.issue(HUB, oin=OIN)
    hub.certificate.rename(folder / "hub.pem")
    hub.key.rename(folder / "hub.key")
    return {"certificate": server.certificate, "key": server.key, "authority": authority.file}


async def run(told: argparse.Namespace) -> None:
    # The variable reaches the partners of a demo, whose command line nobody writes.
    told.names = told.names or os.environ.get("PARTNERS_NAMES") or ("pleasant" if told.kind == "all" else "canaries")
    async with contextlib.AsyncExitStack() as stack:
        if told.kind == "all":
            stdin = await open_stdin()
            line = await stdin.readline()
            if line:
                sink = Sink()
                print(json.dumps(await start_all(json.loads(line), told, stack, sink)), flush=True)
                async for line in stdin:
                    sink.told(**json.loads(line))
            return
        known = told.know.split(",") if told.know else []
        if told.know_file:
            known = told.know_file.read_text(encoding="utf-8").split()
        print(await start(told.kind, known, told, stack), flush=True)
        await asyncio.Event().wait()


async def start(kind: str, known: list[str], told: argparse.Namespace, stack: contextlib.AsyncExitStack) -> int:
    """One partner, on its port."""
    partner = make(kind, known, told)
    partner.app.told(slow=told.slow)
    safe = certificates(told.tls) if kind == "vum" and told.tls else {}
    return await stack.enter_async_context(serving(partner.app, port=told.port, **safe))


async def start_all(
    known: dict[str, list[str]], told: argparse.Namespace, stack: contextlib.AsyncExitStack, sink: Sink
) -> dict[str, int]:
    """The ports by kind. The VUM party is left out where its files or its packages are absent."""
    plain = [kind for kind in KINDS if kind not in ("vum", "sink")]
    ports = {kind: await start(kind, known.get(kind, []), told, stack) for kind in plain}
    listener = socket.socket(fileno=told.sink_fd) if told.sink_fd is not None else None
    ports["sink"] = await stack.enter_async_context(serving(sink.app, listener=listener))
    if told.shared is not None:
        with contextlib.suppress(ModuleNotFoundError):
            ports["vum"] = await start("vum", [], told, stack)
    return ports


async def open_stdin() -> asyncio.StreamReader:
    """The pipe on stdin; the largest line is a country's numbers."""
    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.partners")
    made.add_argument("kind", choices=(*KINDS, "all"))
    made.add_argument("--port", type=int, default=0)
    made.add_argument("--know", default="")
    made.add_argument("--know-file", type=Path)
    made.add_argument("--shared", type=Path, help="the folder of the VUM standard's files")
    made.add_argument("--slow", type=float, default=0.0)
    made.add_argument("--names", choices=("canaries", "pleasant"), help="default: pleasant for `all`")
    made.add_argument("--client-key", type=Path, help="the hub's public key: the school then wants its tokens")
    made.add_argument("--tls", type=Path, help="a folder for certificates: the VUM party then wants the hub's")
    made.add_argument("--sink-fd", type=int, help="of `all`: a socket that listens already, for the sink")
    return made


if __name__ == "__main__":
    asyncio.run(run(parser().parse_args()))
