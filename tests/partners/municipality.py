"""A municipality's own system in terms of the GGM (docs/partners/municipality.yaml): cases, and support live."""

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

VERSION = {"API-Version": "1.0.0"}


def support_of(number: str) -> dict[str, Any]:
    """The support in a case: made up."""
    return {
        "zaaknummer": number,
        "clientbegeleider": _contact(f"Jobcoach {number}"),
        "werkconsulent": _contact(f"Consulent {number}"),
        "trajectplan": {"datumAanvang": "2026-09-01", "datumEinde": None},
        "voorzieningen": [
            {"codeType": "JOBCOACHING", "datumStart": "2026-09-01", "datumEinde": "2027-02-28"},
            {"codeType": "REISKOSTEN", "datumStart": None, "datumEinde": None},
        ],
    }


def _contact(name: str) -> dict[str, str]:
    return {"naam": name, "telefoonnummer": "+31 85 000 0001", "emailadres": "desk@gemeente.example"}


@dataclass
class Municipality:
    """`cases`: what is harvested; `support`: by case number; `supported`: what there is in a new one."""

    cases: Changes = field(default_factory=lambda: Changes("zaken", "zaaknummer"))
    support: dict[str, dict[str, Any]] = field(default_factory=dict)
    supported: Callable[[str], dict[str, Any]] = support_of

    def __post_init__(self) -> None:
        routes = [Route("/zaken", self._cases), Route("/ondersteuning", self._support, methods=["POST"])]
        self.app = Behaviour(Starlette(routes=routes))

    def open_case(self, number: str) -> None:
        self.cases.put({"zaaknummer": number, "status": "OPEN", "functie": "participatie", "datumStart": "2026-09-01"})
        self.support[number] = self.supported(number)

    async def _cases(self, request: Request) -> Response:
        try:
            page = self.cases.page(request.query_params.get("cursor"), int(request.query_params.get("limit", "1000")))
        except Gone:
            body = {"title": "cursor is no longer known", "status": 410}
            return JSONResponse(body, 410, VERSION, "application/problem+json")
        return JSONResponse(page, headers=VERSION)

    async def _support(self, request: Request) -> Response:
        asked = await request.json()
        fields = ("zaaknummer", "clientbegeleider") if asked["tier"] == "GIVEN_NAME" else None
        known = [self.support[one] for one in asked["zaken"] if one in self.support]
        return JSONResponse(
            {"ondersteuning": [{name: row[name] for name in fields or row} for row in known]}, headers=VERSION
        )
