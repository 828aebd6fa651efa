"""The school agent whole: a folder, the agent's process, a gateway's process, a database, and who asks."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from registry.embedded_home import home_folder
from registry.sources import Source, add_source, find_source
from spil import agent_readings, harvest
from spil.cli import cli
from tests.conftest import TestPostgres
from tests.spil.agent_kit import (
    ASK,
    CANARIES,
    KEY,
    Scene,
    agent_source,
    digests,
    export,
    pupil,
    scene_of,
    until,
    write,
)
from tests.spil.harvest_kit import BRIN, SCHOOL

FIND = "query ($name: Text!) { findStudents(name: $name, first: 50) { nodes { identity { givenName } } } }"
SAMPLE = "standards/oso_voorbeelddossier_VOVO_full_2019.1.xml"


@pytest.fixture
async def scene(postgres: TestPostgres, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene_of(postgres, tmp_path) as made:
        yield made


def codes(body: Any) -> set[str]:
    return {error["extensions"]["code"] for error in body.get("errors", ())}


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def brought(scene: Scene, protocol: str, body: bytes) -> set[tuple[str, str]]:
    """Reference and digest as the upload door would leave them, in a source beside."""
    source = Source("beside", SCHOOL, "school", protocol)
    await add_source(scene.world.worker, source)
    await scene.world.db.execute("TRUNCATE harvested, student CASCADE")
    await harvest.receive(scene.world.worker, source, pieces(body))
    return await digests(scene.world, "beside")


async def test_names_come_from_the_folder_live_and_stand_nowhere_else(scene: Scene) -> None:
    rows = [pupil(f"L{n:02}") for n in range(20)]
    write(scene.folder, *rows, pupil("L90", year="geheim"))
    hub, agent = await scene.hub(), await scene.agent()
    held = await scene.harvested(20)
    body = await scene.named("KanarieL07")
    assert len(body["data"]["students"]["nodes"]) == 20
    assert {
        "givenName": "KanarieL07",
        "familyName": "van ZangvogelL07",
        "birthDate": "2009-03-17",
        "mail": "kanarieL07@leerling.example",
        "phone": "0612345917",
    } in [one["identity"] for one in body["data"]["students"]["nodes"]]
    found = await scene.ask(FIND, {"name": "zangvogell0"})
    assert len(found["data"]["findStudents"]["nodes"]) == 10
    assert codes(await scene.ask(ASK, party="school:90ZZ00")) == set()
    dump = await scene.dump()
    assert "L07" in dump
    assert [await one.kill(signal.SIGTERM) for one in (agent, hub)] == [0, 0]
    server = (home_folder(f"test-{os.getpid()}") / "postgres.log").read_text(errors="replace")
    everything = f"{dump}\n{hub.words()}\n{agent.words()}\n{server}"
    assert [canary for canary in CANARIES if canary in everything] == []
    assert "geheim" not in everything
    assert {"L07", "leerlingen"} & set(agent.words().replace('"', " ").split()) == set()
    assert await brought(scene, "school-csv", export(*rows)) == held


async def test_an_agent_that_is_killed_takes_the_names_and_nothing_else(scene: Scene) -> None:
    write(scene.folder, pupil("L1"), pupil("L2"))
    hub, agent = await scene.hub(), await scene.agent()
    await scene.named("KanarieL1")
    await agent.kill()
    await hub.says("agent-left")
    body = await scene.ask()
    assert codes(body) == {"SOURCE_DOWN"}
    assert [(one["schoolYear"], one["identity"]) for one in body["data"]["students"]["nodes"]] == [(4, None)] * 2
    with pytest.raises(Exception, match="No agent of this source"):
        await agent_readings.sync(scene.world.worker, KEY)
    await scene.agent()
    assert codes(await scene.named("KanarieL1")) == set()


async def test_a_gateway_that_is_killed_is_dialled_again(scene: Scene) -> None:
    write(scene.folder, pupil("L1"))
    hub, agent = await scene.hub(), await scene.agent()
    await scene.named("KanarieL1")
    await hub.kill()
    await agent.says("hub-left")
    await agent.says("hub-not-reached", code="SOURCE_DOWN")
    assert agent.process.returncode is None


async def test_a_file_that_changes_is_harvested_and_told_live(scene: Scene) -> None:
    write(scene.folder, pupil("L1"), pupil("L2"), name="a.csv")
    await scene.hub()
    agent = await scene.agent()
    await scene.harvested(2)
    write(scene.folder, pupil("L1", year="5"), pupil("L2", called="Kanarietweede"), pupil("L3"), name="a.csv")
    await scene.harvested(3)
    body = await scene.named("Kanarietweede")
    assert sorted(one["schoolYear"] for one in body["data"]["students"]["nodes"]) == [4, 4, 5]
    (scene.folder / "a.csv").write_bytes(b"no;table\r\n1;2\r\n")
    await agent.says("file-unreadable", kept=3)
    write(scene.folder, pupil("L3"), name="b.csv")
    await agent.says("file-read", file=2)
    assert len(await scene.harvested(3)) == 3
    (scene.folder / "a.csv").unlink()
    await scene.harvested(1)


async def test_the_command_line_has_the_gateway_read_and_shows_what_it_did(scene: Scene) -> None:
    write(scene.folder, *(pupil(f"L{n}") for n in range(30)))
    await scene.hub()
    await scene.agent()
    await scene.harvested(30)
    told: list[str] = []
    report = await agent_readings.sync(scene.world.worker, KEY, tell=told.append)
    assert (report.state, report.counts.added, report.counts.ended) == ("DONE", 0, 0)
    write(scene.folder, *(pupil(f"L{n}") for n in range(10)), pupil("L90", year="zes"))

    async def shrank() -> bool:
        return bool(await scene.world.db.fetchval("SELECT true FROM source_run WHERE state = 'SHRANK' LIMIT 1"))

    await until(shrank)
    assert len(await scene.harvested(30)) == 30
    with pytest.raises(Exception, match="more than one in twenty"):
        await agent_readings.sync(scene.world.worker, KEY)
    report = await agent_readings.sync(scene.world.worker, KEY, confirm_shrink=True)
    assert (report.state, report.counts.ended, report.counts.rejected) == ("DONE", 20, 1)
    assert report.notes[0][1:] == ("school_year", "FORM")


async def test_the_command_line_says_whether_an_agent_is_connected_and_reads_by_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIL_WORKER_URL", scene.world.worker)

    async def spil(*words: str) -> tuple[int, str]:
        done = await asyncio.to_thread(CliRunner().invoke, cli, ["sources", *words])
        return done.exit_code, done.output

    write(scene.folder, pupil("L1"))
    hub = await scene.hub()
    code, told = await spil("check", KEY)
    assert (code, "SOURCE_DOWN" in told, "No agent of this source" in told) == (1, True, True)
    code, told = await spil("sync", KEY)
    assert (code, "No agent of this source" in told) == (1, True)
    agent = await scene.agent()
    await scene.harvested(1)
    code, told = await spil("check", KEY)
    assert (code, "its agent is connected" in told) == (0, True)
    code, told = await spil("sync", KEY)
    assert (code, "0 added, 0 changed, 0 unchanged, 0 ended, 0 rejected; 1 pages" in told) == (0, True), told
    await hub.kill()
    assert (await spil("check", KEY))[0] == 1
    await agent.says("hub-left")


async def test_a_connection_is_renewed_before_its_token_ends_without_a_question_lost(scene: Scene) -> None:
    scene.school.life = 6
    write(scene.folder, pupil("L1"))
    hub, agent = await scene.hub(), await scene.agent()
    await scene.named("KanarieL1")
    answers = []
    while not [one for one in hub.lines if one["event"] == "agent-left"]:
        answers.append(codes(await scene.ask()))
        await asyncio.sleep(0.1)
    assert set().union(*answers) == set()
    assert (await hub.says("agent-left"))["closed"] == 4409
    await agent.says("hub-reached", count=2)
    assert scene.school.asked >= 2


async def test_a_dossier_s_names_are_told_and_its_profile_is_what_the_door_would_take(
    postgres: TestPostgres, tmp_path: Path, shared: Callable[[str], Path]
) -> None:
    sample = (
        shared(SAMPLE).read_bytes().replace(b"<brincode>00YY</brincode>", f"<brincode>{BRIN[:4]}</brincode>".encode())
    )
    # The sample left in 2016, so nobody holds it; the days are moved to those of somebody who is there.
    sample = sample.replace(b"<datumuitschrijving>2016-07-31", b"<datumuitschrijving>2090-07-31")
    async with scene_of(postgres, tmp_path, agent_source()) as scene:
        (scene.folder / "Berg, Daan van de.xml").write_bytes(sample)
        (scene.folder / "aanvulling.csv").write_bytes(
            b"leerlingid;uitstroomprofiel;verwachteuitschrijving;urenperweek\r\nLN094837;2;;24\r\n"
        )
        hub, agent = await scene.hub(), await scene.agent()
        held = await scene.harvested(1)
        body = await scene.named("Daan")
        who = body["data"]["students"]["nodes"][0]["identity"]
        assert who == {
            "givenName": "Daan", "familyName": "van de Berg", "birthDate": "2003-03-17",
            "mail": "leerling@leerling.nl", "phone": "0235257739",
        }  # fmt: skip
        profile = await scene.world.db.fetchrow("SELECT destination_aim, hours FROM student_profile")
        assert tuple(profile) == ("ARBEID", 24)
        everything = "\n".join([await scene.dump(), hub.words(), agent.words()])
        assert [
            name for name in ("Daan", "van de Berg", "2003-03-17", "leerling.nl", "274497451") if name in everything
        ] == []
        (scene.folder / "aanvulling.csv").unlink()

        async def other() -> bool:
            return await scene.harvested(1) != held

        await until(other)
        alone = await scene.harvested(1)
        assert await brought(scene, "oso-xml", sample) == alone


async def test_a_source_that_a_row_paused_is_neither_read_nor_asked(scene: Scene) -> None:
    write(scene.folder, pupil("L1"))
    await scene.world.db.execute("UPDATE source SET state = 'PAUSED'")
    hub = await scene.hub()
    await scene.agent()
    await hub.says("agent-joined")
    with pytest.raises(Exception, match="paused or ended"):
        await agent_readings.sync(scene.world.worker, KEY)
    source = await find_source(scene.world.db, KEY)
    assert (source.state, source.cursor) == ("PAUSED", None)
    assert codes(await scene.ask()) == set()
