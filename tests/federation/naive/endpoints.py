"""Webhooks: a party's own endpoints, their keys, and what could not be delivered to them."""
# ruff: noqa: ARG005 - every entry takes the same three arguments

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.federation.naive.pages import Keys, page
from tests.federation.naive.rights import Eyes
from tests.federation.naive.rows import Row
from tests.federation.naive.things import Thing, by, moment, things

Give = Callable[[Eyes, Any, dict[str, Any]], Any]
BY_POSITION: Keys = lambda one: (one.row["epoch"], one.row["pos"])  # noqa: E731


def webhooks(eyes: Eyes, row: Row, a: dict[str, Any]) -> Any:
    own = eyes.world.all("webhook", "seer", eyes.seer)
    return page(eyes, "Query.webhooks", things("Webhook", own), {"ID": by("id")}, a)


def deliveries(eyes: Eyes, row: Row, *states: str) -> list[Row]:
    """Of an endpoint, the events in these states."""
    return [d for d in eyes.world.all("delivery", "webhook", row["id"]) if d["epoch"] and d["state"] in states]


def keys(eyes: Eyes, row: Row, a: Any) -> list[Thing]:
    """Those that sign now, the newest first."""
    known = eyes.world.all("webhook_key", "webhook", row["id"])
    valid = [k for k in known if k["from_at"] <= eyes.world.now < k["until_at"]]
    return things("WebhookKey", sorted(valid, key=lambda k: -k["n"])[:2])


def dead_letters(eyes: Eyes, row: Row, a: dict[str, Any]) -> Any:
    dead = things("DeadLetter", deliveries(eyes, row, "DEAD"))
    return page(eyes, "Webhook.deadLetters", dead, {"POSITION": BY_POSITION}, a)


def dead_of_a_day(eyes: Eyes, row: Row, a: Any) -> list[Thing]:
    """Between the first and the last position of the day."""
    if row["first"] is None:
        return []
    first, last = (tuple(map(int, row[end].split("."))) for end in ("first", "last"))
    dead = [d for d in eyes.world.all("delivery", "seer", eyes.seer) if d["state"] == "DEAD" and d["epoch"]]
    found = [d for d in dead if first <= (d["epoch"], d["pos"]) <= last]
    return things("DeadLetter", sorted(found, key=lambda d: (d["epoch"], d["pos"], d["webhook"]))[:100])


def last_test(eyes: Eyes, row: Row, a: Any) -> str | None:
    tests = [d for d in eyes.world.all("delivery", "webhook", row["id"]) if d["epoch"] == 0 and d["pos"] > 1]
    return max(tests, key=lambda d: int(d["pos"]))["code"] if tests else None


def last_delivered(eyes: Eyes, row: Row, a: Any) -> str | None:
    done = [d["ended_at"] for d in eyes.world.all("delivery", "webhook", row["id"]) if d["state"] == "DONE"]
    return moment(max(done)) if done else None


FIELDS: dict[str, Give] = {
    "Query.webhooks": webhooks,
    "Webhook.id": lambda eyes, row, a: f"Webhook:{row['id']}",
    "Webhook.types": lambda eyes, row, a: [one.split(".")[2].upper().replace("-", "_") for one in row["types"]],
    "Webhook.createdAt": lambda eyes, row, a: moment(row["created_at"]),
    "Webhook.verifiedAt": lambda eyes, row, a: moment(row["verified_at"]),
    "Webhook.publicKeys": keys,
    "Webhook.waiting": lambda eyes, row, a: len(deliveries(eyes, row, "WAITING", "SENDING")),
    "Webhook.dead": lambda eyes, row, a: len(deliveries(eyes, row, "DEAD")),
    "Webhook.lastDeliveredAt": last_delivered,
    "Webhook.lastTest": last_test,
    "Webhook.deadLetters": dead_letters,
    "WebhookKey.validFrom": lambda eyes, row, a: moment(row["from_at"]),
    "WebhookKey.validUntil": lambda eyes, row, a: moment(row["until_at"]) if row["until_at"].year < 9999 else None,
    "DeadLetter.webhook": lambda eyes, row, a: f"Webhook:{row['webhook']}",
    "DeadLetter.position": lambda eyes, row, a: f"{row['epoch']}.{row['pos']}",
    "DeadLetter.diedAt": lambda eyes, row, a: moment(row["ended_at"]),
    "Completeness.deadLetters": dead_of_a_day,
}
