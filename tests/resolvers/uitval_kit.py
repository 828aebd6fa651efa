"""Young people in their places, and what each party is told about them: for the tests of uitval and of the clocks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from registry.migrate import Logins, role_prefix
from tests.resolvers.access_kit import EMPLOYER, SCHOOL, Scene, open_scene, today

KVK = "90000001"
UITVAL = "uitval { id state basis how endedOn reportedBy }"
OCCASION = "cursor epoch pos withheld type purpose forget student { id } case { __typename ... on Uitval { id state } }"


@asynccontextmanager
async def open_places(owner_url: str, logins: Logins) -> AsyncIterator[Scene]:
    """A scene with an employer that has places."""
    async with open_scene(owner_url, logins) as made:
        await made.owner.execute("INSERT INTO employer (kvk, name) VALUES ($1, 'Bakkerij De Proef')", KVK)
        yield made


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo("Europe/Amsterdam"))


@dataclass
class Placed:
    """A student of SCHOOL in a place of EMPLOYER: ids as each of them has it."""

    student: str
    key: UUID
    placement: str
    employers: str


async def placed(scene: Scene, kind: str = "WERK", **more: Any) -> Placed:
    student = await scene.student()
    begun = await scene.done(
        SCHOOL,
        "startPlacement",
        "placement { id state }",
        person=student,
        kind=kind,
        employer=KVK,
        **{"from": str(today() - timedelta(days=30)), **more},
    )
    key = await scene.key(student)
    card = await scene.known(key, EMPLOYER)
    asked = await scene.hub.ask(EMPLOYER, f'{{ candidate(id: "{card}") {{ placements {{ nodes {{ id }} }} }} }}')
    (own,) = asked["data"]["candidate"]["placements"]["nodes"]
    return Placed(student, key, begun["placement"]["id"], own["id"])


async def own_id(scene: Scene, seer: str, key: UUID, kind: str, number: int) -> str:
    """The id of a case below a student, as one seer has it."""
    return str(
        await scene.owner.fetchval(
            "SELECT $3 || ':' || alias || '.' || left(md5(id_salt::text || $3 || $4::text), 12)"
            " FROM sight WHERE seer = $1 AND student = $2",
            seer,
            key,
            kind,
            str(number),
        )
    )


async def report(scene: Scene, who: str, placement: str, **more: Any) -> Any:
    given = {"how": "ENDED_BY_EMPLOYER", "endedOn": str(today()), "youngPersonKnows": True, **more}
    fields = UITVAL if who != EMPLOYER else "uitval { id how endedOn pickedUpOn }"
    return await scene.do(who, "reportUitval", fields, placement=placement, **given)


async def sequenced(scene: Scene) -> None:
    """What waits is given its positions, as the deliverer does it."""
    token = await scene.owner.fetchval("UPDATE leader SET token = token + 1 WHERE name = 'sequencer' RETURNING token")
    while await scene.owner.fetchval("SELECT sequence_events($1, 500, interval '5 seconds')", token):
        pass


async def told(scene: Scene, seer: str, fields: str = OCCASION, after: str | None = None) -> list[dict[str, Any]]:
    """What a party pulls from its stream."""
    await sequenced(scene)
    if seer.startswith(("servicepoint", "employer")):
        fields = "cursor epoch pos withheld type forget candidate { id }"
    document = f"query Q($after: Cursor) {{ events(first: 100, after: $after) {{ nodes {{ {fields} }} }} }}"
    body = await scene.hub.ask(seer, document, {"after": after})
    assert "errors" not in body, body
    return list(body["data"]["events"]["nodes"])


async def types_about(scene: Scene, seer: str, key: UUID) -> list[str]:
    """Of what a party was told about one young person; asked of the log, whatever is withheld."""
    await sequenced(scene)
    rows = await scene.owner.fetch(
        "SELECT split_part(o.type, '.', 3) AS what FROM event_log e JOIN outbox o ON o.id = e.event"
        " WHERE e.seer = $1 AND o.student = $2 ORDER BY e.epoch, e.pos",
        seer,
        key,
    )
    return [row["what"] for row in rows]


async def presumed(scene: Scene, key: UUID) -> None:
    """The end passed and nobody said a word: what the clocks do then."""
    keeper = role_prefix(await scene.owner.fetchval("SELECT current_database()")) + "_keeper"
    async with scene.owner.transaction():
        await scene.owner.execute("UPDATE placement SET to_on = today() - 1 WHERE student = $1", key)
        await scene.owner.execute(f'SET LOCAL ROLE "{keeper}"')
        assert await scene.owner.fetchval("SELECT presume_uitval($1, 1)", key) == 1
