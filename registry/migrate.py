"""Migrations: numbered SQL files, applied once, in order, never edited, under one advisory lock; and the logins.

Laws
1. A file that was applied and has changed since stops everything: what stands in a database is what the file says.
2. Each file is one transaction, with its own row in `migration`.
3. `@db@` in a file stands for the database's name, because roles belong to the cluster.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from schema.errors import SetUp

LOCK = 0x5350494C  # 'SPIL'
LOGINS = {
    "gateway": (
        "directory",
        "school",
        "service_point",
        "municipality",
        "employer",
        "coordinator",
        "national",
        "command",
        "scribe",
    ),
    "directory": ("directory",),
    "worker": ("worker",),
}


@dataclass(frozen=True)
class Migration:
    name: str
    sql: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True)
class Logins:
    """The URLs of the three logins that serve."""

    gateway: str
    directory: str
    worker: str


class MigrationChanged(SetUp):
    """A file differs from what was applied under its name, or does not fit on what other files left."""


# By sqlstate: a name that is there already or is not there, data or dependents that a file did not reckon with.
DOES_NOT_FIT = ("22", "23", "2B", "42")
DENIED = "42501"


def migrations() -> list[Migration]:
    """The files, in order of their numbers."""
    folder = resources.files("registry") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(f.name.removesuffix(".sql"), f.read_text("utf-8")) for f in files]


async def migrate(owner_url: str, on_step: Callable[[str], None] | None = None) -> int:
    """Applies what is missing; gives the number applied. Raises MigrationChanged; a failing file leaves nothing."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        return await _apply(connection, on_step or (lambda _: None))
    finally:
        await connection.close()


async def knows_all_applied(owner_url: str) -> bool:
    """Whether each migration that the database has is one of this checkout's files; of an empty database too."""
    connection = await asyncpg.connect(owner_url)
    try:
        if await connection.fetchval("SELECT to_regclass('migration')") is None:
            return True
        ours = [one.name for one in migrations()]
        return not await connection.fetchval("SELECT EXISTS (SELECT FROM migration WHERE name <> ALL ($1))", ours)
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection, on_step: Callable[[str], None]) -> int:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migration"
        " (name text PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await connection.fetch("SELECT name, digest FROM migration")
    done = {row["name"]: row["digest"] for row in rows}
    database = role_prefix(await connection.fetchval("SELECT current_database()"))
    applied = 0
    for one in migrations():
        if one.name in done:
            if done[one.name] != one.digest:
                raise MigrationChanged(f"{one.name} was changed after it was applied; write a new file instead")
            continue
        on_step(one.name)
        try:
            await _apply_one(connection, one, database)
        except asyncpg.PostgresError as error:
            state = error.sqlstate or ""
            if not done or state == DENIED or not state.startswith(DOES_NOT_FIT):
                raise
            sentence = f"{one.name} does not fit on what was applied before it ({state}): were those other files?"
            raise MigrationChanged(sentence) from error
        applied += 1
    return applied


async def _apply_one(connection: asyncpg.Connection, one: Migration, database: str) -> None:
    async with connection.transaction():
        await connection.execute(one.sql.replace("@db@", database))
        await connection.execute("INSERT INTO migration (name, digest) VALUES ($1, $2)", one.name, one.digest)


def role_prefix(database: str) -> str:
    """The database's name as it stands in role names: at most 40 of `[a-z0-9_]`."""
    return re.sub(r"[^a-z0-9_]", "_", database.lower())[:40]


def login_statements(database: str) -> str:
    """What an administrator runs to make the three logins; the passwords are theirs to choose."""
    prefix, lines = role_prefix(database), []
    for login, roles in LOGINS.items():
        inherit = "INHERIT" if login != "gateway" else "NOINHERIT"
        name = f"{prefix}_{login}_login"
        lines.append(f"CREATE ROLE \"{name}\" LOGIN {inherit} NOBYPASSRLS PASSWORD '...';")
        lines.append("GRANT " + ", ".join(f'"{prefix}_{role}"' for role in roles) + f' TO "{name}";')
    return "\n".join(lines)


async def make_logins(owner_url: str, passwords: Mapping[str, str]) -> Logins:
    """Makes or renews the logins `gateway`, `directory` and `worker` with these passwords; gives their URLs."""
    connection = await asyncpg.connect(owner_url)
    try:
        database = await connection.fetchval("SELECT current_database()")
        prefix = role_prefix(database)
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            for login, roles in LOGINS.items():
                await _make_login(connection, prefix, login, roles, passwords[login])
    finally:
        await connection.close()
    return Logins(**{login: with_user(owner_url, f"{prefix}_{login}_login", passwords[login]) for login in LOGINS})


async def _make_login(
    connection: asyncpg.Connection, prefix: str, login: str, roles: tuple[str, ...], password: str
) -> None:
    name = f"{prefix}_{login}_login"
    inherit = "INHERIT" if login != "gateway" else "NOINHERIT"
    verb = "ALTER" if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name) else "CREATE"
    # A role statement takes no parameters: the server quotes the password itself.
    statement = await connection.fetchval(
        f"SELECT format('{verb} ROLE %I LOGIN {inherit} PASSWORD %L', $1::text, $2::text)", name, password
    )
    await connection.execute(statement)
    for role in roles:
        await connection.execute(f'GRANT "{prefix}_{role}" TO "{name}"')


def with_user(url: str, user: str, password: str) -> str:
    """The same database for another login; works for socket URLs (`?host=/path`) as well."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{place}"))
