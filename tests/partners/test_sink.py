"""The receiver of webhooks: it believes what the hub signs, and nothing else."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import httpx
import orjson
import pytest

from events.cloud import Origin, challenge, cloud_event
from events.signing import Safe, message_id, signed_headers
from tests.partners.serving import serving
from tests.partners.sink import PATH, Sink

SAFE, HOOK = Safe.under(b"secret"), uuid4()
PAIR = SAFE.make(HOOK)
EVENT = {"epoch": 1, "pos": 5, "type": "UITVAL_GEMELD", "recorded": "2026-11-20T09:30:00Z", "withheld": False}
BODY = orjson.dumps(cloud_event(EVENT, Origin("00000001999999999000", str(uuid4()))))


def signed(body: bytes, pos: int, sealed: bytes = PAIR.sealed, ago: int = 0) -> dict[str, str]:
    return dict(signed_headers(message_id(HOOK, 1, pos), int(time.time()) - ago, body, [SAFE.open(HOOK, sealed)]))


async def sent(port: int, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(f"http://127.0.0.1:{port}{PATH}", content=body, headers=headers)


async def test_what_was_signed_is_answered_and_printed_and_what_comes_again_is_marked() -> None:
    lines: list[str] = []
    sink = Sink("municipality:GM0796", [PAIR.public], lines.append)
    asked = orjson.dumps(challenge("abc"))
    async with serving(sink.app) as port:
        assert (await sent(port, asked, signed(asked, 0))).json() == {"challenge": "abc"}
        assert [(await sent(port, BODY, signed(BODY, 5))).status_code for _ in range(2)] == [204, 204]
    assert lines == [
        "webhook  municipality:GM0796  -  challenge answered  signature ok",
        "webhook  municipality:GM0796  1.5  uitval-gemeld  signature ok",
        "webhook  municipality:GM0796  1.5  uitval-gemeld  (again)  signature ok",
    ]


@pytest.mark.parametrize("wrong", ["body", "key", "late", "none"])
async def test_what_was_not_is_refused(wrong: str) -> None:
    lines: list[str] = []
    sealed = SAFE.make(HOOK).sealed if wrong == "key" else PAIR.sealed
    headers = {} if wrong == "none" else signed(BODY, 5, sealed, ago=301 if wrong == "late" else 0)
    async with serving(Sink("municipality:GM0796", [PAIR.public], lines.append).app) as port:
        answer = await sent(port, BODY + b" " if wrong == "body" else BODY, headers)
    assert answer.status_code == 401
    assert [line.partition(":")[0] for line in lines] == ["webhook  refused"]


async def test_a_challenge_that_comes_before_the_keys_waits_for_them() -> None:
    lines: list[str] = []
    sink, asked = Sink(say=lines.append), orjson.dumps(challenge("abc"))
    async with serving(sink.app) as port:
        asking = asyncio.create_task(sent(port, asked, signed(asked, 0)))
        async with asyncio.timeout(5):
            while not sink.app.log:  # noqa: ASYNC110 - it is another connection's to fill
                await asyncio.sleep(0.01)
        assert lines == []
        sink.told("municipality:GM0796", [PAIR.public])
        assert (await asking).json() == {"challenge": "abc"}
