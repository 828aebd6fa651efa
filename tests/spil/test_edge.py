"""What stands around every answer: request id, trace, headers, the log line, and an end to exceptions."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from schema.errors import Internal
from spil.log import Log
from tests.spil.hub_kit import Country, Hub, codes

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ALLOWED_KEYS = {
    "at", "event", "request", "trace", "door", "status", "ms", "role", "party", "operation", "hash", "students",
    "codes", "cause", "error",
}  # fmt: skip


async def test_every_answer_has_a_request_id_of_its_own_that_errors_repeat(hub: Hub) -> None:
    first, second = [await hub.ask("{ nothing }") for _ in range(2)]
    assert first.json()["errors"][0]["extensions"]["requestId"] == first.headers["x-request-id"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{16}", first.headers["x-request-id"])


async def test_the_trace_of_the_caller_goes_on_with_a_span_of_our_own(hub: Hub) -> None:
    answer = await hub.ask("{ me { role } }", traceparent=TRACE)
    version, trace, span, flags = answer.headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", "4bf92f3577b34da6a3ce929d0e0e4736", "01")
    assert span != "00f067aa0ba902b7"
    assert hub.line_of(answer)["trace"] == trace


@pytest.mark.parametrize(
    "given", ["", "x", TRACE.upper(), TRACE + "-x", "00-" + "0" * 32 + TRACE[35:], TRACE[:36] + "0" * 16 + "-01"]
)
async def test_a_trace_that_is_none_is_replaced(hub: Hub, given: str) -> None:
    answer = await hub.ask("{ me { role } }", traceparent=given)
    found = re.fullmatch("00-([0-9a-f]{32})-([0-9a-f]{16})-00", answer.headers["traceparent"])
    assert found is not None
    assert found[1] not in TRACE.lower()
    assert set(found[1]) != {"0"}


async def test_answers_are_not_kept_nor_sniffed(hub: Hub) -> None:
    headers = (await hub.ask("{ me { role } }")).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


async def test_the_log_line_names_who_and_what_by_its_hash_and_nothing_that_was_said(
    hub: Hub, country: Country
) -> None:
    query = "query Secret_name($c: ID!) { node(id: $c) { id } students(first: 2) { nodes { id destinationAim } } }"
    answer = await hub.ask(query, {"c": "Sesame:open"}, as_party=country.school)
    line = hub.line_of(answer)
    assert set(line) <= ALLOWED_KEYS
    assert (line["door"], line["status"], line["role"], line["party"]) == ("graphql", 200, "SCHOOL", country.school[0])
    assert (line["operation"], line["students"], line["event"]) == ("Secret_name", 2, "request")
    assert re.fullmatch("[0-9a-f]{64}", line["hash"])
    text = json.dumps(line)
    assert "Sesame" not in text
    assert "destinationAim" not in text
    assert await hub.token(country.school) not in text
    assert not [node["id"] for node in answer.json()["data"]["students"]["nodes"] if node["id"] in text]


async def test_the_log_line_of_a_refusal_has_its_codes_and_not_its_words(hub: Hub) -> None:
    answer = await hub.ask("{ sesame }")
    line = hub.line_of(answer)
    assert line["codes"] == ["INVALID_DOCUMENT"]
    assert "sesame" not in json.dumps(line)


async def test_the_same_question_has_the_same_hash_and_another_one_another(hub: Hub) -> None:
    lines = [hub.line_of(await hub.ask(query)) for query in ("{ me { role } }", "{ me { role } }", "{ me { party } }")]
    assert lines[0]["hash"] == lines[1]["hash"] != lines[2]["hash"]


@pytest.mark.parametrize("path", ["/graphql", "/health/ready"])
async def test_an_exception_is_a_code_and_an_id_and_no_trace_of_python(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("sesame: the value of somebody")

    monkeypatch.setattr(hub.parts.engine, "execute", broken)
    monkeypatch.setattr(hub.parts.database, "ready", broken)
    method = "POST" if path == "/graphql" else "GET"
    answer = await hub.send(b'{"query": "{ me { role } }"}', method=method, path=path)
    assert (answer.status_code, codes(answer)) == (500, ["INTERNAL"])
    assert answer.json()["errors"][0]["message"] == Internal.sentence
    assert not re.search("sesame|Runtime|Traceback|File", answer.text)
    line = hub.line_of(answer)
    assert re.fullmatch(r"RuntimeError at spil/test_edge\.py:\d+", line["error"])
    assert "sesame" not in json.dumps(line)


def test_a_log_line_is_one_line_of_json_without_empty_values() -> None:
    written: list[bytes] = []
    Log(written.append, clock=lambda: 12.3456)("request", role="PUBLIC", party=None, operation="a\nb")
    assert written == [b'{"at":12.346,"event":"request","role":"PUBLIC","operation":"a\\nb"}\n']
