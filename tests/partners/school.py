"""A school's own system (docs/partners/school.yaml): pages of profiles, names live, tokens by private_key_jwt.

Every name in it is a canary of its own: a test that finds `Kanarie` where it must not be knows from whom it came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.partners.behaviour import Behaviour
from tests.partners.paging import Changes, Gone
from tests.partners.tokens import Tokens

VERSION = {"API-Version": "1.0.0"}
NAME = ("roepnaam", "voorvoegsel", "achternaam")


def identity_of(reference: str) -> dict[str, str | None]:
    """Who the student of a number is: made up."""
    return {
        "leerlingid": reference,
        "roepnaam": f"Kanarie{reference}",
        "voorvoegsel": "van",
        "achternaam": f"Zangvogel{reference}",
        "geboortedatum": "2009-03-14",
        "email": f"kanarie{reference}@leerling.example",
        "telefoon": "+31 85 000 0000",
        "wettigevertegenwoordiger": f"Ouder{reference}",
    }


def problem(status: int, title: str) -> Response:
    body = {"title": title, "status": status}
    return JSONResponse(body, status, VERSION, "application/problem+json")


@dataclass
class School:
    """`profiles`: what is harvested. `tokens` None: whoever asks is let in. `named`: who a number is."""

    tokens: Tokens | None = None
    profiles: Changes = field(default_factory=lambda: Changes("leerlingen", "leerlingid"))
    identities: dict[str, dict[str, Any]] = field(default_factory=dict)
    named: Callable[[str], dict[str, Any]] = identity_of

    def __post_init__(self) -> None:
        routes = [
            Route("/students", self._students),
            Route("/identities", self._identities, methods=["POST"]),
            Route("/identities/search", self._search, methods=["POST"]),
        ]
        if self.tokens:
            routes.append(Route("/token", self.tokens.endpoint, methods=["POST"]))
        self.app = Behaviour(Starlette(routes=routes))

    def enrol(self, profile: dict[str, Any]) -> None:
        """A student with a profile and a name."""
        self.profiles.put(profile)
        self.know(profile["leerlingid"])

    def know(self, reference: str) -> None:
        """A student with a name alone."""
        self.identities[reference] = self.named(reference)

    async def _students(self, request: Request) -> Response:
        if not self._allows(request):
            return problem(401, "no token")
        try:
            page = self.profiles.page(
                request.query_params.get("cursor"), int(request.query_params.get("limit", "1000"))
            )
        except Gone:
            return problem(410, "cursor is no longer known")
        return JSONResponse(page, headers=VERSION)

    async def _identities(self, request: Request) -> Response:
        if not self._allows(request):
            return problem(401, "no token")
        asked = await request.json()
        fields = ("leerlingid", "roepnaam") if asked["tier"] == "GIVEN_NAME" else None
        known = [self.identities[one] for one in asked["leerlingen"] if one in self.identities]
        rows = [{name: row[name] for name in fields or row} for row in known]
        return JSONResponse({"identiteiten": rows}, headers=VERSION)

    async def _search(self, request: Request) -> Response:
        if not self._allows(request):
            return problem(401, "no token")
        name = (await request.json())["naam"].casefold()
        found = [
            reference
            for reference, row in sorted(self.identities.items())
            if name in " ".join(row[part] for part in NAME if row[part]).casefold()
        ]
        return JSONResponse({"leerlingen": found[:100]}, headers=VERSION)

    def _allows(self, request: Request) -> bool:
        return self.tokens is None or self.tokens.allows(request)
