"""`spil deliver`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from spil.settings import Settings


@click.command()
def deliver() -> None:
    """Bring what happened to whom it concerns: positions in the event logs, webhooks, clocks. Until a signal ends it.

    Beside `spil serve`, as many as you like: one of them leads, the others take over within seconds when it is gone.
    Without any of them events are kept and wait; nothing is lost. `spil events lag` says how many, and who leads.

    Wants SPIL_WORKER_URL, SPIL_GATEWAY_URL and SPIL_CURSOR_KEY, the same as the gateways have. SIGTERM ends it in good
    order. Refuses the demo's Postgres (the demo does this itself), and logins that own tables or pass by row-level
    security.

    \b
      SPIL_WORKER_URL=postgresql://spil_worker_login:...@db/spil ... spil deliver
    """
    from spil.cli import database_sentences
    from spil.server import run_until_signal
    from spil.settings import read, require

    settings = read(os.environ)
    require(settings, "gateway_url", "worker_url", "cursor_key")
    with database_sentences():
        run_until_signal(_deliver(settings))


async def _deliver(settings: Settings) -> None:
    from registry.database import refuse_powerful_logins
    from registry.embedded import refuse_embedded
    from spil.deliver import deliver
    from spil.log import Log
    from spil.wiring import hands_of

    await refuse_embedded(str(settings.worker_url))
    await refuse_powerful_logins(settings, ("gateway", "worker"))
    async with hands_of(settings, Log()) as hands:
        hands.say("deliver begins")
        await deliver(hands)
