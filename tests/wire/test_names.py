"""A name that hangs costs its own endpoint a try, nobody else anything, and the process no second at its end."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.partner_kit import Partner, always, reply
from wire.hooks import Hooks
from wire.names import Names, NoTurn

HANGS = "hangt.example"


class System:
    """Asks the real system, but for names ending in HANGS: those hang until `go`, and are then not known."""

    def __init__(self) -> None:
        self.real, self.hangs, self.go = socket.getaddrinfo, threading.Event(), threading.Event()
        self.asked: Counter[str] = Counter()
        self.threads: set[threading.Thread] = set()

    def __call__(self, host: str, port: int, *args: Any, **more: Any) -> Any:
        self.asked[host] += 1
        self.threads.add(threading.current_thread())
        if host.endswith(HANGS):
            self.hangs.set()
            self.go.wait()
            raise socket.gaierror(-3, "again")
        return self.real(host, port, *args, **more)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    made = System()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.go.set()
    for thread in made.threads:
        thread.join()


async def test_an_endpoint_whose_name_hangs_costs_no_other_a_try(system: System) -> None:
    async with Partner(always(reply(200))).serving() as partner:
        hooks = Hooks(frozenset({f"localhost:{partner.port}"}))
        hung = [asyncio.create_task(hooks.post(f"https://{HANGS}/in", {}, b"{}", 1)) for _ in range(64)]
        tried = await hooks.post(f"http://localhost:{partner.port}/in", {}, b"{}", 10)
        assert tried.code == "200"
        assert {one.code for one in await asyncio.gather(*hung)} == {"TIMEOUT"}
        assert (await hooks.post(f"https://{HANGS}/in", {}, b"{}", 0.1)).code == "TIMEOUT"
        await hooks.close()
    assert system.asked == {"localhost": 1, HANGS: 1}, "one thread hangs, however often it is tried"


async def test_who_asks_meanwhile_gets_the_same_answer_and_who_comes_after_asks_anew(system: System) -> None:
    names = Names()
    asked = [asyncio.ensure_future(names(HANGS, 443)) for _ in range(3)]
    await asyncio.to_thread(system.hangs.wait)
    asked[0].cancel()
    system.go.set()
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in told] == [asyncio.CancelledError, socket.gaierror, socket.gaierror]
    with pytest.raises(socket.gaierror):
        await names(HANGS, 443)
    assert system.asked[HANGS] == 2
    assert "127.0.0.1" in await names("127.0.0.1", 443)


async def test_where_there_is_no_thread_nothing_was_tried(system: System) -> None:
    names = Names(threads=1, patience=0.05)
    hooks = Hooks(resolve=names)
    hung = asyncio.create_task(names(HANGS, 443))
    tried = await hooks.post("https://ontvanger.example/in", {}, b"{}", 10)
    assert (tried.code, tried.made, tried.ok) == ("LATE", False, False)
    waits = [asyncio.create_task(names("127.0.0.1", port)) for port in (1, 1, 2)]
    assert {type(one) for one in await asyncio.gather(*waits, return_exceptions=True)} == {NoTurn}
    system.go.set()
    with pytest.raises(socket.gaierror):
        await hung
    assert await names("127.0.0.1", 1) == ["127.0.0.1"], "its thread came back"
    assert system.asked == {HANGS: 1, "127.0.0.1": 1}
    await hooks.close()


async def test_what_is_no_name_is_unreachable() -> None:
    hooks = Hooks()
    assert (await hooks.post(f"https://{'a' * 64}.example/in", {}, b"{}", 5)).code == "UNREACHABLE"
    await hooks.close()


ENDS = """
import asyncio, socket, threading
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
from wire.hooks import Hooks
async def main():
    print((await Hooks().post("https://hangt.example/in", {}, b"{}", 0.1)).code)
asyncio.run(main())
"""


def test_a_process_does_not_wait_for_a_name_that_hangs() -> None:
    ended = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, timeout=30, check=True)
    assert (ended.stdout, ended.stderr) == ("TIMEOUT\n", "")
