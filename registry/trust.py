"""The rows on which trust in a token rests, as one whole (tables.md: issuer_party, client_party, party_agreement).

Instants are epoch seconds; an open end is `math.inf`. A row counts at `t` when from_at <= t < until_at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from asyncpg import Connection, Pool


@dataclass(frozen=True, slots=True)
class IssuerRow:
    """An OIDC issuer; `machine` allows the longer lifetime, `claim_names` maps our claim name to theirs."""

    issuer: str
    audience: str
    algorithms: frozenset[str]
    claim_names: Mapping[str, str] = field(default_factory=dict)
    machine: bool = False
    from_at: float = 0.0
    until_at: float = float("inf")


@dataclass(frozen=True, slots=True)
class IssuerPartyRow:
    """An issuer may speak for a party; `party_pattern` is an exact key or a prefix that ends in `*`."""

    issuer: str
    party_pattern: str
    from_at: float = 0.0
    until_at: float = float("inf")


@dataclass(frozen=True, slots=True)
class ClientPartyRow:
    """A portal (`azp`) may act for one party and function, with these purposes."""

    client: str
    party: str
    function: str
    purposes: frozenset[str] = frozenset()
    from_at: float = 0.0
    until_at: float = float("inf")


@dataclass(frozen=True, slots=True)
class PartyRow:
    """A party that exists."""

    key: str
    kind: str
    name: str
    from_at: float = 0.0
    until_at: float = float("inf")


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """A party signed the COVENANT or the TERMS."""

    party: str
    kind: str
    version: str
    signed_at: float = 0.0
    until_at: float = float("inf")


@dataclass(frozen=True, slots=True)
class TrustRows:
    """All trust rows of one moment."""

    issuers: tuple[IssuerRow, ...] = ()
    issuer_parties: tuple[IssuerPartyRow, ...] = ()
    client_parties: tuple[ClientPartyRow, ...] = ()
    parties: tuple[PartyRow, ...] = ()
    agreements: tuple[AgreementRow, ...] = ()


# One statement, so that the five tables are of one snapshot. Arrays per table: no row crosses as a record of its own.
LOAD_TRUST = """
SELECT
  (SELECT coalesce(json_agg(json_build_array(issuer, audience, algorithms, claim_names, machine,
          from_at, until_at)), '[]') FROM (SELECT issuer, audience, algorithms, claim_names, machine,
          extract(epoch FROM from_at)::text AS from_at, extract(epoch FROM until_at)::text AS until_at
          FROM issuer) AS i)::text AS issuers,
  (SELECT coalesce(json_agg(json_build_array(issuer, party_pattern,
          extract(epoch FROM from_at)::text, extract(epoch FROM until_at)::text)), '[]')
          FROM issuer_party)::text AS issuer_parties,
  (SELECT coalesce(json_agg(json_build_array(client, party, function, purposes,
          extract(epoch FROM from_at)::text, extract(epoch FROM until_at)::text)), '[]')
          FROM client_party)::text AS client_parties,
  (SELECT coalesce(json_agg(json_build_array(key, kind, name,
          extract(epoch FROM from_at)::text, extract(epoch FROM until_at)::text)), '[]')
          FROM party)::text AS parties,
  (SELECT coalesce(json_agg(json_build_array(party, kind, version,
          extract(epoch FROM signed_at)::text, extract(epoch FROM until_at)::text)), '[]')
          FROM party_agreement)::text AS agreements
"""

# A row version is known by (ctid, xmin): an insert, update or delete anywhere changes the sum. Rows that merely end by
# time need no reload. This is milliseconds in Postgres and nothing here, where loading all rows stalls the event loop.
_STAMPED = ("issuer", "issuer_party", "client_party", "party", "party_agreement")
TRUST_STAMP = "SELECT concat_ws(' ', {})".format(
    ", ".join(f"(SELECT sum(hashtextextended(concat(ctid, ' ', xmin), 0)) FROM {t})" for t in _STAMPED)  # noqa: S608 - constants
)


async def load_trust(db: Connection[Any] | Pool[Any]) -> TrustRows:
    """All trust rows in one statement. Raises what asyncpg raises."""
    [row] = await db.fetch(LOAD_TRUST)
    return TrustRows(
        tuple(
            IssuerRow(i[0], i[1], frozenset(i[2]), i[3], i[4], _instant(i[5]), _instant(i[6]))
            for i in orjson.loads(row["issuers"])
        ),
        tuple(IssuerPartyRow(i[0], i[1], _instant(i[2]), _instant(i[3])) for i in orjson.loads(row["issuer_parties"])),
        tuple(
            ClientPartyRow(c[0], c[1], c[2], frozenset(c[3]), _instant(c[4]), _instant(c[5]))
            for c in orjson.loads(row["client_parties"])
        ),
        tuple(PartyRow(p[0], p[1], p[2], _instant(p[3]), _instant(p[4])) for p in orjson.loads(row["parties"])),
        tuple(AgreementRow(a[0], a[1], a[2], _instant(a[3]), _instant(a[4])) for a in orjson.loads(row["agreements"])),
    )


async def trust_stamp(db: Connection[Any] | Pool[Any]) -> str:
    """A text that changes whenever any trust row is written; milliseconds where `load_trust` takes tens of them."""
    return str(await db.fetchval(TRUST_STAMP))


def _instant(text: str) -> float:
    """Postgres writes an open end as `Infinity`, which float() reads."""
    return float(text)
