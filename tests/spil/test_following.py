"""Following a stream from a terminal: what ends a connection, and what is no reason to end."""

from __future__ import annotations

import pytest

from auth.viewer import Role
from schema.errors import Forbidden, SourceDown, SourceRefused, SpilError, TooManyRequests, Unauthenticated
from spil.following import Following
from tests.stream_kit import within
from tests.wire.partner_kit import Partner, always, in_turn, reply
from wire.following import follow


def told(pos: int) -> bytes:
    body = b'event: next\nid: c%d\ndata: {"data":{"events":{"pos":%d}}}\n\n' % (pos, pos)
    return reply(200, body, content_type="text/event-stream", connection="close")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *[(status, SourceDown) for status in (500, 502, 503, 504)],
        *[(401, Unauthenticated), (403, Forbidden), (429, TooManyRequests), (404, SourceRefused), (302, SourceRefused)],
    ],
)
async def test_what_a_status_says(status: int, error: type[SpilError]) -> None:
    async with Partner(always(reply(status, b"", connection="close"))).serving() as partner:
        here = f"127.0.0.1:{partner.port}"
        with pytest.raises(error):
            await anext(follow(f"http://{here}/graphql", b"{}", {}, frozenset({here})))


async def test_a_hub_that_starts_anew_behind_a_gateway_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spil.following.WAIT", (0.001, 0.01))

    async def token() -> str:
        return "x"

    away = [reply(status, b"", connection="close") for status in (502, 503, 504, 503)]
    said: list[str] = []
    async with Partner(in_turn(told(1), *away, told(2))).serving() as partner:
        following = Following(f"http://127.0.0.1:{partner.port}", Role.MUNICIPALITY, token, said.append)
        events = following.events()
        assert [(await within(10, anext(events)))["pos"] for _ in range(2)] == [1, 2]
        await events.aclose()  # type: ignore[attr-defined]  # a generator
    assert following.cursor == "c1", "from where it asked for the second"
    assert said == ["The stream ended.", "The hub cannot be reached."]
