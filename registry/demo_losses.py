"""What the demo knows of places that may be lost: one to report, and who heard of a report.

Law: nothing of `spil serve` calls this module; no party could ask this, and the demo asks it as the database's owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from registry.session import session

_UNTIL_NOW = "a.ended_at = 'infinity' AND a.ends_at > now()"
_NEXT = f"""
SELECT split_part(t.seer, '#', 1) AS party, split_part(t.seer, '#', 2) AS function,
       'Placement:' || t.alias || '.' || left(md5(t.id_salt::text || 'Placement' || p.n), 12) AS placement
FROM access a JOIN placement p ON p.student = a.student
JOIN sight t ON t.student = p.student AND t.seer = 'employer:' || p.employer || '#mentor' AND t.until_given_name > now()
JOIN party e ON e.key = 'employer:' || p.employer AND e.until_at > now()
JOIN party_agreement g ON g.party = e.key AND g.kind = 'TERMS' AND g.until_at > now()
WHERE a.seer = $1 AND {_UNTIL_NOW} AND a.purpose IN ('CONTINUE_SUPPORT', 'INVOLVE_MUNICIPALITY', 'SAFETY_NET')
  AND p.state = 'RUNNING' AND p.kind NOT IN ('STAGE', 'WERKERVARINGSPLAATS')
  AND NOT EXISTS (SELECT FROM uitval u WHERE u.student = p.student AND u.placement_n = p.n AND u.state <> 'WITHDRAWN')
ORDER BY random() LIMIT 1
"""  # noqa: S608 - our own words
_HEARD = """
SELECT o.seers, l.seer AS lead, v.service_point
FROM sight t
JOIN uitval u ON u.student = t.student AND left(md5(t.id_salt::text || 'Uitval' || u.n), 12) = $2
JOIN outbox o ON o.student = u.student AND (o.case_type, o.case_n) = ('UITVAL', u.n)
    AND o.type = 'nl.arbeidstoeleiding.uitval-gemeld.v1'
JOIN placement p ON p.student = u.student AND p.n = u.placement_n
LEFT JOIN opportunity v ON v.id = p.opportunity
LEFT JOIN lead l ON l.student = u.student AND l.until_at = 'infinity'
WHERE t.alias = $1
ORDER BY o.n DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A place that an employer may report as lost, by the id that it has of it."""

    party: str
    function: str
    placement: str


@dataclass(frozen=True, slots=True)
class Heard:
    """Who was told of a loss, who of them has the lead, and who learns that a place is free, but not whose."""

    parties: list[str]
    lead: str | None
    service_point: str | None


async def place_to_lose(owner: str, followed_by: str) -> Place | None:
    """Of a young person whom this seer follows: any of those that are left, or None."""
    async with session(owner) as connection:
        row = await connection.fetchrow(_NEXT, followed_by)
    return None if row is None else Place(row["party"], row["function"], row["placement"])


async def who_heard(owner: str, alias: UUID, part: str) -> Heard | None:
    """Of the loss that its teller knows by `Uitval:<alias>.<part>`."""
    async with session(owner) as connection:
        row = await connection.fetchrow(_HEARD, alias, part)
    if row is None:
        return None
    lead = row["lead"] and _party(row["lead"])
    return Heard([_party(one) for one in row["seers"]], lead, row["service_point"])


def _party(seer: str) -> str:
    return seer.partition("#")[0]
