"""What is asked, by whom and with which values: the two documents of the bars, and wider ones for the curve."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import asyncpg

LOOKUP = """
query L($p: String!) {
  contact(topic: PUPILS_TO_WORK, at: {postcode: $p}) {
    contact { name desk phone mail verified }
    path { kind why verified }
  }
}
"""
STUDENT = """
  id destinationAim leavesOn municipality { code name }
  placements(first: 10) { nodes { kind state from to hours employer { name } } }
"""
PORTAL = f"""
query P($b: ID!, $n: Int!) {{
  school(brin: $b) {{
    brin name kind region {{ code name post {{ state holder {{ name }} }} }}
    students(first: $n) {{ nodes {{ {STUDENT} }} }}
  }}
}}
"""
SCHOOLS = f"""
query S($ids: [ID!]!, $n: Int!) {{
  nodes(ids: $ids) {{ ... on School {{ brin name kind students(first: $n) {{ nodes {{ {STUDENT} }} }} }} }}
}}
"""
PAGE = f"query W($n: Int!) {{ students(first: $n) {{ nodes {{ {STUDENT} }} }} }}"

SIZE = 100  # students of a page
MOST_SCHOOLS = 14
LARGE = 1_000


@dataclass(frozen=True)
class Asked:
    """One set of variables and who asks with it; `party` None is PUBLIC."""

    variables: dict[str, Any]
    party: str | None = None
    function: str | None = None


@dataclass(frozen=True)
class Question:
    """One document with what a run cycles through."""

    name: str
    operation: str
    text: str
    asked: tuple[Asked, ...]

    def body(self, one: Asked) -> bytes:
        """The request's body."""
        text = " ".join(self.text.split())
        return json.dumps({"operationName": self.operation, "query": text, "variables": one.variables}).encode()


async def questions(owner: str) -> list[Question]:
    """The two questions, with 40 postcodes and 40 schools of this database: the same in every run."""
    connection = await asyncpg.connect(owner)
    try:
        return [
            Question("lookup", "L", LOOKUP, await _lookups(connection)),
            Question("portal", "P", PORTAL, await _portals(connection)),
        ]
    finally:
        await connection.close()


async def wide_questions(owner: str) -> list[Question]:
    """One school, fourteen schools and one large page, as one service that covers several municipalities."""
    connection = await asyncpg.connect(owner)
    try:
        found = await connection.fetch(_SERVICES)
        if not found:
            return []
        party, _, function = found[0]["seer"].partition("#")
        ids = [f"School:{row['school']}" for row in found if row["seer"] == found[0]["seer"]][:MOST_SCHOOLS]
        one = tuple(Asked({"ids": [key], "n": SIZE}, party, function) for key in ids)
        return [
            Question("one school", "S", SCHOOLS, one),
            Question(f"{len(ids)} schools", "S", SCHOOLS, (Asked({"ids": ids, "n": SIZE}, party, function),)),
            Question("one page", "W", PAGE, (Asked({"n": LARGE}, party, function),)),
        ]
    finally:
        await connection.close()


async def _lookups(connection: asyncpg.Connection) -> tuple[Asked, ...]:
    rows = await connection.fetch("SELECT digits FROM postcode ORDER BY md5(digits) LIMIT 40")
    return tuple(Asked({"p": row["digits"]}) for row in rows)


async def _portals(connection: asyncpg.Connection) -> tuple[Asked, ...]:
    rows = await connection.fetch(
        "SELECT v.school FROM sight v JOIN party_agreement g ON g.party = 'school:' || v.school AND g.until_at > now()"
        " WHERE v.seer = 'school:' || v.school || '#guidance' AND v.until_candidate > now()"
        " GROUP BY v.school ORDER BY least(count(*), $1) DESC, md5(v.school) LIMIT 40",
        SIZE,
    )
    return tuple(Asked({"b": r["school"], "n": SIZE}, f"school:{r['school']}", "guidance") for r in rows)


_SERVICES = f"""
WITH seen AS (
    SELECT v.seer, v.school, count(*) AS students FROM sight v
    JOIN party_agreement g ON g.party = split_part(v.seer, '#', 1) AND g.until_at > now()
    WHERE v.seer LIKE 'service:%' AND v.until_candidate > now() GROUP BY v.seer, v.school
)
SELECT s.seer, s.school FROM seen s
JOIN (SELECT seer, sum(students) AS all_students FROM seen GROUP BY seer) t USING (seer)
WHERE s.students >= {SIZE} AND t.all_students >= {LARGE}
ORDER BY t.all_students DESC, s.seer, s.school
"""
