"""The agents that are connected to this gateway, and questions over their connections.

Laws
1. One connection per source: a newer one takes the place of the older, which ends what was asked of it and no more.
2. Where no agent is connected a question fails at once, and nobody is blamed for it.
3. Nothing of a question or an answer is kept or logged, but how many there were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from registry.agents import NO_AGENT
from schema.errors import SourceDown, SourceMalformed
from wire import frames
from wire.careful import DEADLINE_HEADER, Careful, Left
from wire.messages import Answer, Ask
from wire.place import Limits

UNDER_WAY: Final = 32  # questions on one connection, of everybody together
FULL: Final = "Too many questions are out at a source. Try again."


class Line:
    """One connection: questions go out with a number, answers come back with it, in any order."""

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: dict[int, asyncio.Future[Answer | None]] = {}
        self._lost = False
        self.asked = 0
        self.replaced, self.idle = asyncio.Event(), asyncio.Event()
        self.idle.set()

    async def ask(self, ask: Ask, left: Left) -> Answer:
        """The answer. Raises SourceDown: the connection is full, or went. The deadline is the caller's."""
        if self._lost:
            raise SourceDown
        if len(self._waiting) >= UNDER_WAY:
            raise SourceDown(FULL)
        self.asked += 1
        number = self.asked
        waiting: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        self.idle.clear()
        try:
            await self._send(frames.question(number, ask, (DEADLINE_HEADER, str(max(1, int(left() * 1000))))))
            answer = await waiting
        except (OSError, RuntimeError):  # the server's words for a connection that has ended
            raise SourceDown from None
        finally:
            del self._waiting[number]
            if not self._waiting:
                self.idle.set()
        if answer is None:
            raise SourceDown
        return answer

    def take(self, number: int, answer: Answer) -> None:
        """An answer came; of a question that nobody waits for any more it is dropped. Raises SourceMalformed."""
        if not 0 < number <= self.asked:
            raise SourceMalformed
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def lose(self) -> None:
        """It has ended: whoever waits is told."""
        self._lost = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(None)


class Agents:
    """The connections by the source's key. `moved` hears the keys whenever they change."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self.moved: Callable[[frozenset[str]], None] = lambda _: None

    def line(self, key: str) -> Line:
        """Raises SourceDown."""
        line = self._lines.get(key)
        if line is None:
            raise SourceDown(NO_AGENT)
        return line

    def join(self, key: str, line: Line) -> None:
        """Questions go here from now on (law 1)."""
        older, self._lines[key] = self._lines.get(key), line
        if older is not None:
            older.replaced.set()
        self.moved(frozenset(self._lines))

    def leave(self, key: str, line: Line) -> None:
        """It has ended; if it was replaced, the newer one stays."""
        line.lose()
        if self._lines.get(key) is line:
            del self._lines[key]
            self.moved(frozenset(self._lines))


class AgentClient:
    """One source that is asked over its agent's connection, with the care that every source gets."""

    def __init__(self, key: str, agents: Agents, limits: Limits | None = None) -> None:
        self._key, self._agents = key, agents
        self._careful = Careful(limits or Limits())

    async def send(self, ask: Ask, deadline: float) -> Answer:
        """As wire/source_client.py. Raises SourceDown at once where no agent is connected."""
        self._agents.line(self._key)
        return await self._careful.send(ask, deadline, partial(self._exchange, ask))

    async def close(self) -> None:
        """Nothing is its own."""

    async def _exchange(self, ask: Ask, left: Left) -> Answer:
        return await self._agents.line(self._key).ask(ask, left)
