"""Connections that last: one task looks after all of them, whether their tokens still count.

Laws
1. A connection lasts no longer than its token, and than the trust in it (looked at every `CHECK` seconds).
2. While the trust is not known, what it was stands, until the token ends.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

from auth.viewer import Viewer
from schema.errors import Forbidden, SpilError, TokenExpired, Unauthenticated, Unavailable
from spil.incoming import Callers

STEP: Final = 1.0  # seconds between two rounds
CHECK: Final = 15.0


class Lasting(Protocol):
    """One connection. `over` ends it, saying why; `beat` is called every CHECK seconds."""

    authorization: str | None
    viewer: Viewer
    seen: float  # the loop's time of the last look

    def over(self, error: SpilError) -> None: ...
    def beat(self) -> None: ...


class Keeper:
    """Of one process. Its task runs while there is a connection."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._held: set[Lasting] = set()
        self._task: asyncio.Task[None] | None = None

    def hold(self, one: Lasting) -> None:
        one.seen = asyncio.get_running_loop().time()
        self._held.add(one)
        if self._task is None:
            self._task = asyncio.create_task(self._look(), name="lasting connections")

    def release(self, one: Lasting) -> None:
        self._held.discard(one)
        if not self._held and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(STEP)
            for one in list(self._held):
                if one not in self._held:
                    continue
                if one.viewer.expires is not None and one.viewer.expires <= time.time():
                    one.over(TokenExpired())
                elif loop.time() - one.seen >= CHECK:
                    one.seen = loop.time()
                    one.beat()
                    await self._judge(one)

    async def _judge(self, one: Lasting) -> None:
        try:
            viewer = await self._callers.still(one.authorization)
        except Unauthenticated:
            one.over(TokenExpired())
        except Unavailable:
            pass
        else:
            if (viewer.role, viewer.scopes) != (one.viewer.role, one.viewer.scopes):
                one.over(Forbidden())
