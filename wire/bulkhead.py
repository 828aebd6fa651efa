"""How many questions may be out at one source: one that hangs cannot take the hub's connections and memory with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from schema.errors import SourceDown


class Bulkhead:
    """No queue: whoever finds it full is told at once, while there is still time to answer the rest."""

    def __init__(self, most: int) -> None:
        self._free = most

    @contextmanager
    def seat(self) -> Iterator[None]:
        """Held while a question is out. Raises SourceDown when there is none."""
        if self._free <= 0:
            raise SourceDown("Too many questions are out at a source. Try again.")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
