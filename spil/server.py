"""The HTTP server in this process: one listening socket, uvicorn, and an end in good order.

Laws
1. The socket is bound before anything is started for it: a port in use costs nothing.
2. A client has seconds, not for ever, to send a request (spil/receiving.py).
3. SIGINT and SIGTERM end it in good order; a second one at once. Whoever started it cleans up after `serve` returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

import uvicorn
import uvloop

from schema.errors import SetUp
from spil.memory import collect_rarely
from spil.receiving import Receiving
from spil.sockets import Sockets

GRACE = 5  # seconds for requests that are under way
WEBSOCKET_BYTES = 65_536


class _Quiet(uvicorn.Server):
    """uvicorn raises a caught signal again when it has ended, which would skip what is to be cleaned up."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """The listening socket. Raises SetUp with one line when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
        raise SetUp(f"Port {port} on {host} {why}. PORT=8001 would take another one.") from None
    return listener


async def serve(app: Any, listener: socket.socket, on_ready: Callable[[], None] | None = None) -> None:
    """Serves `app` until cancelled; then every request may end, or has its grace. A second cancel waits for nobody."""
    server = _Quiet(
        uvicorn.Config(
            app,
            loop="none",
            http=Receiving,
            ws=Sockets,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            ws_max_size=WEBSOCKET_BYTES,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=GRACE,
        )
    )
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    if on_ready is not None:
        on_ready()
    collect_rarely()  # contracts and plans live as long as the process
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        server.should_exit = True
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            server.force_exit = True
            await running
        raise


def run_until_signal(main: Coroutine[Any, Any, None]) -> bool:
    """Runs `main` on uvloop; SIGINT and SIGTERM cancel it, and it cleans up. True when a signal ended it."""
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(kind) for kind in kinds]
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_cancelled(main, kinds))
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


async def _cancelled(main: Coroutine[Any, Any, None], kinds: Iterable[signal.Signals]) -> bool:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main)
    for kind in kinds:
        loop.add_signal_handler(kind, task.cancel)
    await asyncio.wait([task])
    if task.cancelled():
        return True
    task.result()
    return False
