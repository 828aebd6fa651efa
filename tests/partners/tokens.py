"""The token address of a partner: OAuth 2 client credentials, the client proven by private_key_jwt (RFC 7523)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

PROOF = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Tokens:
    """`clients`: the public keys by client. `life`: seconds."""

    clients: dict[str, ECKey]
    life: int = 300
    given: dict[str, float] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    async def endpoint(self, request: Request) -> Response:
        """POST /token."""
        form = dict(item.split("=", 1) for item in (await request.body()).decode().split("&"))
        claims = self._claims(form, str(request.url))
        if claims is None:
            return JSONResponse({"error": "invalid_client"}, 401)
        token = secrets.token_urlsafe(24)
        self.given[token] = time.time() + self.life
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": self.life})

    def _claims(self, form: dict[str, str], audience: str) -> dict[str, Any] | None:
        told = {name: unquote_plus(value) for name, value in form.items()}
        if told.get("grant_type") != "client_credentials" or told.get("client_assertion_type") != PROOF:
            return None
        for client, key in self.clients.items():
            try:
                claims = jwt.decode(told.get("client_assertion", ""), key, algorithms=["ES256"]).claims
            except (JoseError, ValueError):
                continue
            fresh = claims.get("exp", 0) > time.time() and claims.get("jti") not in self.used
            if fresh and claims.get("iss") == claims.get("sub") == client and claims.get("aud") == audience:
                self.used.add(claims["jti"])
                return dict(claims)
        return None

    def allows(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self.given.get(token, 0) > time.time()
