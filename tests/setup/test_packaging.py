"""Packaging: our flat names are ours alone, the wheel holds what runs, and the locks tie nobody to a machine."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from registry.embedded_home import CHECKOUT

PACKAGES = {"schema", "resolvers", "connectors", "auth", "federation", "events", "registry", "wire", "spil"}
LOCKS = sorted((CHECKOUT / "deploy" / "locks").glob("*.txt"))


def test_no_other_distribution_owns_one_of_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    taken = {name: set(owners[name]) - {"spil"} for name in PACKAGES & set(owners)}
    assert not {name: who for name, who in taken.items() if who}


def test_the_wheel_holds_our_packages_with_their_files_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in PACKAGES:
        shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", source)
    (source / "README.md").write_text("Spil\n", encoding="utf-8")
    build = "from setuptools.build_meta import build_wheel; import sys; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", build, str(tmp_path)], cwd=source, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())
    assert {name.split("/")[0] for name in held if ".dist-info" not in name} == PACKAGES
    kinds = {".py", ".sql", ".csv", ".toml", ".graphql", ".html", ".css", ".js", ".svg"}
    ours = {
        path.relative_to(CHECKOUT).as_posix()
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*")
        if path.suffix in kinds
    }
    assert ours <= held


def test_spil_is_never_published() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["classifiers"] == ["Private :: Do Not Upload"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_hashes_and_no_place(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-[^-]|--(?!hash=sha256:[0-9a-f]{64}))", text, re.MULTILINE)
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_lock_for_tests_holds_the_versions_that_run() -> None:
    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^([a-z0-9.-]+==\S+)", (CHECKOUT / "deploy/locks" / name).read_text("utf-8"), re.MULTILINE)
        )

    assert pins("run.txt") < pins("test.txt")
