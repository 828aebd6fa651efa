"""Connections that last: one task looks after all of them, whether their tokens still count.

Laws
1. A connection lasts no longer than its token, and than the trust in it, looked at every `JUDGED` seconds.
2. Whatever goes out asks `allows` first: nothing does once the hub knows that the trust has ended.
3. While the registry is away, what the trust was stands, until the token ends. What cannot be judged for any other
   reason is over.
4. Whatever breaks for one connection, the others are looked after.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final, Protocol

from auth.viewer import Viewer
from schema.errors import Forbidden, Internal, SpilError, TokenExpired, Unauthenticated, Unavailable
from spil.incoming import Callers
from spil.log import Sink

STEP: Final = 1.0  # seconds between two rounds
CHECK: Final = 15.0  # seconds between two beats
JUDGED: Final = 2.0  # seconds that a judgement stands, while no row of the trust changes


class Lasting(Protocol):
    """One connection. `over` ends it, saying why; `beat` is called every CHECK seconds."""

    authorization: str | None
    viewer: Viewer
    seen: float  # the loop's time of the last beat
    judged: Judged

    def over(self, error: SpilError) -> None: ...
    def beat(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """By which trust a connection was let on, and the loop's time of that. `ended`: it was not."""

    by: object = None
    at: float = float("-inf")
    ended: bool = False


NEVER: Final = Judged()
ENDED: Final = Judged(ended=True)


class Keeper:
    """Of one process. Its task runs while there is a connection."""

    def __init__(self, callers: Callers, say: Sink) -> None:
        self._callers, self._say = callers, say
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

    async def allows(self, one: Lasting) -> bool:
        """Whether something may go out to it now; it is over when not."""
        if one.judged.ended:
            return False
        try:
            trust, now = self._callers.trust(), asyncio.get_running_loop().time()
            if one.judged.by is trust and now - one.judged.at < JUDGED:
                return True
            viewer = await self._callers.still(one.authorization)
        except Unauthenticated:
            self._end(one, TokenExpired())
        except Unavailable:
            pass
        except Exception as broken:  # noqa: BLE001 - law 3
            self._say("loop broke", loop="connections", why=type(broken).__name__)
            self._end(one, Internal())
        else:
            if (viewer.role, viewer.scopes) != (one.viewer.role, one.viewer.scopes):
                self._end(one, Forbidden())
            elif not one.judged.ended:
                one.judged = Judged(trust, now)
        return not one.judged.ended

    def _end(self, one: Lasting, error: SpilError) -> None:
        if not one.judged.ended:
            one.judged = ENDED
            one.over(error)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(STEP)
            for one in list(self._held):
                if one not in self._held:
                    continue
                try:
                    await self._look_at(one)
                except Exception as broken:  # noqa: BLE001 - law 4; who was to end is marked so already: nothing goes out
                    self._say("loop broke", loop="connections", why=type(broken).__name__)

    async def _look_at(self, one: Lasting) -> None:
        now = asyncio.get_running_loop().time
        if one.viewer.expires is not None and one.viewer.expires <= time.time():
            self._end(one, TokenExpired())
        elif await self.allows(one) and now() - one.seen >= CHECK:
            one.seen = now()
            one.beat()
