"""Retries: ten tries by the schedule of Standard Webhooks, spread a little, and later when the receiver asks it."""

from __future__ import annotations

import random

from events.schedule import CHALLENGE, LONGEST, SCHEDULE, pause_after

HOUR = 3600.0


def least(low: float, _: float) -> float:
    return low


def test_ten_tries_and_then_none() -> None:
    pauses = [pause_after(failed, None, least) for failed in range(1, 11)]
    hours = (2, 5, 10, 14, 20, 24)
    assert pauses == [5.0, 300.0, 1800.0, *(hour * HOUR for hour in hours), None]
    assert SCHEDULE[0] == 0


def test_pauses_are_spread() -> None:
    drawn = {pause_after(2, None, random.uniform) for _ in range(50)}
    assert len(drawn) > 10
    assert all(one is not None and 300 <= one <= 330 for one in drawn)


def test_a_receiver_may_ask_for_more_time_and_not_for_less_or_for_ever() -> None:
    assert pause_after(1, 60.0, least) == 60
    assert pause_after(2, 1.0, least) == 300
    assert pause_after(1, 10.0**9, least) == LONGEST
    assert pause_after(10, 60.0, least) is None


def test_a_challenge_is_tried_twice() -> None:
    assert [pause_after(failed, None, least, CHALLENGE) for failed in (1, 2)] == [5.0, None]
