"""A gateway as `spil serve` makes it, which besides believes the harness's issuer on loopback.

python -m tests.chaos.gateway ISSUER_HOST:PORT
"""

from __future__ import annotations

import os
import sys
from socket import socket

from spil import server
from spil.app import build_app
from spil.settings import Settings, read
from spil.wiring import build


async def _serve(settings: Settings, listener: socket, issuer: str) -> None:
    parts = await build(settings, frozenset({issuer}))
    try:
        await server.serve(build_app(parts), listener, lambda: print("gateway ready", flush=True))
    finally:
        await parts.close()


def main() -> None:
    settings = read(os.environ)
    with server.listen(settings.host, settings.port) as listener:
        server.run_until_signal(_serve(settings, listener, sys.argv[1]))


if __name__ == "__main__":
    main()
