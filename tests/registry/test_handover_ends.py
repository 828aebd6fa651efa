"""0013_handover_ends.sql where handovers are already: what was worth nothing ends, what stands keeps its consent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from registry import migrate, reference

if TYPE_CHECKING:
    from tests.conftest import TestPostgres

SCHOOL, TOWN, OTHER = "school:90ZX00#guidance", "municipality:GM0796#participatie", "municipality:GM0344#participatie"
STUDENT = """INSERT INTO student (school, municipality, source) VALUES ('90ZX00', 'GM0796', 'x') RETURNING id"""
CONSENT = """INSERT INTO consent
        (student, kind, purpose, seer, given_by, text_version, at, until_at, withdrawn_at, withdrawn_by)
    VALUES ($1, 'INSTEMMING', 'CONTINUE_SUPPORT', $2, 'SELF', '2026-09', now() - $3::int * interval '1 day',
            now() + $4::int * interval '1 day', CASE WHEN $5 THEN now() END, CASE WHEN $5 THEN 'SELF' END)
    RETURNING id"""
HANDOVER = f"""INSERT INTO handover (student, n, from_seer, to_seer, state, minted_at, expires_at)
    VALUES ($1, 1, '{SCHOOL}', '{TOWN}', $2, now() - interval '5 days', now() + interval '25 days')"""
RIGHT = f"""INSERT INTO access (student, seer, purpose, tier, case_type, case_n, ends_at, ended_at)
    VALUES ($1, '{TOWN}', 'CONTINUE_SUPPORT', 'IDENTIFIED', 'HANDOVER', 1, now() + interval '9 days',
            CASE WHEN $2 THEN 'infinity' ELSE now() END)"""
LATER = """SELECT h.state, h.consent, (extract(epoch FROM h.expires_at - h.minted_at) / 86400)::int AS days
    FROM handover h WHERE h.student = $1"""
# What stood there -> the state after it, the days from minting to the end, and which consent (its place in the list).
# A consent: for whom, given so many days ago, standing so many days from now, withdrawn.
CASES: dict[str, tuple[str, list[tuple[str, int, int, bool]], bool | None, tuple[str, int, int | None]]] = {
    "a consent that stands": ("STARTED", [(TOWN, 6, 90, False)], None, ("STARTED", 30, 0)),
    "one that ends before the code": ("STARTED", [(TOWN, 6, 3, False)], None, ("STARTED", 8, 0)),
    "the longest of two": ("STARTED", [(TOWN, 6, 3, False), (TOWN, 6, 90, False)], None, ("STARTED", 30, 1)),
    "one that was withdrawn": ("STARTED", [(TOWN, 6, 90, True)], None, ("WITHDRAWN", 30, None)),
    "one withdrawn, another after it": (
        "STARTED",
        [(TOWN, 6, 90, True), (TOWN, 2, 90, False)],
        None,
        ("WITHDRAWN", 30, None),
    ),
    "one for another party": ("STARTED", [(OTHER, 6, 90, False)], None, ("WITHDRAWN", 30, None)),
    "accepted, with its right": ("ACCEPTED", [], True, ("ACCEPTED", 30, None)),
    "accepted, its right ended": ("ACCEPTED", [], False, ("WITHDRAWN", 30, None)),
    "confirmed, its right ended": ("CONFIRMED", [], False, ("CONFIRMED", 30, None)),
}


async def fill(owner: Any) -> dict[str, tuple[UUID, list[UUID]]]:
    """A student and their consents for each case."""
    await owner.execute(
        "INSERT INTO school (brin, name, kind, municipality, region, fictitious, source, digest, seen_on)"
        " SELECT '90ZX00', 'School', 'PRO', code, region, true, 'seed', 'x', '2026-01-01' FROM municipality"
        " WHERE code = 'GM0796'"
    )
    made = {}
    for name, (state, consents, right, _) in CASES.items():
        student = await owner.fetchval(STUDENT)
        given = [await owner.fetchval(CONSENT, student, *one) for one in consents]
        await owner.execute(HANDOVER, student, state)
        if right is not None:
            await owner.execute(RIGHT, student, right)
        made[name] = student, given
    return made


async def nothing(*_: object) -> int:
    return 0


async def test_what_stands_keeps_its_consent_and_what_does_not_ends(
    postgres: TestPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, every = await postgres.create("t_ends"), migrate.migrations()
    monkeypatch.setattr(migrate, "migrations", lambda: [one for one in every if one.name < "0013"])
    monkeypatch.setattr(reference, "bring_holidays", nothing)  # a table of today
    await migrate.migrate(url)
    await reference.load(url)
    owner = await asyncpg.connect(url)
    made = await fill(owner)
    monkeypatch.undo()
    assert await migrate.migrate(url) == len([one for one in every if one.name >= "0013"])
    found = {}
    for name, (student, given) in made.items():
        (row,) = await owner.fetch(LATER, student)
        place = given.index(row["consent"]) if row["consent"] else None
        found[name] = row["state"], row["days"], place
    await owner.close()
    await postgres.drop(url)
    assert found == {name: after for name, (*_, after) in CASES.items()}
