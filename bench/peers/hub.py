"""Spil itself as `spil serve` runs it, on one socket with the demo's issuer so that its tokens are real."""

from __future__ import annotations

import os
import sys

from auth.issuer import issuer_app
from spil.app import build_app
from spil.demo import ISSUER_PATH, Fork
from spil.server import listen, run_until_signal, serve
from spil.settings import Settings, read
from spil.wiring import build


async def _go(settings: Settings) -> None:
    address = f"127.0.0.1:{settings.port}"
    parts = await build(settings, frozenset({address}))
    issuer = issuer_app(f"http://{address}{ISSUER_PATH}", lambda _: True)
    try:
        with listen(settings.host, settings.port) as listener:
            await serve(Fork(ISSUER_PATH, issuer, build_app(parts)), listener)
    finally:
        await parts.close()


if __name__ == "__main__":
    run_until_signal(_go(read(os.environ)))
    sys.exit(0)
