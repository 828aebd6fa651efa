"""When a source is left alone: failures and slow answers in a window, then one question at a time.

    closed  --bad share reached-->  open  --pause over-->  half open  --good probe-->  closed
                                     ^-------------------bad probe--------'

Laws
1. One breaker per (source, operation): a slow search must not close the identities.
2. Slow counts as bad: a source that hangs holds more of the hub than one that refuses.
3. Half open, one question is out at a time. One that was cancelled says nothing, and gives its place back.
4. What was asked before a change of state has no say after it. A good answer never opens it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from schema.errors import SourceDown


@dataclass(frozen=True, slots=True)
class Patience:
    """`window`, `pause` in seconds. Opens when, of at least `least` answers in the window, `share` were bad."""

    window: float = 10.0
    least: int = 5
    share: float = 0.5
    pause: float = 5.0


class Breaker:
    def __init__(self, patience: Patience, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._monotonic = patience, monotonic
        self._seen: deque[tuple[float, bool]] = deque()
        self._bad = 0
        self._open_until: float | None = None
        self._probing = False
        self._turn = 0

    def enter(self) -> int:
        """The turn to hand to `leave`. Raises SourceDown while the source is left alone."""
        if self._open_until is not None:
            if self._probing or self._monotonic() < self._open_until:
                raise SourceDown("A source failed too often just now. It is asked again within seconds.")
            self._probing = True
        return self._turn

    def leave(self, turn: int, bad: bool | None) -> None:
        """How it went; None when nothing was learnt."""
        if turn != self._turn:
            return
        if self._open_until is None:
            self._count(bad)
            return
        self._probing = False
        if bad is False:
            self._open_until = None
        elif bad:
            self._open()

    def _count(self, bad: bool | None) -> None:
        if bad is None:
            return
        now = self._monotonic()
        self._seen.append((now, bad))
        self._bad += bad
        while self._seen[0][0] <= now - self._patience.window:
            self._bad -= self._seen.popleft()[1]
        if bad and len(self._seen) >= self._patience.least and self._bad >= self._patience.share * len(self._seen):
            self._open()

    def _open(self) -> None:
        self._open_until = self._monotonic() + self._patience.pause
        self._turn += 1
        self._seen.clear()
        self._bad = 0
