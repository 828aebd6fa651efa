"""deploy/Containerfile, line by line in a clean folder: what it copies and runs makes a hub that starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry.embedded_home import CHECKOUT
from tests.setup.test_packaging import PACKAGES

FILE = CHECKOUT / "deploy" / "Containerfile"
ROOT = "/srv/spil"


@dataclass
class Image:
    """What the lines made: a folder for the image's root, and its environment."""

    root: Path
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def place(self, text: str) -> str:
        """A path of the image as a path of this machine."""
        return text.replace(ROOT, f"{self.root}{ROOT}")

    def run(self, command: str | list[str], **more: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(self.root)}
        # How this machine reaches its package index is its own affair.
        environ |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))}
        return subprocess.run(
            ["sh", "-c", command] if isinstance(command, str) else command,
            cwd=self.folder,
            env=environ | self.environ | more,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )


def instructions() -> Iterator[tuple[str, str]]:
    """(instruction, the rest), with continued lines joined and comments left out."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Every WORKDIR, COPY, ENV and RUN line, executed."""
    root = tmp_path_factory.mktemp("image")
    made = Image(root, root)
    for name, rest in instructions():
        if name == "WORKDIR":
            made.folder = Path(made.place(rest))
            made.folder.mkdir(parents=True)
        elif name == "ENV":
            made.environ |= dict(pair.split("=", 1) for pair in made.place(rest).split())
        elif name == "COPY":
            source, target = (CHECKOUT / rest.split()[0], made.folder / rest.split()[1])
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        elif name == "RUN":
            done = made.run(made.place(rest))
            assert done.returncode == 0, f"{rest}\n{done.stdout}\n{done.stderr}"
    return made


def entry_point(image: Image) -> list[str]:
    lines = dict(instructions())
    words: list[str] = json.loads(lines["ENTRYPOINT"])
    return [image.place(word) for word in words]


def test_the_image_holds_all_our_packages_and_nothing_else_of_ours(image: Image) -> None:
    copied = {rest.split()[0] for name, rest in instructions() if name == "COPY"}
    assert copied == PACKAGES | {"deploy/locks/serve.txt"}
    ignore = (CHECKOUT / "deploy/Containerfile.dockerignore").read_text(encoding="utf-8").split()
    assert ignore[0] == "*"
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == copied


def test_it_starts_as_nobody_and_says_what_is_not_set(image: Image) -> None:
    lines = dict(instructions())
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", lines["USER"])
    command: list[str] = json.loads(lines["CMD"])
    done = image.run([*entry_point(image), *command])
    assert done.returncode == 1
    for name in ("SPIL_GATEWAY_URL", "SPIL_DIRECTORY_URL", "SPIL_WORKER_URL", "SPIL_CURSOR_KEY"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_and_its_postgres_are_not_in_it(image: Image) -> None:
    listed = image.run([*entry_point(image)[:1], "-m", "pip", "list", "--format=freeze"]).stdout.lower()
    assert "uvicorn==" in listed
    assert "pgserver" not in listed
    assert "pytest" not in listed
    done = image.run([*entry_point(image), "demo"])
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_contracts_and_pages_are_in_it(image: Image) -> None:
    code = "from spil.portal.landing import render; from spil.wiring import contracts; contracts(), render(None)"
    done = image.run([entry_point(image)[0], "-P", "-c", code])
    assert done.returncode == 0, done.stderr
