"""The ASGI app: every door by its path, and the edge around them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from spil.edge import Edge
from spil.graphql_door import GraphQLDoor
from spil.harvest_door import HarvestDoor
from spil.incoming import Callers
from spil.log import Log, Sink
from spil.portal.landing import DemoTokens, portal_routes
from spil.rates import Rates
from spil.wiring import Parts


def build_app(
    parts: Parts, log: Sink | None = None, demo: DemoTokens | None = None, explorer: Sequence[Route] = ()
) -> ASGIApp:
    """The app of one gateway process. The demo alone hands in `demo`, where its page gets tokens, and an explorer."""
    settings = parts.settings
    callers = Callers(parts.gate, Rates(settings.rate, settings.burst))
    door = GraphQLDoor(
        parts.engine,
        callers,
        max_body=settings.max_body_bytes,
        cors=settings.cors,
    )

    harvest = HarvestDoor(str(settings.worker_url), callers, most=settings.max_harvest_bytes)

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
        Route("/harvest/{source:str}", harvest),
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/contracts/{role:str}.graphql", contract),
        *portal_routes(demo, bool(explorer)),
        *explorer,
    ]
    # A bare router: Starlette's own middleware would answer an exception before the edge sees it.
    return Edge(Router(routes=routes), log or Log())
