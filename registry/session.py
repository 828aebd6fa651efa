"""One connection for one piece of work outside the gateway: loading, importing, administration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from schema.errors import SetUp, Unavailable

if TYPE_CHECKING:
    Connection = asyncpg.Connection[Any]

PATIENCE = 10.0  # seconds to connect
SESSION = {"TimeZone": "UTC", "synchronous_commit": "on"}
UNREACHABLE = "The database cannot be reached."
REFUSED = "The database refuses this login, or there is no database of that name."
NOT_MIGRATED = "The database lacks a table of this version. Run `spil migrate` first."
NOT_ALLOWED = "This login may not do that: it wants the owner's login, or the worker's."
# 08 is PostgresConnectionError; a server that stops says 57P0x, one without room 53300. InterfaceError: it is closed.
_LOST = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


@asynccontextmanager
async def session(url: str, *, command_timeout: float | None = None, **settings: str) -> AsyncIterator[Connection]:
    """A connection, closed at the end. Raises Unavailable, or SetUp for a database or login that does not fit.

    `settings`: of the session, beside ours. What it commits is on disk, whatever the database's default is.
    """
    connection = await _connect(url, command_timeout, SESSION | settings)
    try:
        yield connection
    except asyncpg.UndefinedTableError:
        raise SetUp(NOT_MIGRATED) from None
    except asyncpg.InsufficientPrivilegeError:
        raise SetUp(NOT_ALLOWED) from None
    except _LOST:
        raise Unavailable(UNREACHABLE) from None
    finally:
        await connection.close(timeout=PATIENCE)


async def _connect(url: str, command_timeout: float | None, settings: dict[str, str]) -> Connection:
    try:
        return await asyncpg.connect(url, timeout=PATIENCE, command_timeout=command_timeout, server_settings=settings)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError):
        raise SetUp(REFUSED) from None
    except (OSError, *_LOST):
        raise Unavailable(UNREACHABLE) from None


def written(status: str) -> int:
    """The number of rows in the status of a statement, as in `INSERT 0 35`."""
    return int(status.rpartition(" ")[2])
