"""One JSON line per request: what was asked by its hash, who asked, how it ended, how long it took.

Laws
1. Never a document, a variable, a message, an address or the database's own words.
2. A name that a client chose (operation, trace) is cut to what its grammar allows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import orjson

Write = Callable[[bytes], object]


class Sink(Protocol):
    """Where lines go."""

    def __call__(self, event: str, **said: Any) -> None: ...


class Log:
    """Writes lines with the time first; a value of None is left out."""

    def __init__(self, write: Write | None = None, clock: Callable[[], float] = time.time) -> None:
        self._write = write or _at_once
        self._clock = clock

    def __call__(self, event: str, **said: Any) -> None:
        """One line. `said` holds JSON values."""
        line = {"at": round(self._clock(), 3), "event": event, **{k: v for k, v in said.items() if v is not None}}
        self._write(orjson.dumps(line) + b"\n")


def _at_once(line: bytes) -> None:
    """A file would keep 8 kB to itself: a quiet process is silent for hours, and one that is killed for ever."""
    sys.stderr.buffer.write(line)
    sys.stderr.buffer.flush()
