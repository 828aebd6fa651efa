"""What the demo alone writes into its database: trust in its own issuer, and a mark that its data is complete.

Law: nothing of `spil serve` calls this module.
"""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from registry.embedded import DATABASE, OWNER, Embedded
from schema.errors import SetUp


async def mark_of(url: str) -> str | None:
    """The mark that the last complete load left, or None."""
    connection = await asyncpg.connect(url)
    try:
        mark: str | None = await connection.fetchval(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        )
    finally:
        await connection.close()
    return mark


async def set_mark(url: str, mark: str) -> None:
    """Leaves the mark; the last thing that a load does."""
    connection = await asyncpg.connect(url)
    try:
        # A comment takes no parameter: the server quotes both parts itself.
        statement = await connection.fetchval(
            "SELECT format('COMMENT ON DATABASE %I IS %L', current_database(), $1::text)", mark
        )
        await connection.execute(statement)
    finally:
        await connection.close()


async def empty(server: Embedded, database: str = DATABASE) -> None:
    """Drops and makes a database of the embedded server: a load that was broken off leaves nothing behind."""
    connection = await asyncpg.connect(server.url_of("postgres", "postgres"))
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {database} OWNER {OWNER}")
    finally:
        await connection.close()


async def refuse_used(url: str) -> None:
    """Raises SetUp when a database that was named by its URL holds parties that no demo wrote."""
    connection = await asyncpg.connect(url)
    try:
        if await connection.fetchval("SELECT EXISTS (SELECT FROM party)"):
            raise SetUp("SPIL_DATABASE_URL names a database with data that no demo wrote. Give the demo an empty one.")
    finally:
        await connection.close()


_OTHERS_END = "UPDATE issuer SET until_at = now() WHERE audience = $1 AND issuer <> $2 AND until_at = 'infinity'"
_ISSUER = """
INSERT INTO issuer (issuer, audience, algorithms) VALUES ($1, $2, '{ES256}')
ON CONFLICT (issuer) DO UPDATE SET until_at = 'infinity' WHERE issuer.until_at <> 'infinity'
"""
_SPEAKS_FOR_ALL = """
INSERT INTO issuer_party (issuer, party_pattern) SELECT $1, '*'
WHERE NOT EXISTS (SELECT FROM issuer_party WHERE issuer = $1 AND until_at = 'infinity')
"""
_CLIENT_FOR_ALL = """
INSERT INTO client_party (client, party, function)
SELECT $1, p.key, f.function
FROM party p JOIN unnest($2::text[], $3::text[]) AS f (kind, function) ON f.kind = p.kind
WHERE NOT EXISTS (SELECT FROM client_party c
                  WHERE c.client = $1 AND c.party = p.key AND c.function = f.function AND c.until_at = 'infinity')
"""


_MOST_STUDENTS = """
SELECT s.seer FROM sight s LEFT JOIN sight m ON m.student = s.student AND m.seer = $2 AND m.until_candidate > now()
WHERE s.until_candidate > now() AND s.seer LIKE $1
GROUP BY s.seer ORDER BY count(m.student) DESC, count(*) DESC, s.seer LIMIT 1
"""


async def who_sees_most(url: str, kinds: Iterable[tuple[str, str]], together_with: str) -> list[tuple[str, str]]:
    """For each (kind of party, function) the party that sees most of the young people whom this seer sees too."""
    connection = await asyncpg.connect(url)
    try:
        found = [
            await connection.fetchval(_MOST_STUDENTS, f"{kind}:%#{function}", together_with) for kind, function in kinds
        ]
    finally:
        await connection.close()
    return [(party, function) for party, _, function in (seer.partition("#") for seer in found if seer)]


async def trust_issuer(
    url: str,
    issuer: str,
    audience: str,
    client: str,
    functions: Iterable[tuple[str, str]],
    *,
    others_end: bool = True,
) -> frozenset[str]:
    """Lets `issuer` speak for every party, through `client`; `functions` are (kind of party, function) pairs.

    Gives the keys of all parties. With `others_end` an earlier address of the demo's issuer is trusted no more.
    """
    pairs = list(functions)
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            if others_end:
                await connection.execute(_OTHERS_END, audience, issuer)
            await connection.execute(_ISSUER, issuer, audience)
            await connection.execute(_SPEAKS_FOR_ALL, issuer)
            await connection.execute(_CLIENT_FOR_ALL, client, [one for one, _ in pairs], [one for _, one in pairs])
        keys = await connection.fetch("SELECT key FROM party WHERE until_at > now()")
    finally:
        await connection.close()
    return frozenset(row["key"] for row in keys)
