"""A job board's feed: schema.org JobPosting as JSON-LD, with an ETag."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.partners.behaviour import Behaviour


def posting(number: int) -> dict[str, Any]:
    """A vacancy: made up."""
    return {
        "@type": "JobPosting",
        "identifier": {"@type": "PropertyValue", "name": "bord", "value": f"V{number}"},
        "title": f"Hulp in de keuken {number}",
        "description": "Snijden, wassen en opruimen.",
        "datePosted": "2026-11-01",
        "validThrough": "2027-01-31",
        "employmentType": "PART_TIME",
        "hiringOrganization": {"@type": "Organization", "name": "De Proefkeuken"},
        "jobLocation": {"@type": "Place", "address": {"@type": "PostalAddress", "postalCode": "5211 AB"}},
        "workHours": "16 uur per week",
    }


@dataclass
class Feed:
    """What stands in the feed now."""

    postings: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = Behaviour(Starlette(routes=[Route("/vacatures.json", self._feed)]))

    async def _feed(self, request: Request) -> Response:
        body = json.dumps({"@context": "https://schema.org", "@graph": self.postings}).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag})
        return Response(body, headers={"etag": tag}, media_type="application/ld+json")
