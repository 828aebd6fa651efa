"""The ASGI app: every door by its path, and the edge around them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import ASGIApp

from spil.agent_door import AgentDoor
from spil.edge import Edge
from spil.event_door import EventDoor
from spil.graphql_door import GraphQLDoor
from spil.harvest_door import HarvestDoor
from spil.incoming import Callers
from spil.lasting import Keeper
from spil.log import Log, Sink
from spil.portal.landing import DemoTokens, portal_routes
from spil.rates import Rates
from spil.settings import Settings
from spil.socket_door import Serving, SocketDoor
from spil.wiring import Parts


def build_app(
    parts: Parts, log: Sink | None = None, demo: DemoTokens | None = None, explorer: Sequence[Route] = ()
) -> ASGIApp:
    """The app of one gateway process. The demo alone hands in `demo`, where its page gets tokens, and an explorer."""
    settings, log = parts.settings, log or Log()
    callers = Callers(parts.gate, Rates(settings.rate, settings.burst))
    serving = Serving(parts.engine, parts.streaming, parts.streams, callers, Keeper(callers, log), log)
    door = GraphQLDoor(serving, max_body=settings.max_body_bytes, cors=settings.cors)

    async def ready(_: Request) -> Response:
        well = await parts.database.ready()
        return JSONResponse({"status": "ready" if well else "database away"}, 200 if well else 503)

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def contract(request: Request) -> Response:
        sdl = parts.sdl.get(request.path_params["role"].upper())
        if sdl is None:
            return PlainTextResponse("There is no contract of that name.\n", 404)
        return PlainTextResponse(sdl, media_type="text/plain; charset=utf-8")

    routes = [
        Route("/graphql", door),
        WebSocketRoute("/graphql", SocketDoor(serving, settings.cors)),
        *_brought(settings, callers),
        _agent_route(parts, callers, log),
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/contracts/{role:str}.graphql", contract),
        *portal_routes(demo, bool(explorer)),
        *explorer,
    ]
    # A bare router: Starlette's own middleware would answer an exception before the edge sees it.
    return Edge(Router(routes=routes), log)


def _brought(settings: Settings, callers: Callers) -> list[Route]:
    """The doors for what a party brings to a source of its own."""
    worker = str(settings.worker_url)
    return [
        Route("/harvest/{source:str}", HarvestDoor(worker, callers, most=settings.max_harvest_bytes)),
        Route("/events/{source:str}", EventDoor(worker, callers)),
    ]


def _agent_route(parts: Parts, callers: Callers, log: Sink) -> WebSocketRoute:
    door = AgentDoor(str(parts.settings.worker_url), callers, parts.readings, log)
    return WebSocketRoute("/agent/{source:str}", door)
