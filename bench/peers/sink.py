"""A receiver of webhooks of the uitval bench, as a process: answers at once, and notes what it answered when.

    python -m bench.peers.sink

Prints its port; at the end of its standard input one line of JSON, as bench/peers/listeners.py does.
"""

from __future__ import annotations

import asyncio
import sys
import time

import orjson

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
RECEIVED: list[tuple[str, str, float]] = []


async def _meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            told = orjson.loads(await reader.readexactly(length))
            challenge = told.get("challenge")
            body = orjson.dumps({"challenge": challenge}) if challenge else b"{}"
            writer.write(ANSWER % (len(body), body))
            await writer.drain()
            if not challenge:
                path = head.split(b" ")[1].decode().strip("/")
                RECEIVED.append((path, str(told["id"]), time.time()))
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        writer.close()


async def _go() -> None:
    server = await asyncio.start_server(_meet, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    sys.stdout.buffer.write(orjson.dumps({"received": RECEIVED, "cpu": time.process_time()}) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_go())
