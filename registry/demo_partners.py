"""What the demo's database says of the partner systems that the demo starts: whose they are, and whom they know.

Laws
1. Nothing of `spil serve` calls this module: here alone a source's address is changed, as ports differ at each start.
2. Cases are linked only for who sees a young person as a municipality does, and for nobody a second time.
3. A source is active while its partner runs, and paused before; one that the visitor ended stays ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from registry.session import session
from registry.sources import Source

_NUMBERS = "SELECT key FROM link WHERE source = $1 AND until_at = 'infinity' ORDER BY key"
_OTHER_TOWN = """
SELECT split_part(seer, '#', 1) FROM sight
WHERE seer LIKE '%#participatie' AND split_part(seer, '#', 1) <> $1 AND until_identified > now()
GROUP BY seer ORDER BY count(*) FILTER (WHERE school = $2) DESC, count(*) DESC, seer LIMIT 1
"""
_POINT = """
SELECT 'servicepoint:' || v.code FROM service_point v JOIN school s ON s.region = v.region AND s.brin = $1
JOIN party p ON p.key = 'servicepoint:' || v.code AND p.until_at > now()
ORDER BY v.kind <> 'WERKCENTRUM', v.code LIMIT 1
"""
_LINK_CASES = """
INSERT INTO link (student, source, key)
SELECT a.student, $1, 'Z-' || lpad(((SELECT count(*) FROM link WHERE source = $1)
    + row_number() OVER (ORDER BY a.student))::text, 6, '0')
FROM (SELECT DISTINCT x.student FROM access x
      WHERE x.seer = $1 || '#participatie' AND x.purpose IN ('INVOLVE_MUNICIPALITY', 'CONTINUE_SUPPORT')
        AND x.ended_at = 'infinity' AND x.ends_at > now()) a
WHERE NOT EXISTS (SELECT FROM link l WHERE l.source = $1 AND l.student = a.student)
ON CONFLICT DO NOTHING
"""
_PLACE = """
INSERT INTO source (key, party, kind, protocol, base_url, hosts, private_hosts, credentials, options, harvests,
                    answers_live)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11)
ON CONFLICT (key) DO UPDATE SET base_url = excluded.base_url, hosts = excluded.hosts,
    private_hosts = excluded.private_hosts, credentials = excluded.credentials, options = excluded.options,
    state = 'ACTIVE' WHERE source.state <> 'ENDED'
"""
_PAUSE = "UPDATE source SET state = 'PAUSED' WHERE key = ANY ($1::text[]) AND state = 'ACTIVE'"
_READ = "SELECT DISTINCT source FROM source_run WHERE source = ANY ($1::text[]) AND state = 'DONE'"


@dataclass(frozen=True, slots=True)
class Cast:
    """Whose systems the demo's partners are (keys of parties), and the numbers by which three of them know somebody."""

    school: str
    town: str
    other_town: str | None
    point: str | None
    numbers: Mapping[str, Sequence[str]]


async def cast_of(url: str, school: str, town: str, sources: Sequence[str]) -> Cast:
    """The partners of a school and a municipality: gives cases without a number one, and finds who is beside them.

    `sources` of an earlier start are paused: they are somewhere else now.
    """
    async with session(url) as connection, connection.transaction():
        await connection.execute(_PAUSE, list(sources))
        other = await connection.fetchval(_OTHER_TOWN, town, school.partition(":")[2])
        point = await connection.fetchval(_POINT, school.partition(":")[2])
        towns = [one for one in (town, other) if one is not None]
        for one in towns:
            await connection.execute(_LINK_CASES, one)
        numbers = {one: [row["key"] for row in await connection.fetch(_NUMBERS, one)] for one in (school, *towns)}
    return Cast(school, town, other, point, numbers)


async def place_sources(url: str, running: Sequence[Source]) -> list[str]:
    """Writes where the partners are now; gives the keys of those that were never read to the end, and can be."""
    async with session(url) as connection, connection.transaction():
        for one in running:
            places = (one.base_url, list(one.hosts), list(one.private_hosts), one.credentials)
            options = orjson.dumps(one.options).decode()
            modes = (one.harvests, one.answers_live)
            await connection.execute(_PLACE, one.key, one.party, one.kind, one.protocol, *places, options, *modes)
        keys = [one.key for one in running if one.harvests]
        read = {row["source"] for row in await connection.fetch(_READ, keys)}
    return [key for key in keys if key not in read]
