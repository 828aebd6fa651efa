"""Partner systems as rows: what one is, who may read it now, and how its last readings went.

Laws
1. One reader per source: `leased` holds an advisory lock for as long as its connection lives, also when it is killed.
2. A source is ended, never deleted: what it gave stays explained.
3. No statement here reads or writes a credential; a row says where it is.
4. Of one party and kind one active source answers live: a second would never be asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import orjson

from registry.session import session
from schema.errors import Conflict, NotFound

if TYPE_CHECKING:
    from registry.session import Connection

BUSY = "Somebody else is reading this source now. Try again when that has ended."
NOT_ACTIVE = "This source is paused or ended; it is not read."
THERE = "There is a source of this key already. A source is ended, never changed: add another key."

ANOTHER_LIVE = (
    "This party has a live source of this kind already, `{0}`, and one alone is asked: `spil sources pause {0}`, or end"
    " it, makes room."
)
COLUMNS = """key, party, kind, protocol, base_url, hosts, private_hosts, credentials, mapping, options::text AS options,
       harvests, answers_live, state, cursor, full_sync"""
FIND = f"SELECT {COLUMNS} FROM source WHERE key = $1"  # noqa: S608 - our own names
EVERY = f"SELECT {COLUMNS} FROM source WHERE state = 'ACTIVE' ORDER BY key"  # noqa: S608 - our own names
ADD = """
INSERT INTO source (key, party, kind, protocol, base_url, hosts, private_hosts, credentials, mapping, options, harvests,
                    answers_live)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12) ON CONFLICT (key) DO NOTHING RETURNING key
"""
LIVE_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('spil live ' || $1, 0))"
LIVE = """
SELECT o.key FROM source s JOIN source o ON (o.party, o.kind) = (s.party, s.kind) AND o.key <> s.key
WHERE s.key = $1 AND s.answers_live AND s.base_url IS NOT NULL
  AND o.answers_live AND o.base_url IS NOT NULL AND o.state = 'ACTIVE' ORDER BY o.key LIMIT 1
"""
OPEN_PARTY = "SELECT EXISTS (SELECT FROM party WHERE key = $1 AND until_at > now())"
# Of those who are there: what is not known of them is counted.
UNKNOWN = """
SELECT count(*) AS students, count(*) FILTER (WHERE p.destination_aim = 'ONBEKEND') AS without_aim,
    count(*) FILTER (WHERE p.leaves_on IS NULL) AS without_leaving_day,
    count(*) FILTER (WHERE p.hours IS NULL) AS without_hours
FROM harvested h JOIN student_profile p ON p.student = h.student
WHERE h.gone_at IS NULL AND p.left_on IS NULL
"""
LIST = f"""
SELECT s.key, s.party, s.kind, s.protocol, s.state, r.state AS last_run, r.code, r.started_at AS started, r.pages,
       r.added, r.changed, r.unchanged, r.ended, r.rejected, u.*
FROM source s LEFT JOIN LATERAL (
    SELECT * FROM source_run x WHERE x.source = s.key ORDER BY x.started_at DESC, x.id LIMIT 1) r ON true
LEFT JOIN LATERAL ({UNKNOWN} AND h.source = s.key) u ON s.kind = 'school'
WHERE s.state <> 'ENDED' OR $1 ORDER BY s.key
"""  # noqa: S608 - our own names
SET_STATE = "UPDATE source SET state = $2 WHERE key = $1 AND state = ANY ($3::text[]) RETURNING key"
LOCK = "SELECT pg_advisory_lock(hashtextextended('spil harvest ' || $1, 0))"
NAMES = """
SELECT DISTINCT ON (name) name, code FROM (
    SELECT m.name, m.code FROM municipality m WHERE m.valid_to IS NULL
    UNION ALL SELECT a, m.code FROM municipality m, unnest(m.aliases) a WHERE m.valid_to IS NULL
) n ORDER BY name, code
"""


@dataclass(frozen=True, slots=True)
class Source:
    """A row of `source`. `credentials` is `file:...` or `env:...`; `cursor` is where reading goes on."""

    key: str
    party: str
    kind: str
    protocol: str
    base_url: str | None = None
    hosts: tuple[str, ...] = ()
    private_hosts: tuple[str, ...] = ()
    credentials: str | None = None
    mapping: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    harvests: bool = True
    answers_live: bool = False
    state: str = "ACTIVE"
    cursor: str | None = field(default=None, repr=False)
    full_sync: UUID | None = None


def source_of(row: Mapping[str, Any]) -> Source:
    """A row of COLUMNS as a Source."""
    told = dict(row)
    told["hosts"], told["private_hosts"] = tuple(told["hosts"]), tuple(told["private_hosts"])
    told["options"] = orjson.loads(told["options"])
    return Source(**told)


async def find_source(connection: Connection, key: str) -> Source:
    """The source of a key. Raises NotFound."""
    row = await connection.fetchrow(FIND, key)
    if row is None:
        raise NotFound
    return source_of(row)


async def active_sources(connection: Connection) -> list[Source]:
    """Every source that is neither paused nor ended, by key."""
    return [source_of(row) for row in await connection.fetch(EVERY)]


async def add_source(url: str, source: Source) -> None:
    """Adds one. Raises NotFound without an open party, Conflict where the key is taken or another answers live."""
    async with session(url) as connection, connection.transaction():
        if not await connection.fetchval(OPEN_PARTY, source.party):
            raise NotFound("There is no open party of that key. `spil parties add` makes one.")
        values = (source.key, source.party, source.kind, source.protocol, source.base_url, list(source.hosts))
        rest = (list(source.private_hosts), source.credentials, source.mapping, orjson.dumps(source.options).decode())
        if not await connection.fetchval(ADD, *values, *rest, source.harvests, source.answers_live):
            raise Conflict(THERE)
        await _alone(connection, source)


async def list_sources(url: str, *, ended: bool = False) -> list[dict[str, Any]]:
    """Every source with its last run; nothing of where it is or how one gets in."""
    async with session(url) as connection:
        return [dict(row) for row in await connection.fetch(LIST, ended)]


async def read_source(url: str, key: str) -> tuple[Source, dict[str, str]]:
    """A source, and the codes of the municipalities by name. Raises NotFound."""
    async with session(url) as connection:
        return await find_source(connection, key), await municipality_codes(connection)


async def set_state(url: str, key: str, state: str) -> None:
    """PAUSED, or ACTIVE again; it is ended in registry/source_ending.py. Raises NotFound, Conflict."""
    before = {"PAUSED": ["ACTIVE"], "ACTIVE": ["PAUSED"]}[state]
    async with session(url) as connection, connection.transaction():
        source = await find_source(connection, key)
        if not await connection.fetchval(SET_STATE, key, state, before):
            raise Conflict
        if state == "ACTIVE":
            await _alone(connection, source)


async def _alone(connection: Connection, source: Source) -> None:
    """Law 4, in the transaction that makes a source active. Raises Conflict."""
    await connection.execute(LIVE_LOCK, source.party)
    other = await connection.fetchval(LIVE, source.key)
    if other is not None:
        raise Conflict(ANOTHER_LIVE.format(other))


async def municipality_codes(connection: Connection) -> dict[str, str]:
    """GM codes by name and by other name, as documents write them."""
    return {row["name"]: row["code"] for row in await connection.fetch(NAMES)}


async def take_leases(connection: Connection, *keys: str, patience: float = 2.0) -> None:
    """Nobody else reads these sources while the connection lives; taken in one order. Raises Conflict.

    `patience` in seconds: a reader who was killed leaves its lock in a moment.
    """
    await connection.execute(f"SET lock_timeout = {int(patience * 1000)}")
    try:
        for key in sorted(set(keys)):
            await connection.execute(LOCK, key)
    except asyncpg.LockNotAvailableError:
        raise Conflict(BUSY) from None
    await connection.execute("RESET lock_timeout")


@asynccontextmanager
async def leased(url: str, key: str, patience: float = 2.0) -> AsyncIterator[tuple[Connection, Source]]:
    """The source, on a connection that alone reads it. Raises NotFound, Conflict (another does, or it is paused)."""
    async with session(url) as connection:
        await find_source(connection, key)
        await take_leases(connection, key, patience=patience)
        source = await find_source(connection, key)  # as whoever read it before left it
        if source.state != "ACTIVE":
            raise Conflict(NOT_ACTIVE)
        yield connection, source
