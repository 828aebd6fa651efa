"""How the peers are served: with the loop, the parser and the Postgres session that Spil has, and a warm pool."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import uvicorn

from spil.server import listen, run_until_signal

POOL = 8
SESSION = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "random_page_cost": "1.1",
    "TimeZone": "UTC",
}


def main(build: Callable[[str], Awaitable[Any]]) -> None:
    """Serves what `build` makes of the database's URL on the given port. Arguments: port, URL."""
    port, url = int(sys.argv[1]), sys.argv[2]
    os.environ.clear()

    async def go() -> None:
        with listen("127.0.0.1", port) as listener:
            app = await build(url)
            config = uvicorn.Config(
                app, loop="none", http="httptools", lifespan="off", access_log=False, log_config=None
            )
            gc.freeze()
            gc.set_threshold(10_000, 20, 20)  # as the hub's own server does
            await uvicorn.Server(config).serve(sockets=[listener])

    run_until_signal(go())


async def _nothing(_: asyncpg.Connection) -> None:
    """In place of asyncpg's own reset: the peers change no setting, so it would be a round trip for nothing."""


async def pool(url: str) -> asyncpg.Pool:
    """Eight connections that stay."""
    return await asyncpg.create_pool(
        url,
        min_size=POOL,
        max_size=POOL,
        max_inactive_connection_lifetime=0,
        max_cached_statement_lifetime=0,
        server_settings=SESSION,
        reset=_nothing,
    )
