"""A warm handover: a code passes, no number of the person does, and wrong codes are counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from connectors.values import eleven_test
from resolvers.handover import Codes, check_case_number, read_code
from schema.errors import BadInput, CaseNumberRefused
from tests.hub_kit import codes
from tests.resolvers.access_kit import OTHER_TOWN, SCHOOL, TOWN, Scene, at_once, open_scene, today

if TYPE_CHECKING:
    from registry.migrate import Logins

OF_TOWN = {"party": "municipality:GM0796", "function": "participatie"}
SHOWN = "student { handovers { state to code expiresOn } }"


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as made:
        yield made


@pytest.fixture(autouse=True)
async def no_tries(scene: Scene) -> None:
    await scene.owner.execute("DELETE FROM handover_try")


async def started(scene: Scene) -> tuple[str, str]:
    """A student whose handover has started, and the code."""
    student = await scene.student("18_PLUS")
    await scene.agree(student, "CONTINUE_SUPPORT")
    payload = await scene.done(SCHOOL, "startHandover", SHOWN, student=student)
    return student, payload["student"]["handovers"][-1]["code"]


async def town_s(scene: Scene, student: str) -> str:
    return await scene.known(await scene.key(student), TOWN)


def number() -> str:
    return f"Z-{uuid4().int % 10**12:012}x"


async def link(scene: Scene, student: str) -> Any:
    sql = "SELECT key FROM link WHERE student = $1 AND source = 'municipality:GM0796' AND until_at = 'infinity'"
    return await scene.owner.fetchval(sql, await scene.key(student))


async def test_from_start_to_a_confirmed_identity(scene: Scene) -> None:
    student, code = await started(scene)
    assert await scene.sees(TOWN, student) is None, "a handover that has started gives no right"
    mine = number()
    payload = await scene.done(TOWN, "acceptHandover", "student { id disclosure }", code=code, caseNumber=mine)
    assert payload["student"]["disclosure"] == "IDENTIFIED"
    assert await link(scene, student) is None
    await scene.done(TOWN, "confirmIdentity", student=payload["student"]["id"])
    assert await link(scene, student) == mine
    body = await scene.hub.ask(SCHOOL, f'{{ student(id: "{student}") {{ handovers {{ state to code }} }} }}')
    assert body["data"]["student"]["handovers"] == [{"state": "CONFIRMED", "to": "municipality:GM0796", "code": None}]


async def test_without_instemming_none_starts_and_none_is_accepted(scene: Scene) -> None:
    student = await scene.student("18_PLUS")
    assert codes(await scene.do(SCHOOL, "startHandover", student=student)) == ["CONSENT_MISSING"]
    student, code = await started(scene)
    withdraw = {"person": student, "purpose": "CONTINUE_SUPPORT", "by": "SELF"}
    await scene.done(SCHOOL, "withdrawConsent", **withdraw)
    assert codes(await scene.do(TOWN, "acceptHandover", code=code, caseNumber=number())) == ["CODE_REFUSED"]
    assert await scene.sees(TOWN, student) is None


async def test_a_withdrawal_after_acceptance_ends_the_municipality_s_right(scene: Scene) -> None:
    student, code = await started(scene)
    await scene.done(TOWN, "acceptHandover", code=code, caseNumber=number())
    withdraw = {"person": await town_s(scene, student), "purpose": "CONTINUE_SUPPORT", "by": "SELF"}
    assert await scene.done(TOWN, "withdrawConsent", **withdraw) == {"student": None}
    assert await scene.sees(TOWN, student) is None


async def test_a_code_is_used_once(scene: Scene) -> None:
    student, code = await started(scene)
    bodies = await at_once(*(scene.do(TOWN, "acceptHandover", code=code, caseNumber=number()) for _ in range(3)))
    assert sorted(codes(one) for one in bodies) == [[], ["CODE_REFUSED"], ["CODE_REFUSED"]]
    assert await scene.sees(TOWN, student) == "IDENTIFIED"


async def test_five_wrong_codes_an_hour_are_counted_though_they_are_refused(scene: Scene) -> None:
    _, code = await started(scene)
    wrong = Codes(b"another").mint(str(uuid4()), 1)
    for n in range(5):
        given = {"code": wrong, "caseNumber": number()}
        assert codes(await scene.do(TOWN, "acceptHandover", **given)) == ["CODE_REFUSED"]
        assert await scene.owner.fetchval("SELECT count(*) FROM handover_try") == n + 1, "committed with the refusal"
    right = {"code": code, "caseNumber": number(), "key": str(uuid4())}
    assert codes(await scene.do(TOWN, "acceptHandover", **right)) == ["TOO_MANY_TRIES"], "nothing is compared"
    assert codes(await scene.do(OTHER_TOWN, "acceptHandover", **right)) == ["CODE_REFUSED"], "tries are the seer's own"
    await scene.owner.execute("UPDATE handover_try SET at = at - interval '61 minutes'")
    assert "errors" not in await scene.do(TOWN, "acceptHandover", **right), "the key is free: nothing had been done"


async def test_wrong_codes_at_once_are_five_at_most(scene: Scene) -> None:
    wrong = Codes(b"another").mint(str(uuid4()), 1)
    bodies = await at_once(*(scene.do(TOWN, "acceptHandover", code=wrong, caseNumber="A") for _ in range(9)))
    told = sorted(codes(one)[0] for one in bodies)
    assert told == ["CODE_REFUSED"] * 5 + ["TOO_MANY_TRIES"] * 4


async def test_a_mistyped_code_is_no_try(scene: Scene) -> None:
    _, code = await started(scene)
    for text in (code[:-1] + ("0" if code[-1] != "0" else "1"), "12345", "", "é" * 11, code + code):
        assert codes(await scene.do(TOWN, "acceptHandover", code=text, caseNumber="A")) == ["BAD_INPUT"]
    assert await scene.owner.fetchval("SELECT count(*) FROM handover_try") == 0


async def test_the_code_is_shown_to_a_repeat_for_ten_minutes_and_never_again(scene: Scene) -> None:
    student = await scene.student("18_PLUS")
    await scene.agree(student, "CONTINUE_SUPPORT")
    given = {"student": student, "key": str(uuid4())}
    first = await scene.done(SCHOOL, "startHandover", SHOWN, **given)
    assert await scene.done(SCHOOL, "startHandover", SHOWN, **given) == first
    later = "UPDATE handover SET minted_at = minted_at - interval '10 minutes' WHERE student = $1"
    await scene.owner.execute(later, await scene.key(student))
    (handover,) = (await scene.done(SCHOOL, "startHandover", SHOWN, **given))["student"]["handovers"]
    assert handover["code"] is None
    (renewed,) = (await scene.done(SCHOOL, "renewHandoverCode", SHOWN, student=student))["student"]["handovers"]
    old = first["student"]["handovers"][0]["code"]
    assert renewed["code"] not in (None, old)
    assert codes(await scene.do(TOWN, "acceptHandover", code=old, caseNumber=number())) == ["CODE_REFUSED"]
    assert "errors" not in await scene.do(TOWN, "acceptHandover", code=renewed["code"], caseNumber=number())
    assert codes(await scene.do(SCHOOL, "renewHandoverCode", student=student)) == ["NOT_FOUND"], "it was accepted"


async def test_no_table_holds_a_code(scene: Scene) -> None:
    _, code = await started(scene)
    plain = read_code(code)
    for table in ("handover", "handover_try", "command", "access", "link", "outbox"):
        for row in await scene.owner.fetch(f"SELECT t::text FROM {table} t"):
            assert plain not in row[0]
            assert code not in row[0]


async def test_a_code_ends_after_thirty_days(scene: Scene) -> None:
    student, code = await started(scene)
    key = await scene.key(student)
    row = await scene.owner.fetchrow("SELECT expires_at - minted_at AS lasts FROM handover WHERE student = $1", key)
    assert row["lasts"] == timedelta(days=30)
    await scene.owner.execute("UPDATE handover SET expires_at = now() WHERE student = $1", key)
    assert codes(await scene.do(TOWN, "acceptHandover", code=code, caseNumber=number())) == ["CODE_REFUSED"]
    body = await scene.hub.ask(SCHOOL, f'{{ student(id: "{student}") {{ handovers {{ state }} }} }}')
    assert body["data"]["student"]["handovers"] == [{"state": "EXPIRED"}]


@pytest.mark.parametrize(
    "text", ["111222333", "11122233-3", "zaak 1", "Z111222333", "10000008", "", "-1", "x" * 41, "Kanarie", "Kanarie-1"]
)
async def test_a_case_number_that_could_be_a_bsn_or_a_name_or_is_none_is_refused(scene: Scene, text: str) -> None:
    _, code = await started(scene)
    body = await scene.do(TOWN, "acceptHandover", code=code, caseNumber=text)
    assert codes(body)[0] in ("CASE_NUMBER_REFUSED", "BAD_INPUT")
    assert text == "" or text not in body["errors"][0]["message"]


@pytest.mark.parametrize("before", ["", "Z", "ZAAK-", "2026-00417/", "a.b_"])
def test_letters_before_a_bsn_do_not_hide_it_as_the_sentence_says(before: str) -> None:
    with pytest.raises(CaseNumberRefused) as raised:
        check_case_number(before + "111222333")
    assert "letters before it do not hide one" in raised.value.message


@pytest.mark.parametrize("told", ["20100314", "14032010", "31612345917", "310612345917", "2010-03-14"])
def test_a_day_or_telephone_is_no_case_number(told: str) -> None:
    with pytest.raises(BadInput) as raised:
        check_case_number(told)
    assert "no day and no telephone" in raised.value.message


@pytest.mark.parametrize("told", ["Z-2026-00417", "20260417", "2026.0417/3", "Z20100314", "1001"])
def test_what_stays_a_case_number(told: str) -> None:
    assert check_case_number(told) == told


def test_the_eleven_test() -> None:
    assert eleven_test("111222333")
    assert eleven_test("10000008") == eleven_test("010000008")
    assert not eleven_test("111222334")
    assert not eleven_test("000000000")
    assert not eleven_test("1112223334")


def test_a_code_is_read_as_people_write_it() -> None:
    code = Codes(b"key").mint("a", 1)
    assert read_code(code.lower().replace("-", " ")) == code.replace("-", "")
    assert code != Codes(b"key").mint("a", 2) != Codes(b"other").mint("a", 2)
    with pytest.raises(BadInput):
        read_code(code[1] + code[0] + code[2:] if code[0] != code[1] else "U" + code[1:])


async def test_a_relinked_handover_is_confirmed_again(scene: Scene) -> None:
    student, code = await started(scene)
    await scene.done(TOWN, "acceptHandover", code=code, caseNumber=number())
    known, other = await town_s(scene, student), number()
    await scene.done(TOWN, "confirmIdentity", student=known)
    await scene.done(TOWN, "relinkHandover", student=known, caseNumber=other)
    assert await link(scene, student) is None
    assert codes(await scene.do(TOWN, "relinkHandover", student=known, caseNumber="111222333")) == [
        "CASE_NUMBER_REFUSED"
    ]
    await scene.done(TOWN, "confirmIdentity", student=known)
    assert await link(scene, student) == other
    assert codes(await scene.do(TOWN, "confirmIdentity", student=known)) == ["CONFLICT"]


async def test_one_case_number_is_one_young_person(scene: Scene) -> None:
    mine = number()
    for told in ([], ["CONFLICT"]):
        student, code = await started(scene)
        await scene.done(TOWN, "acceptHandover", code=code, caseNumber=mine)
        assert codes(await scene.do(TOWN, "confirmIdentity", student=await town_s(scene, student))) == told


async def test_it_is_declined_by_the_code_or_having_seen_who_it_is(scene: Scene) -> None:
    student, code = await started(scene)
    decline = {"code": code, "reason": "NOT_OUR_RESIDENT"}
    assert await scene.done(TOWN, "declineHandover", **decline) == {"student": None}
    assert codes(await scene.do(TOWN, "declineHandover", **decline)) == ["CODE_REFUSED"]
    student, code = await started(scene)
    await scene.done(TOWN, "acceptHandover", code=code, caseNumber=number())
    known = await town_s(scene, student)
    both = {"code": code, "student": known, "reason": "NOT_THIS_PERSON"}
    assert codes(await scene.do(TOWN, "declineHandover", **both)) == ["BAD_INPUT"]
    await scene.done(TOWN, "declineHandover", student=known, reason="NOT_THIS_PERSON")
    assert await scene.sees(TOWN, student) is None
    await scene.done(SCHOOL, "startHandover", student=student)


async def test_another_s_student_is_not_found(scene: Scene) -> None:
    student, code = await started(scene)
    assert codes(await scene.do(OTHER_TOWN, "acceptHandover", code=code, caseNumber="A")) == ["CODE_REFUSED"]
    for name, more in (("confirmIdentity", {}), ("relinkHandover", {"caseNumber": "A"})):
        assert codes(await scene.do(TOWN, name, student=student, **more)) == ["NOT_FOUND"]
    assert codes(await scene.do("school:90ZX01#guidance", "startHandover", student=student)) == ["NOT_FOUND"]


async def state(scene: Scene, student: str) -> list[str]:
    """The states of a student's handovers, as the own school reads them."""
    body = await scene.hub.ask(SCHOOL, f'{{ student(id: "{student}") {{ handovers {{ state }} }} }}')
    return [one["state"] for one in body["data"]["student"]["handovers"]]


async def again(scene: Scene, student: str, command: str = "startHandover") -> str:
    """The code of a handover that is started, or renewed, under a new consent."""
    await scene.agree(student, "CONTINUE_SUPPORT", textVersion="2026-10")
    payload = await scene.done(SCHOOL, command, SHOWN, student=student)
    return str(payload["student"]["handovers"][-1]["code"])


async def test_a_withdrawal_ends_a_started_handover_and_another_consent_does_not_revive_its_code(scene: Scene) -> None:
    student, old = await started(scene)
    await scene.done(SCHOOL, "withdrawConsent", person=student, purpose="CONTINUE_SUPPORT", by="SELF")
    assert await state(scene, student) == ["WITHDRAWN"]
    assert codes(await scene.do(SCHOOL, "startHandover", student=student)) == ["CONSENT_MISSING"]
    assert codes(await scene.do(SCHOOL, "renewHandoverCode", student=student)) == ["NOT_FOUND"]
    await scene.agree(student, "CONTINUE_SUPPORT", textVersion="2026-10")
    assert codes(await scene.do(TOWN, "acceptHandover", code=old, caseNumber=number())) == ["CODE_REFUSED"]
    new = await again(scene, student)
    assert codes(await scene.do(TOWN, "acceptHandover", code=old, caseNumber=number())) == ["CODE_REFUSED"]
    assert await scene.sees(TOWN, student) is None
    await scene.done(TOWN, "acceptHandover", code=new, caseNumber=number())
    assert await state(scene, student) == ["WITHDRAWN", "ACCEPTED"]


async def test_a_consent_that_ends_ends_the_code_and_the_next_one_gives_a_new_one(scene: Scene) -> None:
    for command in ("startHandover", "renewHandoverCode"):
        student = await scene.student("18_PLUS")
        key = await scene.key(student)
        await scene.agree(student, "CONTINUE_SUPPORT", until=str(today()))
        given = await scene.done(SCHOOL, "startHandover", "student { handovers { code expiresOn } }", student=student)
        (shown,) = given["student"]["handovers"]
        assert shown["expiresOn"] == str(today()), "no code outlives its consent"
        ends = (
            "SELECT c.until_at = h.expires_at FROM handover h JOIN consent c ON c.id = h.consent WHERE h.student = $1"
        )
        assert await scene.owner.fetchval(ends, key) is True
        await scene.owner.execute("UPDATE consent SET until_at = now() WHERE student = $1", key)
        await scene.owner.execute("UPDATE handover SET expires_at = now() WHERE student = $1", key)
        assert codes(await scene.do(SCHOOL, command, student=student)) == ["CONSENT_MISSING"]
        assert await state(scene, student) == ["EXPIRED"]
        new = await again(scene, student, command)
        rests = "SELECT count(*) FROM handover h JOIN consent c ON c.id = h.consent WHERE h.student = $1"
        assert await scene.owner.fetchval(rests + " AND c.text_version = '2026-10'", key) == 1
        assert codes(await scene.do(TOWN, "acceptHandover", code=shown["code"], caseNumber=number())) == [
            "CODE_REFUSED"
        ]
        await scene.done(TOWN, "acceptHandover", code=new, caseNumber=number())
        assert (await state(scene, student))[-1] == "ACCEPTED"


async def test_no_new_code_is_made_without_a_consent(scene: Scene) -> None:
    student, _ = await started(scene)
    await scene.owner.execute("UPDATE consent SET until_at = now() WHERE student = $1", await scene.key(student))
    assert codes(await scene.do(SCHOOL, "renewHandoverCode", student=student)) == ["CONSENT_MISSING"]
    round_ = "SELECT round FROM handover WHERE student = $1"
    assert await scene.owner.fetchval(round_, await scene.key(student)) == 1


async def test_an_accepted_handover_ends_with_its_right_and_another_can_be_started(scene: Scene) -> None:
    for who in (SCHOOL, TOWN):
        for name in ("withdrawConsent", "endAccess"):
            student, code = await started(scene)
            await scene.done(TOWN, "acceptHandover", code=code, caseNumber=number())
            known = student if who == SCHOOL else await town_s(scene, student)
            more = {"by": "SELF"} if name == "withdrawConsent" else OF_TOWN
            await scene.done(who, name, person=known, purpose="CONTINUE_SUPPORT", **more)
            assert await state(scene, student) == ["WITHDRAWN"], (who, name)
            await again(scene, student)


async def test_an_accepted_handover_whose_right_ended_by_time_makes_room(scene: Scene) -> None:
    student, code = await started(scene)
    await scene.done(TOWN, "acceptHandover", code=code, caseNumber=number())
    await scene.agree(student, "CONTINUE_SUPPORT", textVersion="2026-10")
    assert codes(await scene.do(SCHOOL, "startHandover", student=student)) == ["CONFLICT"]
    sql = "UPDATE access SET ends_at = now() WHERE student = $1 AND purpose = 'CONTINUE_SUPPORT'"
    await scene.owner.execute(sql, await scene.key(student))
    await scene.done(SCHOOL, "startHandover", student=student)
    assert await state(scene, student) == ["EXPIRED", "STARTED"]


async def test_a_withdrawal_touches_no_handover_or_request_that_does_not_rest_on_it(scene: Scene) -> None:
    student, code = await started(scene)
    other, _ = await started(scene)
    await scene.done(SCHOOL, "requestSupport", student=student, supportWanted=["VASTE_TAKEN"])
    await scene.agree(student, "SAFETY_NET")
    await scene.done(SCHOOL, "withdrawConsent", person=student, purpose="SAFETY_NET", by="SELF")
    assert (await state(scene, student), await state(scene, other)) == (["STARTED"], ["STARTED"])
    await scene.done(SCHOOL, "withdrawConsent", person=student, purpose="CONTINUE_SUPPORT", by="SELF")
    assert (await state(scene, student), await state(scene, other)) == (["WITHDRAWN"], ["STARTED"])
    assert await scene.sees(TOWN, student) == "IDENTIFIED", "the support request rests on no consent"
    body = await scene.hub.ask(SCHOOL, f'{{ student(id: "{student}") {{ supportRequests {{ state }} }} }}')
    assert body["data"]["student"]["supportRequests"] == [{"state": "SENT"}]
    assert codes(await scene.do(TOWN, "acceptHandover", code=code, caseNumber=number())) == ["CODE_REFUSED"]


async def test_a_withdrawal_and_an_acceptance_at_once_leave_nothing_open(scene: Scene) -> None:
    for _ in range(6):
        student, code = await started(scene)
        await at_once(
            scene.do(TOWN, "acceptHandover", code=code, caseNumber=number()),
            scene.do(SCHOOL, "withdrawConsent", person=student, purpose="CONTINUE_SUPPORT", by="SELF"),
        )
        assert await scene.sees(TOWN, student) is None
        assert await state(scene, student) == ["WITHDRAWN"]


async def test_the_own_school_calls_off_what_it_started_and_nobody_else_does(scene: Scene) -> None:
    student, code = await started(scene)
    await scene.done(SCHOOL, "requestSupport", student=student, supportWanted=["VASTE_TAKEN"])
    known = await town_s(scene, student)
    for other in ({"purpose": "SAFETY_NET"}, {"party": "municipality:GM0344"}):
        body = await scene.do(
            SCHOOL, "endAccess", person=student, **{**OF_TOWN, "purpose": "CONTINUE_SUPPORT", **other}
        )
        assert codes(body) == ["NOT_FOUND"]
    assert codes(await scene.do(TOWN, "endAccess", person=known, purpose="CONTINUE_SUPPORT")) == ["NOT_FOUND"]
    assert await state(scene, student) == ["STARTED"]
    await scene.done(SCHOOL, "endAccess", person=student, **OF_TOWN, purpose="CONTINUE_SUPPORT")
    assert await state(scene, student) == ["WITHDRAWN"]
    assert codes(await scene.do(TOWN, "acceptHandover", code=code, caseNumber=number())) == ["CODE_REFUSED"]
    assert await scene.sees(TOWN, student) == "IDENTIFIED", "what it was asked for is another reason"
    await scene.done(SCHOOL, "startHandover", student=student)
    await scene.done(SCHOOL, "endAccess", person=student, **OF_TOWN)
    assert await state(scene, student) == ["WITHDRAWN", "WITHDRAWN"], "all that it sees and would see"
    assert await scene.sees(TOWN, student) is None


async def test_a_confirmed_handover_is_confirmed_and_says_so(scene: Scene) -> None:
    student, code = await started(scene)
    await scene.done(TOWN, "acceptHandover", code=code, caseNumber=number())
    known = await town_s(scene, student)
    await scene.done(TOWN, "confirmIdentity", student=known)
    for name, more in (("declineHandover", {"reason": "NOT_THIS_PERSON"}), ("confirmIdentity", {})):
        body = await scene.do(TOWN, name, student=known, **more)
        assert codes(body) == ["CONFLICT"]
        assert "confirmed already" in body["errors"][0]["message"]
    assert await state(scene, student) == ["CONFIRMED"]
