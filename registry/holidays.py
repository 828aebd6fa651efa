"""The days that do not count: public holidays of the library `holidays`, and those of schools until a file says better.

Laws
1. A public holiday is what the library calls public for the Netherlands: Good Friday is one, for municipalities close
   (the Algemene termijnenwet counts it too); Liberation Day every fifth year, as the collective agreements have it.
2. School holidays are the dates that the ministry fixes or advises, per region. Where a file was imported
   (registry/holiday_file.py), from its first day of a school year to its last of that year, the file alone counts.
3. Only years around today are kept true; a second load of the same years writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import orjson

from registry.session import written

if TYPE_CHECKING:
    from registry.session import Connection

REGIONS: Final = ("NOORD", "MIDDEN", "ZUID")
YEARS_BACK, YEARS_AHEAD = 1, 3
Row = dict[str, Any]

# The school year of a day, by the year in which it ends: from 1 August on it is the next one.
SCHOOL_YEAR: Final = "extract(year FROM on_date + interval '5 months')"

# `$1` are the days as JSON, `$2` and `$3` the first and the last day that they are about.
GONE = """
DELETE FROM holiday h WHERE h.source = 'LIBRARY' AND h.on_date BETWEEN $2 AND $3 AND NOT EXISTS (
    SELECT FROM json_populate_recordset(NULL::holiday, $1::json) n
    WHERE (n.on_date, n.calendar, n.name) = (h.on_date, h.calendar, h.name) AND n.region IS NOT DISTINCT FROM h.region)
"""
NEW = f"""
INSERT INTO holiday (on_date, name, calendar, region, source)
SELECT n.on_date, n.name, n.calendar, n.region, 'LIBRARY' FROM json_populate_recordset(NULL::holiday, $1::json) n
LEFT JOIN (
    SELECT region, min(on_date) AS first, max(on_date) AS last FROM holiday WHERE source = 'FILE'
    GROUP BY region, {SCHOOL_YEAR}
) f ON f.region = n.region AND n.on_date BETWEEN f.first AND f.last
WHERE f.region IS NULL
ON CONFLICT (on_date, calendar, region) DO NOTHING
"""  # noqa: S608 - our own names


async def bring_holidays(connection: Connection, this_year: int) -> int:
    """Brings the table to the library, for the years around this one; gives the rows written and taken away."""
    years = range(this_year - YEARS_BACK, this_year + YEARS_AHEAD + 1)
    # The library is slow to load, and once a day somebody else's loop runs here.
    body = orjson.dumps(await asyncio.to_thread(lambda: list(days_off(years)))).decode()
    first, last = date(years[0], 1, 1), date(years[-1], 12, 31)
    gone = written(await connection.execute(GONE, body, first, last))
    return gone + written(await connection.execute(NEW, body))


def days_off(years: range) -> Iterator[Row]:
    """The public holidays of these years, and the school holidays of each region, as rows of `holiday`."""
    import holidays

    for day, name in holidays.country_holidays("NL", years=years, language="nl").items():
        yield {"on_date": day, "name": name, "calendar": "PUBLIC", "region": None}
    for region in REGIONS:
        of_schools = holidays.country_holidays(
            "NL", years=years, language="nl", subdiv=region.capitalize(), categories=("school",)
        )
        for day, name in of_schools.items():
            yield {"on_date": day, "name": name, "calendar": "SCHOOL", "region": region}
