"""The demo's issuer over a real socket: its tokens pass the gate, and only loopback gets one."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from auth.issuer import DEMO_AUDIENCE, DEMO_CLIENT, DEMO_SECRET, issuer_app, token
from auth.keys import DISCOVERY, KeyRing
from auth.tokens import TokenGate
from auth.viewer import PARTIES, SCOPES
from registry.trust import ClientPartyRow, IssuerPartyRow, IssuerRow
from schema.errors import BadInput, SourceDown, Unauthenticated
from tests.auth.tokens_kit import PARTY_OF, make_rows, make_trust
from wire.client import fetch_json_bytes, post_form

PARTY, FUNCTION = "municipality:GM0796", "participatie"
FORM = {
    "grant_type": "client_credentials",
    "client_id": DEMO_CLIENT,
    "client_secret": DEMO_SECRET,
    "party": PARTY,
    "function": FUNCTION,
}


@dataclass(frozen=True)
class Running:
    url: str
    port: int

    @property
    def post(self) -> Any:
        listed = frozenset({f"127.0.0.1:{self.port}"})
        return functools.partial(post_form, deadline=5.0, cap=65536, allow_private=listed)

    @property
    def fetch(self) -> Any:
        listed = frozenset({f"127.0.0.1:{self.port}"})
        return functools.partial(fetch_json_bytes, deadline=5.0, cap=65536, allow_private=listed)


@asynccontextmanager
async def _serving() -> AsyncIterator[Running]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}/issuer"
        app = Starlette(routes=[Mount("/issuer", issuer_app(url, lambda party: party in PARTY_OF.values()))])
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
        try:
            yield Running(url, port)
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with _serving() as one:
        yield one


async def _gate(running: Running) -> TokenGate:
    rows = make_rows(
        issuers=[IssuerRow(running.url, DEMO_AUDIENCE, frozenset({"ES256"}))],
        issuer_parties=[IssuerPartyRow(running.url, "*")],
        client_parties=[
            ClientPartyRow(DEMO_CLIENT, PARTY_OF[prefix], function, frozenset({"STAGE_SEARCH"}))
            for prefix, kind in PARTIES.items()
            for function in kind.functions
        ],
    )
    trust = await make_trust(rows)
    return TokenGate(trust, KeyRing(running.fetch, trust.issuers))


async def test_a_demo_token_passes_the_gate_for_every_party_and_function(running: Running) -> None:
    gate = await _gate(running)
    for prefix, kind in PARTIES.items():
        for function in kind.functions:
            text = await token(running.url, PARTY_OF[prefix], function, post=running.post)
            viewer = await gate.viewer(f"Bearer {text}")
            assert viewer.seer == f"{PARTY_OF[prefix]}#{function}"
            assert viewer.scopes == SCOPES
            assert viewer.client == DEMO_CLIENT


async def test_a_demo_token_carries_the_purpose_and_scope_that_were_asked(running: Running) -> None:
    text = await token(running.url, PARTY, FUNCTION, post=running.post, purpose="STAGE_SEARCH", scope="read")
    viewer = await (await _gate(running)).viewer(f"Bearer {text}")
    assert (viewer.purpose, viewer.scopes) == ("STAGE_SEARCH", frozenset({"read"}))


async def test_no_such_party_or_function_is_said_before_asking(running: Running) -> None:
    for party, function in [("nobody", "x"), (PARTY, "lead"), ("", "")]:
        with pytest.raises(BadInput):
            await token(running.url, party, function, post=running.post)
    with pytest.raises(SourceDown):
        await token(running.url, "municipality:GM9999", FUNCTION, post=running.post)


@pytest.mark.parametrize(
    "changed",
    [
        {"party": "municipality:GM9999"},
        {"party": "nobody"},
        {"function": "lead"},
        {"client_id": "other"},
        {"client_secret": "wrong"},
        {"client_secret": "w\u00e9"},
        {"grant_type": "password"},
        {"scope": "admin"},
        {"filler": "x" * 5000},
    ],
)
async def test_a_wrong_request_gets_no_token(running: Running, changed: dict[str, str]) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{running.url}/token", data=FORM | changed)
    assert answer.status_code in {400, 401}
    assert "access_token" not in answer.text


@pytest.mark.parametrize("body", [b"", b"\xff", b"{}", b"party=a&party=b", b"&" * 100])
async def test_a_broken_body_gets_no_token(running: Running, body: bytes) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{running.url}/token", content=body)
    assert answer.status_code == 400


async def test_a_web_page_elsewhere_gets_no_token(running: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        rebound = await client.post(f"{running.url}/token", data=FORM, headers={"host": "evil.example"})
        crossed = await client.post(f"{running.url}/token", data=FORM, headers={"origin": "https://evil.example"})
    assert rebound.status_code == 403
    assert not [name for name in crossed.headers if name.startswith("access-control")]
    assert crossed.headers["cache-control"] == "no-store"


async def test_the_published_documents_hold_no_private_key(running: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        document = (await client.get(running.url + DISCOVERY)).json()
        keys = (await client.get(document["jwks_uri"])).json()["keys"]
        basic = await client.post(
            document["token_endpoint"], data={k: FORM[k] for k in ("grant_type", "party", "function")},
            auth=(DEMO_CLIENT, DEMO_SECRET),
        )  # fmt: skip
    assert document["issuer"] == running.url
    assert all("d" not in key for key in keys)
    assert basic.json()["expires_in"] == 3600


async def test_each_issuer_makes_its_own_key_and_another_ones_token_is_refused(running: Running) -> None:
    async with _serving() as other:
        text = await token(other.url, PARTY, FUNCTION, post=other.post)
        with pytest.raises(Unauthenticated):
            await (await _gate(running)).viewer(f"Bearer {text}")
        assert await other.fetch(f"{other.url}/jwks") != await running.fetch(f"{running.url}/jwks")


@pytest.mark.parametrize("url", ["http://10.0.0.1/issuer", "https://login.example", "http://0.0.0.0:8000", "x"])
def test_it_refuses_to_be_anything_but_loopback(url: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        issuer_app(url, lambda _party: True)
