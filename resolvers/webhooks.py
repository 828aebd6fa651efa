"""Webhooks: where a party has its events brought.

    state     who      command              -> state
    (none)    party    createWebhook        PENDING: a challenge is sent
    PENDING   -        (the challenge)      ACTIVE, when it comes back; FAILED with a reason, when it does not
    ACTIVE    party    rotateWebhookKey, testWebhook, replayWebhook
    ACTIVE    -        (410)                DISABLED: the receiver said that it is gone
    PENDING, ACTIVE    party  disableWebhook   DISABLED

Laws
1. Every party has its own, per function: another's is not there.
2. An address is https and public, or one that the operator listed for this party; it holds no login and no secret.
3. A private key is sealed before it is written (events/signing.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import uuid4

from auth.viewer import Viewer
from events.signing import Safe
from events.types import PREFIX
from federation.catalogue import Column, Expression, Form, Join, Many, One, OrderKey, Page, Rows
from resolvers.given import key_of
from schema.errors import BadInput, Conflict, NotFound, SourceDown
from wire.hooks import listed_for, read_address

Input = Mapping[str, Any]
CODE, NUMBER = Form.CODE, Form.NUMBER
LONGEST: Final = 500
POSITION = re.compile(r"([1-9][0-9]{0,8})\.([1-9][0-9]{0,17})")
ORDERS: Mapping[str, tuple[OrderKey, ...]] = {"ID": (("{id}", "uuid"),)}
DEAD_ORDERS: Mapping[str, tuple[OrderKey, ...]] = {"POSITION": (("{epoch}", "int"), ("{pos}", "bigint"))}
DEAD: Final = "{state} = 'DEAD' AND {epoch} > 0"
WEBHOOKS = Page("Webhook", None, ORDERS)
_PLACE = "(split_part({parent.%s}, '.', 1)::int, split_part({parent.%s}, '.', 2)::bigint)"
# Below a day of the own stream, which knows its first and last position.
DEAD_OF_A_DAY = Many(
    "DeadLetter",
    f"{DEAD} AND ({{epoch}}, {{pos}}) >= {_PLACE % ('first', 'first')}"
    f" AND ({{epoch}}, {{pos}}) <= {_PLACE % ('last', 'last')}",
    ("{epoch}", "{pos}", "{webhook}"),
)


def _instant(column: str) -> Expression:
    text = f"to_char({{{column}}} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    return Expression(f"CASE WHEN {{{column}}} < 'infinity' THEN {text} END", CODE)


WEBHOOK = Rows(
    "webhook",
    {
        "id": Expression("'Webhook:' || {id}::text", CODE),
        "url": Column("url"),
        "types": Expression(
            "ARRAY (SELECT upper(replace(split_part(o.t, '.', 3), '-', '_'))"
            " FROM unnest({types}) WITH ORDINALITY o(t, n) ORDER BY o.n)",
            Form.JSON,
        ),
        "state": Column("state", CODE),
        "reason": Column("reason", CODE),
        "createdAt": _instant("created_at"),
        "verifiedAt": _instant("verified_at"),
        "publicKeys": Many(
            "WebhookKey",
            "{webhook} = {parent.id} AND {from_at} <= now() AND {until_at} > now()",
            ("-{n}",),
            limit=3,
        ),
        "waiting": Expression("{progress.waiting}", NUMBER),
        "dead": Expression("{progress.dead}", NUMBER),
        "lastDeliveredAt": _instant("progress.delivered_at"),
        "lastTest": Expression("{progress.tested}", CODE),
        "deadLetters": Page("DeadLetter", f"{{webhook}} = {{parent.id}} AND {DEAD}", DEAD_ORDERS),
    },
    joins={"progress": Join("webhook_progress", "{webhook} = {base.id}")},
)
KEY = Rows(
    "webhook_key",
    {"key": Column("key", CODE), "validFrom": _instant("from_at"), "validUntil": _instant("until_at")},
)
DEAD_LETTER = Rows(
    "delivery",
    {
        "webhook": Expression("'Webhook:' || {webhook}::text", CODE),
        "position": Expression("{epoch}::text || '.' || {pos}::text", CODE),
        "tries": Column("tries", NUMBER),
        "code": Column("code", CODE),
        "diedAt": _instant("ended_at"),
    },
)
PAYLOAD = Rows(
    "(SELECT {arg.reference:uuid} AS webhook)", {"webhook": One("Webhook", "{id} = {parent.webhook}")}, tables=()
)
TYPES: Mapping[str, Rows] = {
    "Webhook": WEBHOOK,
    "WebhookKey": KEY,
    "DeadLetter": DEAD_LETTER,
    "WebhookPayload": PAYLOAD,
}


@dataclass(frozen=True, slots=True)
class Making:
    """What making endpoints rests on: the safe, and the `party=host:port` that the operator listed: there that party's
    may go by plain http or to a private address."""

    safe: Safe
    private: frozenset[str] = frozenset()


def check_address(url: str, private: frozenset[str]) -> None:
    """Raises BadInput for an address to which nothing is sent."""
    if len(url) > LONGEST:
        raise BadInput(f"`url` wants at most {LONGEST} characters.")
    try:
        read_address(url, private)
    except SourceDown:
        raise BadInput("`url` wants https at a public host, without login, query or fragment.") from None


def read_types(given: Input) -> list[str]:
    """The types that are wanted, each once, as the log has them."""
    return sorted({f"{PREFIX}{one.value}.v1" for one in given.get("types") or ()})


def read_position(name: str, text: str) -> tuple[int, int]:
    """Epoch and position. Raises BadInput."""
    found = POSITION.fullmatch(text)
    if found is None or int(found[1]) >= 2**31 or int(found[2]) >= 2**63:
        raise BadInput(f"`{name}` wants `<epoch>.<pos>`.")
    return int(found[1]), int(found[2])


def accept(told: str) -> None:
    """Raises what the keeper refused with."""
    match told:
        case "REFUSED":
            raise NotFound
        case "PENDING":
            raise Conflict("This webhook has not answered its challenge yet.")
        case "FAILED" | "DISABLED":
            raise Conflict("This webhook has ended. `createWebhook` makes another.")


async def create_webhook(making: Making, viewer: Viewer, connection: Any, given: Input) -> str:
    """Makes an endpoint; what comes of its challenge stands in its state within seconds."""
    check_address(given["url"], listed_for(making.private, viewer.party or ""))
    wanted, key = read_types(given), uuid4()
    pair = making.safe.make(key)
    told = await connection.fetchval(
        "SELECT open_webhook($1, $2, $3, $4, $5)", key, given["url"], wanted, pair.public, pair.sealed
    )
    if told == "TOO_MANY":
        raise Conflict("A party has at most five webhooks. `disableWebhook` makes room.")
    accept(told)
    return str(key)


async def rotate_webhook_key(making: Making, _: Viewer, connection: Any, given: Input) -> str:
    """A new key from now on, and the old one for another day."""
    key = key_of("Webhook", given["webhook"])
    pair = making.safe.make(key)
    told = await connection.fetchval("SELECT rotate_webhook_key($1, $2, $3)", key, pair.public, pair.sealed)
    if told == "TOO_MANY":
        raise Conflict("Three keys are valid already. There is room once one has ended: see its `validUntil`.")
    accept(told)
    return str(key)


async def try_webhook(_: Viewer, connection: Any, given: Input) -> str:
    """One test event."""
    key = key_of("Webhook", given["webhook"])
    told = await connection.fetchval("SELECT test_webhook($1)", key)
    if told == "TOO_MANY":
        raise Conflict("Five tests are on their way already.")
    accept(told)
    return str(key)


async def replay_webhook(_: Viewer, connection: Any, given: Input) -> str:
    """A range of the own log, again or for the first time."""
    key, first, last = (
        key_of("Webhook", given["webhook"]),
        read_position("from", given["from"]),
        read_position("to", given["to"]),
    )
    if first > last:
        raise BadInput("`from` wants a position that is not after `to`.")
    told = await connection.fetchval("SELECT replay_webhook($1, $2, $3, $4, $5)", key, *first, *last)
    if told == "NOTHING":
        raise BadInput("`from` and `to` want a range in which your stream has an event.")
    if told == "TOO_MANY":
        raise Conflict("That is more than 10,000 events. Take a smaller range, and then the next.")
    accept(told)
    return str(key)


async def disable_webhook(_: Viewer, connection: Any, given: Input) -> str:
    """Ends an endpoint."""
    key = key_of("Webhook", given["webhook"])
    accept(await connection.fetchval("SELECT disable_webhook($1)", key))
    return str(key)


def commands(making: Making) -> dict[str, Any]:
    """The commands of this module."""
    return {
        "createWebhook": partial(create_webhook, making),
        "rotateWebhookKey": partial(rotate_webhook_key, making),
        "testWebhook": try_webhook,
        "replayWebhook": replay_webhook,
        "disableWebhook": disable_webhook,
    }
