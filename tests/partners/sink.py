"""A municipality's receiver of webhooks: believes what its hub signed (Standard Webhooks 1.0), and prints it as a line.

    webhook  municipality:GM0796  1.5  uitval-gemeld  signature ok

Laws
1. It was told the public keys by whom it trusts. What none of them signed is refused, and none of its words is printed.
2. What comes before the keys waits for them a moment. What comes twice is answered alike, and marked.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.partners.behaviour import Behaviour

PATH = "/demo-sink"
TOLERANCE = 300  # seconds
PATIENCE = 5.0  # seconds for the keys; a hub gives a try ten
PREFIX, SUFFIX = "nl.arbeidstoeleiding.", ".v1"


def at_once(line: str) -> None:
    """Who listens at a pipe waits for it."""
    print(line, flush=True)


@dataclass
class Sink:
    """Whose it is, the keys that it believes (`whpk_...`), and what it had."""

    party: str = "-"
    keys: Sequence[str] = ()
    say: Callable[[str], None] = at_once
    had: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._knows = asyncio.Event()
        if self.keys:
            self._knows.set()
        self.app = Behaviour(Starlette(routes=[Route(PATH, self._take, methods=["POST"])]))

    def told(self, party: str, keys: Sequence[str]) -> None:
        """Whose endpoint it is, and whom it believes from now on."""
        self.party, self.keys = party, keys
        self._knows.set()

    async def _take(self, request: Request) -> Response:
        content = await request.body()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._knows.wait()
        except TimeoutError:
            return Response(status_code=503)
        if not is_genuine(request.headers, content, self.keys):
            self.say("webhook  refused: no key that this receiver knows signed it, just now")
            return Response(status_code=401)
        body = json.loads(content)
        if body["type"] == "webhook.challenge":
            self._line("-", "challenge answered")
            return JSONResponse({"challenge": body["challenge"]})
        again = request.headers["webhook-id"] in self.had
        self.had.add(request.headers["webhook-id"])
        name = body["type"].removeprefix(PREFIX).removesuffix(SUFFIX)
        self._line(body["id"], f"{name}  (again)" if again else name)
        return Response(status_code=204)

    def _line(self, position: str, what: str) -> None:
        self.say(f"webhook  {self.party}  {position}  {what}  signature ok")


def is_genuine(headers: Mapping[str, str], content: bytes, keys: Sequence[str]) -> bool:
    """Whether one of these keys signed this, and just now."""
    try:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
        late = abs(time.time() - int(headers["webhook-timestamp"])) > TOLERANCE
        given = [base64.b64decode(one[4:]) for one in headers["webhook-signature"].split() if one.startswith("v1a,")]
    except (KeyError, ValueError):
        return False
    return not late and any(_is_of(key, one, signed) for key in keys for one in given)


def _is_of(key: str, signature: bytes, signed: bytes) -> bool:
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
    try:
        public.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
