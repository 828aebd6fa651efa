"""The demo shows uitval: one terminal follows as a municipality, another reports as an employer, a webhook prints."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from spil.demo_partners import PORT_FILE
from tests.setup.demos import PATIENCE, Clone, Demo, environment, free_port
from tests.setup.visitor import RunningDemo, visit

TOWN = ("municipality:GM0796", "participatie")
LINE = re.compile(r"webhook  municipality:GM0796  ([0-9]+\.[0-9]+)  uitval-gemeld  signature ok\n")
WEBHOOKS = "{ webhooks(first: 100) { nodes { id url state waiting dead } } }"
LOST = "{ uitvallen(first: 100) { nodes { id state how reportedBy student { id } } } }"
EVENTS = "{ events(last: 1) { nodes { cursor epoch pos type student { id } } } }"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    made = Clone(tmp_path_factory.mktemp("uitval") / "spil")
    yield made
    made.remove()


@contextmanager
def running(clone: Clone) -> Iterator[tuple[Demo, RunningDemo]]:
    """The demo, when its municipality's receiver has answered the challenge: once for as long as it has its port."""
    asked = not (clone.home / PORT_FILE).exists()
    demo = Demo(clone, free_port(), scale="0.02")
    try:
        demo.ready()
        if asked:
            demo.until("challenge answered  signature ok")
        yield demo, visit(clone, demo)
    finally:
        demo.send(signal.SIGTERM)
        assert demo.ended() == 0, "".join(demo.lines)


@contextmanager
def tail(clone: Clone, port: int, *more: str, **environ: str) -> Iterator[Any]:
    """`spil events tail` as the municipality; its output line by line, from the one that says that it follows."""
    words = ["events", "tail", "--party", TOWN[0], "--function", TOWN[1], *more]
    process = subprocess.Popen(
        [str(clone.path / "scripts" / "spil"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(port) | {"PYTHONUNBUFFERED": "1"} | environ,
        cwd="/",
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"Following at http://127.0.0.1:{port}.\n"
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        process.stdout.close()


def reported(clone: Clone, demo: Demo) -> tuple[str, str]:
    """What `spil report-uitval` printed, and the position at which the webhook brought it."""
    done = clone.script("spil", "report-uitval", port=demo.port)
    assert done.returncode == 0, done.stderr
    line = demo.until("uitval-gemeld")
    brought = LINE.fullmatch(line)
    assert brought is not None, line
    return done.stdout, brought[1]


def webhooks(visitor: RunningDemo) -> list[dict[str, Any]]:
    """The municipality's endpoints."""
    return list(visitor.ask({"query": WEBHOOKS}, TOWN)["data"]["webhooks"]["nodes"])


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
        assert re.search(r"Next: [a-z]+:\w+ picks it up within two office days, by `acknowledgeUitval`\.", said), said
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
    with socket.socket() as other:  # another program has the port that the receiver had
        other.bind(("127.0.0.1", int((clone.home / PORT_FILE).read_text(encoding="ascii"))))
        other.listen()
        demo = Demo(clone, free_port(), scale="0.02")
        demo.ready()
        demo.until("challenge answered  signature ok")
        demo.send(signal.SIGTERM)
        assert demo.ended() == 0, "".join(demo.lines)
    with running(clone) as (demo, visitor):
        made = webhooks(visitor)
        assert sorted(one["state"] for one in made) == ["ACTIVE", *["DISABLED"] * (len(made) - 1)]
        assert len(made) >= 2
        with tail(clone, demo.port, "--after", last["cursor"]) as following:
            _, position = reported(clone, demo)
            assert following.stdout.readline().split()[0] == position


def test_what_waited_when_the_demo_stopped_comes_at_its_next_start(clone: Clone) -> None:
    with running(clone) as (demo, visitor):
        (before,) = [one for one in webhooks(visitor) if one["state"] == "ACTIVE"]
        httpx.post(f"http://{urlsplit(before['url']).netloc}/control", json={"fail": 500}, trust_env=False)
        done = clone.script("spil", "report-uitval", port=demo.port)
        assert done.returncode == 0, done.stderr
        while not any(one["waiting"] for one in webhooks(visitor)):
            pass
        last = last_event(visitor)
    with running(clone) as (demo, visitor):
        brought = LINE.fullmatch(demo.until("uitval-gemeld"))
        assert brought is not None
        assert brought[1] == f"{last['epoch']}.{last['pos']}"
        (after,) = [one for one in webhooks(visitor) if one["state"] == "ACTIVE"]
        assert (after["id"], after["dead"]) == (before["id"], 0)


def test_what_its_hub_did_not_sign_is_refused_and_not_printed(clone: Clone) -> None:
    with running(clone) as (demo, visitor):
        made = webhooks(visitor)
        (url,) = [one["url"] for one in made if one["state"] == "ACTIVE"]
        headers = {"webhook-id": "msg_x", "webhook-timestamp": "1", "webhook-signature": "v1a,x"}
        answer = httpx.post(url, json={"type": "\x1b[2Jforged", "id": "9.9"}, headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert "refused" in demo.until("webhook")
        assert not any("forged" in line for line in demo.lines)


def test_when_no_place_is_left_it_says_so(clone: Clone) -> None:
    with running(clone) as (demo, _):
        done = clone.script("spil", "report-uitval", "--followed-by", "municipality:GM0088", port=demo.port)
        assert done.returncode == 1
        assert "No place is left" in done.stderr
        for party in ("municipality:GM9999", "nonsense"):
            done = clone.script("spil", "report-uitval", "--followed-by", party, port=demo.port)
            assert done.returncode == 1
            assert "There is no such party here" in done.stderr
            assert "Traceback" not in done.stderr
    done = clone.script("spil", "report-uitval", port=demo.port)
    assert done.returncode == 1
    assert "No demo answers" in done.stderr
    assert (clone.home / "cursor.key").stat().st_mode & 0o77 == 0


def test_a_token_of_the_environment_is_taken_and_troubles_no_other_command(clone: Clone) -> None:
    words = ("--party", TOWN[0], "--function", TOWN[1])
    with running(clone) as (demo, visitor):
        done = clone.script("spil", "token", *words, port=demo.port)
        token = done.stdout.strip()
        with tail(clone, demo.port, "--after", last_event(visitor)["cursor"], SPIL_TOKEN=token) as following:
            _, position = reported(clone, demo)
            assert following.stdout.readline().split()[0] == position
        for command in (("token", *words), ("events", "lag")):
            done = clone.script("spil", *command, port=demo.port, SPIL_TOKEN=token)
            assert done.returncode == 0, done.stderr


def test_a_party_that_the_demo_does_not_know_is_told_from_a_demo_that_is_not_there(clone: Clone) -> None:
    words = ("--party", "municipality:GM9999", "--function", TOWN[1])
    with running(clone) as (demo, _):
        for command in (("token",), ("events", "tail")):
            done = clone.script("spil", *command, *words, port=demo.port)
            assert done.returncode == 1
            assert f"the demo at {demo.base} does not know municipality:GM9999" in done.stderr
        done = clone.script("spil", "events", "renew", "--party", "municipality:GM9999", "--yes", port=demo.port)
        assert done.returncode == 1
        assert done.stdout == ""
        assert "This party has no stream here" in done.stderr
    for command in (("token",), ("events", "tail")):
        done = clone.script("spil", *command, *words, port=demo.port)
        assert done.returncode == 1
        assert f"no demo answers at {demo.base}" in done.stderr


def test_a_second_demo_of_one_checkout_is_told_that_another_port_does_not_help(clone: Clone) -> None:
    with running(clone) as (demo, _):
        for port in (demo.port, free_port()):
            done = clone.script("demo", port=port)
            assert done.returncode == 1
            assert f"This checkout's demo runs already, at {demo.base} (process " in done.stderr
            assert len(done.stderr.splitlines()) == 1
