"""A partner on a real socket of this machine.

async with serving(school.app) as port: ...
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol


class SeesCertificates(H11Protocol):
    """Tells the app whose certificate was shown: scope["state"]["certificate"]."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "certificate": transport.get_extra_info("peercert")}


class _Server(uvicorn.Server):
    """Says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def serving(
    app: ASGIApp,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    authority: Path | None = None,
    port: int = 0,
    listener: socket.socket | None = None,
) -> AsyncIterator[int]:
    """The port: of `listener`, where one is handed in. With `authority` only clients of it are let in (mTLS)."""
    if listener is None:
        # The protocol by name, or asyncio leaves Nagle's algorithm on, and an answer's body waits 40 ms for an ACK.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(
        app,
        http=SeesCertificates,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_ca_certs=str(authority) if authority else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if authority else ssl.CERT_NONE,
        timeout_graceful_shutdown=0,
    )
    server = _Server(config)
    running = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        async with asyncio.timeout(10):
            await server.up.wait()
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        await running
        listener.close()
