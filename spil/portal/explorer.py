"""The demo's explorer: GraphiQL from deploy/explorer/node_modules, showing one role's contract at a time.

Laws
1. For the demo alone: `spil demo --explorer` hands in the folder, `spil serve` has no setting that could.
2. Nothing is loaded from elsewhere. Styles may be inline (its editor makes them); scripts may not.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from string import Template
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from auth.viewer import Role
from registry.embedded_home import CHECKOUT
from schema.errors import SetUp
from spil.portal.examples import EXAMPLES
from spil.portal.landing import DemoTokens, read, settings_of

NODE_MODULES: Final = CHECKOUT / "deploy" / "explorer" / "node_modules"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ASSETS: Final[Mapping[str, str]] = {
    "react.js": "react/umd/react.production.min.js",
    "react-dom.js": "react-dom/umd/react-dom.production.min.js",
    "graphiql.js": "graphiql/graphiql.min.js",
    "graphiql.css": "graphiql/graphiql.min.css",
}
OWN: Final[Mapping[str, str]] = {
    "explorer.css": "text/css; charset=utf-8",
    "explorer.js": "text/javascript; charset=utf-8",
}


def explorer_routes(demo: DemoTokens, packages: Path = NODE_MODULES) -> list[Route]:
    """`/explorer` and what it loads. Raises SetUp when its packages are not installed."""
    missing = [path for path in ASSETS.values() if not (packages / path).is_file()]
    if missing:
        raise SetUp("The explorer is not installed. scripts/demo --explorer installs it.")
    headers = {"content-security-policy": POLICY}
    content = page(demo)

    async def explorer(_: Request) -> Response:
        return HTMLResponse(content, headers=headers)

    async def asset(_: Request, path: Path) -> Response:
        return FileResponse(path, headers=headers)

    async def own(_: Request, text: str, media_type: str) -> Response:
        return Response(text, media_type=media_type, headers=headers)

    return [
        Route("/explorer", explorer),
        *(Route(f"/explorer/{name}", partial(asset, path=packages / path)) for name, path in ASSETS.items()),
        *(Route(f"/explorer/{name}", partial(own, text=read(name), media_type=kind)) for name, kind in OWN.items()),
    ]


def page(demo: DemoTokens) -> str:
    """The page, with the roles for which there is a token, and PUBLIC."""
    shown = [example for example in EXAMPLES if example.role is Role.PUBLIC or example.role in demo.actors]
    options = "".join(f'<option value="{one.role}">{html.escape(one.who)}</option>' for one in shown)
    examples = orjson.dumps({one.role.value: one.query + "\n" for one in shown}).decode()
    return Template(read("explorer.html")).substitute(
        settings=settings_of(demo), examples=html.escape(examples), options=options
    )
