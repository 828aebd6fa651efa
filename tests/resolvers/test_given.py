"""The input of every command: what says nothing, or is for ever, is BAD_INPUT at its command, and names its field."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from graphql import GraphQLInputObjectType, GraphQLList, get_named_type, get_nullable_type

from events.signing import Safe
from resolvers import webhooks
from resolvers.commands import COMMANDS
from resolvers.handover import Codes, commands
from schema.full import build_schema
from tests.hub_kit import codes
from tests.resolvers.access_kit import POINT, SCHOOL, TOWN, Scene, command, open_scene, today

if TYPE_CHECKING:
    from registry.migrate import Logins

NATIONAL, COORDINATOR = "national#lead", "coordinator:AM27#coordinator"
STUDENT, CONTACT = f"Student:{uuid4()}", f"ContactPoint:{uuid4()}"
WEBHOOK = f"Webhook:{uuid4()}"
PLACEMENT, UITVAL = f"Placement:{uuid4()}.0123456789ab", f"Uitval:{uuid4()}.0123456789ab"
CODE = Codes(b"another").mint(str(uuid4()), 1)
OWN_STUDENT = "{own student}"
WORK = {"purpose": "WORK_SEARCH", "servicePoint": "AM27-WERKCENTRUM"}
CONSENT = {"purpose": "WORK_SEARCH", "party": POINT.partition("#")[0], "by": "SELF", "textVersion": "2026-09"}
DESK = {"ownerKind": "MUNICIPALITY", "owner": "GM0796", "topic": "BASIC_CONDITIONS", "desk": "Loket"}
# Command -> who gives it, and an input whose form is right: what it is refused for is one value that is changed in it.
INPUTS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "setContactPoint": (TOWN, DESK),
    "verifyContactPoint": (TOWN, {"contact": CONTACT}),
    "setPostState": (NATIONAL, {"region": "AM18", "state": "IN_TALKS"}),
    "appointCoordinator": (NATIONAL, {"region": "AM27", "name": "Q. Verzonnen", "desk": "Coordinator"}),
    "updatePost": (COORDINATOR, {"region": "AM27"}),
    "endAppointment": (NATIONAL, {"region": "AM27"}),
    "recordConsent": (SCHOOL, {"student": OWN_STUDENT, **CONSENT, "until": str(today())}),
    "withdrawConsent": (SCHOOL, {"person": STUDENT, "purpose": "WORK_SEARCH", "by": "SELF"}),
    "presentCandidate": (SCHOOL, {"student": STUDENT, **WORK}),
    "introduce": (SCHOOL, {"student": STUDENT, "employer": "90000001"}),
    "renewAccess": (SCHOOL, {"student": STUDENT, "servicePoint": "AM27-WERKCENTRUM"}),
    "endAccess": (SCHOOL, {"person": STUDENT, "party": "municipality:GM0796", "function": "participatie"}),
    "requestSupport": (SCHOOL, {"student": OWN_STUDENT, "supportWanted": ["VASTE_TAKEN"]}),
    "answerSupportRequest": (TOWN, {"student": STUDENT, "answer": "ACCEPTED"}),
    "setSafetyNet": (SCHOOL, {"student": STUDENT, "choice": "SCHOOL_FIRST"}),
    "startHandover": (SCHOOL, {"student": STUDENT}),
    "renewHandoverCode": (SCHOOL, {"student": STUDENT}),
    "acceptHandover": (TOWN, {"code": CODE, "caseNumber": "Z-1"}),
    "declineHandover": (TOWN, {"code": CODE, "reason": "NOT_OUR_RESIDENT"}),
    "confirmIdentity": (TOWN, {"student": STUDENT}),
    "relinkHandover": (TOWN, {"student": STUDENT, "caseNumber": "Z-1"}),
    "transferLead": (SCHOOL, {"student": STUDENT, "party": "municipality:GM0796", "function": "participatie"}),
    "answerPlacementEnd": (SCHOOL, {"placement": PLACEMENT, "answer": "EXTENDED", "to": str(today())}),
    "closeDueItem": (SCHOOL, {"item": f"DueItem:{uuid4()}"}),
    "createWebhook": (TOWN, {"url": "https://ontvanger.example/spil/in"}),
    "rotateWebhookKey": (TOWN, {"webhook": WEBHOOK}),
    "testWebhook": (TOWN, {"webhook": WEBHOOK}),
    "replayWebhook": (TOWN, {"webhook": WEBHOOK, "from": "1.1", "to": "1.9"}),
    "disableWebhook": (TOWN, {"webhook": WEBHOOK}),
    "acceptLead": (TOWN, {"student": STUDENT}),
    "declineLead": (TOWN, {"student": STUDENT}),
    "startPlacement": (SCHOOL, {"person": STUDENT, "kind": "WERK", "employer": "90000001", "from": str(today())}),
    "extendPlacement": (SCHOOL, {"placement": PLACEMENT, "to": str(today())}),
    "endPlacement": (SCHOOL, {"placement": PLACEMENT, "endedOn": str(today())}),
    "reportUitval": (SCHOOL, {"placement": PLACEMENT, "how": "UNKNOWN", "endedOn": str(today())}),
    "confirmUitval": (SCHOOL, {"uitval": UITVAL, "how": "UNKNOWN"}),
    "acknowledgeUitval": (SCHOOL, {"uitval": UITVAL}),
    "planInterview": (SCHOOL, {"uitval": UITVAL, "on": str(today())}),
    "holdInterview": (SCHOOL, {"uitval": UITVAL, "on": str(today())}),
    "recordNextStep": (SCHOOL, {"uitval": UITVAL, "step": "MBO"}),
    "closeUitval": (SCHOOL, {"uitval": UITVAL}),
    "withdrawUitval": (SCHOOL, {"uitval": UITVAL}),
}
# The days that a command takes: the years that each may be behind and ahead; None: the calendar year before and after.
TERMS: Mapping[str, tuple[int, int] | None] = {
    "recordConsent.until": (0, 1),
    "setContactPoint.absentUntil": (0, 1),
    "startPlacement.from": None,
    "startPlacement.to": (0, 6),
    "extendPlacement.to": (0, 6),
    "answerPlacementEnd.to": (0, 6),
    "endPlacement.endedOn": (1, 0),
    "reportUitval.endedOn": (1, 0),
    "planInterview.on": (0, 1),
    "holdInterview.on": (1, 0),
}
BLANK = ("", " ", "\n\t", "\u200b", "\u00a0\u202e")
FIELDS = {"setContactPoint": "contact { id }", "verifyContactPoint": "contact { id }"} | dict.fromkeys(
    ("setPostState", "appointCoordinator", "updatePost", "endAppointment"), "post { state }"
)
FIELDS |= {name: "webhook { id }" for name in INPUTS if name.endswith(("Webhook", "WebhookKey"))}


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as made:
        yield made


def inputs() -> Iterator[tuple[str, str, Any]]:
    """(command, field, type) of every field of every command's input, as the full schema has them."""
    mutation = build_schema()._schema.mutation_type
    assert mutation
    for name, one in mutation.fields.items():
        kind = get_named_type(one.args["input"].type)
        assert isinstance(kind, GraphQLInputObjectType)
        yield from ((name, field, each.type) for field, each in kind.fields.items())


def wrong(command: str) -> Iterator[tuple[str, Any, str]]:
    """(field, value, what the sentence names) of all that says nothing, or is a day out of its term."""
    for name, field, kind in inputs():
        named = get_named_type(kind).name
        if name != command or named in ("Int", "Boolean") or hasattr(get_named_type(kind), "values"):
            bad: tuple[Any, ...] = ()
        elif named == "Date":
            first, last = term(f"{name}.{field}")
            bad = (str(first - timedelta(days=1)), str(last + timedelta(days=1)), "2199-05-01")
        else:
            bad = BLANK if named in ("Text", "ID") else ("",)
        if name == command and isinstance(get_nullable_type(kind), GraphQLList):
            bad = ([],)
        of_the_type = named not in ("Text", "ID", "Date") and bad == ("",)  # a code's own form is asked before
        yield from ((field, value, "`$i`" if of_the_type else f"`{field}`") for value in bad)


def after(years: int) -> date:
    """Today in so many years, or so many ago; the day after the 28th where there is none."""
    day = today()
    here = day.year + years
    return date(here, day.month, day.day) if (day.month, day.day) != (2, 29) else date(here, 3, 1)


def term(name: str) -> tuple[date, date]:
    """The first and the last day that a field may name."""
    years, now = TERMS[name], today().year
    return (after(-years[0]), after(years[1])) if years else (date(now - 1, 1, 1), date(now + 1, 12, 31))


async def run(scene: Scene, name: str, more: Mapping[str, Any]) -> dict[str, Any]:
    seer, given = INPUTS[name]
    own = await scene.student() if OWN_STUDENT in given.values() else None
    given = {field: own if value == OWN_STUDENT else value for field, value in given.items()}
    fields = FIELDS.get(name, "student { id }")
    return await scene.hub.ask(seer, command(name, fields), {"i": {"key": str(uuid4()), **given, **more}})


def test_every_command_stands_in_the_table() -> None:
    assert (
        {name for name, _, _ in inputs()}
        == set(INPUTS)
        == {*(*COMMANDS, *commands(Codes(b"key")), *webhooks.commands(webhooks.Making(Safe.under(b"key"))))}
    )
    assert {f"{name}.{field}" for name, field, kind in inputs() if get_named_type(kind).name == "Date"} == set(TERMS)


@pytest.mark.parametrize("name", INPUTS)
async def test_the_input_of_the_table_is_of_the_right_form(scene: Scene, name: str) -> None:
    assert codes(await run(scene, name, {})) in ([], ["NOT_FOUND"], ["CODE_REFUSED"], ["CONFLICT"])


@pytest.mark.parametrize("name", INPUTS)
async def test_what_says_nothing_or_is_for_ever_is_bad_input_at_its_command(scene: Scene, name: str) -> None:
    for field, value, told in wrong(name):
        body = await run(scene, name, {field: value})
        assert codes(body) == ["BAD_INPUT"], (field, ascii(value))
        assert body["errors"][0]["path"] == [name], (field, ascii(value))
        assert told in body["errors"][0]["message"], (field, ascii(value))
        assert value in ("", " ", []) or value not in body["errors"][0]["message"]


@pytest.mark.parametrize(
    ("purpose", "party", "years"),
    [
        ("WORK_SEARCH", "servicepoint:AM27-WERKCENTRUM", 1),
        ("INTRODUCTION", "employer:90000001", 1),
        ("CONTINUE_SUPPORT", None, 2),
        ("SAFETY_NET", None, 2),
    ],
)
async def test_a_consent_lasts_as_long_as_its_kind_may(
    scene: Scene, purpose: str, party: str | None, years: int
) -> None:
    student = await scene.student("18_PLUS")
    last = after(years) - timedelta(days=1)
    given = {**CONSENT, "student": student, "purpose": purpose, "party": party}
    assert codes(await scene.do(SCHOOL, "recordConsent", **given, until=str(last))) == []
    late = str(last + timedelta(days=2))
    assert codes(await scene.do(SCHOOL, "recordConsent", **given, until=late)) == ["BAD_INPUT"]


async def test_an_absence_may_last_a_year(scene: Scene) -> None:
    for day in (today(), after(1) - timedelta(days=1)):
        assert codes(await run(scene, "setContactPoint", {"absentUntil": str(day)})) == []
