"""The landing page and its files: what Spil is, the country as tiles, and a question per role that runs on the page.

Laws
1. The page loads nothing from elsewhere and runs nothing inline: its Content-Security-Policy names only this hub.
2. Tokens are offered only where the demo hands in its issuer; they stay in the tab and never stand in a URL.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from string import Template
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from auth.viewer import Role
from spil.portal.examples import EXAMPLES, Example

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FILES: Final[Mapping[str, str]] = {
    "portal.css": "text/css; charset=utf-8",
    "portal.js": "text/javascript; charset=utf-8",
    "tokens.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class DemoTokens:
    """Where the demo's page gets its tokens, and for which party and function of each role."""

    url: str
    client: str
    secret: str
    actors: Mapping[Role, tuple[str, str]]


def portal_routes(demo: DemoTokens | None, explorer: bool = False) -> list[Route]:
    """`/` and the files that it names; with a link to `/explorer` where there is one."""
    page = render(demo, explorer).encode()
    headers = {"content-security-policy": POLICY}

    async def landing(_: Request) -> Response:
        return HTMLResponse(page, headers=headers)

    async def file(_: Request, content: bytes, media_type: str) -> Response:
        return Response(content, media_type=media_type, headers=headers)

    static = [
        Route(f"/portal/{name}", partial(file, content=read(name).encode(), media_type=media_type))
        for name, media_type in FILES.items()
    ]
    return [Route("/", landing), *static]


def render(demo: DemoTokens | None, explorer: bool = False) -> str:
    """The page. Everything that is put into it is escaped here."""
    card = Template(read("card.html"))
    cards = "\n".join(_card(card, example, demo, explorer) for example in EXAMPLES)
    return Template(read("page.html")).substitute(cards=cards, settings=settings_of(demo))


def settings_of(demo: DemoTokens | None) -> str:
    """What the scripts read from the page, escaped for an attribute."""
    return html.escape(orjson.dumps({"demo": demo}, option=orjson.OPT_NON_STR_KEYS).decode())


def _card(card: Template, example: Example, demo: DemoTokens | None, explorer: bool) -> str:
    actor = demo.actors.get(example.role) if demo else None
    is_public = example.role is Role.PUBLIC
    asker = "anyone: no token" if is_public else "{} ({})".format(*actor) if actor else "such a party: with its token"
    return card.substitute(
        role=example.role.value,
        slug=example.role.value.lower(),
        who=html.escape(example.who),
        sees=html.escape(example.sees),
        query=html.escape(example.query),
        rows=example.query.count("\n") + 1,
        asker=html.escape(asker),
        runs="" if actor or is_public else "hidden",
        takes="" if actor else "hidden",
        explores="" if explorer else "hidden",
    )


def read(name: str) -> str:
    """A file of this package."""
    return (files("spil.portal") / name).read_text(encoding="utf-8")
