"""How fast a client may ask: one token bucket per client, per address for those without a token."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from schema.errors import TooManyRequests


class Rates:
    """`rate` requests a second, `burst` at once. Remembers the latest `most` callers."""

    def __init__(
        self, rate: float, burst: float, most: int = 10_000, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._most, self._monotonic = rate, burst, most, monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> None:
        """Takes one request from the caller's bucket. Raises Slower with the seconds to wait."""
        now = self._monotonic()
        left, at = self._buckets.get(caller, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        if left < 1:
            raise Slower((1 - left) / self._rate)
        self._buckets[caller] = (left - 1, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)


class Slower(TooManyRequests):
    """TOO_MANY_REQUESTS, with how long to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
