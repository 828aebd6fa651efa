"""One client of a stream: what waits for it, bounded, and what takes it out.

Laws
1. At most `MOST` answers wait. One more, or one that cannot be sent within `PATIENCE` seconds, ends the stream with
   SLOW_CONSUMER and the cursor of the last that was sent: nothing is dropped without a word.
2. Who waits for nothing holds nothing: no task, no queue.
3. Answers leave in the order of their positions, and none twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from federation.streaming import Frame
from schema.errors import SlowConsumer, SpilError

MOST: Final = 256
LOW: Final = 64  # so few waiting that a whole batch finds room
PATIENCE: Final = 20.0  # seconds

Send = Callable[[Frame], Awaitable[None]]
Ended = Callable[[SpilError, str], Awaitable[None]]


class Subscriber:
    """`send` puts one answer on the wire; `ended` tells why the stream is over, and where to go on."""

    __slots__ = ("_ended", "_low", "_pump", "_send", "_waiting", "cursor", "over", "pos", "tardy", "who")

    def __init__(self, who: str, send: Send, ended: Ended) -> None:
        self.who, self._send, self._ended = who, send, ended
        self.pos = 0  # up to here everything was taken over; `resolvers.streams` sets where it begins
        self.cursor = ""  # of the last answer that was sent
        self.over = False
        self.tardy = False  # made others wait; nobody waits for it again until it has caught up
        self._waiting: deque[Frame | tuple[SpilError, str]] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._low: asyncio.Future[None] | None = None

    @property
    def crowded(self) -> bool:
        return self._waiting is not None and len(self._waiting) > MOST // 2

    def take(self, frames: Sequence[Frame | None], upto: int) -> None:
        """Answers for every position between `pos` and `upto`; those not wanted are None."""
        for frame in frames:
            if frame is not None and frame.pos > self.pos and not self.over:
                self._put(frame)
        self.pos = max(self.pos, upto)

    def finish(self, error: SpilError, cursor: str = "") -> None:
        """Ends it when what waits was sent. `cursor`: from which to go on, if not from the last that was sent."""
        if not self.over:
            self.over = True
            self._queue((error, cursor))

    def leave(self) -> None:
        """Ends it at once, without a word."""
        self.over = True
        self._waiting = None
        if self._pump is not None and self._pump is not asyncio.current_task():
            self._pump.cancel()
        self._told_low()

    def room(self) -> asyncio.Future[None] | None:
        """What to wait for until a batch finds room; None: it does now."""
        if self.over or self._waiting is None or len(self._waiting) <= LOW:
            return None
        if self._low is None:
            self._low = asyncio.get_running_loop().create_future()
        return self._low

    def _put(self, frame: Frame) -> None:
        if self._waiting is not None and len(self._waiting) >= MOST:
            self._waiting.clear()
            self.finish(SlowConsumer())
        else:
            self._queue(frame)

    def _queue(self, one: Frame | tuple[SpilError, str]) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(one)
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                one = self._waiting.popleft()
                async with asyncio.timeout(PATIENCE):
                    if isinstance(one, Frame):
                        await self._send(one)
                        self.cursor = one.cursor
                    else:
                        await self._ended(one[0], one[1] or self.cursor)
                if len(self._waiting or ()) <= LOW:
                    self._told_low()
        except TimeoutError:
            await self._give_up()
        except OSError:
            self.over = True  # it went; its door notices
        finally:
            self._pump = None
            self._waiting = None
            self.tardy = False
            self._told_low()

    async def _give_up(self) -> None:
        """A socket that takes nothing: it is told, for what that is worth, and left."""
        self.over, self._waiting = True, None
        try:
            async with asyncio.timeout(1):
                await self._ended(SlowConsumer(), self.cursor)
        except (TimeoutError, OSError):
            pass

    def _told_low(self) -> None:
        low, self._low = self._low, None
        if low is not None and not low.done():
            low.set_result(None)
