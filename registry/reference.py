"""The country before anybody imports: regions, municipalities, neighbours, postcodes, and the parties that follow.

Laws
1. The four tables say what the files in `reference_tables/` say; a second load writes nothing.
2. Parties, what they cover and posts are made where they never were, and then belong to the operator: a load changes
   none of them and brings none back. (The national desks are made by a migration: no route is ever without.)

The files are our own tables of public facts: the CBS classification of 2026, centre municipalities from the annex of
the ESF scheme, UWV numbers from the annex of the Besluit SUWI, positions from GeoNames (CC BY). An alias is an older or
a second name; `|` separates several. Each pair of neighbours stands there once and is loaded both ways. Holidays come
from a library (registry/holidays.py).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import orjson

from registry.holidays import bring_holidays
from registry.session import session, written

if TYPE_CHECKING:
    from registry.session import Connection

Progress = Callable[[str], None]
Row = dict[str, Any]

# `$1` is the file as JSON; json_populate_recordset gives its texts the types of the table. Rows that are there already
# are left out before the INSERT, because ON CONFLICT would lock, and so write, every one of them.
REGIONS = """
INSERT INTO region AS r (code, name, aliases, centre, uwv, lon, lat, tile_column, tile_row, valid_from, valid_to)
SELECT n.* FROM json_populate_recordset(NULL::region, $1::json) n LEFT JOIN region o ON o.code = n.code
WHERE o.* IS DISTINCT FROM n.*
ON CONFLICT (code) DO UPDATE SET name = excluded.name, aliases = excluded.aliases, centre = excluded.centre,
    uwv = excluded.uwv, lon = excluded.lon, lat = excluded.lat, tile_column = excluded.tile_column,
    tile_row = excluded.tile_row, valid_from = excluded.valid_from, valid_to = excluded.valid_to
"""
MUNICIPALITIES = """
INSERT INTO municipality AS m (code, name, aliases, region, lon, lat, valid_from, valid_to)
SELECT n.* FROM json_populate_recordset(NULL::municipality, $1::json) n LEFT JOIN municipality o ON o.code = n.code
WHERE o.* IS DISTINCT FROM n.*
ON CONFLICT (code) DO UPDATE SET name = excluded.name, aliases = excluded.aliases, region = excluded.region,
    lon = excluded.lon, lat = excluded.lat, valid_from = excluded.valid_from, valid_to = excluded.valid_to
"""
POSTCODES = """
INSERT INTO postcode AS p (digits, municipality, lon, lat)
SELECT n.* FROM json_populate_recordset(NULL::postcode, $1::json) n LEFT JOIN postcode o ON o.digits = n.digits
WHERE o.* IS DISTINCT FROM n.*
ON CONFLICT (digits) DO UPDATE SET municipality = excluded.municipality, lon = excluded.lon, lat = excluded.lat
"""
POSTCODES_GONE = """
DELETE FROM postcode o
WHERE NOT EXISTS (SELECT FROM json_populate_recordset(NULL::postcode, $1::json) n WHERE n.digits = o.digits)
"""
NEIGHBOURS = """
INSERT INTO region_neighbour (region, neighbour)
SELECT n.region, n.neighbour FROM json_populate_recordset(NULL::region_neighbour, $1::json) n
ON CONFLICT DO NOTHING
"""
NEIGHBOURS_GONE = """
DELETE FROM region_neighbour o WHERE NOT EXISTS (
    SELECT FROM json_populate_recordset(NULL::region_neighbour, $1::json) n
    WHERE n.region = o.region AND n.neighbour = o.neighbour)
"""

PARTIES = """
INSERT INTO party (key, kind, name)
SELECT 'national', 'national', 'Landelijk kwartiermaker arbeidstoeleiding pro-vso'
UNION ALL
SELECT 'municipality:' || code, 'municipality', 'Gemeente ' || name FROM municipality WHERE valid_to IS NULL
UNION ALL
SELECT 'coordinator:' || code, 'coordinator', 'Coördinator pro-vso ' || name FROM region WHERE valid_to IS NULL
ON CONFLICT (key) DO NOTHING
"""
# A municipality that another party covers, or whose own row was ended, stays as the operator left it.
COVERS = """
INSERT INTO covers (party, function, municipality, region)
SELECT p.key, 'participatie', m.code, NULL
FROM municipality m JOIN party p ON p.key = 'municipality:' || m.code
WHERE p.until_at > now()
  AND NOT EXISTS (SELECT FROM covers c WHERE c.municipality = m.code AND c.function = 'participatie'
                  AND (c.until_at = 'infinity' OR c.party = p.key))
UNION ALL
SELECT p.key, 'coordinator', NULL, r.code
FROM region r JOIN party p ON p.key = 'coordinator:' || r.code
WHERE p.until_at > now()
  AND NOT EXISTS (SELECT FROM covers c WHERE c.party = p.key AND c.region = r.code)
"""
THIS_YEAR = "SELECT extract(year FROM today())::int"
POSTS = """
INSERT INTO coordinator_post (region, since) SELECT code, today() FROM region WHERE valid_to IS NULL
ON CONFLICT (region) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Table:
    """One file and the statements that bring its table to it, in order."""

    name: str
    statements: tuple[str, ...]


# In this order: a region names its centre municipality (checked at the commit), a municipality its region.
TABLES = (
    Table("regions", (REGIONS,)),
    Table("municipalities", (MUNICIPALITIES,)),
    Table("neighbours", (NEIGHBOURS, NEIGHBOURS_GONE)),
    Table("postcodes", (POSTCODES, POSTCODES_GONE)),
)
MADE_ONCE = (("parties", PARTIES), ("covers", COVERS), ("posts", POSTS))


async def load(url: str, progress: Progress | None = None) -> dict[str, int]:
    """Brings the tables to the files, in one transaction; gives per name the rows written (all 0: nothing was to do).

    `progress` is told what was read. Raises Unavailable or SetUp.
    """
    tell = progress or (lambda _: None)
    async with session(url) as connection, connection.transaction():
        # Two loads at once: the second waits, and then finds nothing to do.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('spil reference'))")
        done = {table.name: await _bring(connection, table, tell) for table in TABLES}
        for name, statement in MADE_ONCE:
            done[name] = written(await connection.execute(statement))
        tell("holidays")
        done["holidays"] = await bring_holidays(connection, await connection.fetchval(THIS_YEAR))
    return done


async def _bring(connection: Connection, table: Table, tell: Progress) -> int:
    rows = list(read(table.name))
    tell(f"{len(rows)} {table.name}")
    body = orjson.dumps(rows).decode()
    count = 0
    for statement in table.statements:
        count += written(await connection.execute(statement, body))
    return count


def read(name: str) -> Iterator[Row]:
    """The rows of one file, keyed by the columns of its table; an empty cell is None."""
    with (resources.files("registry") / "reference_tables" / f"{name}.csv").open(encoding="utf-8") as file:
        for cells in csv.DictReader(file):
            row: Row = {column: text or None for column, text in cells.items()}
            if "aliases" in row:
                row["aliases"] = cells["aliases"].split("|") if cells["aliases"] else []
            yield row
            if name == "neighbours":
                yield {"region": row["neighbour"], "neighbour": row["region"]}
