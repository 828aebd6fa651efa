"""One clone with one demo, of the size that a newcomer's has, for everything that the documents tell to do."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.setup.demos import Clone, Demo, free_port
from tests.setup.visitor import RunningDemo, visit


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """The demo of a clone, ended as Ctrl-C ends it."""
    clone = Clone(tmp_path_factory.mktemp("docs") / "spil")
    process = Demo(clone, free_port(), scale="0.1")
    try:
        process.ready()
        yield visit(clone, process)
    finally:
        process.send(signal.SIGINT)
        process.ended()
        clone.remove()
