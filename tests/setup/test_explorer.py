"""`scripts/demo --explorer`: locked, from this machine alone, one contract at a time; its node also audits the door."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from auth.viewer import Role
from registry.embedded_home import CHECKOUT
from schema.errors import SetUp
from spil.portal.explorer import ASSETS, POLICY, explorer_routes, page
from spil.portal.landing import DemoTokens
from tests.setup.demos import Clone, Demo, free_port

FOLDER = CHECKOUT / "deploy" / "explorer"
TOKENS = DemoTokens("/demo/issuer/token", "demo", "demo", {Role.SCHOOL: ("school:90ZA00", "guidance")})
AUDIT = """
import { auditServer } from 'graphql-http';
const results = await auditServer({ url: process.argv[2], fetchFn: fetch });
console.log(JSON.stringify(results.map(({ id, name, status }) => ({ id, name, status }))));
"""


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clone, Demo]]:
    """A clone whose demo was started with --explorer, which installs it."""
    clone = Clone(tmp_path_factory.mktemp("explorer") / "spil")
    demo = Demo(clone, free_port(), "--explorer")
    try:
        demo.ready()
        yield clone, demo
    finally:
        demo.send(signal.SIGINT)
        demo.ended()
        clone.remove()


def test_its_packages_are_pinned_and_locked_without_the_name_of_a_registry() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    locked = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    named = wanted["dependencies"] | wanted["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in named.values())
    assert {name: locked[f"node_modules/{name}"]["version"] for name in named} == named
    for name, entry in locked.items():
        assert "resolved" not in entry
        assert not name or entry["integrity"].startswith("sha512-")


def test_without_its_packages_the_demo_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(SetUp, match=r"scripts/demo --explorer"):
        explorer_routes(TOKENS, tmp_path)


def test_its_page_offers_the_roles_that_have_a_token_and_loads_from_here_alone() -> None:
    text = page(TOKENS)
    assert re.findall(r'<option value="(\w+)">', text) == ["PUBLIC", "SCHOOL"]
    assert all(place.startswith("/") for place in re.findall(r'(?:src|href)="([^"]+)"', text))
    assert re.findall(r"script-src ([^;]+);", POLICY) == ["'self'"]


def test_the_demo_serves_it_and_links_to_it(explored: tuple[Clone, Demo]) -> None:
    _, demo = explored
    for name in ("", "/explorer.js", "/explorer.css", *(f"/{name}" for name in ASSETS)):
        answer = httpx.get(f"{demo.base}/explorer{name}", trust_env=False)
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == POLICY
    landing = httpx.get(demo.base, trust_env=False).text
    assert '<a class="explore" href="/explorer" >' in landing


def test_the_audit_of_graphql_over_http_finds_nothing_but_that_get_asks_nothing(
    explored: tuple[Clone, Demo], tmp_path: Path
) -> None:
    clone, demo = explored
    script = clone.path / "deploy" / "explorer" / "audit.mjs"
    script.write_text(AUDIT, encoding="utf-8")
    done = subprocess.run(
        [str(clone.path / ".venv/bin/node"), str(script), f"{demo.base}/graphql"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    results = json.loads(done.stdout)
    assert len(results) == 61
    others = [result for result in results if result["status"] != "ok"]
    # Questions in an address would stand in logs and histories: POST alone asks here, which the specification allows.
    assert [result for result in others if "GET" not in result["name"]] == []
    assert {result["status"] for result in others} == {"notice"}
    assert len(others) == 3
