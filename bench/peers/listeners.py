"""Subscribers of the uitval bench, as a process: each with a socket and a token of its own (graphql-transport-ws).

    python -m bench.peers.listeners PORT FILE

FILE has one subscriber a line: its seer, a tab, the value of Authorization, a tab, the document. When all have
subscribed it prints READY; at the end of its standard input one line of JSON: for each event who received which
position when, and this process's processor time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

AT_ONCE = 50  # that connect at the same time


class Listeners:
    """All of them on one loop."""

    def __init__(self, port: int, lines: list[str]) -> None:
        self._port = port
        self._all = [line.split("\t") for line in lines]
        self.received: list[tuple[str, str, float]] = []
        self.closed: list[str] = []
        self._left = len(self._all)
        self.ready = asyncio.Event()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        await asyncio.gather(*(self._one(*one) for one in self._all))

    async def _one(self, seer: str, header: str, document: str) -> None:
        async with self._turns:
            socket = await connect(
                f"ws://127.0.0.1:{self._port}/graphql",
                subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]  # a NewType of str
                compression=None,
                open_timeout=60,
                ping_interval=None,
            )
            await socket.send(orjson.dumps({"type": "connection_init", "payload": {"authorization": header}}).decode())
            assert orjson.loads(await socket.recv())["type"] == "connection_ack"
            told = {"type": "subscribe", "id": "1", "payload": {"query": document}}
            await socket.send(orjson.dumps(told).decode())
        self._left -= 1
        if not self._left:
            self.ready.set()
        try:
            async for text in socket:
                self._note(seer, orjson.loads(text))
        except ConnectionClosed:
            pass
        self.closed.append(f"{seer}: {socket.close_code} {socket.close_reason}")

    def _note(self, seer: str, frame: dict[str, object]) -> None:
        at = time.time()
        if frame["type"] == "next":
            (event,) = frame["payload"]["data"].values()  # type: ignore[index]  # JSON
            self.received.append((seer, f"{event['epoch']}.{event['pos']}", at))
        elif frame["type"] in ("error", "complete"):
            self.closed.append(f"{seer}: {orjson.dumps(frame).decode()[:200]}")


async def _go(port: int, lines: list[str]) -> None:
    listeners = Listeners(port, lines)
    running = asyncio.create_task(listeners.run())
    ready = asyncio.create_task(listeners.ready.wait())
    await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    print("READY", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    running.cancel()
    told = {"received": listeners.received, "closed": listeners.closed[:5], "cpu": time.process_time()}
    sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_go(int(sys.argv[1]), Path(sys.argv[2]).read_text("utf-8").splitlines()))
