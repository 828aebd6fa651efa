"""What the role `command` may change for a seer, tried row by row against the oracle. Nothing stays: each try is a
savepoint.

Wall 3 alone: the commands check for themselves besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import uuid4

import asyncpg

from tests.walls.data import World, some
from tests.walls.seers import Seer
from tests.walls.walls import Broken, Walls

NOBODY = Seer()
HISTORY = "INSERT INTO contact_point_history (contact, n, seer, command) VALUES ($1, 99, $2, 'x')"
POST_HISTORY = (
    "INSERT INTO coordinator_post_history (region, n, state, since, until, seer, command)"
    " VALUES ('AM27', 99, 'NONE', '2026-01-01', '2026-01-02', $1, 'x')"
)
COMMAND = "INSERT INTO command (seer, key, name, digest, reference) VALUES ($1, $2, 'x', 'x', 'x')"


async def wrong_writes(walls: Walls, world: World, seer: Seer, rng: Random) -> str | None:
    """The first thing that the seer can do and may not, or may and cannot."""
    for found, wanted, name in [
        *[one async for one in _contacts(walls, seer, rng)],
        *[one async for one in _accounts(walls, world, seer)],
    ]:
        if found != wanted:
            return f"{seer}, {name}: {found if isinstance(found, bool) else 'other rows'}"
    return None


async def _contacts(walls: Walls, seer: Seer, rng: Random) -> Any:
    oracle, rows = walls.oracle, walls.oracle.rows["contact_point"]
    mine = {row["id"] for row in rows if oracle.may_change_contact(seer, row["owner_kind"], row["owner"])}
    yield await _rows(walls, seer, "UPDATE contact_point SET desk = desk RETURNING id"), mine, "contact points changed"
    may = {row["region"] for row in oracle.rows["coordinator_post"] if oracle.may_change_post(seer, row["region"])}
    yield await _rows(walls, seer, "UPDATE coordinator_post SET since = since RETURNING region"), may, "posts changed"
    sql = "INSERT INTO contact_point (owner_kind, owner, topic, desk) VALUES ($1, $2, $3, 'x') ON CONFLICT DO NOTHING"
    for kind, owner in [
        *_owners(walls, seer),
        *some(rng, sorted({(row["owner_kind"], row["owner"]) for row in rows}), 12),
    ]:
        allowed = oracle.may_change_contact(seer, kind, owner)
        yield await _can(walls, seer, sql, kind, owner, "INTERNSHIPS"), allowed, f"a contact point made of {kind}"
    foreign = next((row for row in rows if not oracle.may_change_contact(seer, row["owner_kind"], row["owner"])), None)
    if mine and foreign:
        sql = "UPDATE contact_point SET owner_kind = $2, owner = $3, topic = 'INTERNSHIPS' WHERE id = $1"
        done = await _can(walls, seer, sql, next(iter(mine)), foreign["owner_kind"], "0" + foreign["owner"][1:])
        yield done, False, "a contact point given to a foreign owner"


def _owners(walls: Walls, seer: Seer) -> Iterator[tuple[str, str]]:
    """The own code as the owner of every kind, and every kind of owner in and out of the home region."""
    for kind in ("SCHOOL", "SCHOOL_BOARD", "SERVICE_POINT", "MUNICIPALITY", "DOORSTROOMPUNT", "REGION"):
        yield kind, seer.code or "x"
    for table, key, kind in (
        ("school", "brin", "SCHOOL"),
        ("municipality", "code", "MUNICIPALITY"),
        ("service_point", "code", "SERVICE_POINT"),
    ):
        for region in ("AM27", "AM26", "AM01"):
            yield kind, next(row[key] for row in walls.oracle.rows[table] if row["region"] == region)
    covered = sorted(
        {
            row["municipality"]
            for row in walls.oracle.rows["covers"]
            if row["party"] == seer.party and row["municipality"]
        }
    )
    yield from ((kind, town) for town in covered[:3] for kind in ("MUNICIPALITY", "SCHOOL", "REGION"))
    yield from (("REGION", "AM27"), ("REGION", "AM26"), ("REGION", "AM01"), ("MUNICIPALITY", "GM0014"))


async def _accounts(walls: Walls, world: World, seer: Seer) -> Any:
    """Histories and idempotency rows bear the seer who acts; without one nothing is to be had."""
    contact, other = (
        walls.oracle.rows["contact_point"][0]["id"],
        next(one for one in world.seers if one != seer and one.party),
    )
    if seer.party:
        yield await _can(walls, seer, HISTORY, contact, seer.key), True, "its own history of a contact"
        yield await _can(walls, seer, POST_HISTORY, seer.key), True, "its own history of a post"
        yield await _can(walls, seer, COMMAND, seer.key, uuid4()), True, "its own command"
        everything = {(row["region"], row["n"]) for row in walls.oracle.rows["coordinator_post_history"]}
    else:
        everything = set()
    yield await _can(walls, seer, HISTORY, contact, other.key), False, "another's history of a contact"
    yield await _can(walls, seer, POST_HISTORY, other.key), False, "another's history of a post"
    yield await _can(walls, seer, COMMAND, other.key, uuid4()), False, "another's command"
    yield (
        await _rows(walls, seer, "SELECT region, n FROM coordinator_post_history"),
        everything,
        "histories of posts read",
    )
    known = len(walls.oracle.rows["contact_point_history"]) if seer.party else 0
    yield (
        len(await _rows(walls, seer, "SELECT contact, n FROM contact_point_history")),
        known,
        "histories of contacts read",
    )
    own = {row["key"] for row in walls.oracle.rows["command"] if row["seer"] == seer.key}
    yield await _rows(walls, seer, "SELECT key FROM command"), own, "commands read"


async def _rows(walls: Walls, seer: Seer, sql: str) -> set[Any]:
    try:
        async with walls.owner.transaction() as _, walls.acting(seer, "command"):
            rows = await walls.owner.fetch(sql)
    except asyncpg.PostgresError as error:
        raise Broken(str(error)) from error
    return {row[0] if len(row) == 1 else tuple(row) for row in rows}


class _Undo(Exception):
    pass


async def _can(walls: Walls, seer: Seer, sql: str, *values: Any) -> bool:
    """Whether the statement is allowed; what it did is undone."""
    try:
        async with walls.owner.transaction(), walls.acting(seer, "command"):
            await walls.owner.execute(sql, *values)
            raise _Undo  # noqa: TRY301 - the way to roll a savepoint back
    except _Undo:
        return True
    except asyncpg.InsufficientPrivilegeError:
        return False
