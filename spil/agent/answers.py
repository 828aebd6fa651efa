"""Protocol 1 (docs/partners/school.yaml) over what the folder tells, as an ASGI app.

Laws
1. A cursor is a version of the rows, and a place within a full sync of it. Of another version it is 410 and a full sync
   follows: so a folder that shrank meets the hub's own guard, and the agent has nothing to remember between two runs.
2. At GIVEN_NAME only the given name is answered. A number that is not told is not known.
3. A request's words stand in no message and no log line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from spil.agent.folder import Folder

VERSION: Final = {"API-Version": "1.0.0"}
CURSOR: Final = re.compile(r"([0-9a-f]{32})(?:\.([0-9]{1,9}))?")
PAGE: Final = 500  # students, whatever was asked: a page has to fit in one frame
MOST_KEYS, MOST_FOUND, LONGEST_NAME, MOST_BODY = 2000, 100, 200, 1 << 18
TIERS: Final = {"GIVEN_NAME": ("roepnaam",), "IDENTIFIED": None}


def build_answers(folder: Folder) -> Router:
    """The app over one folder."""

    async def students(request: Request) -> Response:
        if not folder.whole:
            return problem(503, "The files at the school cannot all be read.")
        page = _page(folder, request.query_params.get("cursor"), request.query_params.get("limit"))
        return page if isinstance(page, Response) else _json(page)

    async def identities(request: Request) -> Response:
        match await _told(request):
            case {"tier": "GIVEN_NAME" | "IDENTIFIED" as tier, "leerlingen": list(numbers), **rest} if (
                not rest and 0 < len(numbers) <= MOST_KEYS and all(isinstance(one, str) for one in numbers)
            ):
                known = folder.contents.identities
                found = [_identity(number, known[number], tier) for number in dict.fromkeys(numbers) if number in known]
                return _json({"identiteiten": found})
        return problem(400, "A question for identities has a tier and 1 to 2000 numbers.")

    async def search(request: Request) -> Response:
        match await _told(request):
            case {"naam": str(name), **rest} if not rest and 0 < len(name.strip()) <= LONGEST_NAME:
                return _json({"leerlingen": _found(folder, name)})
        return problem(400, "A search has a name of 1 to 200 signs.")

    return Router(
        [
            Route("/students", students, methods=["GET"]),
            Route("/identities", identities, methods=["POST"]),
            Route("/identities/search", search, methods=["POST"]),
        ]
    )


def _page(folder: Folder, cursor: str | None, limit: str | None) -> dict[str, Any] | Response:
    if limit is not None and not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 0 < int(limit) <= 5000):
        return problem(400, "A page has 1 to 5000 students.")
    size, contents, start = min(int(limit or PAGE), PAGE), folder.contents, 0
    if cursor is not None:
        known = CURSOR.fullmatch(cursor)
        if known is None or known[1] != contents.version:
            return problem(410, "The cursor is no longer known.")
        if known[2] is None:
            return {"leerlingen": [], "cursor": cursor, "meer": False}
        start = int(known[2])
    more = start + size < len(contents.rows)
    after = f"{contents.version}.{start + size}" if more else contents.version
    rows = contents.rows[start : start + size]
    return {"leerlingen": rows, "cursor": after, "meer": more, "volledig": not more}


def _identity(number: str, known: Mapping[str, str], tier: str) -> dict[str, str]:
    words = TIERS[tier] or tuple(known)
    return {"leerlingid": number, **{word: known[word] for word in words if word in known}}


def _found(folder: Folder, name: str) -> list[str]:
    """Those in whose name every word that was asked begins a word; the whole given name first, then by number."""
    asked = name.casefold().split()
    found = []
    for number, who in folder.contents.identities.items():
        told = " ".join(who.get(word, "") for word in ("roepnaam", "voorvoegsel", "achternaam")).casefold()
        words = told.split()
        if all(any(word.startswith(part) for word in words) for part in asked):
            found.append((" ".join(words) != " ".join(asked), asked[0] not in words, number))
    return [number for *_, number in sorted(found)[:MOST_FOUND]]


async def _told(request: Request) -> Any:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY:
            return None
    try:
        return orjson.loads(body)
    except ValueError:
        return None


def _json(told: Any) -> Response:
    return Response(orjson.dumps(told), 200, VERSION, "application/json")


def problem(status: int, title: str) -> Response:
    """Why there is no answer (RFC 9457)."""
    body = orjson.dumps({"title": title, "status": status})
    return Response(body, status, VERSION, "application/problem+json")
