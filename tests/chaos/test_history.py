"""The checker finds every loss there is a word for: a checker that is always content would prove nothing."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.chaos.history import REPORTED, Heard, _brought, _stream

ANNE, BEN = UUID(int=1), UUID(int=2)
WANTED = [(ANNE, "Uitval:a.1"), (BEN, "Uitval:b.1"), (ANNE, "Uitval:a.2")]


def told(*cases: str, first: int = 1) -> dict[tuple[int, int], Heard]:
    return {(1, pos): Heard(1, pos, REPORTED, case) for pos, case in enumerate(cases, first)}


WELL = told("Uitval:a.1", "Uitval:b.1", "Uitval:a.2")


def test_what_is_well_is_well() -> None:
    assert _stream("x", WELL, WANTED) == []
    assert _brought("x", [*WELL.values(), WELL[1, 1]], WELL, WANTED) == [], "once more is no loss"
    assert _stream("x", told("Uitval:b.1", "Uitval:a.1", "Uitval:a.2"), WANTED) == [], "of two people no order is asked"


@pytest.mark.parametrize(
    ("heard", "word"),
    [
        (told("Uitval:a.1", "Uitval:b.1"), "never heard Uitval:a.2"),
        (told("Uitval:a.1", "Uitval:b.1", "Uitval:a.2", first=2), "with a hole"),
        (told("Uitval:a.2", "Uitval:b.1", "Uitval:a.1"), "before what was accepted earlier"),
        (told("Uitval:a.1", "Uitval:b.1", "Uitval:a.2", "Uitval:c.1"), "and should not"),
        (told("Uitval:a.1", "Uitval:b.1", "Uitval:a.2", "Uitval:a.2"), "at 2 positions"),
        ({**WELL, (1, 2): Heard(1, 2, None, None, withheld=True)}, "withheld"),
    ],
)
def test_each_loss_of_a_stream_is_said(heard: dict[tuple[int, int], Heard], word: str) -> None:
    assert any(word in one for one in _stream("x", heard, WANTED))


@pytest.mark.parametrize(
    ("came", "word"),
    [
        ([WELL[1, 1], WELL[1, 2]], "never got (1, 3)"),
        ([WELL[1, 3], WELL[1, 2], WELL[1, 1]], "before what was accepted earlier"),
        ([*WELL.values(), Heard(1, 1, REPORTED, "Uitval:b.1")], "another event"),
    ],
)
def test_each_loss_by_webhook_is_said(came: list[Heard], word: str) -> None:
    assert any(word in one for one in _brought("x", came, WELL, WANTED))
