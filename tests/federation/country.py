"""One seeded country: the database, its logins, its rows as dicts, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from auth.viewer import Role
from tests.federation.naive.rows import World

if TYPE_CHECKING:
    from registry.migrate import Logins

MOST_SEEING = """
SELECT split_part(seer, '#', 1), split_part(seer, '#', 2), count(*) FILTER (WHERE until_candidate > now())
FROM sight WHERE seer LIKE $1 GROUP BY seer ORDER BY 3 DESC, 1 LIMIT $2
"""
WITH_PEOPLE = (Role.SCHOOL, Role.SERVICE_POINT, Role.MUNICIPALITY, Role.EMPLOYER)
Who = tuple[Role, str | None, str | None]


@dataclass(frozen=True)
class Country:
    """A database with rows in it; nobody writes to it but its fixture, and the test of the commands, to desks."""

    url: str
    logins: Logins
    world: World
    seers: list[Who]


async def find_seers(url: str) -> list[Who]:
    """Of each role those who see most, and some who see nobody."""
    found: list[Who] = [
        (Role.PUBLIC, None, None),
        (Role.COORDINATOR, "coordinator:AM27", "coordinator"),
        (Role.COORDINATOR, "coordinator:AM10", "coordinator"),
        (Role.NATIONAL, "national", "lead"),
        (Role.NATIONAL, "national", "reader"),
    ]
    connection = await asyncpg.connect(url)
    try:
        for role, pattern, many in (
            (Role.SCHOOL, "school:%#guidance", 3),
            (Role.MUNICIPALITY, "municipality:%#participatie", 3),
            (Role.MUNICIPALITY, "service:%#participatie", 1),
            (Role.SERVICE_POINT, "servicepoint:%#matching", 3),
            (Role.EMPLOYER, "employer:%#mentor", 3),
        ):
            found += [
                (role, party, function) for party, function, _ in await connection.fetch(MOST_SEEING, pattern, many)
            ]
    finally:
        await connection.close()
    school = next(party for role, party, _ in found if role is Role.SCHOOL)
    return [
        *found,
        (Role.SCHOOL, school, "administration"),
        (Role.MUNICIPALITY, "doorstroompunt:RMC36", "doorstroompunt"),
    ]
