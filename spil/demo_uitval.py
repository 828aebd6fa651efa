"""What the demo adds to show uitval: a webhook for its municipality, and the name of a place that may be lost.

Laws
1. The webhook is made with the commands that every party has. It goes on from start to start, for as long as its
   receiver gets the same port; those of which nobody listens any more are ended.
2. `spil serve` has none of this: who asks there which place may be lost gets 404.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from schema.errors import Internal, SpilError
from spil.settings import Settings

if TYPE_CHECKING:
    from auth.viewer import Viewer
    from federation.engine import Engine

LOSSES_PATH: Final = "/demo/losses"
SINK_PATH: Final = "/demo-sink"  # where the demo's receiver listens: its endpoints are known by it
FOLLOWS: Final = "participatie"  # the function of who follows
OIN: Final = "00000001999999999000"  # fictitious, where the operator gave none
OURS: Final = re.compile(r"http://127\.0\.0\.1:[0-9]+" + re.escape(SINK_PATH))
UITVAL: Final = re.compile(r"Uitval:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([0-9a-f]{12})")
MADE: Final = """query($after: Cursor) {
  webhooks(first: 100, after: $after) { nodes { id url state publicKeys { key } } pageInfo { hasNextPage endCursor } }
}"""
END: Final = "mutation($input: DisableWebhookInput!) { disableWebhook(input: $input) { webhook { id } } }"
MAKE: Final = """mutation($input: CreateWebhookInput!) {
  createWebhook(input: $input) { webhook { publicKeys { key } } }
}"""


class NotMade(Exception):
    """The webhook was not made; its words are the hub's."""


def sending_to(settings: Settings, party: str, place: str | None) -> Settings:
    """The settings with which this party's webhooks may go to this `host:port` of the demo's own."""
    if place is None:
        return settings
    allowed = settings.webhook_private_hosts | {f"{party}={place}"}
    return dataclasses.replace(settings, oin=settings.oin or OIN, webhook_private_hosts=allowed)


async def make_webhook(engine: Engine, actor: tuple[str, str], url: str) -> list[str]:
    """The public keys of a party's endpoint at this address, which is made where there is none.

    The demo's others are ended. Raises NotMade.
    """
    viewer, kept = _viewer(*actor), None
    async for one in _webhooks(engine, viewer):
        if one["state"] not in ("PENDING", "ACTIVE") or not OURS.fullmatch(one["url"]):
            continue
        if kept is None and one["url"] == url:
            kept = one
        else:
            await _done(engine, viewer, END, {"input": {"key": str(uuid4()), "webhook": one["id"]}})
    if kept is None:
        made = await _done(engine, viewer, MAKE, {"input": {"key": str(uuid4()), "url": url}})
        kept = made["createWebhook"]["webhook"]
    return [one["key"] for one in kept["publicKeys"]]


async def _webhooks(engine: Engine, viewer: Viewer) -> AsyncIterator[dict[str, Any]]:
    after, more = None, True
    while more:
        page = (await _done(engine, viewer, MADE, {"after": after}))["webhooks"]
        for one in page["nodes"]:
            yield one
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]


async def _done(engine: Engine, viewer: Viewer, text: str, variables: dict[str, Any]) -> dict[str, Any]:
    from federation.engine import encode

    body = orjson.loads(encode(await engine.execute(viewer, text, variables, None, "demo"), "demo"))
    if "errors" in body:
        raise NotMade(body["errors"][0]["message"])
    data: dict[str, Any] = body["data"]
    return data


def _viewer(party: str, function: str) -> Viewer:
    from auth.issuer import DEMO_CLIENT
    from auth.viewer import SCOPES, Viewer, party_kind

    kind = party_kind(party)
    if kind is None:
        raise NotMade(f"{party} is no party.")
    return Viewer(kind.role, party, function, subject=DEMO_CLIENT, client=DEMO_CLIENT, scopes=SCOPES)


def losses_app(owner: str, knows: Callable[[str], bool]) -> Starlette:
    """Two questions of `spil report-uitval`: which place may be lost, and who heard of a loss.

    `knows` tells whether a party key is one of the demo's.
    """
    from registry.demo_losses import place_to_lose, who_heard

    async def place(request: Request) -> JSONResponse:
        party = request.query_params.get("followed_by", "")
        if not knows(party):
            return JSONResponse({"known": False})
        return JSONResponse({"known": True, "place": _plain(await place_to_lose(owner, f"{party}#{FOLLOWS}"))})

    async def heard(request: Request) -> JSONResponse:
        found = UITVAL.fullmatch(request.query_params.get("uitval", ""))
        return JSONResponse(_plain(found and await who_heard(owner, UUID(found[1]), found[2])))

    async def away(_: Request, problem: Exception) -> JSONResponse:
        known = problem if isinstance(problem, SpilError) else Internal()
        return JSONResponse({"error": known.code}, known.status)

    routes = [Route("/place", place), Route("/heard", heard)]
    return Starlette(routes=routes, exception_handlers={SpilError: away})


def _plain(found: Any) -> dict[str, Any] | None:
    return dataclasses.asdict(found) if found is not None else None
