"""What is asked of losses and of the log, how the answers are read back into keys, and what the oracle says to them."""

from __future__ import annotations

import json
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.walls.data import World
from tests.walls.happened import outbox, uitval
from tests.walls.operations import (
    BY_ID,
    PERSON,
    STUDENT,
    Keys,
    Operation,
    Variables,
    ids_of,
    known,
    many,
    one,
    read_nodes,
)
from tests.walls.oracle import Row
from tests.walls.seers import Seer
from tests.walls.walls import Walls

LOSING = (*STUDENT, "EMPLOYER")
HEARING = (*PERSON, "COORDINATOR", "NATIONAL")
LOSSES = """query($n: Int!) {{ page: uitvallen(first: $n) {{ totalCount nodes {{
    id placement {{ id }} person: {one} {{ id disclosure }} {more} }} }} }}"""
LOG = (
    "query($n: Int!) {{ page: events(first: $n) {{ totalCount nodes {{ epoch pos withheld type recorded {more} }} }} }}"
)
OF_SEERS = "purpose forget person: {one} {{ id disclosure }} case {{ __typename {cases} }} "
OF_POINTS = "month opportunity { id }"
IN_CASE = {
    "SCHOOL": "... on Uitval { id } ... on SupportRequest { to } ... on WarmHandover { to }",
    "MUNICIPALITY": "... on Uitval { id } ... on SupportRequest { to }",
    "EMPLOYER": "... on Uitval { id }",
}
DAY = "query($day: Date!) { day: completeness(date: $day) { count first last } }"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


# ---- losses


def _losses(seer: Seer) -> str:
    more = "state basis reportedBy" if seer.role in STUDENT else ""
    return LOSSES.format(one=one(seer.role), more=more)


def _read_losses(walls: Walls, seer: Seer, data: Any) -> Keys:
    found: Keys = {data["page"]["totalCount"]}
    for node in data["page"]["nodes"]:
        place, person = node["placement"], node["person"] or {}
        said = (node.get("state"), node.get("basis"), node.get("reportedBy"))
        who = (known(walls, seer, person.get("id", "nobody")), person.get("disclosure"))
        found.add((known(walls, seer, node["id"]), known(walls, seer, place["id"]) if place else None, *who, *said))
    return found


def _expect_losses(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    oracle, rows = walls.oracle, {(row["student"], row["n"]): row for row in walls.oracle.rows["uitval"]}
    sight, places = oracle.sight(seer), oracle.placement(seer)
    found: Keys = set()
    for key in uitval(oracle, seer):
        row, place = rows[key], (key[0], rows[key]["placement_n"])
        teller = row["reported_by"].partition("#")[0] if row["reported_by"] else None
        said = (row["state"], row["basis"], teller) if seer.role in STUDENT else (None, None, None)
        found.add((key, place if place in places else None, key[0], sight[key[0]], *said))
    return found | {len(found)}


def _expect_by_id(walls: Walls, seer: Seer, variables: Variables, _: str) -> Keys:
    keys = walls.keys(seer)
    return uitval(walls.oracle, seer) & {keys[one_] for one_ in variables["ids"] if one_ in keys}


# ---- the log


def _log(seer: Seer) -> str:
    more = ""
    if seer.role in PERSON:
        cases = f"... on Placement {{ id }} {IN_CASE.get(seer.role, '')}"
        more = OF_SEERS.format(one=one(seer.role), cases=cases)
    return LOG.format(more=more + (OF_POINTS if seer.role == "SERVICE_POINT" else ""))


def _read_log(walls: Walls, seer: Seer, data: Any) -> Keys:
    found: Keys = {data["page"]["totalCount"]}
    for node in data["page"]["nodes"]:
        person, case, offer = (node.get(name) or {} for name in ("person", "case", "opportunity"))
        named = known(walls, seer, case["id"]) if "id" in case else case.get("to")
        found.add(
            (
                (node["epoch"], node["pos"], node["withheld"], node["type"], node["recorded"]),
                known(walls, seer, node["forget"]) if node.get("forget") else None,
                node.get("purpose"),
                (known(walls, seer, person["id"]), person["disclosure"]) if person else None,
                (case["__typename"], named) if case else None,
                (node.get("month"), offer.get("id")),
            )
        )
    return found


def _expect_log(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    events = {row["id"]: row for row in walls.oracle.rows["outbox"]}
    rows = [row for row in walls.oracle.rows["event_log"] if row["seer"] == seer.key]
    mine = outbox(walls.oracle, seer)
    found: Keys = {_told(walls, seer, row, events[row["event"]] if row["event"] in mine else None) for row in rows}
    return found | {len(rows)}


def _told(walls: Walls, seer: Seer, row: Row, event: Row | None) -> tuple[Any, ...]:
    where = (row["epoch"], row["pos"])
    if event is None:
        return (*((*where, True, None, None),), None, None, None, None, (None, None))
    of_seers, at_point = seer.role in PERSON, seer.role == "SERVICE_POINT"
    details, student = json.loads(event["details"]), event["student"]
    what = event["type"].split(".")[2].upper().replace("-", "_")
    sight, offer = walls.oracle.sight(seer) if of_seers else {}, details.get("opportunity")
    visible = offer and offer in {str(key) for key in walls.oracle.opportunity(seer)}
    return (
        (*where, False, what, f"{event['recorded']:%Y-%m-%dT%H:%M:00Z}"),
        student if event["subject_kind"] == "ENDING" and of_seers else None,
        details.get("purpose") if of_seers else None,
        (student, sight[student]) if student in sight else None,
        _case(walls, seer, event) if of_seers else None,
        (details.get("month") if at_point else None, f"Opportunity:{offer}" if at_point and visible else None),
    )


def _case(walls: Walls, seer: Seer, event: Row) -> tuple[str, Any] | None:
    """The case as the seer sees it now; one that its contract does not have is nothing."""
    oracle, key = walls.oracle, (event["student"], event["case_n"])
    match event["case_type"]:
        case "UITVAL" if key in uitval(oracle, seer):
            return "Uitval", key
        case "PLACEMENT" if key in oracle.placement(seer):
            return "Placement", key
        case "SUPPORT_REQUEST" if key in oracle.support_request(seer):
            return "SupportRequest", _addressed(walls, "support_request", key)
        case "HANDOVER" if key in oracle.handover(seer):
            return "WarmHandover", _addressed(walls, "handover", key)
    return None


def _addressed(walls: Walls, table: str, key: tuple[Any, int]) -> str:
    (row,) = [row for row in walls.oracle.rows[table] if (row["student"], row["n"]) == key]
    return str(row["to_seer"].partition("#")[0])


# ---- a day of it


def _a_day(walls: Walls, _: World, __: Seer, ___: Random) -> Variables:
    return {"day": str(_day(walls.oracle.rows["event_log"][0]["logged_at"]))}


def _day(at: datetime) -> Any:
    return at.astimezone(AMSTERDAM).date()


def _expect_day(walls: Walls, seer: Seer, variables: Variables, _: str) -> Keys:
    rows = [row for row in walls.oracle.rows["event_log"] if row["seer"] == seer.key]
    ends = sorted((row["epoch"], row["pos"]) for row in rows if str(_day(row["logged_at"])) == variables["day"])
    first, last = ("{}.{}".format(*ends[n]) if ends else None for n in (0, -1))
    return {len(ends), ("first", first), ("last", last)}


def _read_day(_: Walls, __: Seer, data: Any) -> Keys:
    return {data["day"]["count"], ("first", data["day"]["first"]), ("last", data["day"]["last"])}


EVENTS = (
    Operation("losses", frozenset({"uitval", "sight_case"}), LOSING, _losses, many, _read_losses, _expect_losses),
    Operation(
        "losses by id", frozenset({"uitval"}), LOSING, lambda _: BY_ID, ids_of("Uitval"), read_nodes, _expect_by_id
    ),
    Operation("the log", frozenset({"event_log", "outbox", "uitval"}), HEARING, _log, many, _read_log, _expect_log),
    Operation("a day of the log", frozenset({"event_log"}), HEARING, lambda _: DAY, _a_day, _read_day, _expect_day),
)
