"""The import of the public school register: what a line becomes, and what a second import does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from registry.school_register import import_schools
from schema.errors import SetUp
from tests.registry.registers import HEADER, OLDER_HEADER, Write, brin, country, row, told


async def test_the_nine_real_rows_give_eight_schools_and_a_second_time_nothing(
    db: asyncpg.Connection[Any], fresh_database: str, shared: Callable[[str], Path]
) -> None:
    sample = shared("data/duo_vestigingen_vo_sample.csv")
    first = await import_schools(fresh_database, sample)
    assert (first.added, first.changed, first.unchanged, first.not_pro, first.rejected) == (8, 0, 0, 1, [])
    assert str(first) == "8 schools (8 added, 0 changed, 0 unchanged), 1 not pro, 0 rejected"
    stamp = "SELECT string_agg(concat(ctid, xmin, xmax), ' ' ORDER BY ctid) FROM {}"
    tables = ("school", "party", "covers", "school_board", "doorstroompunt_region")
    before = [await db.fetchval(stamp.format(table)) for table in tables]
    second = await import_schools(fresh_database, sample)
    assert (second.added, second.changed, second.unchanged, second.not_pro, second.rejected) == (0, 0, 8, 1, [])
    assert str(second).endswith("Nothing changed.")
    assert [await db.fetchval(stamp.format(table)) for table in tables] == before


@pytest.mark.parametrize("header", [HEADER, OLDER_HEADER])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
async def test_both_headers_and_both_line_ends_are_read(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write, header: str, end: bytes
) -> None:
    report = await import_schools(fresh_database, write(row(), header=header, end=end))
    assert (report.added, report.rejected) == (1, [])
    school = await db.fetchrow("SELECT * FROM school WHERE brin = '01AA00'")
    assert school is not None
    assert dict(school) | {"digest": "", "seen_on": ""} == {
        "brin": "01AA00",
        "name": "Praktijkschool De Proef",
        "kind": "PRO",
        "board": "40001",
        "municipality": "GM0796",
        "region": "AM27",  # by the municipality; RPA 05 would have been another
        "doorstroompunt": "RMC36",
        "street": "Dorpsstraat 7-A",
        "postcode": "5211 AB",
        "place": "'S-HERTOGENBOSCH",
        "phone": "0730000000",
        "website": None,  # a single space
        "students": None,
        "holiday_region": "ZUID",
        "fictitious": False,
        "source": "duo",
        "digest": "",
        "seen_on": "",
    }


async def test_a_school_comes_with_its_party_board_and_doorstroompunt_region(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    await import_schools(fresh_database, write(row()))
    covers = await db.fetchrow("SELECT party, function, school FROM covers WHERE school IS NOT NULL")
    assert covers is not None
    assert tuple(covers) == ("school:01AA00", "guidance", "01AA00")
    assert await db.fetchval("SELECT name FROM doorstroompunt_region WHERE code = 'RMC36'") == "Noordoost-Brabant"
    assert await db.fetchval("SELECT count(*) FROM school_board WHERE number = '40001'") == 1


async def test_windows_1252_letters_arrive_whole(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    name = "\u2019t Süd \u2013 Café O'Neill €"
    await import_schools(fresh_database, write(row(vestigingsnaam=name)))
    assert await db.fetchval("SELECT name FROM school") == name


async def test_a_file_saved_again_with_a_byte_order_mark_is_read_as_utf_8(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    path = write(row(vestigingsnaam="Süd"), encoding="utf-8", mark=b"\xef\xbb\xbf")
    assert (await import_schools(fresh_database, path)).rejected == []
    assert await db.fetchval("SELECT name FROM school") == "Süd"


async def test_quoted_fields_may_hold_semicolons_and_doubled_quotes(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    line = row(vestigingsnaam='"De ""Brug""; locatie Zuid"')
    assert (await import_schools(fresh_database, write(line))).rejected == []
    assert await db.fetchval("SELECT name FROM school") == 'De "Brug"; locatie Zuid'


async def test_rows_without_pro_are_counted_whatever_else_is_wrong_with_them(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    structures = ("VBO/MAVO", "HAVO/VWO", "BRUGJAAR", "PROX/VBO", " ")
    lines = [row(onderwijsstructuur=one, gemeentenummer="9999") for one in structures]
    report = await import_schools(fresh_database, write(*lines, row(onderwijsstructuur="VBO/MAVO/HAVO/VWO/PRO")))
    assert (report.not_pro, report.added, report.rejected) == (5, 1, [])


async def test_blank_lines_are_no_rows_but_count_as_lines(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    report = await import_schools(fresh_database, write("", row(), "  ", "PRO", ""))
    assert (report.added, told(report)) == (1, [(5, "COLUMN_COUNT")])


async def test_without_municipalities_it_says_so(postgres: Any, write: Write) -> None:
    from registry.migrate import migrate

    url = await postgres.create("t_no_country")
    await migrate(url)
    with pytest.raises(SetUp, match="municipalities"):
        await import_schools(url, write(row()))
    await postgres.drop(url)


async def test_a_changed_row_changes_its_school_and_the_name_of_its_party(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    other = row(vestigingscode="02AA00")
    await import_schools(fresh_database, write(row(), other))
    report = await import_schools(fresh_database, write(row(vestigingsnaam="De Nieuwe", gemeentenummer="0106"), other))
    assert (report.added, report.changed, report.unchanged) == (0, 1, 1)
    school = await db.fetchrow("SELECT name, region FROM school WHERE brin = '01AA00'")
    assert school is not None
    assert tuple(school) == ("De Nieuwe", "AM01")
    assert await db.fetchval("SELECT name FROM party WHERE key = 'school:01AA00'") == "De Nieuwe"


async def test_a_school_that_left_the_register_stays_and_is_counted(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    await import_schools(fresh_database, write(row(), row(vestigingscode="02AA00"), row(vestigingscode="03AA00")))
    report = await import_schools(fresh_database, write(row(), row(vestigingscode="03AA00", postcode="x")))
    assert report.absent == 1  # the rejected one is in the file
    assert "1 schools of earlier imports are not in this file" in str(report)
    assert await db.fetchval("SELECT count(*) FROM school") == 3


async def test_a_fictitious_school_and_the_register_never_overwrite_each_other(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    seeded = (
        "INSERT INTO school (brin, name, kind, municipality, region, fictitious, source, digest, seen_on)"
        " VALUES ($1, 'Verzonnen', 'VSO', 'GM0796', 'AM27', $2, 'seed', '', current_date)"
    )
    await db.execute(seeded, "95ZQ00", True)
    report = await import_schools(fresh_database, write(row(vestigingscode="95ZQ00"), row()))
    assert told(report) == [(2, "FICTITIOUS_BRIN")]
    assert report.absent == 0
    assert await db.fetchval("SELECT name FROM school WHERE brin = '95ZQ00'") == "Verzonnen"
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.execute(seeded, "01AA00", False)
    with pytest.raises(asyncpg.CheckViolationError):
        await db.execute("UPDATE school SET fictitious = true WHERE brin = '01AA00'")


async def test_what_the_operator_ended_is_not_brought_back(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    await import_schools(fresh_database, write(row()))
    await db.execute("UPDATE covers SET until_at = now() WHERE school = '01AA00'")
    await import_schools(fresh_database, write(row(vestigingsnaam="Nieuw")))
    assert await db.fetchval("SELECT count(*) FROM covers WHERE school = '01AA00' AND until_at = 'infinity'") == 0


async def test_two_spellings_of_a_doorstroompunt_region_do_not_take_turns(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    lines = [row(vestigingscode=brin(n), rmc_regio_naam="Noordoost" if n else "Noord-Oost") for n in range(1001)]
    for _ in range(2):
        await import_schools(fresh_database, write(*lines))
        assert await db.fetchval("SELECT name FROM doorstroompunt_region WHERE code = 'RMC36'") == "Noord-Oost"


async def test_a_whole_register_of_1600_lines_is_read_in_batches_with_progress(
    db: asyncpg.Connection[Any], fresh_logins: Any, write: Write
) -> None:
    steps: list[str] = []
    report = await import_schools(fresh_logins.worker, write(*country()), steps.append)
    assert (report.added, report.not_pro) == (198, 1400)
    assert told(report) == [(802, "UNKNOWN_MUNICIPALITY"), (810, "COLUMN_COUNT")]
    assert len(steps) == 4
    assert steps[-1] == "100 %, 198 schools"


async def test_an_import_that_was_interrupted_is_done_again(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    path = write(*country())

    def stop_in_the_second_batch(_: str, told: list[str] = []) -> None:  # noqa: B006 - counts across calls
        told.append("")
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await import_schools(fresh_database, path, stop_in_the_second_batch)
    kept = await db.fetchval("SELECT count(*) FROM school")
    assert kept == 123  # of 125 among the first 1,000 lines, 2 are broken
    assert await db.fetchval("SELECT count(*) FROM covers WHERE school IS NOT NULL") == kept
    report = await import_schools(fresh_database, path)
    assert (report.added, report.unchanged) == (198 - kept, kept)


async def test_a_batch_that_fails_leaves_nothing_of_itself(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    await db.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE division_by_zero; END'")
    await db.execute("CREATE TRIGGER refuse BEFORE INSERT ON covers FOR EACH ROW EXECUTE FUNCTION refuse()")
    try:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await import_schools(fresh_database, write(row()))
    finally:
        await db.execute("DROP FUNCTION refuse() CASCADE")
    assert await db.fetchval("SELECT count(*) FROM school") == 0
    assert await db.fetchval("SELECT count(*) FROM school_board") == 0


async def test_two_imports_at_once_add_each_school_once(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write
) -> None:
    path = write(*country())
    reports = await asyncio.gather(*(import_schools(fresh_database, path) for _ in range(3)))
    assert sorted(report.added for report in reports) == [0, 0, 198]
