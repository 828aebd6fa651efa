"""A gateway as a process of its own, for the agent's tests: `python -m tests.spil.agent_hub ISSUER_PLACE`.

Settings come from the environment; prints its port when it listens. `spil serve` itself would refuse what tests stand
on: the embedded Postgres, and an issuer on this machine.
"""

from __future__ import annotations

import os
import sys

from spil.agent_door import AgentDoor
from spil.app import build_app
from spil.server import listen, run_until_signal, serve
from spil.settings import read
from spil.wiring import build


async def main(issuer: str) -> None:
    AgentDoor.check = 0.2
    with listen("127.0.0.1", 0) as listener:
        parts = await build(read(os.environ), frozenset({issuer}))
        try:
            await serve(build_app(parts), listener, lambda: print(listener.getsockname()[1], flush=True))
        finally:
            await parts.close()


if __name__ == "__main__":
    run_until_signal(main(sys.argv[1]))
