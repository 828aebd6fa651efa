"""`spil serve`: without the demo's issuer by construction, since nothing here imports it."""

from __future__ import annotations

import os
from socket import socket
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spil.settings import Settings


@click.command()
def serve() -> None:
    """Serve the hub on a Postgres of your own (15 or newer), until a signal ends it.

    Wants SPIL_GATEWAY_URL, SPIL_DIRECTORY_URL, SPIL_WORKER_URL and SPIL_CURSOR_KEY; `spil migrate` prints how to make
    the logins. Refuses the demo's Postgres, and logins that own tables or pass by row-level security.

    \b
      SPIL_GATEWAY_URL=postgresql://spil_gateway_login:...@db/spil ... spil serve
    """
    from spil.cli import database_sentences
    from spil.server import listen, run_until_signal
    from spil.settings import read, require

    settings = read(os.environ)
    require(settings, "gateway_url", "directory_url", "worker_url", "cursor_key")
    with database_sentences(), listen(settings.host, settings.port) as listener:
        run_until_signal(_serve(settings, listener))


async def _serve(settings: Settings, listener: socket) -> None:
    from registry.database import refuse_powerful_logins
    from registry.embedded import refuse_embedded
    from spil import server
    from spil.app import build_app
    from spil.wiring import build

    await refuse_embedded(str(settings.gateway_url))
    await refuse_powerful_logins(settings)
    parts = await build(settings)
    try:
        await server.serve(build_app(parts), listener)
    finally:
        await parts.close()
