"""What a seed draws with, and what it wants before it begins."""

from __future__ import annotations

import re
from datetime import date

import asyncpg
import pytest

from registry.reference import load
from registry.seed import seed
from registry.seed.plan import day, months_later, new_id, read_plan, school_year_start, share_out
from schema.errors import SetUp

TODAY = date(2026, 11, 20)


def test_months_and_school_years_are_counted_as_a_school_does() -> None:
    leap = date(2024, 2, 29).toordinal()
    assert day(months_later(leap, 24)) == "2026-02-28"
    assert day(months_later(date(2026, 11, 20).toordinal(), -12)) == "2025-11-20"
    assert day(school_year_start(date(2026, 7, 31).toordinal())) == "2025-08-01"
    assert day(school_year_start(date(2026, 8, 1).toordinal())) == "2026-08-01"


def test_sharing_out_loses_nothing_and_ids_are_of_version_4() -> None:
    assert share_out(10, [1, 1, 1]) == [4, 3, 3]
    assert share_out(0, [0, 0]) == [0, 0]
    assert re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", new_id(read_plan(1, TODAY).random("id")))


def test_no_word_of_the_seed_needs_escaping_in_copy_text() -> None:
    plan = read_plan(1, TODAY)
    told = [*plan.words.values(), *(sector.titles for sector in plan.sectors.values()), [s.name for s in plan.services]]
    assert not re.search(r"[\t\n\r\\]", "".join(word for words in told for word in words))


async def test_a_seed_wants_reference_data_and_no_other_young_people(fresh_database: str) -> None:
    with pytest.raises(SetUp, match="reference data"):
        await seed(fresh_database, 0.06)
    await load(fresh_database)
    connection = await asyncpg.connect(fresh_database)
    try:
        await connection.execute(
            "INSERT INTO school (brin, name, kind, municipality, region, source, digest, seen_on)"
            " VALUES ('00AA00', 'Een echte school', 'PRO', 'GM0796', 'AM27', 'duo', '', current_date);"
            "INSERT INTO student (school, source) VALUES ('00AA00', 'school:00AA00')"
        )
    finally:
        await connection.close()
    with pytest.raises(SetUp, match="no seed wrote"):
        await seed(fresh_database, 0.06)
