"""Writes the whole fictitious country in one transaction, region by region.

Laws
1. All or nothing: a seed that was broken off leaves no row. The same scale a second time does nothing, another is
   refused.
2. One batch is written while the next is made: Postgres and Python work side by side, in the memory of two batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from registry.seed.country import Country, read_country, settle, write_country
from registry.seed.desks import write_desks, write_posts
from registry.seed.parties import hand_over, write_parties
from registry.seed.people import people_of
from registry.seed.plan import Plan, read_plan
from registry.seed.reasons import Reasons
from registry.seed.work import quotas, write_work
from registry.seed.writing import TABLES, Batch, new_batch, prepare, write
from registry.session import session
from schema.errors import SetUp

if TYPE_CHECKING:
    from registry.session import Connection

Progress = Callable[[str, int, int], None]
BATCH = 4000  # young people; about four access rows each
COUNTED = (
    "school",
    "student",
    "placement",
    "opportunity",
    "employer",
    "contact_point",
    "party",
    "consent",
    "credential",
    "access",
    "sight",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """The rows of the tables after a seed. `already`: it stood there (`marker` says which), nothing was written."""

    marker: str
    already: bool
    tables: dict[str, int]

    def __str__(self) -> str:
        rows = ", ".join(f"{count:,} {table}" for table, count in self.tables.items())
        return f"{'nothing to do, ' if self.already else ''}{self.marker}: {rows}"


async def seed(url: str, scale: float, progress: Progress | None = None, today: date | None = None) -> Counts:
    """Writes the country at this scale (1 is national size) as it stands on `today` (default: the day in Amsterdam).

    `url` is the owner's; the reference data must be there. The same scale and day give the same rows in every database,
    but for the aliases and salts of `sight`. `progress` is told ("students", done, all).
    Raises SetUp: no reference data, another seed or other young people there, a scale not above 0 or beyond the BRINs.
    """
    if not 0 < scale <= 30:
        raise SetUp("The scale of a seed is above 0 and at most 30.")
    async with session(url) as connection:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('spil seed'))")
            seen_on = await connection.fetchval("SELECT today()")
            if today is not None and today > seen_on:
                raise SetUp("The day of a seed cannot lie in the future: rights begin when they are made.")
            plan = read_plan(scale, today or seen_on)
            there = await _there(connection)
            if there is None:
                await _write_all(connection, plan, progress or (lambda *_: None))
            elif f"scale {scale:g} " not in there:
                raise SetUp("Another seed stands in this database. Take an empty one, or the scale that is there.")
        if there is None:
            await connection.execute(f"VACUUM (ANALYZE) {', '.join([*TABLES, 'sight', 'coordinator_post'])}")
        tables = {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in COUNTED}  # noqa: S608 - our names
    return Counts(there or plan.marker, there is not None, tables)


async def _there(connection: Connection) -> str | None:
    """The marker of the seed that stands here. Raises SetUp when there are young people of another source."""
    marker: str | None = await connection.fetchval("SELECT digest FROM school WHERE source = 'seed' LIMIT 1")
    if marker is None and await connection.fetchval("SELECT EXISTS (SELECT FROM student)"):
        raise SetUp("There are young people in this database that no seed wrote. A seed wants a database without.")
    return marker


async def _write_all(connection: Connection, plan: Plan, progress: Progress) -> None:
    await connection.execute("SET LOCAL synchronous_commit = off; SET LOCAL jit = off; SET LOCAL work_mem = '64MB'")
    await prepare(connection)
    country = await read_country(connection)
    settle(plan, country)
    total = sum(school.size for region in country.regions.values() for school in region.schools)
    progress("students", 0, total)
    batches, done, written = _batches(plan, country), 0, 0
    await hand_over(connection, country)
    holders, first = await asyncio.to_thread(_directory, plan, country)
    await write(connection, first)
    await write_posts(connection, plan, country, holders)
    batch = await asyncio.to_thread(next, batches, None)
    while batch is not None:
        upcoming = asyncio.create_task(asyncio.to_thread(next, batches, None))
        try:
            done += (await write(connection, batch)).get("student", 0)
        finally:
            batch = await upcoming
        written += 1
        # The keeper's plan is made when the tables are almost empty; new statistics have it made again.
        if written in {1, 4, 16, 64}:
            await connection.execute("ANALYZE student, access, sight, consent")
        progress("students", done, total)


def _directory(plan: Plan, country: Country) -> tuple[dict[str, str], Batch]:
    batch = new_batch()
    write_country(plan, country, batch)
    write_parties(plan, country, batch)
    return write_desks(plan, country, batch), batch


def _batches(plan: Plan, country: Country) -> Iterator[Batch]:
    """Regions, or parts of them, until about BATCH young people are together."""
    quota, batch = quotas(plan, country), new_batch()
    every = plan.size["placements"] / plan.size["students"]
    before = 0
    for region in country.regions.values():
        work = write_work(plan, country, region, quota[region.code], batch)
        for school in region.schools:
            due = round((before + school.size) * every) - round(before * every)
            before += school.size
            reasons = Reasons(plan, country, school, work, plan.random("reasons", school.brin), batch)
            for person in people_of(plan, country, school, work, due, batch):
                reasons.write(person)
            if len(batch["student"]) >= BATCH:
                yield batch
                batch = new_batch()
    yield batch
