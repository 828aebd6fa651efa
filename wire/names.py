"""Names that parties gave, resolved so that one which hangs costs nobody else anything.

Laws
1. A name is asked once at a time; who comes meanwhile waits for that answer. So a name that hangs holds one thread.
2. A question to the system cannot be ended, only left: its thread counts until the system has answered.
3. Who finds no thread free for a moment is told so (NoTurn): nothing was asked, and nobody failed.
4. No process waits for these threads when it ends. (The event loop's own are few, and it does wait for them.)
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Final

THREADS: Final = 64  # names that are asked at the same time
PATIENCE: Final = 2.0  # seconds that a name waits for a thread

Found = asyncio.Future[list[str]]


class NoTurn(OSError):
    """No thread was free."""


class Names:
    """`await names(host, port)`: every address of a host, as the system orders them."""

    def __init__(self, threads: int = THREADS, patience: float = PATIENCE) -> None:
        self._free, self._patience = asyncio.Semaphore(threads), patience
        self._asked: dict[tuple[str, int], Found] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """Raises NoTurn; OSError; ValueError for what is no name."""
        found = self._asked.get((host, port))
        if found is None:
            try:
                async with asyncio.timeout(self._patience):
                    await self._free.acquire()
            except TimeoutError:
                raise NoTurn from None
            found = self._asked.get((host, port))
            if found is None:
                found = self._begin(host, port)
            else:  # who waited beside this one began it
                self._free.release()
        return await asyncio.shield(found)

    def _begin(self, host: str, port: int) -> Found:
        loop = asyncio.get_running_loop()
        found: Found = loop.create_future()

        def end(tell: Callable[[], None]) -> None:
            del self._asked[host, port]
            self._free.release()
            if not found.done():
                tell()

        def ask() -> None:
            try:
                addresses = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is the answer
                tell = partial(found.set_exception, problem)
            else:
                tell = partial(found.set_result, addresses)
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
                loop.call_soon_threadsafe(end, tell)

        found.add_done_callback(lambda one: one.cancelled() or one.exception())  # looked at, also when all have left
        try:
            threading.Thread(target=ask, name="names", daemon=True).start()
        except RuntimeError:  # the machine has no more of them
            self._free.release()
            raise NoTurn from None
        self._asked[host, port] = found
        return found
