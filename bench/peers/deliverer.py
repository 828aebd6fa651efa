"""`spil deliver` as it runs beside gateways, on the bench's own Postgres."""

from __future__ import annotations

import os
import sys

from spil.deliver import deliver
from spil.log import Log
from spil.server import run_until_signal
from spil.settings import Settings, read
from spil.wiring import hands_of


async def _go(settings: Settings) -> None:
    async with hands_of(settings, Log()) as hands:
        await deliver(hands)


if __name__ == "__main__":
    run_until_signal(_go(read(os.environ)))
    sys.exit(0)
