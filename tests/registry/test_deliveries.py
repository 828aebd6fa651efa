"""Deliveries: made with the positions, leased with a token, in order per young person, settled by who holds them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from registry import reference
from registry.database import worker_pool
from registry.deliveries import SWEEP, Deliveries
from tests.registry.delivery_kit import (
    FREE,
    POINT,
    REPORTED,
    TOWN,
    hook,
    leased,
    log,
    settle,
    states,
    student,
)

if TYPE_CHECKING:
    from registry.migrate import Logins


@pytest.fixture(scope="module")
async def pool(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Any]:
    await reference.load(fresh_database)
    made = await worker_pool(fresh_logins.worker)
    yield made
    made.terminate()


@pytest.fixture
async def owner(fresh_database: str, pool: Any) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.execute("DELETE FROM webhook")
    await connection.close()


@pytest.fixture
def deliveries(pool: Any) -> Deliveries:
    return Deliveries(pool)


def positions(found: list[Any]) -> list[int]:
    return sorted(one.pos for one in found)


async def test_an_event_is_to_be_delivered_as_soon_as_it_has_its_position(owner: Any, deliveries: Deliveries) -> None:
    every, some = await hook(owner), await hook(owner, types=[FREE])
    await hook(owner, state="PENDING")
    await hook(owner, seer=POINT)
    young = await student(owner)
    first, second = await log(owner, [young, None])
    assert await states(owner, every) == {first: "WAITING", second: "WAITING"}
    assert await states(owner, some) == {second: "WAITING"}
    found = await leased(deliveries)
    assert {(one.webhook, one.pos) for one in found} == {(every, first), (every, second), (some, second)}
    assert {(one.seer, one.url, one.keys) for one in found} == {(TOWN, "https://ontvanger.example/spil", (b"x",))}
    assert {one.filtered for one in found if one.webhook == some} == {True}
    assert await owner.fetchval("SELECT type FROM outbox WHERE student = $1", young) == REPORTED


async def test_of_one_young_person_the_next_waits_for_the_one_before(owner: Any, deliveries: Deliveries) -> None:
    await hook(owner)
    one, other = await student(owner), await student(owner)
    a1, b1, a2, nobody, a3 = await log(owner, [one, other, one, None, one])
    first = await leased(deliveries)
    assert positions(first) == [a1, b1, nobody]
    assert await leased(deliveries) == []
    held = next(each for each in first if each.pos == a1)
    assert await settle(deliveries, "AGAIN", held, code="500", pause=3600) == 1
    assert await leased(deliveries) == [], "it is tried again before what came later"
    await owner.execute("UPDATE delivery SET next_at = now() WHERE pos = $1", a1)
    (again,) = await leased(deliveries)
    assert (again.pos, again.tries, again.token) == (a1, 1, 2)
    await settle(deliveries, "DONE", again)
    (after,) = await leased(deliveries)
    assert after.pos == a2
    await settle(deliveries, "DEAD", after, code="500")
    assert positions(await leased(deliveries)) == [a3], "the dead hold nobody back"


async def test_two_deliverers_at_once_never_lease_the_same(owner: Any, deliveries: Deliveries, pool: Any) -> None:
    key, people = await hook(owner), [await student(owner) for _ in range(10)]
    given = await log(owner, people * 4)
    order: dict[Any, list[int]] = {}
    at = {pos: people[n % 10] for n, pos in enumerate(given)}

    async def work() -> None:
        deliverer = Deliveries(pool)
        while len(list(chain(*order.values()))) < len(given):
            found = await leased(deliverer, most=3, each=8)
            for one in found:
                order.setdefault(at[one.pos], []).append(one.pos)
            if found:
                assert await settle(deliverer, "DONE", *found) == len(found)

    async with asyncio.timeout(30):
        await asyncio.gather(work(), work(), work())
    assert sorted(chain(*order.values())) == given
    assert all(one == sorted(one) for one in order.values())
    assert set((await states(owner, key)).values()) == {"DONE"}


async def test_of_one_endpoint_so_many_are_out_and_no_more(owner: Any, deliveries: Deliveries) -> None:
    one, other = await hook(owner), await hook(owner)
    await log(owner, [None] * 6)
    found = await leased(deliveries, most=100, each=4)
    assert [sum(each.webhook == key for each in found) for key in (one, other)] == [4, 4]
    await settle(deliveries, "DONE", next(each for each in found if each.webhook == one))
    assert [each.webhook for each in await leased(deliveries, each=4)] == [one]


async def test_an_endpoint_where_nothing_succeeds_has_one_out_until_something_does(
    owner: Any, deliveries: Deliveries
) -> None:
    await hook(owner)
    await log(owner, [None] * 12)
    hung = await leased(deliveries, each=4, seconds=30)
    assert (await settle(deliveries, "AGAIN", *hung, code="TIMEOUT", pause=3600), len(hung)) == (4, 4)
    (one,) = await leased(deliveries, each=4, seconds=30)
    assert await leased(deliveries, each=4, seconds=30) == []
    await settle(deliveries, "AGAIN", one, code="TIMEOUT", pause=3600)
    await owner.execute("UPDATE delivery SET next_at = 'epoch' WHERE tries > 0")
    (again,) = await leased(deliveries, each=4, seconds=30)
    assert (again.tries, await leased(deliveries, each=4, seconds=30)) == (1, []), "what is tried again counts as well"
    await settle(deliveries, "DONE", again)
    assert len(await leased(deliveries, each=4, seconds=30)) == 4


async def test_one_event_that_fails_for_days_slows_down_no_other(owner: Any, deliveries: Deliveries) -> None:
    await hook(owner)
    await log(owner, [None] * 8)
    (bad,) = await leased(deliveries, most=1, each=4, seconds=30)
    await settle(deliveries, "AGAIN", bad, code="500", pause=3600)
    (good,) = await leased(deliveries, each=4, seconds=30)
    await settle(deliveries, "DONE", good)
    assert len(await leased(deliveries, each=4, seconds=30)) == 4


async def test_what_a_filter_withheld_is_no_success(owner: Any, deliveries: Deliveries) -> None:
    await hook(owner)
    await log(owner, [None] * 8)
    bad, withheld = await leased(deliveries, most=2, each=4, seconds=30)
    await settle(deliveries, "AGAIN", bad, code="TIMEOUT", pause=3600)
    await settle(deliveries, "DONE", withheld, code="WITHHELD")
    assert len(await leased(deliveries, each=4, seconds=30)) == 1


async def test_who_has_least_out_goes_first_though_others_are_due_for_longer(
    owner: Any, deliveries: Deliveries
) -> None:
    first = await hook(owner)
    await log(owner, [None] * 6)
    assert [one.webhook for one in await leased(deliveries, most=1, each=4)] == [first]
    second = await hook(owner)
    third = await hook(owner)
    await log(owner, [None] * 2)
    assert {one.webhook for one in await leased(deliveries, most=2, each=4)} == {second, third}
    found = [one.webhook for one in await leased(deliveries, most=3, each=4)]
    assert sorted(found) == sorted([first, second, third])


async def test_a_lease_ends_by_itself_and_who_lost_it_settles_nothing(owner: Any, deliveries: Deliveries) -> None:
    key, young = await hook(owner), await student(owner)
    first, _ = await log(owner, [young, young])
    (lost,) = await leased(deliveries, seconds=0)
    (taken,) = await leased(deliveries)
    assert (taken.pos, taken.token, taken.tries) == (first, lost.token + 1, 0)
    assert await settle(deliveries, "DONE", lost) == 0
    assert await settle(deliveries, "AGAIN", lost, code="500", pause=0) == 0
    assert (await states(owner, key))[first] == "SENDING"
    assert await settle(deliveries, "DONE", taken) == 1


async def test_a_late_success_counts_when_nobody_leased_it_since(owner: Any, deliveries: Deliveries) -> None:
    key = await hook(owner)
    first, second = await log(owner, [None, None])
    late = await leased(deliveries, seconds=0)
    assert await settle(deliveries, "DONE", late[0]) == 1
    (other,) = await leased(deliveries, each=1)
    await deliveries.end(key, "DISABLED", "GONE")
    assert set((await states(owner, key)).values()) == {"DONE", "DEAD"}
    assert await settle(deliveries, "DONE", other) == 1, "it did arrive, after all"
    assert await states(owner, key) == {first: "DONE", second: "DONE"}


async def test_what_was_nobody_s_fault_costs_no_try(owner: Any, deliveries: Deliveries) -> None:
    await hook(owner)
    await log(owner, [None])
    (one,) = await leased(deliveries)
    await settle(deliveries, "LATER", one, code="NO_AGREEMENT", pause=0)
    (again,) = await leased(deliveries)
    assert again.tries == 0


async def test_what_is_disabled_is_given_nothing_and_what_waited_is_dead(owner: Any, deliveries: Deliveries) -> None:
    key = await hook(owner)
    first, second = await log(owner, [None, None])
    await leased(deliveries, each=1)
    await deliveries.end(key, "DISABLED", "GONE")
    assert await states(owner, key) == {first: "DEAD", second: "DEAD"}
    await log(owner, [None])
    assert len(await states(owner, key)) == 2
    assert await leased(deliveries) == []


async def test_what_was_given_a_position_while_its_endpoint_ended_is_dead_as_well(
    owner: Any, deliveries: Deliveries
) -> None:
    key, other = await hook(owner), await hook(owner)
    (first,) = await log(owner, [None])
    await owner.execute(  # as the sequencer's transaction leaves it, which began while the endpoint was there
        "UPDATE webhook SET state = 'DISABLED', reason = 'GONE', ended_at = now() WHERE id = $1", key
    )
    assert [await deliveries.sweep() for _ in range(2)] == [1, 0]
    assert (await states(owner, key), await states(owner, other)) == ({first: "DEAD"}, {first: "WAITING"})
    assert await owner.fetchval("SELECT code FROM delivery WHERE webhook = $1", key) == "DISABLED"


async def test_the_sweep_does_not_read_what_was_delivered(owner: Any, deliveries: Deliveries) -> None:
    key = await hook(owner, state="ACTIVE")
    many = """INSERT INTO delivery (webhook, epoch, pos, seer, state, ended_at, code)
        SELECT $1, 1, n, $2, 'DONE', now() - interval '8 days', '200' FROM generate_series(1, 20000) n"""
    await owner.execute(many, key, TOWN)
    await deliveries.end(key, "DISABLED", "GONE")
    await owner.execute("INSERT INTO delivery (webhook, epoch, pos, seer) VALUES ($1, 2, 1, $2)", key, TOWN)
    await owner.execute("ANALYZE delivery")
    plan = "\n".join(row[0] for row in await owner.fetch("EXPLAIN " + SWEEP))
    assert "Seq Scan on delivery" not in plan, plan
    assert [await deliveries.sweep() for _ in range(2)] == [1, 0]
    assert [await deliveries.forget(7, 15000) for _ in range(3)] == [15000, 5000, 0], "a little at a time"


async def test_of_tests_the_latest_is_remembered_so_that_no_number_comes_twice(
    owner: Any, deliveries: Deliveries
) -> None:
    key = await hook(owner)
    told = """INSERT INTO delivery (webhook, epoch, pos, seer, state, ended_at)
        VALUES ($1, 0, $2, $3, $4, now() - interval '8 days')"""
    for pos, state in ((1, "DONE"), (2, "DONE"), (3, "DEAD"), (4, "DEAD")):
        await owner.execute(told, key, pos, TOWN, state)
    await deliveries.forget(7)
    assert await owner.fetch("SELECT pos, state FROM delivery WHERE webhook = $1", key) == [(4, "DEAD")]


async def test_the_order_outlives_those_who_are_erased(owner: Any, deliveries: Deliveries) -> None:
    key, young = await hook(owner), await student(owner)
    await log(owner, [young, young])
    await owner.execute("DELETE FROM student WHERE id = $1", young)
    assert await owner.fetchval("SELECT count(*) FROM delivery WHERE webhook = $1 AND person IS NULL", key) == 2
    assert len(await leased(deliveries)) == 2, "their positions are still to be told, as withheld"


async def test_what_was_delivered_long_ago_is_forgotten_and_the_dead_stay(owner: Any, deliveries: Deliveries) -> None:
    key = await hook(owner)
    first, second, third = await log(owner, [None, None, None])
    done, dead, _ = sorted(await leased(deliveries), key=lambda one: one.pos)
    await settle(deliveries, "DONE", done)
    await settle(deliveries, "DEAD", dead)
    await deliveries.forget(7)
    assert len(await states(owner, key)) == 3
    await owner.execute("UPDATE delivery SET ended_at = now() - interval '8 days' WHERE ended_at IS NOT NULL")
    await deliveries.forget(7)
    assert await states(owner, key) == {second: "DEAD", third: "SENDING"}
    await owner.execute("UPDATE stream_head SET kept_after = $1 WHERE seer = $2", second, TOWN)
    await deliveries.forget(7)
    assert await states(owner, key) == {third: "SENDING"}, "the log does not have it any more"
    assert first < second
