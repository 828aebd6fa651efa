"""The registry's Postgres as the gateway uses it: two pools, one statement a read, one transaction a command.

Laws
1. A party-scoped read is one READ ONLY transaction with `role` and `spil.seer` set for it alone: a batch, the
   statement, COMMIT; three round trips.
2. A read of the directory alone is one implicit statement on a pool whose login can read nothing else.
3. Settings are local to the transaction; nothing is ever set for a session, so a connection given back needs no reset.
4. What was answered as done is on disk: commits are synchronous whatever the database's default is.
5. A database that is away is Unavailable within CONNECT seconds; nothing of its own words leaves this module.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from registry.connections import Connections
from registry.migrate import LOGINS, role_prefix
from schema.errors import CursorExpired, EpochChanged, Internal, SetUp, SpilError, TooSlow, Unavailable

CONNECT = 2.0  # seconds to get a connection, new or from the pool
SEER = re.compile(r"[a-z]+(:[A-Za-z0-9-]{1,60})?#[a-z]{1,30}")
SESSION = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "random_page_cost": "1.1",
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "application_name": "spil",
    "synchronous_commit": "on",
}
AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a server's farewell in the middle of something
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


OURS = {"SP001": EpochChanged, "SP002": CursorExpired}  # told by our own functions (0028_cursors_whole.sql)


def _place(detail: str | None) -> tuple[int, int] | None:
    epoch, _, pos = (detail or "").partition(".")
    return (int(epoch), int(pos)) if epoch.isdecimal() and pos.isdecimal() else None


class Database:
    """The pools of one gateway process. Made by `open`, ended by `close`."""

    def __init__(self, gateway: Connections, directory: Connections, prefix: str) -> None:
        self._gateway, self._directory, self._prefix = gateway, directory, prefix

    @classmethod
    async def open(cls, gateway_url: str, directory_url: str, *, size: int = 8, seconds: float = 5.0) -> Database:
        """Opens the pools without a connection yet: the hub starts while its database is away."""
        gateway, directory = (
            Connections(url, size, CONNECT, **statement_options(seconds)) for url in (gateway_url, directory_url)
        )
        return cls(gateway, directory, role_prefix(_database_of(gateway_url)))

    async def close(self) -> None:
        """Ends the pools; what is under way has two seconds."""
        await asyncio.gather(self._gateway.close(), self._directory.close())

    async def read(self, role: str | None, seer: str | None, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        """One statement, one row. `role` None: the directory pool."""
        with _our_errors():
            if role is None:
                connection = await self._directory.take()
                try:
                    row: Sequence[Any] = await connection.fetchrow(sql, *values)
                finally:
                    self._directory.give(connection)
                return row
            begin = f"BEGIN READ ONLY; {self._acting(role, seer)}"
            connection = await self._gateway.take()
            try:
                await connection.execute(begin)
                row = await connection.fetchrow(sql, *values)
                await connection.execute("COMMIT")
            except BaseException:
                await _undo(connection)
                raise
            finally:
                self._gateway.give(connection)
            return row

    @asynccontextmanager
    async def command(self, seer: str) -> AsyncIterator[Any]:
        """A read-write transaction of the role `command`, for one party. Commits unless something is raised."""
        with _our_errors():
            connection = await self._gateway.take()
            try:
                await connection.execute(f"BEGIN; {self._acting('command', seer)}")
                yield connection
                await connection.execute("COMMIT")
            except BaseException:
                await _undo(connection)
                raise
            finally:
                self._gateway.give(connection)

    async def ready(self) -> bool:
        """Whether both logins answer now."""
        try:
            for pool in (self._gateway, self._directory):
                async with asyncio.timeout(CONNECT):
                    connection = await pool.take()
                    try:
                        await connection.fetchval("SELECT 1")
                    finally:
                        pool.give(connection)
        except (SpilError, asyncpg.PostgresError, *AWAY):
            return False
        return True

    def _acting(self, role: str, seer: str | None) -> str:
        # A simple batch takes no parameters: only what matches the strict pattern of a seer is ever written into it.
        if seer is None or not SEER.fullmatch(seer):
            raise Internal
        name = f"{self._prefix}_{role.lower()}"
        return f"SELECT set_config('role', '{name}', true), set_config('spil.seer', '{seer}', true)"


async def _undo(connection: Any) -> None:
    """Rolls back, or ends the connection, also when the request is cancelled a second time, here.

    A transaction that stayed open would hold `now()` still for the next request, and with it the rights that end.
    """
    undone = False
    try:
        async with asyncio.timeout(1):
            await connection.execute("ROLLBACK")
            undone = True
    except (asyncpg.PostgresError, *AWAY):
        pass
    finally:
        if not undone:
            connection.terminate()


def statement_options(seconds: float) -> dict[str, Any]:
    """How every connection is opened. Statements are kept for good, whatever their length: plans are few and wide."""
    return {
        "command_timeout": seconds + 1,
        "statement_cache_size": 200,
        "max_cacheable_statement_size": 0,
        "max_cached_statement_lifetime": 0,
        "server_settings": SESSION
        | {"statement_timeout": str(int(seconds * 1000)), "idle_in_transaction_session_timeout": "10000"},
    }


async def worker_pool(url: str) -> Any:
    """A small pool of the worker's login, for what the gateway reads on its behalf: who may speak for whom."""
    return await asyncpg.create_pool(
        url, min_size=0, max_size=2, timeout=CONNECT, max_inactive_connection_lifetime=0, **statement_options(5.0)
    )


def _database_of(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))


class _our_errors:  # noqa: N801  # reads as a statement
    """Turns what the driver raises into the tree of schema/errors.py; the driver's words stay here."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, asyncpg.QueryCanceledError):
            raise TooSlow from None
        if isinstance(error, AWAY):
            raise Unavailable from None
        if isinstance(error, asyncpg.PostgresError) and error.sqlstate in OURS:
            raise OURS[error.sqlstate](place=_place(error.detail)) from None
        if isinstance(error, asyncpg.PostgresError):
            raise Internal from error


_TOO_POWERFUL = """
SELECT EXISTS (SELECT FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') AND (
    r.rolsuper OR r.rolbypassrls OR EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid)
    OR (r.rolname <> session_user AND r.rolname <> ALL ($1::text[]))))
"""


async def refuse_powerful_logins(settings: Any, logins: Iterable[str] = tuple(LOGINS)) -> None:
    """Raises SetUp when a serving login could do more than its roles: by itself, or as one that it may become."""
    for login, roles in LOGINS.items():
        if login not in logins:
            continue
        name = f"SPIL_{login.upper()}_URL"
        try:
            connection = await asyncpg.connect(getattr(settings, f"{login}_url"), timeout=CONNECT)
        except AWAY:
            raise SetUp(f"{name}: the database cannot be reached with it.") from None
        try:
            prefix = role_prefix(await connection.fetchval("SELECT current_database()"))
            powerful = await connection.fetchval(_TOO_POWERFUL, [f"{prefix}_{role}" for role in roles])
        finally:
            await connection.close()
        if powerful:
            raise SetUp(
                f"{name}: this login owns tables, has SUPERUSER or BYPASSRLS, or is a member of other roles."
                " `spil migrate` prints how to make others."
            )
