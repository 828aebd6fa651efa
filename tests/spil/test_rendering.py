"""What leaves is read as its receiver, by every role's contract, run by run, and by nobody without an agreement."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from auth.trust import TrustIndex
from auth.viewer import AgreementKind
from events.cloud import Origin, cloud_event
from federation.cursors import Cursors
from federation.streaming import Streaming
from registry.trust import AgreementRow, PartyRow, TrustRows
from schema.errors import Forbidden
from spil.rendering import Rendering, parts
from tests.hub_kit import CURSOR_KEY
from tests.resolvers.access_kit import EMPLOYER, POINT, SCHOOL, TOWN, Scene, open_scene

if TYPE_CHECKING:
    from registry.migrate import Logins

COORDINATOR, NATIONAL = "coordinator:AM27#coordinator", "national#lead"
EVERYBODY = (SCHOOL, TOWN, POINT, EMPLOYER, COORDINATOR, NATIONAL)
PREFIX = "nl.arbeidstoeleiding."


class Signed:
    """Everybody exists; `without` has signed nothing."""

    def __init__(self, *without: str, gone: tuple[str, ...] = ()) -> None:
        parties = {seer.partition("#")[0] for seer in EVERYBODY} - set(gone)
        signed = [AgreementRow(one, kind, "1") for one in parties - set(without) for kind in (*AgreementKind,)]
        rows = tuple(PartyRow(one, one.partition(":")[0], one) for one in parties)
        self._index = TrustIndex(TrustRows((), (), (), rows, tuple(signed)))

    def index(self) -> TrustIndex:
        return self._index


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as made:
        yield made


def rendering(scene: Scene, trust: Signed | None = None) -> Rendering:
    engine = scene.hub.engine
    return Rendering(engine, Streaming(engine, Cursors(CURSOR_KEY)), trust or Signed())


async def told(scene: Scene, seer: str, what: str, kind: str, student: str | None = None, **more: Any) -> int:
    """An event in the log of this seer; gives its position."""
    key = await scene.key(student) if student else None
    about = (
        "INSERT INTO outbox (type, subject_kind, student, seers, details, case_type, case_n)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
    )
    case = more.pop("case", (None, None))
    details = "{" + ", ".join(f'"{name}": "{value}"' for name, value in more.items()) + "}"
    await scene.owner.execute(about, f"{PREFIX}{what}.v1", kind, key, [seer], details, *case)
    token = await scene.owner.fetchval("SELECT token FROM leader WHERE name = 'sequencer'")
    await scene.owner.fetchval("SELECT sequence_events($1, 1000, '1 minute')", token)
    pos: int = await scene.owner.fetchval("SELECT pos FROM stream_head WHERE seer = $1", seer)
    return pos


@pytest.mark.parametrize("seer", EVERYBODY)
async def test_every_role_is_told_by_its_own_contract(scene: Scene, seer: str) -> None:
    pos = await told(scene, seer, "plaats-vrijgekomen", "NONE", month="2026-11")
    (event,) = await rendering(scene)(seer, 1, [pos])
    body = cloud_event(event, Origin("00000001999999999000", "x"))
    assert body["type"] == f"{PREFIX}plaats-vrijgekomen.v1"
    assert body["data"] == {"pos": pos, **({"month": "2026-11"} if "month" in event else {})}


async def test_whom_it_is_about_and_the_case_have_the_receivers_names(scene: Scene) -> None:
    student = await scene.student()
    key = await scene.key(student)
    await scene.reason(key, TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED")
    await scene.owner.execute("INSERT INTO employer (kvk, name) VALUES ('90000001', 'Bedrijf')")
    insert = (
        "INSERT INTO placement (student, n, kind, employer, from_on, state) VALUES ($1, 1, 'WERK', '90000001', today(),"
        " 'RUNNING')"
    )
    await scene.owner.execute(insert, key)
    pos = await told(scene, TOWN, "plaatsing-gestart", "STUDENT", student, case=("PLACEMENT", 1))
    ending = await told(scene, TOWN, "toegang-beeindigd", "ENDING", student, purpose="SAFETY_NET")
    event, end = await rendering(scene)(TOWN, 1, [pos, ending])
    known = await scene.known(key, TOWN)
    data = cloud_event(event, Origin("1", "x"))["data"]
    assert data["student"] == known
    assert data["case"].startswith(f"Placement:{known.partition(':')[2]}.")
    data = cloud_event(end, Origin("1", "x"))["data"]
    assert (data["forget"], data["purpose"]) == (known, "SAFETY_NET")
    assert scene.hub.reads[-1].subscribers == ("webhooks webhooks",)


async def test_only_what_is_asked_for_is_read(scene: Scene) -> None:
    students = [await scene.student() for _ in range(5)]
    given = [await told(scene, SCHOOL, "regie-overgedragen", "STUDENT", one) for one in students]
    scene.hub.reads.clear()
    events = await rendering(scene)(SCHOOL, 1, [given[0], given[1], given[4]])
    assert [one["pos"] for one in events] == [given[0], given[1], given[4]]
    read = {key for one in scene.hub.reads for key in one.students}
    assert read == {(await scene.key(students[n])).bytes for n in (0, 1, 4)}


async def test_who_is_no_party_or_has_no_agreement_is_told_nothing(scene: Scene) -> None:
    pos = await told(scene, TOWN, "plaats-vrijgekomen", "NONE")
    for trust in (Signed("municipality:GM0796"), Signed(gone=("municipality:GM0796",))):
        with pytest.raises(Forbidden):
            await rendering(scene, trust)(TOWN, 1, [pos])
    for seer in ("municipality:GM0796#guidance", "nobody#x", "municipality:GM0796"):
        with pytest.raises(Forbidden):
            await rendering(scene)(seer, 1, [pos])


async def test_what_the_log_does_not_have_is_left_out(scene: Scene) -> None:
    pos = await told(scene, POINT, "plaats-vrijgekomen", "NONE")
    events = await rendering(scene)(POINT, 1, [pos, pos + 1])
    assert [one["pos"] for one in events] == [pos]
    assert await rendering(scene)(POINT, 7, [1]) == []


async def test_an_epoch_that_is_over_is_still_told(scene: Scene) -> None:
    pos = await told(scene, COORDINATOR, "plaats-vrijgekomen", "NONE")
    await scene.owner.execute("UPDATE stream_head SET epoch = 2, pos = 0 WHERE seer = $1", COORDINATOR)
    assert [one["pos"] for one in await rendering(scene)(COORDINATOR, 1, [pos])] == [pos]
    await scene.owner.execute("UPDATE stream_head SET epoch = 1, pos = $2 WHERE seer = $1", COORDINATOR, pos)


def test_a_batch_is_no_larger_than_one_reading() -> None:
    assert list(parts([], 2)) == []
    assert list(parts([1, 2, 5, 7, 9], 2)) == [[1, 2], [5, 7], [9]]
