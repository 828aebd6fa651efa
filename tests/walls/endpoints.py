"""Webhooks around the walls: whose they are, and how they are asked.

Source: graph.md 4 and 6: a party has its own endpoints, and reads no other's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.walls.data import World
from tests.walls.endpoint_rows import KEY
from tests.walls.operations import EVERY, Keys, Operation, Variables, many
from tests.walls.oracle import Oracle
from tests.walls.seers import Seer
from tests.walls.walls import Walls

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
WEBHOOKS = """query($n: Int!) { page: webhooks(first: $n) { totalCount nodes { id waiting dead lastTest
    publicKeys { key } deadLetters(first: 5) { totalCount nodes { webhook position } } } } }"""
DAY = "query($day: Date!) { day: completeness(date: $day) { deadLetters { webhook position } } }"
HAVING = tuple(role for role in EVERY if role != "PUBLIC")


# ---- whose they are


def webhook(oracle: Oracle, seer: Seer) -> set[UUID]:
    return {row["id"] for row in oracle.rows["webhook"] if row["seer"] == seer.key}


def webhook_key(oracle: Oracle, seer: Seer) -> set[tuple[UUID, int]]:
    own = webhook(oracle, seer)
    return {(row["webhook"], row["n"]) for row in oracle.rows["webhook_key"] if row["webhook"] in own}


def delivery(oracle: Oracle, seer: Seer) -> set[tuple[UUID, int, int]]:
    own = webhook(oracle, seer)
    return {(row["webhook"], row["epoch"], row["pos"]) for row in oracle.rows["delivery"] if row["webhook"] in own}


OWN: Mapping[str, Callable[[Oracle, Seer], Any]] = {
    "webhook": webhook,
    "webhook_key": webhook_key,
    "delivery": delivery,
    "webhook_progress": webhook,
}

# ---- how they are asked


def _read(_: Walls, __: Seer, data: Any) -> Keys:
    found: Keys = {data["page"]["totalCount"]}
    for node in data["page"]["nodes"]:
        dead = node["deadLetters"]
        letters = tuple((one["webhook"], one["position"]) for one in dead["nodes"])
        keys = tuple(one["key"] for one in node["publicKeys"])
        found.add((node["id"], node["waiting"], node["dead"], node["lastTest"], keys, dead["totalCount"], letters))
    return found


def _expect(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    own, rows = webhook(walls.oracle, seer), walls.oracle.rows["delivery"]
    found: Keys = {len(own)}
    for one in own:
        dead = sorted(r["pos"] for r in rows if r["webhook"] == one and r["epoch"] and r["state"] == "DEAD")
        waiting = sum(r["webhook"] == one and r["state"] == "WAITING" for r in rows)
        letters = tuple((f"Webhook:{one}", f"1.{pos}") for pos in dead)
        found.add((f"Webhook:{one}", waiting, len(dead), "500", (KEY,), len(dead), letters))
    return found


def _today(walls: Walls, _: World, __: Seer, ___: Random) -> Variables:
    return {"day": str(walls.oracle.now.astimezone(AMSTERDAM).date())}


def _read_day(_: Walls, __: Seer, data: Any) -> Keys:
    return {(one["webhook"], one["position"]) for one in data["day"]["deadLetters"]}


def _expect_day(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    """All is logged today; whoever is told nothing has no day."""
    told = {row["pos"] for row in walls.oracle.rows["event_log"] if row["seer"] == seer.key}
    dead = [row for row in walls.oracle.rows["delivery"] if row["epoch"] and row["state"] == "DEAD"]
    own = webhook(walls.oracle, seer)
    return {
        (f"Webhook:{row['webhook']}", f"1.{row['pos']}") for row in dead if row["webhook"] in own and row["pos"] in told
    }


ENDPOINTS = (
    Operation(
        "what could not be delivered", frozenset({"delivery"}), HAVING, lambda _: DAY, _today, _read_day, _expect_day
    ),
    Operation("own endpoints", frozenset(OWN), HAVING, lambda _: WEBHOOKS, many, _read, _expect),
)
