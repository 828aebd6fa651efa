"""Steps that say what they do and how long it took, on a terminal and in a log alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

WIDTH = 46


class Tell:
    """Tells where a step is: `tell("0003_people")`, or with a count `tell("schools", 300, 535)`."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def __call__(self, detail: str, done: int | None = None, total: int | None = None) -> None:
        count = "" if done is None else f" {done:,}" if total is None else f" {done:,}/{total:,}"
        self._show(detail + count)


class Steps:
    """Prints one line per step, `what ... 0.42 s`; a terminal also sees where a step is.

    with steps.step("Loading the register") as tell:
        tell("schools 300/535")
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._started = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator[Tell]:
        """Times the block; gives it a function that tells where it is."""
        began = time.monotonic()
        self._show(what)
        try:
            yield Tell(lambda detail: self._show(what, detail))
        except BaseException:
            self._close(what, "stopped")
            raise
        self._close(what, f"{time.monotonic() - began:.2f} s")

    def say(self, what: str) -> None:
        """One line beside the steps: what is not done, and why."""
        self._write(f"  {what}\n")

    @property
    def elapsed(self) -> float:
        """Seconds since these steps began."""
        return time.monotonic() - self._started

    def _show(self, what: str, detail: str = "") -> None:
        if self._live:
            self._write(f"\r\x1b[K  {what} {detail}")

    def _close(self, what: str, result: str) -> None:
        line = f"  {what} ".ljust(WIDTH, ".") + f" {result}\n"
        self._write(f"\r\x1b[K{line}" if self._live else line)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
