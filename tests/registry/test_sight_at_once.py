"""`sight` stays the naive maximum whoever adds, renews or ends reasons at the same time, in every order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from registry.migrate import Logins, role_prefix
from tests.registry.sight_kit import (
    ADD,
    END,
    EVER,
    NEVER,
    SEERS,
    TIERS,
    agree,
    empty_registry,
    naive,
    sight,
    students,
)


@pytest.fixture
async def owner(fresh_database: str) -> AsyncIterator[Any]:
    async with empty_registry(fresh_database) as connection:
        yield connection


async def workers(url: str, count: int) -> list[Any]:
    return await asyncio.gather(*(asyncpg.connect(url) for _ in range(count)))


STEPS = ("begin", "do", "commit")
# Every way to lay the steps of two transactions between each other.
ORDERS = sorted({tuple(order) for order in itertools.permutations("000111")})


@pytest.mark.parametrize("order", ORDERS, ids="".join)
async def test_two_endings_of_one_pair_in_every_order_leave_nothing_open(
    owner: Any, fresh_database: str, order: tuple[str, ...]
) -> None:
    """Each in a transaction of its own, begun, done and committed in every possible order."""
    (student,) = await students(owner, 1)
    ids = [await owner.fetchval(ADD, SEERS[0], student, tier, EVER) for tier in ("IDENTIFIED", "CANDIDATE")]
    both = await workers(fresh_database, 2)
    under_way: dict[str, asyncio.Task[Any]] = {}
    turns = {n: iter(STEPS) for n in "01"}
    for n in order:  # one may wait for the other's lock: its next step then waits for it
        step = _step(both[int(n)], next(turns[n]), ids[int(n)], under_way.get(n))
        under_way[n] = asyncio.create_task(step)
        await asyncio.wait(under_way.values(), timeout=0.02)
    async with asyncio.timeout(10):
        await asyncio.gather(*under_way.values())
    for one in both:
        await one.close()
    assert (await sight(owner))[SEERS[0], student] == (NEVER,) * 4


async def _step(connection: Any, what: str, reason: UUID, before: asyncio.Task[Any] | None) -> None:
    if before:
        await before
    await connection.execute(*{"begin": ("BEGIN",), "do": (END, reason), "commit": ("COMMIT",)}[what])


async def test_adding_renewing_and_ending_at_once_gives_the_naive_maximum(owner: Any, fresh_database: str) -> None:
    """Many tasks on few pairs, on connections of their own;

    no deadlock, for each locks the young people first, in key order.
    """
    seed = SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    young = await students(owner, 4)
    connections = await workers(fresh_database, 8)
    await asyncio.gather(*(_busy(one, Random(seed + n), young) for n, one in enumerate(connections)))
    for one in connections:
        await one.close()
    assert len(await naive(owner)) == len(young) * len(SEERS)
    await agree(owner)


async def _busy(connection: Any, rng: Random, young: list[UUID]) -> None:
    for _ in range(60):
        async with connection.transaction():
            some = rng.sample(young, rng.randrange(1, 3))
            await connection.execute("SELECT FROM student WHERE id = ANY ($1) ORDER BY id FOR UPDATE", some)
            for student in some:
                await _one_thing(connection, rng, student)
            if rng.random() < 0.1:
                await asyncio.sleep(0)


async def _one_thing(connection: Any, rng: Random, student: UUID) -> None:
    seer, draw = rng.choice(SEERS), rng.random()
    end = datetime.now(UTC) + timedelta(days=rng.randrange(-5, 50))
    which = "(SELECT id FROM access WHERE student = $1 AND seer = $2 ORDER BY random() LIMIT $3)"
    if draw < 0.4:
        await connection.execute(ADD, seer, student, rng.choice(TIERS), EVER if draw < 0.1 else end)
    elif draw < 0.7:
        await connection.execute(f"UPDATE access SET ended_at = now() WHERE id IN {which}", student, seer, 2)
    elif draw < 0.9:
        await connection.execute(f"UPDATE access SET ends_at = $4 WHERE id IN {which}", student, seer, 2, end)
    else:
        await connection.execute(f"DELETE FROM access WHERE id IN {which}", student, seer, 1)


async def test_single_statements_at_once_without_locks_of_their_own_are_true_as_well(
    owner: Any, fresh_database: str
) -> None:
    """What a psql session or a later command may forget: the lock is taken by the keeper, so the maximum stays true."""
    (student,) = await students(owner, 1)
    connections = await workers(fresh_database, 10)

    async def one(n: int, connection: Any) -> None:
        for round_ in range(20):
            reason = await connection.fetchval(ADD, SEERS[0], student, TIERS[(n + round_) % 4], EVER)
            if n % 2:
                await connection.execute(END, reason)

    await asyncio.gather(*(one(n, connection) for n, connection in enumerate(connections)))
    for connection in connections:
        await connection.close()
    await agree(owner)
    await owner.execute("UPDATE access SET ended_at = now() WHERE ended_at = 'infinity'")
    assert (await sight(owner))[SEERS[0], student] == (NEVER,) * 4


async def test_two_statements_over_the_same_pairs_in_opposite_order_do_not_lock_each_other_out(
    owner: Any, fresh_database: str
) -> None:
    """The keeper takes its locks in key order, whatever the order of the rows."""
    young = await students(owner, 300)
    connections = await workers(fresh_database, 2)
    insert = (
        "INSERT INTO access (seer, student, tier, purpose, ends_at) SELECT $1, s, 'TRACE', 'STAGE', 'infinity'"
        " FROM unnest($2::uuid[]) WITH ORDINALITY u(s, n) ORDER BY n"
    )
    for _ in range(5):
        await asyncio.gather(
            *(
                one.execute(insert, SEERS[0], given)
                for one, given in zip(connections, (young, young[::-1]), strict=True)
            )
        )
    for one in connections:
        await one.close()
    await agree(owner)


async def test_a_granter_who_sees_no_other_reason_shortens_no_right(owner: Any, fresh_logins: Logins) -> None:
    """The worker, as harvest:

    its own policy shows it all; a granter without that must not matter, so one is made that sees nothing.
    """
    prefix = role_prefix(await owner.fetchval("SELECT current_database()"))
    (student,) = await students(owner, 1)
    await owner.execute(ADD, SEERS[0], student, "IDENTIFIED", EVER)
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute(f'GRANT INSERT, UPDATE ON access TO "{prefix}_command"')
        await owner.execute(f'CREATE POLICY granted ON access FOR INSERT TO "{prefix}_command" WITH CHECK (true)')
        only_become = " WITH INHERIT FALSE, SET TRUE" if owner.get_server_version().major >= 16 else ""
        await owner.execute(f'GRANT "{prefix}_command" TO CURRENT_USER{only_become}')
        await owner.execute(f'SET LOCAL ROLE "{prefix}_command"')
        await owner.execute(
            ADD.partition(" RETURNING")[0], SEERS[0], student, "CANDIDATE", datetime.now(UTC) + timedelta(days=1)
        )
        await owner.execute("RESET ROLE")
        assert (await sight(owner))[SEERS[0], student] == (EVER,) * 4
    finally:
        await transaction.rollback()


async def test_a_pair_made_during_a_move_has_the_new_place(owner: Any, fresh_database: str) -> None:
    """The one who moves the student and the one who adds a reason both lock the student:

    whichever comes first, the copy is true.
    """
    young = await students(owner, 20)
    mover, adder = await workers(fresh_database, 2)

    async def move(student: UUID) -> None:
        async with mover.transaction():
            await mover.execute("SELECT FROM student WHERE id = $1 FOR UPDATE", student)
            await mover.execute("UPDATE student SET municipality = 'GM0855' WHERE id = $1", student)

    async def add(student: UUID) -> None:
        async with adder.transaction():
            await adder.execute("SELECT FROM student WHERE id = $1 FOR UPDATE", student)
            await adder.execute(ADD, SEERS[0], student, "CANDIDATE", EVER)

    for student in young:
        await asyncio.gather(move(student), add(student))
    for one in (mover, adder):
        await one.close()
    assert {row[0] for row in await owner.fetch("SELECT municipality FROM sight")} == {"GM0855"}
