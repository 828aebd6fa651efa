"""Clones of this checkout, and demos that run in them as processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

from registry.embedded import discard
from registry.embedded_home import CHECKOUT, home_folder

LEFT_OUT = shutil.ignore_patterns(".venv", ".git", ".spil", "__pycache__", ".*_cache", "node_modules", ".hypothesis")
PATIENCE = 170.0  # the first start may take 180 s


class Clone:
    """A copy of the checkout that shares its .venv; `home` is where its Postgres lives."""

    made_of = CHECKOUT

    def __init__(self, path: Path) -> None:
        self.path = path
        shutil.copytree(CHECKOUT, path, ignore=LEFT_OUT, symlinks=True)
        (path / ".venv").symlink_to(CHECKOUT / ".venv")
        self.home = home_folder("demo", path.resolve())

    def postmaster(self) -> int | None:
        """The process id of its Postgres, as noted in its data."""
        noted = self.home / "data" / "postmaster.pid"
        return int(noted.read_text(encoding="utf-8").split()[0]) if noted.exists() else None

    def script(self, name: str, *arguments: str, port: int = 8000, **environ: str) -> subprocess.CompletedProcess[str]:
        """Runs a script of the clone to its end. `environ`: variables beside."""
        return subprocess.run(
            [str(self.path / "scripts" / name), *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=environment(port) | environ,
            cwd="/",
            timeout=PATIENCE,
        )

    def remove(self) -> None:
        assert discard(self.home)
        shutil.rmtree(self.path)


class Demo:
    """`scripts/demo` of a clone, in a process group of its own as a terminal gives it. `environ`: variables beside."""

    def __init__(self, clone: Clone, port: int, *more: str, scale: str = "0.01", **environ: str) -> None:
        self.port = port
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [str(clone.path / "scripts" / "demo"), "--scale", scale, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(port) | environ,
            cwd="/",
            start_new_session=True,
        )
        self._watchdog = threading.Timer(PATIENCE, self.process.kill)
        self._watchdog.start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until(self, words: str) -> str:
        """Reads its output up to a line with these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if words in line:
                return line
        raise AssertionError("".join(self.lines))

    def ready(self) -> float:
        """Waits until it serves; gives the seconds that it says it took."""
        found = re.search(r"ready after ([0-9.]+) s", self.until("Spil is ready"))
        assert found is not None
        return float(found[1])

    def send(self, kind: signal.Signals, *, group: bool = False) -> None:
        (os.killpg if group else os.kill)(self.process.pid, kind)

    def ended(self) -> int:
        """The exit code, and the rest of its output in `lines`."""
        assert self.process.stdout is not None
        self.lines += self.process.stdout
        self.process.stdout.close()
        code = self.process.wait(30)
        self._watchdog.cancel()
        self._watchdog.join()
        return code


def environment(port: int) -> dict[str, str]:
    """What a shell would give, without settings of our own run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPIL_", "PYTHON"))}
    return kept | {"PORT": str(port)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
