"""What is due to whoever has a reason, had one or never did, done or not; and who is late, here and far away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from tests.walls.rows import insert

PROCESSES = (
    ("UITVAL", "PICK_UP", "UITVAL"),
    ("PLACEMENT_END", "ANSWER", "PLACEMENT"),
    ("MOVE", "REVIEW", None),
    ("LEAD", "ANSWER", None),
)
REGIONS = ("AM27", "AM26", "AM01")
DAY = datetime(2026, 11, 3, 23, tzinfo=UTC)


async def fall_due(owner: Any, students: Sequence[UUID], seers: Sequence[str], rng: Random) -> None:
    """Makes the rows; what the triggers made of the losses is taken away first."""
    await owner.execute("DELETE FROM due")
    holders: dict[UUID, list[str]] = {}
    for row in await owner.fetch("SELECT DISTINCT seer, student FROM access ORDER BY 2, 1"):
        holders.setdefault(row["student"], []).append(row["seer"])
    rows: list[tuple[Any, ...]] = []
    for student in students:
        known = holders.get(student, ["school:00AA00#guidance"])
        for process, step, kind in PROCESSES:
            n = rng.randrange(1, 4) if kind else None
            who = rng.choice(known) if rng.random() < 0.8 else rng.choice(seers)
            done = DAY if rng.random() < 0.2 else None
            rows.append((who, student, process, step, kind, n, DAY + timedelta(days=rng.randrange(9)), done))
        # At one instant for who saw them until now, and for who sees a trace: neither is shown anything.
        rows += [(who, student, "UITVAL", "CONFIRM", "UITVAL", 90 + n, DAY, None) for n, who in enumerate(known)]
    columns = "seer student process step case_type case_n due_at done_at"
    await insert(owner, "due", columns.split(), rows)
    late = [(region, who, "UITVAL", "PICK_UP", DAY, DAY) for region in REGIONS for who in seers]
    await insert(owner, "overdue", ["region", "late_seer", "process", "step", "due_at", "escalated_at"], late)
    figures = [("AM27", "UITVAL", "PICK_UP", "<5", DAY), (None, "UITVAL", "PICK_UP", "1-4", DAY)]
    await insert(owner, "figure_overdue", ["region", "process", "step", "items", "computed_at"], figures)
