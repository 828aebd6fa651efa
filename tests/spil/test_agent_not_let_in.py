"""An agent that is not let in says which of the two did not: the token address, or the hub."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from starlette.applications import Starlette

from spil.agent.dial import Dialler
from spil.agent.running import Hub, token_of
from tests.wire.partner_kit import Partner, always, reply
from wire.oauth import ClientCredentials

MOVED = reply(302, location="http://127.0.0.1:1/")
REDIRECTED = "answered with a redirect; redirects are not followed."


async def first_line(hub: Hub) -> dict[str, Any]:
    """What the agent's log says first."""
    said: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def log(event: str, **told: Any) -> None:
        if not said.done():
            said.set_result({"event": event, **told})

    running = asyncio.create_task(Dialler(hub.address, token_of(hub), Starlette(), log).run())
    try:
        async with asyncio.timeout(10):
            return await said
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.mark.parametrize(
    ("answer", "code", "what"),
    [
        (MOVED, "SOURCE_REFUSED", f"The token address {REDIRECTED}"),
        (reply(401, b'{"error":"invalid_client"}'), "SOURCE_REFUSED", "The token address gave no token."),
        (reply(503), "SOURCE_DOWN", "The token address cannot be reached."),
    ],
)
async def test_it_is_the_token_address(answer: bytes, code: str, what: str) -> None:
    key = ECKey.generate_key("P-256").as_pem(private=True).decode()
    async with Partner(always(answer)).serving() as login, Partner(always(MOVED)).serving() as hub:
        credentials = ClientCredentials(f"http://127.0.0.1:{login.port}/token", "agent", key)
        line = await first_line(Hub(f"http://127.0.0.1:{hub.port}/agent/a", credentials))
        assert hub.heard == []
    assert line == {"event": "hub-not-reached", "at": "token", "code": code, "what": what}


@pytest.mark.parametrize(
    ("answer", "code", "what"),
    [
        (MOVED, "SOURCE_REFUSED", f"The hub's address {REDIRECTED}"),
        (reply(401), "UNAUTHENTICATED", "The hub does not take the token."),
        (reply(503), "SOURCE_DOWN", "The hub cannot be reached."),
    ],
)
async def test_it_is_the_hub(tmp_path: Path, answer: bytes, code: str, what: str) -> None:
    (tmp_path / "token").write_text("t")
    async with Partner(always(answer)).serving() as hub:
        line = await first_line(Hub(f"http://127.0.0.1:{hub.port}/agent/a", token_file=tmp_path / "token"))
    assert line == {"event": "hub-not-reached", "at": "hub", "code": code, "what": what}
