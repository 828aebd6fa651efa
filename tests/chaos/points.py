"""The moments at which a process is killed: one table of named points.

gateway    a report: BEGIN -> its statements -> COMMIT -> the payload is read -> bytes to the client
deliverer  sequence_events: asked -> at work -> answered
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.proxies import TRUE, Moment

STATEMENTS = 5  # of a report before its COMMIT, BEGIN among them


@dataclass(frozen=True)
class Point:
    """`at` holds at the message; `passes`: the message arrives before the process dies. `most`: the n-th of how many."""

    name: str
    process: str
    at: Callable[[Moment], bool]
    passes: bool = False
    most: int = 1


def _sequence(now: Moment) -> bool:
    """A batch that has something to give, not a renewal."""
    return "sequence_events" in now.text and now.row == TRUE


def _gave(now: Moment) -> bool:
    return int.from_bytes(now.row[-4:]) > 0


POINTS: tuple[Point, ...] = (
    Point("gateway: before BEGIN reaches Postgres", "gateway",
          lambda now: now.side == "ASK" and now.kind == "Q" and now.in_command and now.text.startswith("BEGIN"), most=4),
    Point("gateway: after the n-th statement, before COMMIT", "gateway",
          lambda now: now.side == "ANSWER" and now.kind == "Z" and now.in_command and now.text != "COMMIT", most=24),
    Point("gateway: COMMIT sent, before its answer", "gateway",
          lambda now: now.side == "ASK" and now.kind == "Q" and now.in_command and now.text == "COMMIT", passes=True, most=4),
    Point("gateway: COMMIT answered, before the payload is read", "gateway",
          lambda now: now.side == "ANSWER" and now.kind == "C" and now.in_command and now.text == "COMMIT", most=4),
    Point("gateway: while the payload is read", "gateway",
          lambda now: now.side == "ANSWER" and now.kind == "D" and now.text.startswith("/* employer */"), most=4),
    Point("gateway: answered, before the client's bytes", "gateway",
          lambda now: now.side == "BYTES" and now.text == "reportUitval", most=4),
    Point("deliverer: before sequence_events is sent", "deliverer",
          lambda now: now.side == "ASK" and now.kind == "B" and _sequence(now), most=2),
    Point("deliverer: sequence_events sent, before its answer", "deliverer",
          lambda now: now.side == "ASK" and now.kind == "S" and _sequence(now), passes=True, most=2),
    Point("deliverer: sequence_events answered", "deliverer",
          lambda now: now.side == "ANSWER" and now.kind in "Cs" and "sequence_events" in now.text and _gave(now), most=2),
)  # fmt: skip
