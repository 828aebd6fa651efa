"""Who may speak for a party, as an administrator keeps it: issuers of tokens, clients (portals), signed agreements.

Laws
1. Rows are added and ended, never deleted; to change one, end it and add another.
2. A client or an agreement is for a party that is open; ending takes effect at the gateway's next look at these rows.
3. An open end is null to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from registry.session import session, written
from schema.errors import BadInput, Conflict, NotFound

if TYPE_CHECKING:
    from registry.session import Connection

LIST_ISSUERS = """
SELECT i.issuer, i.audience, i.algorithms, i.claim_names::text AS claims, i.machine, i.from_at AS "from",
       nullif(i.until_at, 'infinity') AS until,
       coalesce((SELECT array_agg(p.party_pattern ORDER BY p.party_pattern, p.from_at) FROM issuer_party p
                 WHERE p.issuer = i.issuer AND (p.until_at > now() OR $1)), '{}') AS parties
FROM issuer i WHERE i.until_at > now() OR $1 ORDER BY i.issuer
"""
FIND_ISSUER = "SELECT until_at > now() AS open FROM issuer WHERE issuer = $1 FOR UPDATE"
ADD_ISSUER = """
INSERT INTO issuer AS i (issuer, audience, algorithms, claim_names, machine) VALUES ($1, $2, $3, $4::jsonb, $5)
ON CONFLICT (issuer) DO UPDATE SET audience = excluded.audience, algorithms = excluded.algorithms,
    claim_names = excluded.claim_names, machine = excluded.machine, from_at = now(), until_at = 'infinity'
"""
ADD_ISSUER_PARTY = """
INSERT INTO issuer_party (issuer, party_pattern) SELECT $1, $2
WHERE NOT EXISTS (SELECT FROM issuer_party WHERE issuer = $1 AND party_pattern = $2 AND until_at > now())
"""
END_ISSUER = "UPDATE issuer SET until_at = now() WHERE issuer = $1 AND until_at > now()"
END_ISSUER_PARTIES = """
UPDATE issuer_party SET until_at = now()
WHERE issuer = $1 AND until_at > now() AND ($2::text IS NULL OR party_pattern = $2)
"""

LIST_CLIENTS = """
SELECT client, party, function, purposes, from_at AS "from", nullif(until_at, 'infinity') AS until
FROM client_party
WHERE (until_at > now() OR $2) AND ($1::text IS NULL OR party = $1)
ORDER BY client, party, function, from_at
"""
ADD_CLIENT = """
INSERT INTO client_party (client, party, function, purposes, until_at)
SELECT $1, $2, $3, $4, coalesce($5, 'infinity'::timestamptz)
WHERE NOT EXISTS (SELECT FROM client_party WHERE client = $1 AND party = $2 AND function = $3 AND until_at > now())
"""
END_CLIENT = """
UPDATE client_party SET until_at = now()
WHERE client = $1 AND until_at > now() AND ($2::text IS NULL OR party = $2) AND ($3::text IS NULL OR function = $3)
"""

LIST_AGREEMENTS = """
SELECT party, kind, version, signed_at AS signed, nullif(until_at, 'infinity') AS until
FROM party_agreement
WHERE (until_at > now() OR $2) AND ($1::text IS NULL OR party = $1)
ORDER BY party, kind, signed_at
"""
ADD_AGREEMENT = """
INSERT INTO party_agreement (party, kind, version, signed_at, until_at)
SELECT $1, $2, $3, coalesce($4, now()), coalesce($5, 'infinity'::timestamptz)
WHERE NOT EXISTS (SELECT FROM party_agreement WHERE party = $1 AND kind = $2 AND version = $3 AND until_at > now())
"""
END_AGREEMENT = """
UPDATE party_agreement SET until_at = now()
WHERE party = $1 AND until_at > now() AND ($2::text IS NULL OR version = $2)
"""
OPEN_PARTY = "SELECT EXISTS (SELECT FROM party WHERE key = $1 AND until_at > now())"


@dataclass(frozen=True, slots=True)
class IssuerTerms:
    """How an issuer's tokens are read; `claim_names` maps our claim to theirs."""

    audience: str
    algorithms: Sequence[str]
    claim_names: Mapping[str, str] = field(default_factory=dict)
    machine: bool = False


async def list_issuers(url: str, *, ended: bool = False) -> list[dict[str, Any]]:
    async with session(url) as connection:
        rows = [dict(row) for row in await connection.fetch(LIST_ISSUERS, ended)]
    return [row | {"claims": orjson.loads(row["claims"])} for row in rows]


async def add_issuer(
    url: str, issuer: str, terms: IssuerTerms | None, patterns: Sequence[str], *, again: bool = False
) -> int:
    """Adds an issuer with `terms`, or without them only patterns to one that is open; gives the patterns added.

    Raises BadInput without terms for a new issuer, Conflict, or NotFound for a party that is not open.
    """
    async with session(url) as connection, connection.transaction():
        found = await connection.fetchrow(FIND_ISSUER, issuer)
        if found is not None and found["open"]:
            if terms is not None:
                raise Conflict("This issuer is there already. To change how it is read, end it and add it --again.")
        elif terms is None:
            raise BadInput("A new issuer needs an audience (--audience).")
        elif found is not None and not again:
            raise Conflict("This issuer was ended. To trust it again, say --again.")
        else:
            names = orjson.dumps(dict(terms.claim_names)).decode()
            await connection.execute(ADD_ISSUER, issuer, terms.audience, list(terms.algorithms), names, terms.machine)
        added = 0
        for pattern in patterns:
            if not pattern.endswith("*"):
                await _want_party(connection, pattern)
            added += written(await connection.execute(ADD_ISSUER_PARTY, issuer, pattern))
        if terms is None and not added:
            raise Conflict("This issuer speaks for these parties already.")
        return added


async def end_issuer(url: str, issuer: str, pattern: str | None = None) -> int:
    """Ends an issuer and all it speaks for, or one pattern of it; gives the rows ended. Raises NotFound."""
    async with session(url) as connection, connection.transaction():
        ended = written(await connection.execute(END_ISSUER_PARTIES, issuer, pattern))
        if pattern is None:
            whole = written(await connection.execute(END_ISSUER, issuer))
            if not whole:
                raise NotFound("There is no such issuer, or it was ended before.")
            ended += whole
        if not ended:
            raise NotFound("This issuer does not speak for these parties.")
        return ended


async def list_clients(url: str, party: str | None = None, *, ended: bool = False) -> list[dict[str, Any]]:
    async with session(url) as connection:
        return [dict(row) for row in await connection.fetch(LIST_CLIENTS, party, ended)]


async def add_client(
    url: str, client: str, party: str, function: str, purposes: Sequence[str], until: datetime | None = None
) -> None:
    """Lets a client act for a party in a function. Raises NotFound or Conflict."""
    async with session(url) as connection, connection.transaction():
        await _want_party(connection, party)
        if not written(await connection.execute(ADD_CLIENT, client, party, function, list(purposes), until)):
            raise Conflict("This client acts for this party in this function already. To change it, end it first.")


async def end_client(url: str, client: str, party: str | None = None, function: str | None = None) -> int:
    """Ends what a client may do, for one party and function or all; gives the rows ended. Raises NotFound."""
    async with session(url) as connection:
        ended = written(await connection.execute(END_CLIENT, client, party, function))
    if not ended:
        raise NotFound("This client does not act for such a party, or that was ended before.")
    return ended


async def list_agreements(url: str, party: str | None = None, *, ended: bool = False) -> list[dict[str, Any]]:
    async with session(url) as connection:
        return [dict(row) for row in await connection.fetch(LIST_AGREEMENTS, party, ended)]


async def add_agreement(
    url: str, party: str, kind: str, version: str, signed: datetime | None = None, until: datetime | None = None
) -> None:
    """Records that a party signed; `signed` is now when not given. Raises NotFound or Conflict."""
    async with session(url) as connection, connection.transaction():
        await _want_party(connection, party)
        if not written(await connection.execute(ADD_AGREEMENT, party, kind, version, signed, until)):
            raise Conflict("The party has signed this version already.")


async def end_agreement(url: str, party: str, version: str | None = None) -> int:
    """Ends an agreement, one version or all; gives the rows ended. Raises NotFound."""
    async with session(url) as connection:
        ended = written(await connection.execute(END_AGREEMENT, party, version))
    if not ended:
        raise NotFound("This party has no such agreement, or it was ended before.")
    return ended


async def _want_party(connection: Connection, key: str) -> None:
    if not await connection.fetchval(OPEN_PARTY, key):
        raise NotFound("There is no such party, or it was ended. Add it first: spil parties add KEY --name NAME.")
