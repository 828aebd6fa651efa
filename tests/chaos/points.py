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
    """`at` holds at the message; `passes`: it arrives before the process dies. `most`: the n-th of how many."""

    name: str
    process: str
    at: Callable[[Moment], bool]
    passes: bool = False
    most: int = 1


def _sequence(now: Moment) -> bool:
    """A batch that has something to give, not a renewal."""
    return "sequence_events" in now.text and now.row == TRUE


def _answered(now: Moment, words: str, kinds: str = "C") -> bool:
    """A statement with these words has ended; `s`: of which only the first row was asked."""
    return now.side == "ANSWER" and now.kind in kinds and words in now.text


def _command(now: Moment) -> bool:
    return now.kind == "Q" and now.in_command


POINTS: tuple[Point, ...] = (
    Point("gateway: before BEGIN reaches Postgres", "gateway",
          lambda now: now.side == "ASK" and _command(now) and now.text.startswith("BEGIN"), most=4),
    Point("gateway: after the n-th statement, before COMMIT", "gateway",
          lambda now: now.side == "ANSWER" and now.kind == "Z" and now.in_command and now.text != "COMMIT", most=24),
    Point("gateway: COMMIT sent, before its answer", "gateway",
          lambda now: now.side == "ASK" and _command(now) and now.text == "COMMIT", passes=True, most=4),
    Point("gateway: while the payload is read", "gateway",
          lambda now: now.side == "ANSWER" and now.kind == "D" and now.text.startswith("/* employer */"), most=4),
    Point("gateway: answered, before the client's bytes", "gateway",
          lambda now: now.side == "BYTES" and now.text == "reportUitval", most=4),
    Point("deliverer: before sequence_events is sent", "deliverer",
          lambda now: now.side == "ASK" and now.kind == "B" and _sequence(now), most=2),
    Point("deliverer: sequence_events sent, before its answer", "deliverer",
          lambda now: now.side == "ASK" and now.kind == "S" and _sequence(now), passes=True, most=2),
    Point("deliverer: sequence_events answered", "deliverer",
          lambda now: _answered(now, "sequence_events", "Cs") and int.from_bytes(now.row[-4:]) > 0, most=2),
    Point("webhook: leased, before the request", "deliverer",
          lambda now: _answered(now, "lease_deliveries") and now.rows > 0, most=3),
    Point("webhook: request half sent", "deliverer", lambda now: now.side == "HALF", most=6),
    Point("webhook: the receiver's 200, before settling", "deliverer",
          lambda now: now.side == "ASK" and now.kind == "B" and "settle_deliveries" in now.text, most=3),
    Point("webhook: settled", "deliverer",
          lambda now: _answered(now, "settle_deliveries"), most=3),
)  # fmt: skip
