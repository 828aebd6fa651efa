"""What the design says a seer may know of losses and of what happened, row by row. Source: graph.md 4 and 6.

Another transcription than auth/policy.py and the migrations, and beside tests/walls/oracle.py, whose laws hold here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from tests.walls.oracle import Case, Oracle, Row, once
from tests.walls.seers import Seer


@once
def uitval(oracle: Oracle, seer: Seer) -> set[Case]:
    """SCHOOL and MUNICIPALITY: of students seen, or the one case; a silence the lead's alone, and the lead shows from
    CANDIDATE on. EMPLOYER: those it reported, while it knows who it is. Nobody else.
    """
    if seer.role == "EMPLOYER":
        named = oracle.seen(seer, "GIVEN_NAME")
        rows = [row for row in oracle.rows["uitval"] if row["reported_by"] == seer.key and row["student"] in named]
    elif seer.role in ("SCHOOL", "MUNICIPALITY"):
        leads = {row["student"] for row in _open_leads(oracle) if row["seer"] == seer.key} & oracle.seen(seer)
        rows = [
            row for row in oracle.below(seer, "UITVAL", "uitval") if row["basis"] == "TOLD" or row["student"] in leads
        ]
    else:
        rows = []
    return {(row["student"], row["n"]) for row in rows}


def _open_leads(oracle: Oracle) -> list[Row]:
    return [row for row in oracle.rows["lead"] if row["until_at"].year == 9999]


def event_log(oracle: Oracle, seer: Seer) -> set[tuple[str, int, int]]:
    """The own stream, whatever may be known of it."""
    return {(row["seer"], row["epoch"], row["pos"]) for row in oracle.rows["event_log"] if row["seer"] == seer.key}


def stream_head(oracle: Oracle, seer: Seer) -> set[str]:
    return {row["seer"] for row in oracle.rows["stream_head"] if row["seer"] == seer.key}


@once
def outbox(oracle: Oracle, seer: Seer) -> set[UUID]:
    """What was told to the seer and may still be: by the subject of the type.

    STUDENT: while it sees them, however little. ENDING: until they are erased. NONE: always. Who has no young people
    in its contract hears of nobody.
    """
    if seer.role == "PUBLIC":
        return set()
    mine = [row for row in oracle.rows["outbox"] if seer.key in row["seers"]]
    about_nobody = {row["id"] for row in mine if row["subject_kind"] == "NONE"}
    if seer.role in ("COORDINATOR", "NATIONAL"):
        return about_nobody
    of_somebody = [row for row in mine if row["student"] is not None]
    about = {
        row["id"] for row in of_somebody if row["subject_kind"] == "STUDENT" and row["student"] in oracle.sight(seer)
    }
    return about_nobody | about | {row["id"] for row in of_somebody if row["subject_kind"] == "ENDING"}


HAPPENED: Mapping[str, Callable[[Oracle, Seer], Any]] = {
    "uitval": uitval,
    "outbox": outbox,
    "event_log": event_log,
    "stream_head": stream_head,
}
