"""`--listen`: the same answers over HTTP, for a school whose own proxy lets the hub in.

Laws
1. On addresses of this machine alone: TLS is the proxy's, and names do not cross a network without it.
2. Whoever asks brings the secret, also from this machine: others work on it, and so do browsers.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from schema.errors import SetUp
from spil.agent.answers import problem
from wire.dialled import local

SHORTEST: Final = 32  # signs of a secret


def secret_of(path: Path) -> str:
    """Raises SetUp for one that is not there, or that could be guessed."""
    try:
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        secret = ""
    if len(secret) < SHORTEST or not secret.isprintable() or " " in secret:
        raise SetUp("--secret names a file with 32 signs or more; `openssl rand -hex 32` makes one.")
    return secret


def place_of(text: str) -> tuple[str, int]:
    """`127.0.0.1:9100` as host and port. Raises SetUp."""
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or len(port) > 5 or not local(f"http://{host}"):
        raise SetUp("--listen is 127.0.0.1:PORT or [::1]:PORT; a proxy on this machine adds TLS.")
    return host.strip("[]"), int(port)


class Guarded:
    """Lets nobody in without the secret."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app, self._wanted = app, f"Bearer {secret}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = [value for name, value in scope.get("headers", ()) if name == b"authorization"]
        if scope["type"] == "http" and len(given) == 1 and hmac.compare_digest(given[0], self._wanted):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refusal: Response = problem(401, "Bring the secret as a bearer token.")
            refusal.headers["www-authenticate"] = "Bearer"
            await refusal(scope, receive, send)
