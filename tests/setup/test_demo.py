"""The demo as a newcomer meets it: as a process, ended in every way, beside another, and from odd paths."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.setup.demos import Clone, Demo, free_port

QUESTION = {"query": '{ contact(topic: PUPILS_TO_WORK, at: {postcode: "5211"}) { contact { name } } }'}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="spil-demo-") as path:
        yield Path(path).resolve()


@pytest.fixture(scope="module")
def clone(folder: Path) -> Iterator[Clone]:
    made = Clone(folder / "plain")
    yield made
    made.remove()


def answers(demo: Demo) -> None:
    """It is alive, and knows the contact of a postcode."""
    assert httpx.get(f"{demo.base}/health/live").status_code == 200
    answer = httpx.post(f"{demo.base}/graphql", json=QUESTION)
    assert answer.json()["data"]["contact"]["contact"]["name"]


def test_a_port_in_use_is_one_line_before_postgres_starts(clone: Clone) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = clone.script("demo", port=taken.getsockname()[1])
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "is in use" in done.stderr
    assert not clone.home.exists()


def test_a_load_that_was_broken_off_starts_anew_and_the_second_start_is_quick(clone: Clone) -> None:
    demo = Demo(clone, free_port())
    demo.until("Migrating")
    demo.send(signal.SIGTERM)
    assert demo.ended() == 0, "".join(demo.lines)
    assert clone.postmaster() is None
    demo = Demo(clone, free_port())
    demo.ready()
    answers(demo)
    demo.send(signal.SIGINT, group=True)  # as a terminal's Ctrl-C
    assert demo.ended() == 0, "".join(demo.lines)
    assert clone.postmaster() is None
    demo = Demo(clone, free_port())
    seconds = demo.ready()
    answers(demo)
    demo.send(signal.SIGTERM)
    assert demo.ended() == 0, "".join(demo.lines)
    assert clone.postmaster() is None
    assert seconds <= 5


def test_after_a_sigkill_the_orphan_is_adopted(clone: Clone) -> None:
    demo = Demo(clone, free_port())
    demo.ready()
    orphan = clone.postmaster()
    demo.send(signal.SIGKILL)
    assert demo.ended() == -signal.SIGKILL
    assert orphan is not None
    os.kill(orphan, 0)  # still there
    demo = Demo(clone, free_port())
    demo.ready()
    assert clone.postmaster() == orphan
    answers(demo)
    demo.send(signal.SIGTERM)
    assert demo.ended() == 0, "".join(demo.lines)
    assert clone.postmaster() is None


def test_two_demos_in_two_clones_run_at_once_from_odd_paths(folder: Path) -> None:
    clones = [Clone(folder / "a path with a space" / "spil's"), Clone(folder.joinpath(*["very" * 15] * 12, "spil"))]
    try:
        demos = [Demo(clone, free_port()) for clone in clones]
        for demo, clone in zip(demos, clones, strict=True):
            demo.ready()
            answers(demo)
            token = clone.script("spil", "token", "--party", "municipality:GM0796", "--function", "participatie")
            assert token.returncode == 0, token.stderr
            asked = httpx.post(
                f"{demo.base}/graphql",
                json={"query": "{ students(first: 1) { nodes { id } } }"},
                headers={"authorization": f"Bearer {token.stdout.strip()}"},
            )
            assert "errors" not in asked.json(), asked.text
        assert clones[0].postmaster() != clones[1].postmaster()
        for demo in demos:
            demo.send(signal.SIGTERM)
            assert demo.ended() == 0, "".join(demo.lines)
    finally:
        for clone in clones:
            clone.remove()
