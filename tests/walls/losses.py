"""Losses of a place on either basis and in every state, and what was told of young people to everybody, with or
without a right: to who sees them, saw them and never did; of ends, of nobody, and of who was erased since.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random
from typing import Any
from uuid import UUID

from tests.walls.rows import insert

SEQUENCE = "SELECT sequence_events($1, 1000000, interval '1 minute')"
TOLD = ("REPORTED", "PICKED_UP", "INTERVIEW_PLANNED", "INTERVIEW_HELD", "NEXT_STEP", "CLOSED", "WITHDRAWN")
PRESUMED = ("SIGNALLED", "SIGNALLED", "WITHDRAWN")
FREE = "nl.arbeidstoeleiding.plaats-vrijgekomen.v1"
WHAT = (  # an event about somebody, and the case that it names
    ("uitval-gemeld", "UITVAL"),
    ("uitval-opgepakt", "UITVAL"),
    ("plaatsing-gestart", "PLACEMENT"),
    ("verzoek-ondersteuning-gedaan", "SUPPORT_REQUEST"),
    ("overdracht-gestart", "HANDOVER"),
    ("regie-overgedragen", None),
)


@dataclass
class Reasons:
    """Who ever had a reason; and of whom somebody saw more until this very instant: by the given name, in lists."""

    holders: dict[UUID, list[str]] = field(default_factory=dict)
    named_until_now: dict[UUID, str] = field(default_factory=dict)  # by an employer
    listed_until_now: dict[UUID, str] = field(default_factory=dict)

    @classmethod
    async def read(cls, owner: Any) -> Reasons:
        found, now = cls(), await owner.fetchval("SELECT now()")
        for row in await owner.fetch("SELECT DISTINCT seer, student, tier, ends_at FROM access ORDER BY 2, 1, 3, 4"):
            seer, student, until = row["seer"], row["student"], (row["tier"], row["ends_at"])
            found.holders.setdefault(student, []).append(seer)
            if until == ("GIVEN_NAME", now) and seer.startswith("employer"):
                found.named_until_now[student] = seer
            if until == ("CANDIDATE", now):
                found.listed_until_now[student] = seer
        return found

    def of(self, student: UUID) -> list[str]:
        return sorted(set(self.holders.get(student, ())))


async def happen(owner: Any, students: Sequence[UUID], seers: Sequence[str], rng: Random) -> None:
    """Makes the rows, and gives the events their positions."""
    reasons = await Reasons.read(owner)
    await _losses(owner, students, reasons, rng)
    await _leads(owner, students, reasons, rng)
    await _log(owner, students, seers, reasons, rng)
    token = await owner.fetchval("UPDATE leader SET token = token + 1 WHERE name = 'sequencer' RETURNING token")
    await owner.fetchval(SEQUENCE, token)


async def _losses(owner: Any, students: Sequence[UUID], reasons: Reasons, rng: Random) -> None:
    """One of every place, under the number of the place: a case of one type must not open the other's row."""
    await owner.execute(
        "INSERT INTO placement (student, n, kind, employer, from_on, state) SELECT s, 1, 'WERK', e.kvk, $2, 'RUNNING'"
        " FROM unnest($1::uuid[]) s, (SELECT min(kvk) AS kvk FROM employer) e"
        " WHERE NOT EXISTS (SELECT FROM placement p WHERE p.student = s)",
        students,
        date(2026, 1, 1),
    )
    places = await owner.fetch("SELECT student, n FROM placement WHERE student = ANY ($1) ORDER BY 1, 2", students)
    rows: list[tuple[Any, ...]] = []
    for place in places:
        student, who = place["student"], reasons.of(place["student"]) or ["school:00AA00#guidance"]
        employers = [one for one in who if one.startswith("employer")]
        named = reasons.named_until_now.get(student)
        teller = named or rng.choice(employers if employers and rng.random() < 0.7 else who)
        told = bool(named) or (student not in reasons.listed_until_now and rng.random() < 0.7)
        rows.append((student, place["n"], *_loss(told, teller, rng)))
    columns = "student n placement_n basis state reported_by how ended_on closed_at"
    await insert(owner, "uitval", columns.split(), [(student, n, n, *rest) for student, n, *rest in rows])


def _loss(told: bool, teller: str, rng: Random) -> tuple[Any, ...]:
    state = rng.choice(TOLD if told else PRESUMED)
    closed = datetime.fromisoformat("2026-11-01T12:00:00+00:00") if state in ("CLOSED", "WITHDRAWN") else None
    basis = "TOLD" if told else "PRESUMED"
    return basis, state, teller if told else None, "MOVED" if told else None, date(2026, 10, 1), closed


async def _leads(owner: Any, students: Sequence[UUID], reasons: Reasons, rng: Random) -> None:
    """Whoever has a reason may have the lead here, however little it sees: who asks must be looked at."""
    for student in students:
        await owner.execute("DELETE FROM lead WHERE student = $1 AND until_at = 'infinity'", student)
        who = reasons.of(student)
        if who and rng.random() < 0.9:
            seer = reasons.listed_until_now.get(student) or rng.choice(who)
            await owner.execute("INSERT INTO lead (student, seer) VALUES ($1, $2)", student, seer)


async def _log(owner: Any, students: Sequence[UUID], seers: Sequence[str], reasons: Reasons, rng: Random) -> None:
    high = [one for one in seers if one.startswith(("coordinator", "national"))]
    rows: list[tuple[Any, ...]] = []

    def tell(what: str, kind: str, student: UUID | None, case: tuple[Any, Any], whom: Sequence[str]) -> None:
        details = '{"purpose": "STAGE", "month": "2026-10", "basis": "PRESUMED"}'
        rows.append((f"nl.arbeidstoeleiding.{what}.v1", kind, student, *case, sorted(set(whom)), details))

    for student in students:
        known = reasons.of(student)
        for what, case in rng.sample(WHAT, 3):
            whom = [*rng.sample(known, min(3, len(known))), rng.choice(seers)]
            tell(what, "STUDENT", student, (case, rng.randrange(1, 4) if case else None), whom)
        if known and rng.random() < 0.5:  # an end is told to who saw them: only then is there somebody to forget
            tell("toegang-beeindigd", "ENDING", student, (None, None), [rng.choice(known), rng.choice(high)])
    for what, kind in (("uitval-gemeld", "STUDENT"), ("toestemming-ingetrokken", "ENDING")):
        tell(what, kind, None, ("UITVAL", 1), seers)  # of who was erased
    for offer in await owner.fetch("SELECT id FROM opportunity WHERE source = 'walls' ORDER BY id"):
        free = {"month": "2026-11", "opportunity": str(offer["id"])}
        rows.append((FREE, "NONE", None, None, None, rng.sample(list(seers), len(seers) // 2), json.dumps(free)))
    columns = "type subject_kind student case_type case_n seers details"
    await insert(owner, "outbox", columns.split(), rows)
