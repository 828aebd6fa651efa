"""`scripts/bench uitval`: the uitval bench alone, on a Postgres of its own; writes docs/performance-uitval.md.

What people found out about its figures stands in bench/uitval_notes.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench import data
from bench.report import commit, machine, uitval_bars
from bench.uitval import SHORT, Length, UitvalResults, lines, measure
from registry.embedded_home import CHECKOUT
from schema.errors import SetUp

DOCUMENT = CHECKOUT / "docs" / "performance-uitval.md"
NOTES = Path(__file__).with_name("uitval_notes.md")
LAST = 3_000  # characters of the servers' log that are told when a run fails


def page(found: UitvalResults) -> str:
    """The document."""
    bars = "\n".join(bar.row() for bar in uitval_bars(found))
    table = "\n".join(lines(found))
    return f"""# Performance of uitval

Written by `scripts/bench uitval`, not by hand. Commit {commit()}.
Machine: {machine()}.

Employers report over HTTP at a fixed rate, whether or not the hub keeps up, to one gateway and one `spil deliver` on
one embedded Postgres 18. A school and two municipalities follow, each with a subscriber (graphql-transport-ws) and a
webhook. Every delay is counted from `outbox.recorded`, the begin of the report's transaction. Load, subscribers and
receivers are processes of their own on the same cores. What was accepted and did not arrive fails the run.

{table}
| bar | found | wanted | aim | |
|---|---:|---:|---:|---|
{bars}

{NOTES.read_text("utf-8")}"""


def main() -> int:
    """0: measured; 1: it could not be, or something that was accepted did not arrive."""
    parser = argparse.ArgumentParser(prog="scripts/bench uitval", description="Measures how quickly a loss is told.")
    parser.add_argument("--short", action="store_true", help="a smoke run of seconds, writes nothing")
    length = SHORT if parser.parse_args().short else Length()
    with tempfile.TemporaryDirectory() as folder, data.postgres(print, keep=False) as server:
        try:
            found = asyncio.run(measure(server, Path(folder), length, print))
        except SetUp as problem:
            print(problem.message, (Path(folder) / "servers.log").read_text("utf-8", "replace")[-LAST:], sep="\n")
            return 1
    print("\n".join(lines(found)))
    print("\n".join(bar.row() for bar in uitval_bars(found)))
    if length is not SHORT:
        DOCUMENT.write_text(page(found), encoding="utf-8")
        print(f"Written to {DOCUMENT.relative_to(CHECKOUT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
