"""One client of a stream: what waits for it, bounded, and what takes it out.

Laws
1. At most `MOST` answers wait. One more, or one that is not sent `PATIENCE` seconds after it was read, ends the stream
   with SLOW_CONSUMER and the cursor of the last that was sent: nothing is dropped without a word, and nothing goes out
   by rights that may have ended since. Who comes back has it read anew.
2. Who waits for nothing holds nothing: no task, no queue.
3. Answers leave in the order of their positions, and none twice. Where one fails nothing after it leaves.
4. Who takes slowly and steadily is not ended while it catches up: less is read for it at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from federation.streaming import Frame
from schema.errors import Internal, SlowConsumer, SpilError

MOST: Final = 256
LOW: Final = 64  # so few waiting that a whole batch finds room
PATIENCE: Final = 5.0  # seconds
FIRST: Final = 32  # positions that are read at first for who catches up
# Seconds that the word why it ends may take: longer than the sockets let anybody take nothing (spil/sockets.py), so
# that it is said or the connection is gone.
LAST_WORD: Final = 40.0

Send = Callable[[Frame], Awaitable[None]]
Ended = Callable[[SpilError, str], Awaitable[None]]


class Subscriber:
    """`send` puts one answer on the wire; `ended` tells why the stream is over, and where to go on."""

    __slots__ = (
        "_age", "_ended", "_few", "_low", "_portion", "_pump", "_send", "_waiting", "cursor", "over", "pos", "tardy",
        "who",
    )  # fmt: skip

    def __init__(self, who: str, send: Send, ended: Ended) -> None:
        self.who, self._send, self._ended = who, send, ended
        self.pos = 0  # up to here everything was taken over; `resolvers.streams` sets where it begins
        self.cursor = ""  # of the last answer that was sent
        self.over = False
        self.tardy = False  # made others wait; nobody waits for it again until it has caught up
        self._waiting: deque[tuple[Frame | tuple[SpilError, str], float]] | None = None  # and when it was read
        self._pump: asyncio.Task[None] | None = None
        self._low: asyncio.Future[None] | None = None
        self._few = LOW
        self._portion, self._age = FIRST, PATIENCE / 10  # `_age`: how old the last answer was when it was sent

    @property
    def crowded(self) -> bool:
        return self._waiting is not None and len(self._waiting) > MOST // 2

    def take(self, frames: Sequence[Frame | None], upto: int) -> None:
        """Answers for every position between `pos` and `upto`, just read; those not wanted are None."""
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

    async def portion(self, most: int) -> int:
        """Waits until there is room; gives how many positions to read: so many as go out while they are fresh."""
        while (room := self.room(min(LOW, self._portion // 2))) is not None:
            await room
        if self._age > PATIENCE / 5:
            self._portion = max(1, self._portion // 2)
        elif self._age < PATIENCE / 20:
            self._portion *= 2
        self._portion = min(self._portion, most)
        return self._portion

    def room(self, few: int = LOW) -> asyncio.Future[None] | None:
        """What to wait for until no more than so many wait; None: that is so now."""
        if self.over or self._waiting is None or len(self._waiting) <= few:
            return None
        self._few = few
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
        self._waiting.append((one, asyncio.get_running_loop().time()))
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                one, read_at = self._waiting.popleft()
                if isinstance(one, Frame):
                    await self._send_fresh(one, read_at)
                else:
                    await self._say_why(*one)
                if len(self._waiting or ()) <= self._few:
                    self._told_low()
        except TimeoutError:
            await self._give_up(SlowConsumer())
        except (OSError, RuntimeError):
            self.over = True  # it went, or is closing; its door notices
        except Exception:  # noqa: BLE001 - of whatever kind: it was not sent, so nothing after it may be
            await self._give_up(Internal())
        finally:
            self._pump = None
            self._waiting = None
            self.tardy = False
            self._told_low()

    async def _send_fresh(self, frame: Frame, read_at: float) -> None:
        clock = asyncio.get_running_loop().time
        if clock() > read_at + PATIENCE:
            raise TimeoutError
        async with asyncio.timeout_at(read_at + PATIENCE):
            await self._send(frame)
        self.cursor, self._age = frame.cursor, clock() - read_at

    async def _say_why(self, error: SpilError, cursor: str) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORD):
                await self._ended(error, cursor or self.cursor)

    async def _give_up(self, error: SpilError) -> None:
        """Ends it with the last that was sent: what waits is let go of."""
        self.over, self._waiting = True, None
        self._told_low()
        with contextlib.suppress(OSError, RuntimeError):
            await self._say_why(error, "")

    def _told_low(self) -> None:
        low, self._low = self._low, None
        if low is not None and not low.done():
            low.set_result(None)
