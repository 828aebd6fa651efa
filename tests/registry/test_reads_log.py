"""The reads log is written before an answer leaves:

in groups, durably, by a writer that can do nothing else, or there is no answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from registry.migrate import Logins, role_prefix
from registry.reads_log import Entry, ReadsLog
from schema.errors import Unavailable

SEER = "school:90ZX00#guidance"
QUICK = 0.5


def entry(request: str = "r", students: int = 1, **other: Any) -> Entry:
    given = {
        "seer": SEER,
        "subject": "s",
        "client": "c",
        "purpose": None,
        "operation_hash": "h",
        "layers": ("identity",),
    }
    return Entry(request_id=request, students=frozenset(uuid4().bytes for _ in range(students)), **(given | other))


@pytest.fixture
async def owner(fresh_database: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("TRUNCATE read")
    yield connection
    await connection.close()


@pytest.fixture
async def log(fresh_logins: Logins) -> AsyncIterator[ReadsLog]:
    writer = ReadsLog(fresh_logins.gateway, QUICK)
    writer.start()
    yield writer
    await writer.close()


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """Nobody writes to the log meanwhile."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE read IN EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def requests(owner: Any) -> set[str]:
    return {row[0] for row in await owner.fetch("SELECT request_id FROM read")}


async def until_it_records(log: ReadsLog, request: str) -> None:
    """Tries until the log works again."""
    async with asyncio.timeout(10):
        while True:
            try:
                await log.record(entry(request))
            except Unavailable:
                continue
            return


async def test_a_row_says_who_read_whom_and_why(log: ReadsLog, owner: Any) -> None:
    told = entry("r1", 3, purpose="WORK_SEARCH")
    await log.record(told)
    row = await owner.fetchrow("SELECT * FROM read")
    assert (row["seer"], row["subject"], row["client"], row["purpose"]) == (SEER, "s", "c", "WORK_SEARCH")
    assert (row["operation_hash"], row["request_id"], row["layers"]) == ("h", "r1", ["identity"])
    assert row["students"] == sorted(UUID(bytes=key) for key in told.students)
    assert abs((row["at"] - await owner.fetchval("SELECT now()")).total_seconds()) < 60


async def test_a_read_is_confirmed_only_when_it_is_committed(log: ReadsLog, owner: Any, fresh_database: str) -> None:
    """Another connection finds the row as soon as `record` is back;

    until it can be written, `record` does not come back.
    """
    for n in range(20):
        await log.record(entry(f"r{n}"))
        assert f"r{n}" in await requests(owner)
    async with locked(fresh_database):
        waiting = asyncio.create_task(log.record(entry("late")))
        done, _ = await asyncio.wait([waiting], timeout=QUICK / 3)
        assert not done
    await waiting
    assert "late" in await requests(owner)


async def test_what_waits_at_once_is_written_in_few_groups(log: ReadsLog, owner: Any) -> None:
    await asyncio.gather(*(log.record(entry(f"r{n}", n % 5)) for n in range(500)))
    assert len(await requests(owner)) == 500
    assert log.groups <= 5


async def test_a_commit_is_synchronous_whatever_the_default(fresh_logins: Logins, owner: Any) -> None:
    database = await owner.fetchval("SELECT current_database()")
    await owner.execute(f'ALTER DATABASE "{database}" SET synchronous_commit = off')
    log = ReadsLog(fresh_logins.gateway)
    log.start()
    try:
        await log.record(entry())
        assert await log._connection.fetchval("SHOW synchronous_commit") == "on"
    finally:
        await log.close()
        await owner.execute(f'ALTER DATABASE "{database}" RESET synchronous_commit')


async def test_the_writer_can_insert_and_nothing_else(log: ReadsLog, owner: Any) -> None:
    await log.record(entry())
    prefix = role_prefix(await owner.fetchval("SELECT current_database()"))
    assert await log._connection.fetchval("SELECT current_user") == f"{prefix}_scribe"
    for refused in (
        "SELECT * FROM read",
        "UPDATE read SET seer = seer",
        "DELETE FROM read",
        "TRUNCATE read",
        "SELECT * FROM sight",
        "SELECT * FROM region",
        "INSERT INTO command VALUES ('x', gen_random_uuid(), 'x', 'x', 'x')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await log._connection.execute(refused)
    assert await log._connection.fetchval("SELECT current_user") == f"{prefix}_scribe"


async def test_what_is_not_confirmed_in_time_is_unavailable_and_the_log_recovers(
    log: ReadsLog, owner: Any, fresh_database: str
) -> None:
    async with locked(fresh_database):
        began = time.monotonic()
        results = await asyncio.gather(*(log.record(entry(f"lost{n}")) for n in range(5)), return_exceptions=True)
        assert all(isinstance(one, Unavailable) for one in results)
        assert time.monotonic() - began < QUICK * 3
    await until_it_records(log, "found")
    assert "found" in await requests(owner)


async def test_a_killed_writer_is_replaced(log: ReadsLog, owner: Any, fresh_logins: Logins) -> None:
    await log.record(entry("before"))
    pid = await log._connection.fetchval("SELECT pg_backend_pid()")
    other = await asyncpg.connect(fresh_logins.gateway)
    assert await other.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    await other.close()
    await until_it_records(log, "after")
    assert await requests(owner) == {"before", "after"}


class Broken:
    """A connection to which its server said farewell at a bad moment."""

    def is_closed(self) -> bool:
        return False

    async def executemany(self, *_: Any) -> None:
        raise asyncpg.InternalClientError

    def terminate(self) -> None:
        """It is gone already."""


async def test_an_error_of_the_drivers_own_does_not_end_the_writer(log: ReadsLog, owner: Any) -> None:
    log._connection = Broken()
    with pytest.raises(Unavailable):
        await log.record(entry())
    await until_it_records(log, "after")
    assert "after" in await requests(owner)


@pytest.mark.parametrize("subject", ["\x00", "\ud800", "x" * 1_000_000, 7])
async def test_an_entry_that_cannot_be_written_does_not_stop_the_writer(
    log: ReadsLog, owner: Any, subject: Any
) -> None:
    with_it = asyncio.gather(
        log.record(entry("bad", subject=subject)), log.record(entry("beside")), return_exceptions=True
    )
    assert all(one is None or isinstance(one, Unavailable) for one in await with_it)
    await until_it_records(log, "after")
    assert "after" in await requests(owner)


async def test_no_database_is_unavailable_in_time_and_closing_lets_nobody_wait() -> None:
    log = ReadsLog("postgresql://a:b@127.0.0.1:1/none", QUICK)
    log.start()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await log.record(entry())
    assert time.monotonic() - began < QUICK * 2
    waiting = asyncio.create_task(log.record(entry()))
    await asyncio.sleep(0)
    await log.close()
    with pytest.raises(Unavailable):
        await waiting


async def test_a_request_that_was_given_up_hinders_nobody(log: ReadsLog, owner: Any, fresh_database: str) -> None:
    async with locked(fresh_database):
        given_up = asyncio.create_task(log.record(entry("given up")))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
    await until_it_records(log, "after")
    assert "after" in await requests(owner)
