"""One page of a source's opportunities into the registry, by (source, reference), in the caller's transaction.

Laws
1. A record whose digest is known changes nothing but the mark that it was named.
2. What is gone is deleted when nothing refers to it, and else closed as of today.
3. An employer's name is the first that was told; `KvK 12345678` stands where none was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import orjson

from registry.harvest_runs import Counts

if TYPE_CHECKING:
    from registry.session import Connection
    from registry.sources import Source

KNOWN = """
SELECT reference, digest, opportunity, gone_at IS NOT NULL AS gone FROM harvested
WHERE source = $1 AND reference = ANY ($2::text[])
"""
EMPLOYERS = """
INSERT INTO employer AS e (kvk, name)
SELECT DISTINCT ON (g.kvk) g.kvk, coalesce(g.name, 'KvK ' || g.kvk) FROM unnest($1::text[], $2::text[]) g(kvk, name)
ORDER BY g.kvk, g.name
ON CONFLICT (kvk) DO UPDATE SET name = excluded.name WHERE e.name = 'KvK ' || e.kvk AND excluded.name <> e.name
"""
# A town by its code, or by the four digits of a postcode; without either there is no place to show it at.
PUT = """
WITH given AS MATERIALIZED (
    SELECT m.code, m.region AS in_region, g.*
    FROM json_to_recordset($2::json) AS g(id uuid, fresh boolean, reference text, digest text,
        kind text, title text, description text,
        employer_kvk text, municipality text, postcode text, sector text, hours_min smallint, hours_max smallint,
        support_offered text[], open_to_pro_vso boolean, places smallint, closes_on date, conditions text[])
    LEFT JOIN postcode p ON p.digits = g.postcode AND g.municipality IS NULL
    LEFT JOIN municipality m ON m.code = coalesce(g.municipality, p.municipality)
), put AS (
    INSERT INTO opportunity (id, kind, conditions, title, description, employer, municipality, region, service_point,
        sector, hours_min, hours_max, support_offered, open_to_pro_vso, public, places, closes_on, source, seen_on)
    SELECT id, kind, conditions, title, description, employer_kvk, code, in_region, $4, sector, hours_min, hours_max,
        support_offered, open_to_pro_vso, $5, places, closes_on, $1, today() FROM given WHERE code IS NOT NULL
    ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, conditions = excluded.conditions, title = excluded.title,
        description = excluded.description, employer = excluded.employer, municipality = excluded.municipality,
        region = excluded.region, service_point = excluded.service_point, sector = excluded.sector,
        hours_min = excluded.hours_min, hours_max = excluded.hours_max, support_offered = excluded.support_offered,
        open_to_pro_vso = excluded.open_to_pro_vso, public = excluded.public, places = excluded.places,
        closes_on = excluded.closes_on, seen_on = excluded.seen_on
), known AS (
    INSERT INTO harvested (source, reference, digest, opportunity, seen_in)
    SELECT $1, reference, digest, id, $3 FROM given WHERE code IS NOT NULL
    ON CONFLICT (source, reference) DO UPDATE SET digest = excluded.digest, seen_in = excluded.seen_in, gone_at = NULL
)
SELECT reference, fresh, code IS NULL AS nowhere FROM given
"""
GONE = """
SELECT h.reference, o.id FROM harvested h JOIN opportunity o ON o.id = h.opportunity
WHERE h.source = $1 AND h.reference = ANY ($2::text[]) AND h.gone_at IS NULL ORDER BY o.id FOR UPDATE OF o
"""
DELETE = """
DELETE FROM opportunity o WHERE o.id = ANY ($1::uuid[])
AND NOT EXISTS (SELECT FROM placement p WHERE p.opportunity = o.id)
"""
CLOSE = "UPDATE opportunity SET closes_on = least(closes_on, today()) WHERE id = ANY ($1::uuid[])"
FORGET = "UPDATE harvested SET gone_at = now() WHERE source = $1 AND opportunity = ANY ($2::uuid[])"
SEEN = """
UPDATE opportunity o SET seen_on = today() FROM harvested h
WHERE h.source = $1 AND h.seen_in = $2 AND h.gone_at IS NULL AND o.id = h.opportunity AND o.seen_on < today()
"""


async def put_opportunities(
    connection: Connection, source: Source, records: Sequence[Mapping[str, Any]], sync: UUID
) -> tuple[Counts, list[tuple[str, str, str]]]:
    """Upserts records: the fields of connectors' OpportunityRecord, and `digest`. Gives counts and notes."""
    rows = await connection.fetch(KNOWN, source.key, [one["reference"] for one in records])
    known = {row["reference"]: row for row in rows}
    changed = [made for one in records if (made := _changed(one, known.get(one["reference"]))) is not None]
    counts = Counts(unchanged=len(records) - len(changed))
    if not changed:
        return counts, []
    employers = [(one["employer_kvk"], one["employer_name"]) for one in changed if one["employer_kvk"]]
    if employers:
        await connection.execute(EMPLOYERS, *(list(column) for column in zip(*employers, strict=True)))
    point = source.party if source.kind == "servicepoint" else None
    shown = source.options.get("settings", {}).get("public", "true") == "true"
    body = orjson.dumps(changed, default=str).decode()  # the driver's UUIDs
    put = await connection.fetch(PUT, source.key, body, sync, point, shown)
    for row in put:
        if row["nowhere"]:
            counts.rejected += 1
        elif row["fresh"]:
            counts.added += 1
        else:
            counts.changed += 1
    return counts, [(row["reference"], "municipality", "UNKNOWN_CODE") for row in put if row["nowhere"]]


def _changed(record: Mapping[str, Any], known: Any) -> dict[str, Any] | None:
    """The record with the key of its opportunity; None for one that is known as it is."""
    if known is None:
        return {**record, "id": str(uuid4()), "fresh": True}
    if known["digest"] == record["digest"] and not known["gone"]:
        return None
    return {**record, "id": known["opportunity"], "fresh": False}


async def end_opportunities(connection: Connection, source: Source, references: Sequence[str]) -> Counts:
    """Closes or deletes what the source no longer has."""
    rows = await connection.fetch(GONE, source.key, list(references))
    ids = [row["id"] for row in rows]
    if ids:
        await connection.execute(DELETE, ids)
        await connection.execute(CLOSE, ids)
        await connection.execute(FORGET, source.key, ids)
    return Counts(ended=len(ids))


async def opportunities_read(connection: Connection, source: Source, sync: UUID) -> None:
    """A full sync came to its end: what it named is seen today. Writes once a day."""
    await connection.execute(SEEN, source.key, sync)
