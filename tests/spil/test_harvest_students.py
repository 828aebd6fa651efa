"""What a school's harvest makes, changes and ends: rights, leads and what is told, as tables.md "Ends" says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schema.errors import SyncShrank
from spil.harvest import sync
from spil.partners import today
from tests.spil.harvest_kit import (
    GUIDANCE,
    SCHOOL,
    TOWN,
    SchoolSystem,
    World,
    grant,
    held,
    joined,
    lead_of,
    rights,
    stamps,
    student,
    told,
)

WORK = f"{TOWN}#participatie"
WMO = f"{TOWN}#wmo"


def school_of(count: int) -> SchoolSystem:
    return SchoolSystem({str(1000 + n): student() for n in range(count)})


async def test_a_new_student_has_key_profile_link_right_and_lead(world: World) -> None:
    stage = {"soortstage": "STAGE", "kvknummer": "12345678", "begindatum": "2026-09-01", "urenperweek": 16}
    proof = {"soort": "PRAKTIJKVERKLARING", "datumuitgifte": "2026-06-01", "crebo": "25655", "werkprocessen": []}
    school = SchoolSystem({"1001": student(sectoren=["GROEN"], stage=[stage], certificaat=[proof])})
    async with joined(world, school):
        report = await sync(world.worker, school.key)
    assert (report.state, report.counts.added, report.counts.rejected) == ("DONE", 1, 0)
    assert await rights(world, "1001") == [(GUIDANCE, "ENROLMENT", True)]
    assert await lead_of(world, "1001") == GUIDANCE
    row = await world.db.fetchrow(
        "SELECT s.school, s.municipality, s.source, p.destination_aim, p.sectors, l.source AS linked, l.key, x.kind,"
        " x.n, x.state, c.title, t.until_identified = 'infinity' AS seen FROM student s"
        " JOIN student_profile p ON p.student = s.id JOIN link l ON l.student = s.id"
        " JOIN placement x ON x.student = s.id"
        " JOIN credential c ON c.student = s.id JOIN sight t ON t.student = s.id AND t.seer = $1",
        GUIDANCE,
    )
    assert tuple(row) == (
        "01AA00", "GM0796", school.key, "ARBEID", ["GROEN"], SCHOOL, "1001", "STAGE", 1, "RUNNING",
        "Praktijkverklaring (crebo 25655)", True,
    )  # fmt: skip


async def test_a_second_full_sync_writes_nothing_about_anybody(world: World) -> None:
    school = school_of(25)
    async with joined(world, school):
        first = await sync(world.worker, school.key)
        before = await stamps(world)
        await world.db.execute("UPDATE source SET cursor = NULL")
        second = await sync(world.worker, school.key)
    assert (first.counts.added, first.pages) == (25, 3)
    assert (second.counts.unchanged, second.counts.added, second.counts.changed, second.counts.ended) == (25, 0, 0, 0)
    assert await stamps(world) == before


async def test_a_delta_brings_what_changed_and_ends_what_was_taken_back(world: World) -> None:
    school = school_of(5)
    async with joined(world, school):
        await sync(world.worker, school.key)
        school.put("1001", urenperweek=20)
        school.put("1099")
        school.drop("1002")
        report = await sync(world.worker, school.key)
    assert (report.counts.changed, report.counts.added, report.counts.ended) == (1, 1, 1)
    assert await rights(world, "1002") == [(GUIDANCE, "ENROLMENT", False)]
    assert await lead_of(world, "1002") is None
    assert len([one for one in await held(world) if not one[2]]) == 5


async def test_the_first_day_of_leaving_turns_enrolment_into_guidance_for_24_months(world: World) -> None:
    school, left = school_of(1), today() - timedelta(days=10)
    async with joined(world, school):
        await sync(world.worker, school.key)
        school.put("1000", datumuitschrijving=left.isoformat())
        await sync(world.worker, school.key)
        assert await rights(world, "1000") == [(GUIDANCE, "ENROLMENT", False), (GUIDANCE, "CAREER_GUIDANCE", True)]
        ends = await world.db.fetchval("SELECT ends_at FROM access WHERE purpose = 'CAREER_GUIDANCE'")
        assert 729 <= (ends.date() - left).days <= 732
        await world.db.execute("UPDATE access SET ended_at = now() WHERE purpose = 'CAREER_GUIDANCE'")  # declined
        school.put("1000", urenperweek=12)
        await sync(world.worker, school.key)
        assert (GUIDANCE, "CAREER_GUIDANCE", True) not in await rights(world, "1000")
    assert await lead_of(world, "1000") is None or await lead_of(world, "1000") == GUIDANCE


async def test_a_day_of_leaving_that_lies_ahead_is_one_that_is_expected(world: World) -> None:
    ahead = today() + timedelta(days=30)
    school = SchoolSystem({"1001": student(datumuitschrijving=ahead.isoformat())})
    async with joined(world, school):
        await sync(world.worker, school.key)
    assert await rights(world, "1001") == [(GUIDANCE, "ENROLMENT", True)]
    assert tuple(await world.db.fetchrow("SELECT leaves_on, left_on FROM student_profile")) == (ahead, None)


@pytest.mark.parametrize("column", ["verwachteuitschrijving", "datumuitschrijving"])
async def test_a_birth_date_in_a_column_of_leaving_is_refused_of_who_is_known_too(world: World, column: str) -> None:
    school = school_of(1)
    async with joined(world, school):
        await sync(world.worker, school.key)
        before = await stamps(world)
        school.put("1000", **{column: "2009-03-17"})
        report = await sync(world.worker, school.key)
    assert report.counts.rejected == 1
    assert report.notes == [("1000", {"v": "leaves_on", "d": "left_on"}[column[0]], "RANGE")]
    assert await stamps(world) == before


async def test_a_stranger_who_left_years_ago_is_not_taken(world: World) -> None:
    school = SchoolSystem({"1001": student(datumuitschrijving="2020-07-01"), "1002": student()})
    async with joined(world, school):
        report = await sync(world.worker, school.key)
    assert (report.counts.added, report.counts.rejected, report.notes) == (1, 1, [("1001", "left_on", "RANGE")])
    assert await world.db.fetchval("SELECT count(*) FROM student") == 1


async def test_who_left_may_be_missing_from_a_full_sync_and_keeps_the_guidance(world: World) -> None:
    school = school_of(2)
    school.put("1000", datumuitschrijving=(today() - timedelta(days=40)).isoformat())
    async with joined(world, school):
        await sync(world.worker, school.key)
        school.drop("1000")
        await world.db.execute("UPDATE source SET cursor = NULL")
        report = await sync(world.worker, school.key)
    assert report.counts.ended == 0
    assert await rights(world, "1000") == [(GUIDANCE, "CAREER_GUIDANCE", True)]


async def test_what_is_taken_back_ends_the_school_s_rights_and_what_it_granted_and_those_are_told(world: World) -> None:
    school = school_of(2)
    async with joined(world, school):
        await sync(world.worker, school.key)
        await grant(world, "1000", WORK, "INVOLVE_MUNICIPALITY")
        await grant(world, "1000", WMO, "CARE_ROUTE", by="uwv#uwv")
        school.drop("1000")
        await sync(world.worker, school.key)
    assert sorted(await rights(world, "1000")) == [
        (WORK, "INVOLVE_MUNICIPALITY", False),
        (WMO, "CARE_ROUTE", True),
        (GUIDANCE, "ENROLMENT", False),
    ]
    assert await told(world) == [("toegang-beeindigd", "1000", WORK, '{"purpose": "INVOLVE_MUNICIPALITY"}')]
    assert await world.db.fetchval("SELECT count(*) FROM link WHERE until_at = 'infinity'") == 1


HANDOVER = """
INSERT INTO handover (student, n, from_seer, to_seer, state) SELECT student, 1, $1, $2, $3
FROM harvested WHERE reference = $4
"""


async def test_a_handover_of_a_student_who_is_taken_back_is_called_off_unless_it_was_accepted(world: World) -> None:
    school = school_of(3)
    async with joined(world, school):
        await sync(world.worker, school.key)
        for reference, state in (("1000", "STARTED"), ("1001", "CONFIRMED"), ("1002", "STARTED")):
            await world.db.execute(HANDOVER, GUIDANCE, WORK, state, reference)
        school.drop("1000")
        school.drop("1001")
        await sync(world.worker, school.key)
    rows = await world.db.fetch(
        "SELECT h.reference, o.state FROM handover o JOIN harvested h ON h.student = o.student ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("1000", "WITHDRAWN"), ("1001", "CONFIRMED"), ("1002", "STARTED")]


async def test_who_comes_back_is_the_same_student_with_a_new_right(world: World) -> None:
    school = school_of(2)
    async with joined(world, school):
        await sync(world.worker, school.key)
        school.drop("1000")
        await sync(world.worker, school.key)
        school.put("1000")
        report = await sync(world.worker, school.key)
    assert report.counts.changed == 1
    assert await rights(world, "1000") == [(GUIDANCE, "ENROLMENT", False), (GUIDANCE, "ENROLMENT", True)]
    assert await lead_of(world, "1000") == GUIDANCE
    assert await world.db.fetchval("SELECT count(*) FROM student") == 2


async def test_a_move_ends_nothing_and_is_due_to_who_has_the_lead(world: World) -> None:
    school = school_of(1)
    async with joined(world, school):
        await sync(world.worker, school.key)
        await grant(world, "1000", WORK, "INVOLVE_MUNICIPALITY")
        await world.db.execute("UPDATE lead SET until_at = now()")
        await world.db.execute("INSERT INTO lead (student, seer) SELECT student, $1 FROM harvested", WORK)
        school.put("1000", gemeentecode="GM0758")
        await sync(world.worker, school.key)
    assert [one[2] for one in await rights(world, "1000")] == [True, True]
    assert {row[0] for row in await world.db.fetch("SELECT municipality FROM sight")} == {"GM0758"}
    assert await told(world) == []
    due = await world.db.fetch(
        "SELECT d.seer, d.process FROM due d JOIN harvested h USING (student) WHERE reference = '1000'"
    )
    assert [tuple(row) for row in due] == [(WORK, "MOVE")]


async def test_a_lead_whose_last_right_ended_returns_to_the_school_that_still_guides(world: World) -> None:
    school = school_of(1)
    async with joined(world, school):
        await sync(world.worker, school.key)
        await world.db.execute("UPDATE lead SET until_at = now()")
        await world.db.execute("INSERT INTO lead (student, seer) SELECT student, $1 FROM harvested", WORK)
        school.put("1000", datumuitschrijving=(today() - timedelta(days=3)).isoformat())
        await sync(world.worker, school.key)
    assert await lead_of(world, "1000") == GUIDANCE
    assert ("regie-overgedragen", "1000", GUIDANCE, '{"why": "RETURNED"}') in await told(world)


async def test_a_full_sync_that_shrank_ends_nobody_until_somebody_confirms_it(world: World) -> None:
    school = school_of(40)
    async with joined(world, school):
        await sync(world.worker, school.key)
        for number in ("1000", "1011", "1022"):
            school.drop(number)
        school.put("1001", urenperweek=9)
        school.forgets = True
        before = await held(world)
        with pytest.raises(SyncShrank, match=f"`spil sources sync {school.key} --confirm-shrink`"):
            await sync(world.worker, school.key)
        assert {one for one in await held(world) if one[2]} == set()
        assert {one[0] for one in await held(world)} == {one[0] for one in before}
        run = await world.db.fetchrow("SELECT state, code, ended FROM source_run ORDER BY started_at DESC LIMIT 1")
        assert tuple(run) == ("SHRANK", "SYNC_SHRANK", 0)
        report = await sync(world.worker, school.key, confirm_shrink=True)
    assert report.counts.ended == 3
    assert {one[0] for one in await held(world) if one[2]} == {"1000", "1011", "1022"}


async def test_two_missing_students_of_a_small_school_are_no_shrink(world: World) -> None:
    school = school_of(4)
    async with joined(world, school):
        await sync(world.worker, school.key)
        school.drop("1000")
        school.drop("1001")
        school.forgets = True
        report = await sync(world.worker, school.key)
    assert report.counts.ended == 2


async def test_a_bad_record_is_noted_without_its_value_and_does_not_stop_the_page(world: World) -> None:
    school = school_of(3)
    school.put("1001", leerjaar="geheim")
    school.put("1002", gemeentecode="GM9999")
    async with joined(world, school):
        report = await sync(world.worker, school.key)
    assert (report.counts.added, report.counts.rejected) == (2, 1)
    noted = await world.db.fetch("SELECT position, field, reason FROM quarantine ORDER BY n")
    assert [row["field"] for row in noted] == ["school_year", "municipality"]
    assert "geheim" not in str([tuple(row) for row in noted])
