"""Which days count, and when something is due: held against a naive twin that knows the rules by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from registry import reference
from registry.holiday_file import REASONS, import_holidays
from registry.holidays import REGIONS, bring_holidays
from schema.errors import BadInput

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
YEARS = range(2024, 2031)
FILE = """region;name;from;to
ALLE;Kerstvakantie;2026-12-19;2027-01-03
ZUID;Voorjaarsvakantie;2027-02-06;2027-02-14
zuid; Zomervakantie ;2027-07-10;2027-08-22
"""
DUE = "SELECT due_after($1, $2, $3, $4)"
Write = Callable[[str], Path]


@pytest.fixture(scope="module")
async def db(fresh_database: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    await reference.load(fresh_database)
    connection = await asyncpg.connect(fresh_database)
    for year in YEARS:
        await bring_holidays(connection, year)
    yield connection
    await connection.close()


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "vakanties.csv"
        path.write_text(text, "utf-8")
        return path

    return write


def easter(year: int) -> date:
    """Of the Gregorian calendar, by the rule of Gauss and its two exceptions."""
    a, b, c, century = year % 19, year % 4, year % 7, year // 100
    moon = (15 - (13 + 8 * century) // 25 + century - century // 4) % 30
    sunday = (4 + century - century // 4) % 7
    d = (19 * a + moon) % 30
    e = (2 * b + 4 * c + 6 * d + sunday) % 7
    day = date(year, 3, 22) + timedelta(d + e)
    if d == 29 and e == 6:
        day = date(year, 4, 19)
    elif d == 28 and e == 6 and a > 10:
        day = date(year, 4, 18)
    return day


def public(year: int) -> set[date]:
    """What offices close for: the year's fixed days, and those that hang on Easter."""
    king = date(year, 4, 27)
    fixed = {date(year, 1, 1), date(year, 12, 25), date(year, 12, 26), king - timedelta(king.isoweekday() == 7)}
    return (
        fixed
        | {easter(year) + timedelta(n) for n in (-2, 0, 1, 39, 49, 50)}
        | ({date(year, 5, 5)} if year % 5 == 0 else set())
    )


def naive_due(begins: datetime, length: int, calendar: str, of_school: set[date]) -> datetime:
    """The end of the n-th day that counts, as a person would count on a calendar."""
    day = begins.astimezone(AMSTERDAM).date()
    while length:
        day += timedelta(1)
        off = calendar != "CALENDAR" and (day.isoweekday() > 5 or day in public(day.year))
        length -= not (off or (calendar == "SCHOOL" and day in of_school))
    after = day + timedelta(1)
    return datetime(after.year, after.month, after.day, tzinfo=AMSTERDAM).astimezone(UTC)


async def school_days(db: asyncpg.Connection[Any], region: str | None) -> set[date]:
    rows = await db.fetch("SELECT on_date, region FROM holiday WHERE calendar = 'SCHOOL'")
    by = {one: {row["on_date"] for row in rows if row["region"] == one} for one in REGIONS}
    return by[region] if region else by["NOORD"] & by["MIDDEN"] & by["ZUID"]


def moments() -> Iterator[datetime]:
    """Each noon of all years, and the minutes around midnight and the two changes of the clock."""
    day = date(YEARS[0], 1, 1)
    while day < date(YEARS[-1], 6, 1):
        yield datetime(day.year, day.month, day.day, 12, tzinfo=AMSTERDAM)
        near = day.month in (3, 10) and day.day > 24
        for hour, minute in ((0, 0), (1, 59), (3, 1), (23, 59)) if near or day.day == 1 else ():
            yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=AMSTERDAM)
        day += timedelta(1)


@pytest.mark.parametrize("calendar", ["OFFICE", "SCHOOL", "CALENDAR"])
async def test_every_day_of_seven_years_is_due_when_a_person_would_say(
    db: asyncpg.Connection[Any], calendar: str
) -> None:
    rng = Random(7)
    of = {region: await school_days(db, region) for region in (*REGIONS, None)}
    begins, lengths, regions = [], [], []
    for moment in moments():
        begins.append(moment)
        lengths.append(rng.choice((1, 2, 3, 10, 20, 28)))
        regions.append(rng.choice((*REGIONS, None)))
    rows = await db.fetch(
        "SELECT due_after(b, l, $4, r) AS due FROM unnest($1::timestamptz[], $2::int[], $3::text[])"
        " WITH ORDINALITY t(b, l, r, n) ORDER BY n",
        begins,
        lengths,
        regions,
        calendar,
    )
    wanted = [naive_due(b, n, calendar, of[r]) for b, n, r in zip(begins, lengths, regions, strict=True)]
    assert [row["due"] for row in rows] == wanted
    assert len(wanted) > 2000


@pytest.mark.parametrize(
    ("begins", "length", "due"),
    [
        ("2026-12-23 16:00", 2, "2026-12-28"),  # Thursday 24, then Christmas and a weekend
        ("2026-12-31 23:59", 1, "2027-01-04"),
        ("2026-04-02 09:00", 1, "2026-04-07"),  # Good Friday and Easter Monday are no office days
        ("2025-05-02 09:00", 1, "2025-05-06"),  # Liberation Day every fifth year
        ("2026-05-04 09:00", 1, "2026-05-05"),
        ("2025-04-24 09:00", 1, "2025-04-25"),  # King's Day on a Saturday: the 27th was a Sunday
        ("2026-03-27 09:00", 1, "2026-03-30"),  # over the change to summer time
        ("2026-10-23 09:00", 1, "2026-10-26"),
    ],
)
async def test_days_that_people_know(db: asyncpg.Connection[Any], begins: str, length: int, due: str) -> None:
    at = datetime.fromisoformat(begins).replace(tzinfo=AMSTERDAM)
    found = await db.fetchval(DUE, at, length, "OFFICE", None)
    last = (found - timedelta(microseconds=1)).astimezone(AMSTERDAM)
    assert f"{last:%Y-%m-%d %H:%M}" == f"{due} 23:59"


@pytest.mark.parametrize(("length", "calendar"), [(0, "OFFICE"), (-1, "CALENDAR"), (1, "LUNAR")])
async def test_no_length_and_no_calendar_of_another_kind(
    db: asyncpg.Connection[Any], length: int, calendar: str
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await db.fetchval(DUE, datetime.now(UTC), length, calendar, None)


async def test_public_holidays_are_the_library_s_and_each_once(db: asyncpg.Connection[Any]) -> None:
    rows = await db.fetch("SELECT on_date FROM holiday WHERE calendar = 'PUBLIC' AND on_date < '2031-01-01'")
    wanted = [day for year in range(YEARS[0], 2031) for day in sorted(public(year))]
    assert sorted(row["on_date"] for row in rows if row["on_date"].year >= YEARS[0]) == wanted


async def test_a_second_load_writes_nothing(fresh_database: str, db: asyncpg.Connection[Any]) -> None:
    assert (await reference.load(fresh_database))["holidays"] == 0
    assert await bring_holidays(db, 2027) == 0


async def test_a_file_takes_the_place_of_the_library_in_its_own_span(
    fresh_database: str, db: asyncpg.Connection[Any], written: Write
) -> None:
    path = written(FILE)
    report = await import_holidays(fresh_database, path)
    assert (report.holidays, report.rejected) == (3, [])
    days = {region: await school_days(db, region) for region in REGIONS}
    assert date(2027, 2, 8) in days["ZUID"], "what the file says"
    assert date(2027, 2, 15) not in days["ZUID"], "the library's week, which the file moved"
    assert date(2027, 4, 28) not in days["ZUID"], "the May holiday: the file speaks of that time and leaves it out"
    assert date(2027, 4, 28) in days["NOORD"], "of the north it speaks at Christmas only"
    again = await import_holidays(fresh_database, path)
    assert (again.added, again.gone) == (0, 0)
    assert "Nothing changed." in str(again)
    assert await bring_holidays(db, 2027) == 0, "the library does not come back"


async def test_a_year_of_which_a_file_does_not_speak_stays_the_library_s(
    fresh_database: str, db: asyncpg.Connection[Any], written: Write
) -> None:
    text = "region;name;from;to\nMIDDEN;Herfst;2025-10-18;2025-10-26\nMIDDEN;Herfst;2028-10-21;2028-10-29\n"
    between = (date(2026, 8, 1), date(2028, 7, 31))
    before = {day for day in await school_days(db, "MIDDEN") if between[0] <= day <= between[1]}
    await import_holidays(fresh_database, written(text))
    assert before, "the library knows these years"
    for year in (2026, 2027, 2028):
        await bring_holidays(db, year)
        assert before <= await school_days(db, "MIDDEN")
    await db.execute("DELETE FROM holiday WHERE region = 'MIDDEN' AND on_date BETWEEN $1 AND $2", *between)
    await bring_holidays(db, 2027)
    assert before <= await school_days(db, "MIDDEN"), "the library brings them back"


@pytest.mark.parametrize("year", ["0001", "2019", "2040", "9999"])
async def test_a_day_of_another_age_is_no_school_holiday(
    fresh_database: str, db: asyncpg.Connection[Any], written: Write, year: str
) -> None:
    before = [await school_days(db, region) for region in REGIONS]
    lines = ["region;name;from;to", f"ALLE;Kerst;{year}-12-20;{year}-12-31"]
    report = await import_holidays(fresh_database, written("\n".join(lines)))
    assert [one.code for one in report.rejected] == ["BAD_YEAR"]
    assert [await school_days(db, region) for region in REGIONS] == before


BROKEN = {
    "COLUMN_COUNT": "ZUID;Herfst;2027-10-16",
    "BAD_REGION": "OOST;Herfst;2027-10-16;2027-10-24",
    "NO_NAME": "ZUID; ;2027-10-16;2027-10-24",
    "BAD_DAY": "ZUID;Herfst;16-10-2027;2027-10-24",
    "BAD_YEAR": "ZUID;Herfst;2099-10-16;2099-10-24",
    "BAD_RANGE": "ZUID;Herfst;2027-10-24;2027-10-16",
    "OVERLAP": "ALLE;Kerst;2028-12-24;2028-12-26",
}


def test_every_reason_has_a_broken_row_here() -> None:
    assert set(BROKEN) == set(REASONS)


@pytest.mark.parametrize("code", REASONS)
async def test_a_broken_row_is_told_with_its_line_and_the_rest_is_imported(
    fresh_database: str, written: Write, code: str
) -> None:
    good = "{};Kerst;2028-12-23;2028-12-31"
    lines = ["region;name;from;to", good.format("NOORD"), BROKEN[code], "", good.format("MIDDEN")]
    report = await import_holidays(fresh_database, written("\n".join(lines)))
    assert [(one.line, one.code) for one in report.rejected] == [(3, code)]
    assert report.holidays == 2
    assert f"line 3: {code}: " in str(report)


@pytest.mark.parametrize("text", ["", "a;b\n", "name;region;from;to\n", 'region;name;from;to\n"open'])
async def test_another_file_is_refused_whole(fresh_database: str, written: Write, text: str) -> None:
    with pytest.raises(BadInput):
        await import_holidays(fresh_database, written(text))


async def test_a_file_that_is_not_there_or_not_text_is_refused(fresh_database: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "x", tmp_path, tmp_path / "nothing"):
        with pytest.raises(BadInput):
            await import_holidays(fresh_database, path)
