"""The demo shows uitval: one terminal follows as a municipality, another reports as an employer, a webhook prints."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.setup.demos import PATIENCE, Clone, Demo, environment, free_port
from tests.setup.visitor import RunningDemo, visit

TOWN = ("municipality:GM0796", "participatie")
LINE = re.compile(r"webhook  municipality:GM0796  ([0-9]+\.[0-9]+)  uitval-gemeld  signature ok\n")
WEBHOOKS = "{ webhooks(first: 100) { nodes { url state waiting dead } } }"
LOST = "{ uitvallen(first: 100) { nodes { id state how reportedBy student { id } } } }"
EVENTS = "{ events(last: 1) { nodes { cursor epoch pos type student { id } } } }"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    made = Clone(tmp_path_factory.mktemp("uitval") / "spil")
    yield made
    made.remove()


@contextmanager
def running(clone: Clone) -> Iterator[tuple[Demo, RunningDemo]]:
    """The demo, when its municipality's receiver has answered the challenge."""
    demo = Demo(clone, free_port(), scale="0.02")
    try:
        demo.ready()
        demo.until("challenge answered  signature ok")
        yield demo, visit(clone, demo)
    finally:
        demo.send(signal.SIGTERM)
        assert demo.ended() == 0, "".join(demo.lines)


@contextmanager
def tail(clone: Clone, port: int, *more: str) -> Iterator[Any]:
    """`spil events tail` as the municipality; its output line by line."""
    words = ["events", "tail", "--party", TOWN[0], "--function", TOWN[1], *more]
    process = subprocess.Popen(
        [str(clone.path / "scripts" / "spil"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(port) | {"PYTHONUNBUFFERED": "1"},
        cwd="/",
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


def reported(clone: Clone, demo: Demo) -> tuple[str, str]:
    """What `spil report-uitval` printed, and the position at which the webhook brought it."""
    done = clone.script("spil", "report-uitval", port=demo.port)
    assert done.returncode == 0, done.stderr
    line = demo.until("uitval-gemeld")
    brought = LINE.fullmatch(line)
    assert brought is not None, line
    return done.stdout, brought[1]


def last_event(visitor: RunningDemo) -> dict[str, Any]:
    """Of the municipality."""
    (event,) = visitor.ask({"query": EVENTS}, TOWN)["data"]["events"]["nodes"]
    return dict(event)


def test_a_report_appears_in_the_tail_of_the_municipality_and_at_its_webhook(clone: Clone) -> None:
    with running(clone) as (demo, visitor):
        reported(clone, demo)
        before = last_event(visitor)
        with tail(clone, demo.port, "--after", before["cursor"]) as following:
            said, position = reported(clone, demo)
            heard = following.stdout.readline()
        assert "reportUitval(input: $input)" in said
        assert '"youngPersonKnows": true' in said
        assert re.search(r"Told: .*municipality:GM0796", said), said
        assert "UITVAL_GEMELD" in heard
        event = last_event(visitor)
        assert heard.split()[0] == position == f"{event['epoch']}.{event['pos']}"
        assert event["student"]["id"] in heard
        assert event["pos"] == before["pos"] + 1
        lost = visitor.ask({"query": LOST}, TOWN)["data"]["uitvallen"]["nodes"]
        (one,) = [one for one in lost if one["student"] == event["student"]]
        assert one["reportedBy"] in said
        assert (one["state"], one["how"]) == ("REPORTED", "NO_WORK_OR_CLOSED")


def test_each_start_has_one_webhook_and_a_tail_goes_on_where_it_was(clone: Clone) -> None:
    with running(clone) as (demo, visitor):
        reported(clone, demo)
        last = last_event(visitor)
    with running(clone) as (demo, visitor):
        made = visitor.ask({"query": WEBHOOKS}, TOWN)["data"]["webhooks"]["nodes"]
        assert sorted(one["state"] for one in made) == ["ACTIVE", *["DISABLED"] * (len(made) - 1)]
        assert len(made) >= 2
        with tail(clone, demo.port, "--after", last["cursor"]) as following:
            _, position = reported(clone, demo)
            assert following.stdout.readline().split()[0] == position


def test_what_its_hub_did_not_sign_is_refused_and_not_printed(clone: Clone) -> None:
    with running(clone) as (demo, visitor):
        made = visitor.ask({"query": WEBHOOKS}, TOWN)["data"]["webhooks"]["nodes"]
        (url,) = [one["url"] for one in made if one["state"] == "ACTIVE"]
        headers = {"webhook-id": "msg_x", "webhook-timestamp": "1", "webhook-signature": "v1a,x"}
        answer = httpx.post(url, json={"type": "\x1b[2Jforged", "id": "9.9"}, headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert "refused" in demo.until("webhook")
        assert not any("forged" in line for line in demo.lines)


def test_when_no_place_is_left_it_says_so(clone: Clone) -> None:
    with running(clone) as (demo, _):
        done = clone.script("spil", "report-uitval", "--followed-by", "municipality:GM9999", port=demo.port)
        assert done.returncode == 1
        assert "No place is left" in done.stderr
        assert "Traceback" not in done.stderr
    done = clone.script("spil", "report-uitval", port=demo.port)
    assert done.returncode == 1
    assert "No demo answers" in done.stderr
    assert (clone.home / "cursor.key").stat().st_mode & 0o77 == 0
