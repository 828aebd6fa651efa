"""`spil agent --listen`: an ordinary source of protocol 1 behind a proxy; and what the command refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from connectors import school_rest
from connectors.flow import Options
from registry.sources import Source, add_source, find_source
from resolvers.live import run
from spil import harvest
from spil.agent.answers import build_answers
from spil.agent.running import Files, folder_of
from spil.cli import cli
from spil.partners import client_of, today
from spil.source_check import handshake
from tests.conftest import TestPostgres
from tests.partners.serving import serving
from tests.spil.agent_kit import CANARIES, Process, Scene, digests, export, pupil, scene_of, write
from tests.spil.harvest_kit import BRIN, SCHOOL

SECRET = "0123456789abcdef" * 4


@pytest.fixture
async def scene(postgres: TestPostgres, tmp_path: Path) -> AsyncIterator[Scene]:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    async with scene_of(postgres, tmp_path) as made:
        write(made.folder, *(pupil(f"L{n:02}") for n in range(30)))
        yield made


async def listening(scene: Scene) -> tuple[Process, str]:
    """The agent, and where it listens."""
    agent = await scene.agent("--listen", "127.0.0.1:0", "--secret", str(scene.folder.parent / "secret"))
    return agent, f"127.0.0.1:{(await agent.says('listening'))['port']}"


def source_at(place: str) -> Source:
    return Source(
        "listens", SCHOOL, "school", "school-rest", f"http://{place}", ("127.0.0.1",), (place,), "env:AGENT_SECRET",
        options={"page": 12},
    )  # fmt: skip


async def test_it_is_harvested_and_asked_as_any_school_system(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_SECRET", json.dumps({"headers": {"authorization": f"Bearer {SECRET}"}}))
    agent, place = await listening(scene)
    source = source_at(place)
    await add_source(scene.world.worker, source)
    report = await harvest.sync(scene.world.worker, "listens")
    assert (report.state, report.counts.added, report.pages) == ("DONE", 30, 3)
    held = await digests(scene.world, "listens")
    met = await handshake(await find_source(scene.world.db, "listens"), {}, {"AGENT_SECRET": "{}"})
    assert met["answer"] == "SOURCE_REFUSED"
    client = client_of(source)
    try:
        told = await run(school_rest.ask(["L01", "L77"], "IDENTIFIED", Options(today=today())), client, 5)
        found = await run(school_rest.find("zangvogell07", Options(today=today())), client, 5)
    finally:
        await client.close()
    assert {number: one["givenName"] for number, one in told.items()} == {"L01": "KanarieL01"}
    assert found == ["L07"]
    assert [canary for canary in CANARIES if canary in agent.words()] == []
    assert SECRET not in agent.words()
    await scene.world.db.execute("TRUNCATE harvested, student CASCADE")
    beside = Source("beside", SCHOOL, "school", "school-csv")
    await add_source(scene.world.worker, beside)

    async def pieces() -> AsyncIterator[bytes]:
        yield export(*(pupil(f"L{n:02}") for n in range(30)))

    await harvest.receive(scene.world.worker, beside, pieces())
    assert await digests(scene.world, "beside") == held


async def test_nobody_is_let_in_without_the_secret(scene: Scene) -> None:
    _, place = await listening(scene)
    async with httpx.AsyncClient(trust_env=False, base_url=f"http://{place}") as client:
        for given in ({}, {"authorization": f"Bearer {SECRET[:-1]}"}, {"authorization": SECRET}, {"cookie": SECRET}):
            answer = await client.get("/students", headers=given)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert "Kanarie" not in answer.text
        right = await client.get("/students?limit=1", headers={"authorization": f"Bearer {SECRET}"})
        assert (right.status_code, right.headers["api-version"]) == (200, "1.0.0")
        assert "access-control-allow-origin" not in right.headers


async def test_the_agent_s_answers_pass_as_a_partner_on_a_socket(tmp_path: Path) -> None:
    write(tmp_path, pupil("L1"))
    folder = folder_of(Files(tmp_path, BRIN, "aanvulling.csv", None, {}), lambda *_, **__: None)
    folder.look()
    folder.look()
    async with serving(build_answers(folder)) as port, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/students?cursor=x")
        assert (answer.status_code, answer.headers["content-type"]) == (410, "application/problem+json")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"--school": "sesame"}, "--school is a BRIN"),
        ({"--hub": None}, "Give --hub, or --listen"),
        ({"--listen": "127.0.0.1:1"}, "Give --hub, or --listen"),
        ({"--hub": None, "--listen": "127.0.0.1:1"}, "--listen wants --secret"),
        ({"--hub": None, "--listen": "0.0.0.0:1", "--secret": "good"}, "a proxy on this machine"),
        ({"--hub": None, "--listen": "sesame.example:1", "--secret": "good"}, "a proxy on this machine"),
        ({"--hub": None, "--listen": "127.0.0.1:1", "--secret": "short"}, "32 signs or more"),
        ({"--token-file": None}, "--token-file"),
        ({"--client": "sesame"}, "--token-url, --client and --key, or --token-file"),
        ({"--hub": "http://hub.example/agent/sesame"}, "plain http is for this machine alone"),
        ({"--hub": "https://u:sesame@hub.example/"}, "without a name, password"),
        ({"--column": "sesame=x"}, "--column is WORD=COLUMN"),
        ({"--mapping": "short"}, "short:1:"),
    ],
)
def test_what_does_not_fit_is_one_sentence_without_the_value(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    for name, text in (("token", "a.b.c"), ("short", "sesame"), ("good", SECRET)):
        (tmp_path / name).write_text(text)
    (tmp_path / "exports").mkdir()
    words = {"--folder": "exports", "--school": BRIN, "--hub": "https://hub.example/agent/a", "--token-file": "token"}
    given = {name: value for name, value in (words | change).items() if value is not None}
    files = {"--folder", "--token-file", "--secret", "--mapping"}
    line = [part for name, value in given.items() for part in (name, str(tmp_path / value) if name in files else value)]
    told = CliRunner().invoke(cli, ["agent", *line])
    assert told.exit_code == 1, told.output
    assert sentence in told.output
    assert "sesame" not in told.output
    assert "Traceback" not in told.output


def test_a_source_is_added_for_an_agent_and_for_no_other_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIL_WORKER_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    words = ["sources", "add", "aaa", "--party", SCHOOL, "--url", "agent:", "--protocol"]
    assert "An agent speaks school-rest" in CliRunner().invoke(cli, [*words, "school-csv"]).output
    assert "cannot be reached" in CliRunner().invoke(cli, [*words, "school-rest"]).output
