"""The load of the uitval bench, as a process: reports at a rate, whether or not the hub keeps up.

    python -m bench.peers.reports PORT RATE FILE TOKEN_FILE

FILE has one body a line. At the end one line of JSON: how many were sent and accepted, when the last answer came, how
long answers took, and this process's own seconds of processor time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import orjson

CONNECTIONS = 64
HEAD = "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\nauthorization: {}\r\n"


class Load:
    """Sends what is due, over whichever connection is free; answers are counted, and timed from when they were due."""

    def __init__(self, port: int, header: str, bodies: list[bytes], rate: float) -> None:
        self._port, self._bodies, self._rate = port, bodies, rate
        self._head = HEAD.format(port, header).encode()
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.took: list[float] = []
        self.refused: list[bytes] = []
        self.last = 0.0

    async def run(self) -> None:
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))
        began, under_way = time.perf_counter(), set()
        for n, body in enumerate(self._bodies):
            due = began + n / self._rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._one(body, due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _one(self, body: bytes, due: float) -> None:
        reader, writer = await self._free.get()
        writer.write(self._head + b"content-length: %d\r\n\r\n" % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        self._free.put_nowait((reader, writer))
        self.took.append(time.perf_counter() - due)
        self.last = time.time()
        if b'"errors"' in answer or b" 200 " not in head[:16]:
            self.refused.append(answer[:300])


def main() -> None:
    port, rate, file, token = sys.argv[1:]
    load = Load(int(port), Path(token).read_text("utf-8"), Path(file).read_bytes().splitlines(), float(rate))
    began = time.perf_counter()
    asyncio.run(load.run())
    took = sorted(load.took)
    told = {
        "sent": len(took),
        "accepted": len(took) - len(load.refused),
        "refused": [one.decode("utf-8", "replace") for one in load.refused[:3]],
        "seconds": time.perf_counter() - began,
        "p50": took[len(took) // 2] * 1000,
        "p99": took[int(len(took) * 0.99)] * 1000,
        "last": load.last,
        "cpu": time.process_time(),
    }
    sys.stdout.buffer.write(orjson.dumps(told) + b"\n")


if __name__ == "__main__":
    main()
