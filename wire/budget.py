"""How often a source may be asked again: retries are 10 % of its requests and one a second, whatever goes wrong.

A budget per source, not a number per request: when everything fails, three tries each would be three times the load on
a source that is already ill.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from schema.errors import SourceDown
from wire.messages import Answer

RETRIES: Final = 2  # of one request, at most
AGAIN: Final = frozenset({502, 503, 504})  # what may be over in a moment; a 500 fails again
FIRST_PAUSE: Final = 0.1  # seconds; the upper end of the first pause, doubled for the next
COST: Final = 10  # a request earns one, a second ten, and a retry costs ten: whole numbers, so that ten tenths are one
MOST: Final = 10 * COST  # what can be saved up


class Budget:
    """Starts empty: since it was made, retries <= requests / 10 + seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._saved: float = 0
        self._at = monotonic()

    def earn(self) -> None:
        """A request was made."""
        self._saved = min(MOST, self._saved + 1)

    def spend(self) -> bool:
        """May there be a retry now? Then it is paid."""
        now = self._monotonic()
        self._saved, self._at = min(MOST, self._saved + (now - self._at) * COST), now
        if self._saved < COST:
            return False
        self._saved -= COST
        return True


def pause_before(retry: int, outcome: Answer | SourceDown, uniform: Callable[[float, float], float]) -> float | None:
    """Seconds before retry 0, 1, ... after this outcome; None when asking again is of no use.

    Full jitter, so that those who failed together do not return together; at 429 what the source says, or nothing.
    """
    if retry >= RETRIES:
        return None
    if isinstance(outcome, Answer):
        if outcome.status == 429:
            return retry_after(outcome.headers.get("retry-after"))
        if outcome.status not in AGAIN:
            return None
    return uniform(0.0, FIRST_PAUSE * 2**retry)


def retry_after(header: str | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """Seconds that a Retry-After header (RFC 9110: seconds or a date) asks for; None when there is none to follow."""
    if header is None:
        return None
    if header.isascii() and header.isdigit() and len(header) < 10:
        return float(header)
    try:
        moment = email.utils.parsedate_to_datetime(header)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now()).total_seconds())
    except (ValueError, OverflowError):  # no date, or none that can be
        return None
