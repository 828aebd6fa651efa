"""Nothing of one request reaches the next on a pooled connection;

a database that is slow or away is said in time; logins are weak.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from registry.database import Database, refuse_powerful_logins
from registry.migrate import Logins, role_prefix
from schema.errors import Internal, NotFound, SetUp, TooSlow, Unavailable

SEER, OTHER = "school:90ZX00#guidance", "municipality:GM0796#participatie"
WHO = "SELECT current_user::text, coalesce(current_setting('spil.seer', true), '')"
DATABASE = "SELECT current_database()"
PID = "SELECT pg_backend_pid()"
SLOW = "SELECT pg_sleep(30)"


@pytest.fixture
async def database(fresh_logins: Logins) -> AsyncIterator[Database]:
    """One connection per pool, so that each request finds what the one before left; a statement has a second."""
    opened = await Database.open(fresh_logins.gateway, fresh_logins.directory, size=1, seconds=1.0)
    yield opened
    await opened.close()


@pytest.fixture
async def owner(fresh_database: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


async def left_behind(database: Database) -> tuple[Any, ...]:
    """What the connection of the gateway's pool is, before a request makes it its own."""
    connection = await database._gateway.take()
    try:
        assert not connection.is_in_transaction()
        row = await connection.fetchrow(WHO)
        instants = {await connection.fetchval("SELECT now()") for _ in range(2)}  # in a transaction they would be one
        return (*row, len(instants) == 2)
    finally:
        database._gateway.give(connection)


def as_found(database: Database) -> tuple[Any, ...]:
    return (f"{database._prefix}_gateway_login", "", True)


# ---- role and seer are one request's own


async def test_a_read_has_its_role_and_seer_and_the_next_has_its_own(database: Database) -> None:
    assert tuple(await database.read("SCHOOL", SEER, WHO, [])) == (f"{database._prefix}_school", SEER)
    assert await left_behind(database) == as_found(database)
    assert tuple(await database.read("MUNICIPALITY", OTHER, WHO, [])) == (f"{database._prefix}_municipality", OTHER)
    async with database.command(SEER) as connection:
        assert tuple(await connection.fetchrow(WHO)) == (f"{database._prefix}_command", SEER)
    assert await left_behind(database) == as_found(database)
    assert tuple(await database.read(None, None, WHO, [])) == (f"{database._prefix}_directory_login", "")


async def test_a_read_writes_nothing(database: Database) -> None:
    with pytest.raises(Internal):
        await database.read("COMMAND", SEER, "UPDATE contact_point SET desk = desk RETURNING 1", [])
    assert await left_behind(database) == as_found(database)


async def test_nothing_is_left_after_an_error(database: Database) -> None:
    for sql, values in (
        ("SELECT 1 / 0", []),
        ("SELECT nonsense", []),
        ("SELECT $1::text", ["\x00"]),
        ("SELECT * FROM sight", [1]),
    ):
        with pytest.raises((Internal, Unavailable)):
            await database.read("SCHOOL", SEER, sql, values)
        assert await left_behind(database) == as_found(database)


async def test_nothing_is_left_after_a_cancelled_request(database: Database) -> None:
    """Also of one that is cancelled a second time while it cleans up: its `now()` would stand still for the next."""
    for times in (1, 2, 3):
        for pause in (0.0, 0.001, 0.02, 0.1):
            task = asyncio.create_task(database.read("SCHOOL", SEER, SLOW, []))
            await asyncio.sleep(pause)
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await left_behind(database) == as_found(database)


async def test_a_cancelled_directory_read_disturbs_nobody(database: Database) -> None:
    for pause in (0.0, 0.001, 0.01):
        task = asyncio.create_task(database.read(None, None, SLOW, []))
        await asyncio.sleep(pause)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await database.read(None, None, "SELECT 7", []))[0] == 7


async def test_a_statement_that_takes_too_long_is_too_slow_and_leaves_nothing(database: Database) -> None:
    for role, seer in (("SCHOOL", SEER), (None, None)):
        began = time.monotonic()
        with pytest.raises(TooSlow):
            await database.read(role, seer, SLOW, [])
        assert time.monotonic() - began < 2
    assert await left_behind(database) == as_found(database)


async def test_a_command_that_fails_is_undone_and_leaves_nothing(database: Database, owner: Any) -> None:
    before = await owner.fetchval("SELECT count(*) FROM command")

    async def fails() -> None:
        async with database.command("national#lead") as connection:
            await connection.execute(
                "INSERT INTO command (seer, key, name, digest, reference)"
                " VALUES ('national#lead', gen_random_uuid(), 'x', 'x', 'x')"
            )
            raise NotFound

    with pytest.raises(NotFound):
        await fails()
    assert await owner.fetchval("SELECT count(*) FROM command") == before
    assert await left_behind(database) == as_found(database)


async def test_many_requests_at_once_are_each_their_own(fresh_logins: Logins) -> None:
    database = await Database.open(fresh_logins.gateway, fresh_logins.directory, size=3)
    seers = [f"school:90Z{chr(65 + n % 26)}{n % 10}{n // 10 % 10}#guidance" for n in range(200)]

    async def ask(n: int, seer: str) -> None:
        if n % 7 == 0:
            with pytest.raises(Internal):
                await database.read("SCHOOL", seer, "SELECT 1 / 0", [])
        row = await database.read("SCHOOL", seer, WHO, [])
        assert row[1] == seer

    await asyncio.gather(*(ask(n, seer) for n, seer in enumerate(seers)))
    await database.close()


# ---- what is written into the batch


@pytest.mark.parametrize(
    "seer",
    [None, "", "school:90ZX00", "#guidance", "school:90ZX00#", "school:90ZX00#guidance\n", "school:1#a ", "School:1#a",
     "school:1'#a", "school:1#a'; RESET ROLE; --", "school:\x00#guidance", "school:é#a", "school:\uff11#guidance",
     "school:" + "9" * 61 + "#guidance", "school:1#" + "a" * 31, "school:1\\#a", "a:b:c#d"],
)  # fmt: skip
async def test_what_is_no_seer_never_reaches_the_database(database: Database, seer: str | None) -> None:
    with pytest.raises(Internal):
        await database.read("SCHOOL", seer, "SELECT 1", [])
    with pytest.raises(Internal):
        async with database.command(seer):  # type: ignore[arg-type]  # None is one of the tries
            raise AssertionError
    assert await left_behind(database) == as_found(database)


# ---- a connection that breaks


@pytest.mark.parametrize(("role", "seer", "login"), [("SCHOOL", SEER, "gateway"), (None, None, "directory")])
async def test_a_killed_connection_is_unavailable_once_and_replaced(
    database: Database, fresh_logins: Logins, role: str | None, seer: str | None, login: str
) -> None:
    pid = (await database.read(role, seer, PID, []))[0]
    task = asyncio.create_task(database.read(role, seer, SLOW, []))
    await killed(getattr(fresh_logins, login), pid, while_it_says=SLOW)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await task
    assert time.monotonic() - began < 3
    assert (await database.read(role, seer, PID, []))[0] != pid


async def test_a_connection_that_died_while_idle_is_replaced_unnoticed_or_unavailable_once(
    database: Database, fresh_logins: Logins
) -> None:
    pid = (await database.read("SCHOOL", SEER, PID, []))[0]
    await killed(fresh_logins.gateway, pid)
    try:
        found = (await database.read("SCHOOL", SEER, PID, []))[0]
    except Unavailable:
        found = (await database.read("SCHOOL", SEER, PID, []))[0]
    assert found != pid


async def killed(url: str, pid: int, while_it_says: str | None = None) -> None:
    """Ends a backend of the same login, at work or idle."""
    says = "SELECT state = 'active' AND query = $2 FROM pg_stat_activity WHERE pid = $1"
    other = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(10):
            while while_it_says and not await other.fetchval(says, pid, while_it_says):
                pass
        assert await other.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    finally:
        await other.close()


async def test_a_taken_pool_is_unavailable_within_three_seconds(database: Database) -> None:
    connection = await database._gateway.take()
    try:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await database.read("SCHOOL", SEER, "SELECT 1", [])
        assert time.monotonic() - began < 3
    finally:
        database._gateway.give(connection)
    assert (await database.read("SCHOOL", SEER, "SELECT 1", []))[0] == 1


async def test_no_database_is_unavailable_within_three_seconds() -> None:
    database = await Database.open("postgresql://a:b@127.0.0.1:1/none", "postgresql://a:b@127.0.0.1:1/none")
    began = time.monotonic()
    for role, seer in (("SCHOOL", SEER), (None, None)):
        with pytest.raises(Unavailable):
            await database.read(role, seer, "SELECT 1", [])
    assert not await database.ready()
    assert time.monotonic() - began < 3
    await database.close()


# ---- the logins


async def test_the_directorys_login_reads_no_partner_contact_no_state_no_history_and_nobody(
    fresh_logins: Logins, owner: Any
) -> None:
    await owner.execute(
        "INSERT INTO contact_point (owner_kind, owner, topic, desk, partner_only)"
        " SELECT 'SCHOOL', o, 'INTERNSHIPS', 'D', o = 'x' FROM unnest(ARRAY['x', 'y']) o ON CONFLICT DO NOTHING"
    )
    connection = await asyncpg.connect(fresh_logins.directory)
    try:
        owners = {
            row[0] for row in await connection.fetch("SELECT owner FROM contact_point WHERE owner_kind = 'SCHOOL'")
        }
        assert owners == {"y"}
        await connection.fetch("SELECT region, filled FROM coordinator_post")
        for closed in ("state FROM coordinator_post", "* FROM coordinator_post", "* FROM coordinator_post_history",
                       "* FROM contact_point_history", "* FROM sight", "* FROM access", "* FROM student", "* FROM read",
                       "* FROM party_agreement"):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT {closed}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f'SET ROLE "{role_prefix(await connection.fetchval(DATABASE))}_school"')
    finally:
        await connection.close()


async def test_the_gateways_login_reads_nothing_until_it_becomes_a_reader(fresh_logins: Logins) -> None:
    connection = await asyncpg.connect(fresh_logins.gateway)
    try:
        for table in ("region", "contact_point", "sight", "read", "command"):
            with pytest.raises(asyncpg.UndefinedTableError):  # not even the schema
                await connection.fetch(f"SELECT * FROM {table}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM public.{table}")
        for role in ("worker", "keeper"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f'SET ROLE "{role_prefix(await connection.fetchval(DATABASE))}_{role}"')
    finally:
        await connection.close()


async def test_weak_logins_may_serve_and_powerful_ones_may_not(
    fresh_database: str, fresh_logins: Logins, owner: Any
) -> None:
    def urls(**other: str) -> Any:
        given = {
            "gateway_url": fresh_logins.gateway,
            "directory_url": fresh_logins.directory,
            "worker_url": fresh_logins.worker,
        }
        return SimpleNamespace(**(given | other))

    await refuse_powerful_logins(urls())
    for name in ("gateway_url", "directory_url", "worker_url"):
        with pytest.raises(SetUp, match=f"SPIL_{name.upper()}"):
            await refuse_powerful_logins(urls(**{name: fresh_database}))
    with pytest.raises(SetUp, match="SPIL_GATEWAY_URL"):  # one login for all would be as powerful as all of them
        await refuse_powerful_logins(urls(gateway_url=fresh_logins.worker))
    with pytest.raises(SetUp, match="SPIL_DIRECTORY_URL"):
        await refuse_powerful_logins(urls(directory_url=fresh_logins.gateway))


async def test_a_login_that_may_become_the_owner_or_another_role_may_not_serve(
    fresh_logins: Logins, owner: Any
) -> None:
    given = SimpleNamespace(
        gateway_url=fresh_logins.gateway, directory_url=fresh_logins.directory, worker_url=fresh_logins.worker
    )
    prefix = role_prefix(await owner.fetchval("SELECT current_database()"))
    for role in (f"{prefix}_keeper", f"{prefix}_worker"):
        await owner.execute(f'GRANT "{role}" TO "{prefix}_gateway_login"')
        with pytest.raises(SetUp, match="SPIL_GATEWAY_URL"):
            await refuse_powerful_logins(given)
        await owner.execute(f'REVOKE "{role}" FROM "{prefix}_gateway_login"')
    await refuse_powerful_logins(given)
