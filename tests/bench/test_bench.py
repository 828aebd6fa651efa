"""The bench runs, and its three contestants answer the same. What it measures is nobody's test."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from registry.embedded_home import CHECKOUT


@pytest.mark.slow
def test_a_short_run_finds_equal_answers_and_prints_every_contestant() -> None:
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    done = subprocess.run(
        [str(CHECKOUT / "scripts" / "bench"), "--short"], check=False, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    for document in ("lookup", "portal"):
        assert f"{document}: 40 answers of all three are equal" in done.stdout
        for key in "abc":
            assert f"| {document} | ({key}) " in done.stdout
    assert "Raised for the bench alone: SPIL_RATE=" in done.stdout
