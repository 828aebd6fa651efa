"""Drives a connector in memory: questions are noted and answered from a list, pages are noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import yaml
from openapi_schema_validator import OAS30Validator, OAS31Validator

from connectors.flow import Options, Page
from registry.embedded_home import CHECKOUT
from wire.messages import Answer, Ask

TODAY = date(2026, 11, 21)


@dataclass
class Driven:
    """What a flow asked and gave. `result` is what it returned."""

    asks: list[Ask] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    result: Any = None

    @property
    def records(self) -> list[Any]:
        return [record for page in self.pages for record in page.records]

    @property
    def rejects(self) -> list[Any]:
        return [reject for page in self.pages for reject in page.rejects]


def drive(flow: Any, *answers: Answer, each: Callable[[Ask], Answer] | None = None) -> Driven:
    """Runs a flow to its end; a question beyond `answers` fails the test."""
    driven, left, reply = Driven(), list(answers), None
    while True:
        try:
            step = flow.send(reply)
        except StopIteration as stop:
            driven.result = stop.value
            assert not left, "more answers than questions"
            return driven
        if isinstance(step, Page):
            driven.pages.append(step)
            reply = None
        else:
            driven.asks.append(step)
            reply = each(step) if each else left.pop(0)


def options(**told: Any) -> Options:
    return Options(**({"today": TODAY} | told))


def told(body: object, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON."""
    return Answer(status, headers, orjson.dumps(body))


def raw(body: str | bytes, status: int = 200, **headers: str) -> Answer:
    return Answer(status, headers, body.encode() if isinstance(body, str) else body)


def partner(name: str) -> dict[str, Any]:
    """One of our own wire formats."""
    return contract(CHECKOUT / "docs" / "partners" / f"{name}.yaml")


def contract(path: Path) -> dict[str, Any]:
    """An OpenAPI file."""
    made: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return made


def fits(document: Mapping[str, Any], schema: Mapping[str, Any], value: object) -> None:
    """Raises unless a value is of a schema within an OpenAPI document."""
    if document["openapi"].startswith("3.0"):
        OAS30Validator({**document, "allOf": [schema]}).validate(value)
    else:
        OAS31Validator({**document, "allOf": [schema]}).validate(value)


def request_schema(document: Mapping[str, Any], path: str) -> Any:
    body = document["paths"][path]["post"]["requestBody"]
    if "$ref" in body:
        body = document["components"]["requestBodies"][body["$ref"].rpartition("/")[2]]
    return body["content"]["application/json"]["schema"]


def answer_schema(document: Mapping[str, Any], path: str, method: str = "post") -> Any:
    return document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
