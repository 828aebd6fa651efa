"""The demo's own OIDC issuer on loopback: discovery, keys and a token for every party of the demo.

Laws
1. For the demo alone: `spil demo` mounts it, `spil serve` has no setting that could. It refuses a public address.
2. Its client secret is no secret; what protects it is that it answers only on loopback names (no DNS rebinding) and
   sends no CORS header (a web page elsewhere cannot read a token).

Standard grant: OAuth 2.0 client_credentials with `party`, `function` and `purpose` beside it; tokens as RFC 9068.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request  # type: ignore[import-untyped]  # Authlib has no types
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant  # type: ignore[import-untyped]  # Authlib has no types
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped]  # Authlib has no types
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator  # type: ignore[import-untyped]  # Authlib has no types
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth.keys import DISCOVERY
from auth.viewer import SCOPES, party_kind
from schema.errors import BadInput, SourceDown

DEMO_CLIENT: Final = "demo"
DEMO_SECRET: Final = "demo"  # noqa: S105 - law 2
DEMO_AUDIENCE: Final = "spil-demo"
LIFETIME: Final = 3600  # seconds
LARGEST_FORM: Final = 4096  # bytes

Directory = Callable[[str], bool]
Post = Callable[[str, Mapping[str, str]], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class _Actor:
    """The fictitious person at a party for whom a token is made."""

    party: str
    function: str
    purpose: str | None

    def get_user_id(self) -> str:
        return "demo-visitor"


class _Client:
    """The one client, as Authlib asks about it."""

    def get_client_id(self) -> str:
        return DEMO_CLIENT

    def check_client_secret(self, secret: str) -> bool:
        return secrets.compare_digest(secret.encode(), DEMO_SECRET.encode())

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method in {"client_secret_basic", "client_secret_post"}

    def check_grant_type(self, grant: str) -> bool:
        return grant == "client_credentials"

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or " ".join(sorted(SCOPES))


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS: Final = ["client_secret_basic", "client_secret_post"]

    def create_token_response(self) -> tuple[int, Any, Any]:
        form = self.request.payload.data
        actor = _Actor(form["party"], form["function"], form.get("purpose"))
        token = self.generate_token(user=actor, scope=self.request.payload.scope, include_refresh_token=False)
        return 200, token, self.TOKEN_RESPONSE_HEADER


class _Generator(JWTBearerTokenGenerator):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, issuer: str, keys: KeySet) -> None:
        super().__init__(issuer, alg="ES256", expires_generator=LIFETIME)
        self._keys = keys

    def get_jwks(self) -> KeySet:
        return self._keys

    def get_audiences(self, _client: _Client, _user: _Actor, _scope: str) -> str:
        return DEMO_AUDIENCE

    def get_extra_claims(self, client: _Client, _grant: str, user: _Actor, _scope: str) -> dict[str, str]:
        claims = {"azp": client.get_client_id(), "party": user.party, "function": user.function}
        return claims | ({"purpose": user.purpose} if user.purpose else {})


class _Asked(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A token request with its form, which Authlib would read by a framework."""

    def __init__(self, uri: str, form: dict[str, str], headers: Mapping[str, str]) -> None:
        super().__init__("POST", uri, headers={name.title(): value for name, value in headers.items()})
        self.payload = BasicOAuth2Payload(form)

    @property
    def form(self) -> dict[str, str]:
        return dict(self.payload.data)


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    def query_client(self, client_id: str) -> _Client | None:
        return _Client() if client_id == DEMO_CLIENT else None

    def save_token(self, token: Any, request: Any) -> None:
        """Nothing is kept: a token is its own proof."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: _Asked) -> _Asked:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        return JSONResponse(dict(body), status, headers=dict(headers))


def issuer_app(issuer_url: str, directory: Directory) -> Starlette:
    """The issuer as an ASGI app, to be mounted at the path of `issuer_url` (no slash at the end).

    `directory` tells whether a party key is one of the demo's. Raises ValueError for an address that is not loopback.
    """
    if not _is_loopback(urlsplit(issuer_url).hostname):
        raise ValueError("the demo's issuer is for loopback only")
    keys = KeySet([ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)])
    server = _Server(scopes_supported=sorted(SCOPES))
    server.register_grant(_Grant)
    server.register_token_generator("default", _Generator(issuer_url, keys))
    document = _discovery(issuer_url)

    async def discovery(_request: Request) -> Response:
        return JSONResponse(document)

    async def jwks(_request: Request) -> Response:
        return JSONResponse(keys.as_dict(private=False))

    async def issue(request: Request) -> Response:
        if not _is_loopback(urlsplit(f"//{request.headers.get('host', '')}").hostname):
            return _error("access_denied", 403)
        form = await _form(request)
        if form is None or not _asked_well(form, directory):
            return _error("invalid_request", 400)
        answer: Response = server.create_token_response(_Asked(f"{issuer_url}/token", form, request.headers))
        return answer

    return Starlette(
        routes=[Route(DISCOVERY, discovery), Route("/jwks", jwks), Route("/token", issue, methods=["POST"])]
    )


async def token(
    issuer_url: str, party: str, function: str, *, post: Post, purpose: str | None = None, scope: str | None = None
) -> str:
    """A token from the demo's issuer over HTTP. `post` sends a form and returns the body (wire.client.post_form).

    Raises BadInput when there is no such party and function, and what `post` raises.
    """
    kind = party_kind(party)
    if kind is None or function not in kind.functions:
        raise BadInput("There is no such party, or it has no such function. Give both, as in docs/roles.md.")
    form = {"grant_type": "client_credentials", "client_id": DEMO_CLIENT, "client_secret": DEMO_SECRET}
    form |= {"party": party, "function": function}
    form |= {name: value for name, value in (("purpose", purpose), ("scope", scope)) if value is not None}
    answer = orjson.loads(await post(f"{issuer_url}/token", form))
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        raise SourceDown
    return str(answer["access_token"])


def _discovery(issuer_url: str) -> dict[str, Any]:
    return {
        "issuer": issuer_url,
        "token_endpoint": f"{issuer_url}/token",
        "jwks_uri": f"{issuer_url}/jwks",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "scopes_supported": sorted(SCOPES),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form, each once; None for anything else."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return None
    try:
        pairs = parse_qsl(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=20)
    except ValueError:
        return None
    form = dict(pairs)
    return form if len(form) == len(pairs) else None


def _asked_well(form: Mapping[str, str], directory: Directory) -> bool:
    party, function = form.get("party", ""), form.get("function", "")
    kind = party_kind(party)
    return kind is not None and function in kind.functions and directory(party)


def _error(code: str, status: int) -> Response:
    return JSONResponse({"error": code}, status, headers={"cache-control": "no-store"})
