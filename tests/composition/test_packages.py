"""The npm packages of these tests: pinned, locked for any registry, and missed with a sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from tests.composition.node_kit import FOLDER
from tests.setup.demos import Clone


def test_its_packages_are_pinned_and_locked_without_the_name_of_a_registry() -> None:
    named = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    locked = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in named.values())
    assert {name: locked[f"node_modules/{name}"]["version"] for name in named} == named
    for name, entry in locked.items():
        assert "resolved" not in entry
        assert not name or entry["integrity"].startswith("sha512-")


def test_without_a_registry_it_says_what_it_needs_and_makes_nobody_believe_it_is_done(
    node: None, tmp_path: Path
) -> None:
    clone = Clone(tmp_path / "spil")
    nowhere = {"registry": "http://127.0.0.1:9", "cache": str(tmp_path / "cache"), "fetch_retries": "0"}
    done = subprocess.run(
        [clone.path / "scripts" / "packages", "tests/composition"],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {f"npm_config_{name}": value for name, value in nowhere.items()},
        timeout=120,
    )
    assert done.returncode == 1
    assert "it needs a registry that it can reach" in done.stderr.splitlines()[-1]
    assert not (clone.path / "tests" / "composition" / "node_modules" / ".spil").exists()
    clone.remove()
