"""A school with young people, and the parties around it: what the tests of access in motion stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg

from registry import reference
from tests.hub_kit import Hub, open_hub

if TYPE_CHECKING:
    from registry.migrate import Logins

SCHOOL, OTHER_SCHOOL = "school:90ZX00#guidance", "school:90ZX01#guidance"
TOWN, OTHER_TOWN = "municipality:GM0796#participatie", "municipality:GM0344#participatie"
POINT, OTHER_POINT = "servicepoint:AM27-WERKCENTRUM#matching", "servicepoint:AM01-WERKCENTRUM#matching"
EMPLOYER = "employer:90000001#mentor"


def today() -> date:
    return datetime.now(ZoneInfo("Europe/Amsterdam")).date()


NEXT_YEAR = f"{today() + timedelta(days=365)}"


def command(name: str, fields: str = "student { id disclosure }") -> str:
    """The document of one command, with its input as a variable."""
    kind = name[0].upper() + name[1:] + "Input"
    return f"mutation M($i: {kind}!) {{ {name}(input: $i) {{ {fields} }} }}"


@dataclass
class Scene:
    """The hub, the owner's connection, and who there is."""

    hub: Hub
    owner: Any

    async def student(self, age: str | None = "16_17", town: str | None = "GM0796") -> str:
        """A new student of SCHOOL; gives the id as the school has it."""
        key = await self.owner.fetchval(
            "INSERT INTO student (school, municipality, source) VALUES ('90ZX00', $1, 'x') RETURNING id", town
        )
        await self.owner.execute(
            "INSERT INTO student_profile (student, age_band, sectors) VALUES ($1, $2, '{ZORG}')", key, age
        )
        await self.reason(key, SCHOOL, "ENROLMENT", "IDENTIFIED")
        await self.owner.execute("INSERT INTO lead (student, seer) VALUES ($1, $2)", key, SCHOOL)
        return await self.known(key, SCHOOL)

    async def reason(self, student: UUID, seer: str, purpose: str, tier: str, **more: Any) -> UUID:
        found: UUID = await self.owner.fetchval(
            "INSERT INTO access (student, seer, purpose, tier, ends_at) VALUES ($1, $2, $3, $4, $5) RETURNING id",
            student,
            seer,
            purpose,
            tier,
            more.get("ends_at", datetime.now(UTC) + timedelta(days=90)),
        )
        return found

    async def key(self, identity: str) -> UUID:
        """Whom an id of SCHOOL stands for."""
        sql = "SELECT student FROM sight WHERE alias = $1"
        found: UUID = await self.owner.fetchval(sql, UUID(identity.partition(":")[2]))
        return found

    async def known(self, key: UUID, seer: str) -> str:
        """The id by which a seer knows a young person, seen or not."""
        kind = "Student" if seer.startswith(("school", "municipality", "service:")) else "Candidate"
        alias = await self.owner.fetchval("SELECT alias FROM sight WHERE student = $1 AND seer = $2", key, seer)
        return f"{kind}:{alias or uuid4()}"

    async def do(self, seer: str, name: str, fields: str | None = None, **given: Any) -> dict[str, Any]:
        """Runs a command under a new key, or the given one; gives the body."""
        fields = fields or ("student { id }" if seer.startswith(("school", "municipality")) else "candidate { id }")
        return await self.hub.ask(seer, command(name, fields), {"i": {"key": str(uuid4()), **given}})

    async def done(self, seer: str, name: str, fields: str | None = None, **given: Any) -> Any:
        """The same, and its payload; what is refused fails the test."""
        body = await self.do(seer, name, fields, **given)
        assert "errors" not in body, body
        return body["data"][name]

    async def sees(self, seer: str, student: str) -> str | None:
        """How much a seer sees of a student in its next request: asked of the hub, as anybody would."""
        known = await self.known(await self.key(student), seer)
        root = known.partition(":")[0].lower()
        body = await self.hub.ask(seer, f'{{ {root}(id: "{known}") {{ disclosure }} }}')
        assert "errors" not in body, body
        return body["data"][root]["disclosure"] if body["data"][root] else None

    async def agree(self, student: str, purpose: str, party: str | None = None, **more: Any) -> None:
        given = {"by": "SELF", "textVersion": "2026-09", "until": NEXT_YEAR, **more}
        await self.done(
            SCHOOL, "recordConsent", student=student, purpose=purpose, **({"party": party} if party else {}), **given
        )


@asynccontextmanager
async def open_scene(owner_url: str, logins: Logins) -> AsyncIterator[Scene]:
    """The parties, on the reference data."""
    await reference.load(owner_url)
    owner = await asyncpg.connect(owner_url)
    await owner.execute("""
        INSERT INTO school (brin, name, kind, municipality, region, fictitious, source, digest, seen_on)
            SELECT brin, 'School', 'PRO', m.code, m.region, true, 'seed', 'x', '2026-01-01'
            FROM unnest(ARRAY['90ZX00', '90ZX01']) brin, municipality m WHERE m.code = 'GM0796';
        INSERT INTO party (key, kind, name) SELECT key, split_part(key, ':', 1), key FROM unnest(ARRAY['school:90ZX00',
            'school:90ZX01', 'municipality:GM0796', 'municipality:GM0344', 'servicepoint:AM27-WERKCENTRUM',
            'servicepoint:AM01-WERKCENTRUM', 'employer:90000001', 'employer:90000002']) key ON CONFLICT DO NOTHING;
        INSERT INTO covers (party, function, municipality)
            VALUES ('municipality:GM0796', 'participatie', 'GM0796'), ('municipality:GM0344', 'participatie', 'GM0344')
            ON CONFLICT DO NOTHING""")
    try:
        async with open_hub(logins) as hub:
            yield Scene(hub, owner)
    finally:
        await owner.close()


async def at_once(*calls: Any) -> list[Any]:
    return list(await asyncio.gather(*calls))
