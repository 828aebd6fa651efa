"""When a delivery that failed is tried again: the schedule of Standard Webhooks, and what the receiver asks.

Laws
1. Ten tries in three days; after the tenth it is dead, and somebody is told.
2. A receiver may ask for more time than the schedule gives (Retry-After), up to a day; never for less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MINUTE, HOUR = 60.0, 3600.0
# Seconds before each try; the first goes at once.
SCHEDULE: Final = (
    0.0,
    5.0,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
CHALLENGE: Final = SCHEDULE[:2]  # whoever makes an endpoint waits for it
LONGEST: Final = 24 * HOUR
SPREAD: Final = 0.1  # share of a pause: those who failed together do not return together


def pause_after(
    failed: int, asked: float | None, uniform: Callable[[float, float], float], schedule: tuple[float, ...] = SCHEDULE
) -> float | None:
    """Seconds until the next try after so many failed ones, at least as long as was asked for; None: none is left."""
    if failed >= len(schedule):
        return None
    pause = schedule[failed] * uniform(1.0, 1.0 + SPREAD)
    return max(pause, min(asked or 0.0, LONGEST))
