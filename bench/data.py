"""The databases of the bench: one per scale, on an embedded Postgres of its own with real settings, kept between runs.

A database is complete or made anew: it carries a mark (migrations, scale) that is set last.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg

from bench.peers.route import make_route
from registry import reference
from registry.demo import empty, mark_of, set_mark
from registry.embedded import Embedded, discard
from registry.embedded_home import home_folder
from registry.migrate import LOGINS, Logins, make_logins, migrate, migrations
from registry.seed import seed

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Database:
    """One seeded country. `owner` passes by every wall: the peers without walls use it."""

    scale: float
    owner: str
    logins: Logins


@contextmanager
def postgres(tell: Tell, *, keep: bool) -> Iterator[Embedded]:
    """The bench's own server, with the demo's settings: fsync on, synchronous commits. `keep` it for the next run."""
    folder = home_folder("bench" if keep else f"bench-{os.getpid()}")
    server = Embedded.start(folder, tell)
    try:
        yield server
    finally:
        server.stop()
        if not keep:
            discard(folder)


async def database(server: Embedded, scale: float, tell: Tell) -> Database:
    """The country at this scale, from an earlier run or new."""
    name = f"bench_{scale:g}".replace(".", "_")
    owner, mark = server.url_of(name), _mark(scale)
    if not await _is_there(server, name) or await mark_of(owner) != mark:
        tell(f"scale {scale:g}: migrating and seeding")
        await empty(server, name)
        await migrate(owner)
        await reference.load(owner)
        await seed(owner, scale)
        await set_mark(owner, mark)
    logins = await make_logins(owner, dict.fromkeys(LOGINS, "bench"))
    await _settle(owner)
    return Database(scale, owner, logins)


def _mark(scale: float) -> str:
    digest = hashlib.sha256("".join(one.digest for one in migrations()).encode()).hexdigest()[:16]
    return f"spil bench {digest} {scale:g}"


async def _is_there(server: Embedded, name: str) -> bool:
    connection = await asyncpg.connect(server.url_of("postgres", "postgres"))
    try:
        return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name))
    finally:
        await connection.close()


async def _settle(owner: str) -> None:
    """The peers' route; and what a night would do: statistics, visibility map, an early checkpoint."""
    connection = await asyncpg.connect(owner)
    try:
        await make_route(connection)
        await connection.execute("TRUNCATE read")
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


def postmaster(server: Embedded) -> int:
    """The process id of the server's postmaster, as it noted it."""
    return int((server.home.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
