"""A party of the VUM exchange (specification 3.0.0): live search and detail over mTLS, fed with its own samples.

What it is asked and what it answers is held against the OpenAPI file. As real ones do: operators that it does not know
are ignored, the order is random, and more than 100 are never answered.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from openapi_schema_validator import OAS30Validator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.partners.behaviour import Behaviour

VERSION = "3.0.0"
MOST = 100
HEADERS = ("X-VUM-berichtVersie", "X-VUM-fromParty", "X-VUM-toParty", "X-VUM-viaParty", "API-Version")
COMPARED = {
    ("werktijden.aantalWerkurenPerWeekMinimaal", "$lte"): lambda value, asked: value <= asked,
    ("werktijden.aantalWerkurenPerWeekMaximaal", "$gte"): lambda value, asked: value >= asked,
    ("beroep.codeBeroepsnaam", "$eq"): lambda value, asked: value == asked,
}


@dataclass
class Vum:
    """`folder`: the standard's files. `oins`: whose certificates are let in that bear no OIN, by common name."""

    folder: Path
    oins: Mapping[str, str] = field(default_factory=dict)
    seed: int = 1

    def __post_init__(self) -> None:
        self.contract = yaml.safe_load((self.folder / "VUM-Bemiddelaar-Vacatures.yaml").read_text(encoding="utf-8"))
        samples = json.loads((self.folder / "sample_vacatures.json").read_text(encoding="utf-8"))
        self.vacancies = {row["idVacature"]: row for row in samples["zoekresultaten"]}
        self.random = random.Random(self.seed)
        routes = [
            Route("/vacatures/matches", self._matches, methods=["POST"]),
            Route("/vacatures/{vum_id}", self._detail),
        ]
        self.app = Behaviour(Starlette(routes=routes))

    async def _matches(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused:
            return refused
        asked = await request.json()
        if not self._fits(self.contract["components"]["requestBodies"]["VacatureMatchesRequest"], asked):
            return _error(request, 400, "400.01")
        question = asked["vraagObject"]
        found = [row for row in self.vacancies.values() if _matches(row, question)]
        self.random.shuffle(found)
        rows = [self._match(row) for row in found[:MOST]]
        number = str(uuid.UUID(int=self.random.getrandbits(128)))
        body = {"vraagID": number, "matches": rows, "maximumAantalResultatenBereikt": len(found) > MOST}
        return self._answer(request, "/vacatures/matches", "post", body)

    async def _detail(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused:
            return refused
        row = self.vacancies.get(request.path_params["vum_id"])
        if row is None:
            return _error(request, 404, "404.01")
        return self._answer(request, "/vacatures/{vumID}", "get", {"bronID": "bron", "vacature": row})

    def _match(self, row: dict[str, Any]) -> dict[str, Any]:
        """Of a vacancy what a match may have, by the contract."""
        allowed = self.contract["components"]["schemas"]["MPVacatureMatch"].get("properties", {})
        return {name: value for name, value in row.items() if name in allowed} | {"vumID": row["idVacature"]}

    def _refused(self, request: Request) -> Response | None:
        if any(name not in request.headers for name in HEADERS) or request.headers["API-Version"] != VERSION:
            return _error(request, 400, "400.01")
        shown = getattr(request.state, "certificate", None) or {}
        subject = [pair for part in shown.get("subject", ()) for pair in part]
        known = {value for name, value in subject if name == "serialNumber"}
        known = known or {self.oins[value] for name, value in subject if name == "commonName" and value in self.oins}
        if self.oins and request.headers["X-VUM-fromParty"] not in known:
            return _error(request, 401, "401.01")
        return None

    def _answer(self, request: Request, path: str, method: str, body: dict[str, Any]) -> Response:
        schema = self.contract["paths"][path][method]["responses"]["200"]
        assert self._fits(schema, body), "the party's own answer is not of the contract"
        return JSONResponse(body, headers=_headers(request))

    def _fits(self, holder: Mapping[str, Any], value: Any) -> bool:
        schema = holder["content"]["application/json"]["schema"]
        return bool(OAS30Validator({**self.contract, "allOf": [schema]}).is_valid(value))


def _matches(row: Mapping[str, Any], question: Mapping[str, Any]) -> bool:
    for name, operators in question.items():
        for operator, asked in operators.items() if isinstance(operators, dict) else ():
            compare = COMPARED.get((name, operator))
            value: Any = row
            for step in name.split("."):
                value = value.get(step) if isinstance(value, dict) else None
            if compare and value is not None and not compare(value, asked):
                return False
    return True


def _headers(request: Request) -> dict[str, str]:
    told = {name: request.headers.get(name, "") for name in HEADERS}
    return told | {"X-VUM-fromParty": told["X-VUM-toParty"], "X-VUM-toParty": told["X-VUM-fromParty"]}


def _error(request: Request, status: int, code: str) -> Response:
    return JSONResponse(
        {"code": code, "message": "as the specification says", "details": ""}, status, _headers(request)
    )
