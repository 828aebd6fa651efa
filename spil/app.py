"""The ASGI app: every door by its path, and the edge around them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from spil.edge import Edge
from spil.graphql_door import GraphQLDoor
from spil.log import Log, Sink
from spil.portal import landing
from spil.rates import Rates
from spil.wiring import Parts


def build_app(parts: Parts, log: Sink | None = None, demo: bool = False) -> ASGIApp:
    """The app of one gateway process. `demo` lets the landing page offer tokens of the demo's issuer."""
    settings = parts.settings
    door = GraphQLDoor(
        parts.engine,
        parts.gate,
        Rates(settings.rate, settings.burst),
        max_body=settings.max_body_bytes,
        deadline=settings.deadline,
        cors=settings.cors,
    )

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
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/contracts/{role:str}.graphql", contract),
        Route("/", landing(demo)),
    ]
    return Edge(Starlette(routes=routes), log or Log())
