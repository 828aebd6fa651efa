"""The parties and what they cover, as an administrator keeps them: rows are added and ended, never deleted.

Laws
1. A municipality has one open cover per function, whichever party holds it.
2. Ending a party ends with it all that lets it act: covers, clients, agreements, the issuers named for it alone.
3. An open end is null to the caller.

A key's form and a party's functions are judged by auth/viewer.py, above; here they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from registry.session import session, written
from schema.errors import BadInput, Conflict, NotFound

if TYPE_CHECKING:
    from registry.session import Connection

LIST = """
SELECT p.key, p.name, p.from_at AS "from", nullif(p.until_at, 'infinity') AS until,
       coalesce((SELECT array_agg(coalesce(c.municipality, c.region, c.school) || ' ' || c.function
                                  ORDER BY c.municipality, c.region, c.school, c.function)
                 FROM covers c WHERE c.party = p.key AND (c.until_at > now() OR $2)), '{}') AS covers
FROM party p
WHERE (p.until_at > now() OR $2) AND ($1::text IS NULL OR p.kind = $1)
ORDER BY p.key
"""
FIND = "SELECT until_at > now() AS open FROM party WHERE key = $1 FOR UPDATE"
ADD = "INSERT INTO party (key, kind, name) VALUES ($1, split_part($1, ':', 1), $2)"
REOPEN = "UPDATE party SET from_at = now(), until_at = 'infinity', name = coalesce($2, name) WHERE key = $1"
COVER = """
INSERT INTO covers (party, function, municipality, region, school)
SELECT $1, $2, $3, $4, $5
WHERE NOT EXISTS (SELECT FROM covers WHERE party = $1 AND function = $2 AND until_at > now()
                  AND coalesce(municipality, region, school) = coalesce($3, $4, $5))
"""
END_PARTY = "UPDATE party SET until_at = now() WHERE key = $1 AND until_at > now()"
END_WITH_PARTY = (
    "UPDATE covers SET until_at = now() WHERE party = $1 AND until_at > now()",
    "UPDATE client_party SET until_at = now() WHERE party = $1 AND until_at > now()",
    "UPDATE party_agreement SET until_at = now() WHERE party = $1 AND until_at > now()",
    "UPDATE issuer_party SET until_at = now() WHERE party_pattern = $1 AND until_at > now()",
)
END_COVER = """
UPDATE covers SET until_at = now()
WHERE party = $1 AND coalesce(municipality, region, school) = $2 AND ($3::text IS NULL OR function = $3)
  AND until_at > now()
"""


@dataclass(frozen=True, slots=True)
class Cover:
    """One place that a party works for in one function: exactly one of the three is given."""

    function: str
    municipality: str | None = None
    region: str | None = None
    school: str | None = None


async def list_parties(url: str, kind: str | None = None, *, ended: bool = False) -> list[dict[str, Any]]:
    """key, name, from, until, covers (texts like `GM0796 participatie`); with `ended` also what is past."""
    async with session(url) as connection:
        return [dict(row) for row in await connection.fetch(LIST, kind, ended)]


async def add_party(
    url: str, key: str, name: str | None, covers: Sequence[Cover] = (), *, again: bool = False
) -> tuple[bool, int]:
    """Adds a party, or covers to one that is open; gives whether the party itself was written, and the covers added.

    Raises BadInput without a name for a new party, Conflict, or NotFound for a place that is not in the registry.
    """
    async with session(url) as connection, connection.transaction():
        found = await connection.fetchrow(FIND, key)
        if found is None:
            if not name:
                raise BadInput("A new party needs a name.")
            await connection.execute(ADD, key, name)
        elif not found["open"]:
            if not again:
                raise Conflict("This party was ended. To open it again, say --again.")
            await connection.execute(REOPEN, key, name)
        written_anew = found is None or not found["open"]
        added = 0
        for cover in covers:
            added += await _cover(connection, key, cover)
        if not written_anew and not added:
            raise Conflict("This party is there already, and covers all of this.")
        return written_anew, added


async def _cover(connection: Connection, key: str, cover: Cover) -> int:
    try:
        return written(
            await connection.execute(COVER, key, cover.function, cover.municipality, cover.region, cover.school)
        )
    except asyncpg.UniqueViolationError:
        raise Conflict(
            "Another party covers this municipality in this function. End that first: "
            "spil parties end KEY --covers MUNICIPALITY --function FUNCTION."
        ) from None
    except asyncpg.ForeignKeyViolationError:
        raise NotFound("This municipality, region or school is not in the registry.") from None


async def end_party(url: str, key: str) -> int:
    """Ends a party and what lets it act; gives the rows ended. Raises NotFound."""
    async with session(url) as connection, connection.transaction():
        ended = written(await connection.execute(END_PARTY, key))
        if not ended:
            raise NotFound("There is no such party, or it was ended before.")
        for statement in END_WITH_PARTY:
            ended += written(await connection.execute(statement, key))
        return ended


async def end_covers(url: str, key: str, places: Sequence[str], function: str | None = None) -> int:
    """Ends what a party covers at these places, in one function or all; gives the rows ended. Raises NotFound."""
    async with session(url) as connection, connection.transaction():
        ended = 0
        for place in places:
            count = written(await connection.execute(END_COVER, key, place, function))
            if not count:
                raise NotFound(
                    "The party does not cover one of these places (now, or in this function). Nothing ended."
                )
            ended += count
        return ended
