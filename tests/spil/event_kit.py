"""A municipality's system that tells what happened, and the one case that it and the hub both know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson

from registry.sources import Source, add_source
from tests.resolvers.access_kit import today
from tests.spil.hub_kit import Actor, Country, Hub

CASE = "Z-2026-00417"
URN = "urn:nld:oin:00000001823288444000:systeem:werk"
ENDED = "nl.arbeidstoeleiding.uitval-gemeld.v1"
STUDENT = f"Student:{uuid4()}"
ENDED_ON = str(today() - timedelta(days=5))
STRUCTURED = "application/cloudevents+json; charset=utf-8"


def event(**changed: Any) -> dict[str, Any]:
    """An event that fits; what is `...` is left out."""
    told = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": URN,
        "type": ENDED,
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": {"zaaknummer": CASE, "datumEinde": ENDED_ON, "reden": "CONTRACT_ENDED"},
    }
    return {name: value for name, value in (told | changed).items() if value is not ...}


async def add_sources(made: Country) -> None:
    """Two systems of the municipality, one of another, one of another protocol, and one that has no name."""
    town, other = made.municipality[0], "municipality:GM0014"
    options = {"settings": {"urn": URN}}
    for key, party in (("werk", town), ("rust", town), ("elders", other)):
        await add_source(
            made.logins.worker,
            Source(key, party, "municipality", "cloudevents", options=options, harvests=False),
        )
    await know(made.owner, town)
    await add_source(made.logins.worker, Source("zaken", town, "municipality", "ggm-rest"))
    await add_source(made.logins.worker, Source("naamloos", town, "municipality", "cloudevents", harvests=False))


async def know(owner: str, town: str) -> None:
    """The town has the case that the events are about, and it has one placement."""
    connection = await asyncpg.connect(owner)
    try:
        seen = "SELECT student FROM sight WHERE seer = $1 AND until_identified > now() ORDER BY student LIMIT 1"
        student = await connection.fetchval(seen, f"{town}#participatie")
        await connection.execute(
            "UPDATE sight SET alias = $3 WHERE student = $1 AND seer = $2",
            student,
            f"{town}#participatie",
            UUID(STUDENT[8:]),
        )
        await connection.execute("UPDATE link SET until_at = now() WHERE source = $1", town)
        await connection.execute(
            "INSERT INTO link (student, source, key, from_at) VALUES ($1, $2, 'Z-2026-00417', clock_timestamp())",
            student,
            town,
        )
        await connection.execute("UPDATE placement SET state = 'ENDED' WHERE student = $1", student)
        await connection.execute(
            "INSERT INTO placement (student, n, kind, employer, from_on, state)"
            " SELECT $1, 99, 'WERK', min(kvk), today() - 90, 'RUNNING' FROM employer",
            student,
        )
    finally:
        await connection.close()


Tell = Any


def telling(hub: Hub, country: Country) -> Tell:
    """Brings events to the door, as the municipality's system does."""

    async def told(
        body: dict[str, Any] | bytes, source: str = "werk", actor: Actor | None = None, **headers: str
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return await hub.send(
            content,
            as_party=actor or country.municipality,
            path=f"/events/{source}",
            **({"content_type": STRUCTURED} | headers),
        )

    return told


def code(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["extensions"]["code"])
