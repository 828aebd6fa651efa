"""Somebody who asks a running demo, by what its landing page offers."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.setup.demos import Clone, Demo


@dataclass(frozen=True)
class RunningDemo:
    """The demo, its checkout, and what its landing page offers. `headers` go with every question."""

    clone: Clone
    base: str
    port: int
    tokens: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    def token(self, asker: str | tuple[str, str]) -> str | None:
        """A token for a party, or for a role's example party as the landing page's button takes it; None for PUBLIC."""
        if asker == "PUBLIC":
            return None
        party, function = self.tokens["actors"][asker] if isinstance(asker, str) else asker
        form = {"grant_type": "client_credentials", "party": party, "function": function}
        form |= {"client_id": self.tokens["client"], "client_secret": self.tokens["secret"]}
        answer = httpx.post(self.base + self.tokens["url"], data=form, trust_env=False)
        return str(answer.raise_for_status().json()["access_token"])

    def send(self, path: str, asker: str | tuple[str, str], **told: Any) -> httpx.Response:
        """One POST; `told` is httpx's `json` or `content`, and `headers` beside the token."""
        token = self.token(asker)
        headers = self.headers | ({"authorization": f"Bearer {token}"} if token else {}) | told.pop("headers", {})
        return httpx.post(self.base + path, headers=headers, trust_env=False, timeout=30, **told)

    def ask(self, body: dict[str, Any], asker: str | tuple[str, str]) -> Any:
        """The answer to a question."""
        return self.send("/graphql", asker, json=body).json()


def visit(clone: Clone, demo: Demo, **headers: str) -> RunningDemo:
    """Reads the landing page of a demo that serves. Headers are named with `_` for `-`."""
    page = httpx.get(demo.base, trust_env=False).text
    settings = re.search(r'data-settings="([^"]*)"', page)
    assert settings is not None
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RunningDemo(clone, demo.base, demo.port, json.loads(html.unescape(settings[1]))["demo"], named)
