"""The demo's partner systems: one of each, live in its answers, and gone with it, however it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from registry.embedded import running_url
from tests.setup.demos import Clone, Demo, free_port
from tests.setup.visitor import RunningDemo, visit

STANDARD = "standards/vum-v3"
NAMES = """{ students(first: 12, filter: {hasLeft: false}, order: {field: LEAVES_ON}) {
  nodes { identity { givenName familyName } support { jobcoach { name } } }
} }"""
RUNS = "{ sources(first: 9) { nodes { key state lastRun { state added rejected } } } }"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    made = Clone(tmp_path_factory.mktemp("partnered") / "spil")
    yield made
    made.remove()


def started(clone: Clone, **environ: str) -> tuple[Demo, RunningDemo]:
    demo = Demo(clone, free_port(), scale="0.02", **environ)
    demo.ready()
    demo.until("Ctrl-C stops it")
    return demo, visit(clone, demo)


def ended(demo: Demo, how: signal.Signals = signal.SIGTERM) -> None:
    demo.send(how)
    assert demo.ended() in (0, -how), "".join(demo.lines)


def ports(demo: Demo) -> list[int]:
    """The ports that it announced: the school's, the municipality's, the subgraph's, the feed's, VUM's."""
    said = "".join(demo.lines).partition("Beside it:")[2].partition("To see")[0]
    return [int(port) for port in re.findall(r"127\.0\.0\.1:([0-9]+)", said)]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def gone(places: list[int]) -> None:
    """They end by themselves: nobody kills them."""
    end = time.monotonic() + 15
    while any(map(listens, places)):
        assert time.monotonic() < end, "a partner outlives its demo"
        time.sleep(0.05)


def test_one_question_has_the_names_of_a_school_and_its_jobcoaches_and_a_broken_partner_shows(clone: Clone) -> None:
    demo, visitor = started(clone)
    try:
        assert "Without a party of the VUM exchange: SPIL_SHARED has no standard." in "".join(demo.lines)
        assert len(ports(demo)) == 4
        body = visitor.ask({"query": NAMES}, "SCHOOL")
        assert "errors" not in body, body
        students = body["data"]["students"]["nodes"]
        assert len(students) == 12
        assert all(one["identity"]["givenName"] and one["identity"]["familyName"] for one in students)
        assert any(one["support"] and one["support"]["jobcoach"]["name"] for one in students)
        runs = visitor.ask({"query": RUNS}, ("national", "lead"))["data"]["sources"]["nodes"]
        assert {one["key"]: one["lastRun"] and one["lastRun"]["state"] for one in runs} == {
            "demo-feed": "DONE", "demo-municipality": "DONE", "demo-school": None, "demo-subgraph": None,
        }  # fmt: skip
        assert all(one["lastRun"]["added"] and not one["lastRun"]["rejected"] for one in runs if one["lastRun"])
        broken = re.search(r"curl -s (127\S+) -d '(.*?)'", "".join(demo.lines))
        assert broken is not None
        for told, codes in ((broken[2], ["SOURCE_DOWN"]), ("{}", [])):
            httpx.post(f"http://{broken[1]}", content=told, trust_env=False)
            body = visitor.ask({"query": NAMES}, "SCHOOL")
            assert [one["extensions"]["code"] for one in body.get("errors", [])] == codes
    finally:
        ended(demo)
    assert not any(map(listens, ports(demo)))
    assert "Stopping Postgres" in "".join(demo.lines)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_they_end_with_the_demo_and_the_next_ones_are_found(clone: Clone, how: signal.Signals) -> None:
    demo, visitor = started(clone)
    before = ports(demo)
    assert all(map(listens, before))
    ended(demo, how)
    gone(before)
    demo, visitor = started(clone)
    try:
        assert "Reading demo-" not in "".join(demo.lines), "they were read at the first start"
        assert "errors" not in visitor.ask({"query": NAMES}, "SCHOOL")
    finally:
        ended(demo)
    gone(ports(demo))


def test_with_the_standards_files_there_is_a_party_of_vum_that_asks_for_a_certificate(
    clone: Clone, shared: Callable[[str], Path]
) -> None:
    demo, _ = started(clone, SPIL_SHARED=str(shared(STANDARD).parent.parent))
    try:
        vum = ports(demo)[4]
        met = clone.script("spil", "sources", "check", "demo-vum", "demo-school", "demo-subgraph", "--json")
        assert {row["source"]: row["answer"] for row in json.loads(met.stdout)} == dict.fromkeys(
            ("demo-vum", "demo-school", "demo-subgraph"), "OK"
        ), met.stdout
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"https://127.0.0.1:{vum}/vacatures/1", verify=False, trust_env=False)
        assert [path.stat().st_mode & 0o77 for path in clone.home.glob("partners")] == [0]
    finally:
        ended(demo)
    assert not (clone.home / "partners").exists(), "no key outlives its demo"
    gone([vum])


def test_a_demo_without_partners_says_so_and_runs(clone: Clone) -> None:
    kept = clone.path / "tests" / "kept"
    shutil.move(clone.path / "tests" / "partners", kept)
    demo, visitor = started(clone)
    try:
        assert "Without partners: they come with a checkout of Spil." in "".join(demo.lines)
        body = visitor.ask({"query": NAMES}, "SCHOOL")
        assert {one["extensions"]["code"] for one in body["errors"]} == {"SOURCE_DOWN"}
        assert len(body["data"]["students"]["nodes"]) == 12
        runs = visitor.ask({"query": RUNS}, ("national", "lead"))["data"]["sources"]["nodes"]
        assert {one["state"] for one in runs} == {"PAUSED"}
    finally:
        ended(demo)
        shutil.move(kept, clone.path / "tests" / "partners")


def test_partners_that_do_not_start_are_told_with_their_last_line(clone: Clone) -> None:
    program = clone.path / "tests" / "partners" / "__main__.py"
    text = program.read_text(encoding="utf-8")
    program.write_text("raise SystemExit('no partner today')\n", encoding="utf-8")
    demo, _ = started(clone)
    try:
        assert "Without partners: they did not start. no partner today" in "".join(demo.lines)
    finally:
        ended(demo)
        program.write_text(text, encoding="utf-8")


async def test_a_school_that_comes_while_the_demo_runs_gets_a_token_that_counts(clone: Clone) -> None:
    demo, visitor = started(clone)
    party = "school:99ZZ99"
    try:
        with pytest.raises(httpx.HTTPStatusError):
            visitor.token((party, "guidance"))
        url = running_url(clone.home)
        assert url is not None
        owner = await asyncpg.connect(url)
        await owner.execute("INSERT INTO party (key, kind, name) VALUES ($1, 'school', 'Nieuw')", party)
        becomes(visitor, (party, "guidance"), {"party": None, "notice": "AGREEMENT_MISSING"})
        await owner.execute("INSERT INTO party_agreement VALUES ($1, 'COVENANT', '2026', now())", party)
        becomes(visitor, (party, "guidance"), {"party": party, "notice": None})
        await owner.close()
    finally:
        ended(demo)


def becomes(visitor: RunningDemo, asker: tuple[str, str], wanted: dict[str, Any]) -> None:
    """Waits until a token is given, and `me` says this of who brings it."""
    end = time.monotonic() + 15
    body: Any = "no token"
    while time.monotonic() < end:
        try:
            body = visitor.ask({"query": "{ me { party notice } }"}, asker)
            if body.get("data") == {"me": wanted}:
                return
        except httpx.HTTPStatusError:
            pass
        time.sleep(0.2)
    raise AssertionError(body)


def test_a_migration_that_changed_tells_the_way_out(clone: Clone) -> None:
    path = clone.path / "registry" / "migrations" / "0001_directory.sql"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "-- another line\n", encoding="utf-8")
    done = clone.script("demo", "--scale", "0.02", port=free_port())
    path.write_text(text, encoding="utf-8")
    assert done.returncode == 1
    assert "scripts/demo --fresh" in done.stderr
    assert "Traceback" not in done.stderr
    assert clone.postmaster() is None
    assert os.access(clone.path / "scripts" / "demo", os.X_OK)
