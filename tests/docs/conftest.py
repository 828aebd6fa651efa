"""One clone with one demo, of the size that a newcomer's has, for everything that the documents tell to do."""

from __future__ import annotations

import html
import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.setup.demos import Clone, Demo, free_port


@dataclass(frozen=True)
class RunningDemo:
    """The demo, its checkout, and what its landing page offers."""

    clone: Clone
    base: str
    port: int
    tokens: dict[str, Any]

    def token(self, asker: str | tuple[str, str]) -> str | None:
        """A token for a party, or for a role's example party as the landing page's button takes it; None for PUBLIC."""
        if asker == "PUBLIC":
            return None
        party, function = self.tokens["actors"][asker] if isinstance(asker, str) else asker
        form = {"grant_type": "client_credentials", "party": party, "function": function}
        form |= {"client_id": self.tokens["client"], "client_secret": self.tokens["secret"]}
        answer = httpx.post(self.base + self.tokens["url"], data=form, trust_env=False)
        return str(answer.raise_for_status().json()["access_token"])

    def ask(self, body: dict[str, Any], asker: str | tuple[str, str]) -> Any:
        """The answer to a question."""
        token = self.token(asker)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.post(f"{self.base}/graphql", json=body, headers=headers, trust_env=False).json()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """The demo of a clone, ended as Ctrl-C ends it."""
    clone = Clone(tmp_path_factory.mktemp("docs") / "spil")
    port = free_port()
    process = Demo(clone, port, scale="0.1")
    try:
        process.ready()
        page = httpx.get(process.base, trust_env=False).text
        settings = re.search(r'data-settings="([^"]*)"', page)
        assert settings is not None
        yield RunningDemo(clone, process.base, port, json.loads(html.unescape(settings[1]))["demo"])
    finally:
        process.send(signal.SIGINT)
        process.ended()
        clone.remove()
