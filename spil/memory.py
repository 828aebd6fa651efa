"""How rarely Python looks for cycles, in a process whose work makes many objects and no cycles."""

from __future__ import annotations

import gc


def collect_rarely() -> None:
    """What is there now is never walked again, and a collection waits for 10,000 new objects instead of 700.

    Measured: a sixth of Python's time in the gateway, a fifth in a harvest (docs/decisions/0007).
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
