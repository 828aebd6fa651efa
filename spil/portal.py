"""The landing page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response


def landing(demo: bool) -> Callable[[Request], Awaitable[Response]]:
    """The page at `/`."""

    async def page(_: Request) -> Response:
        return HTMLResponse("<!doctype html><title>Spil</title><h1>Spil</h1>")

    return page
