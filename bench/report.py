"""What a run found, as the table that is printed and as docs/performance.md."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contestants import RAISED
from bench.documents import LARGE, MOST_SCHOOLS, SIZE
from bench.live import DEADLINE, SLOW
from bench.load import CONNECTIONS
from bench.peers.serving import POOL
from bench.uitval import UitvalResults
from bench.uitval import lines as uitval_lines
from registry.embedded_home import CHECKOUT

if TYPE_CHECKING:
    from bench.run import Results

NAMES = {"a": "Spil, all walls, reads log", "b": "Strawberry + DataLoader, no walls", "c": "bare SQL, no walls"}
STRAW = {"portal": 32.0, "lookup": 8.0}  # c/b above this: the peer is a straw man


@dataclass(frozen=True)
class Bar:
    """One thing that should hold. `aim` is what would be good."""

    what: str
    found: float
    wanted: float
    aim: float | None = None
    at_most: bool = False

    @property
    def holds(self) -> bool:
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted

    def row(self) -> str:
        sign = "<=" if self.at_most else ">="
        aim = f"{self.aim:g}" if self.aim is not None else ""
        missed = "" if self.holds else f"missed by {abs(self.found / self.wanted - 1):.0%}"
        return f"| {self.what} | {self.found:.2f} | {sign} {self.wanted:g} | {aim} | {missed or 'holds'} |"


NOTES = Path(__file__).with_name("notes.md")  # what people found out about the figures


def bars(results: Results) -> list[Bar]:
    """The bars that this run can judge."""
    rows = results.rows

    def ratio(question: str, over: str, under: str) -> float:
        return rows[question, over].rate / rows[question, under].rate

    found = [
        Bar("portal a/b", ratio("portal", "a", "b"), 15, 20),
        Bar("lookup a/b", ratio("lookup", "a", "b"), 3, 4),
        Bar("portal a/c", ratio("portal", "a", "c"), 0.55, 0.7),
        Bar("lookup a/c", ratio("lookup", "a", "c"), 0.45, 0.7),
    ]
    for (question, scale), one in results.scaled.items():
        grown = one.p50 / rows[question, "a"].p50
        found.append(
            Bar(f"{question} p50, scale {scale:g} over scale {results.length.scales[0]:g}", grown, 1.5, None, True)
        )
    if results.wide:
        (one_name, (one_round, students)), *wider = results.wide.items()
        each = one_round.p50 / students
        for name, (measured, many) in wider:
            found.append(Bar(f"{name} over {one_name}, per student", measured.p50 / many / each, 1.5, None, True))
    return [*found, *_source_bars(results), *(uitval_bars(results.uitval) if results.uitval else [])]


def _source_bars(results: Results) -> list[Bar]:
    found = []
    if (live := results.live) is not None:
        late = live.hanging - DEADLINE * 1000
        found += [
            Bar("live: calls over (source, layer) pairs", live.calls / live.pairs, 1, None, True),
            Bar("live: overhead over the slowest partner, ms", live.overhead, 10, None, True),
            Bar("live: one of five sources hangs, ms after the deadline", late, 50, None, True),
            Bar("live: p99 of others, during over before", live.during.p99 / live.before.p99, 1.2, None, True),
        ]
    if (harvest := results.harvest) is not None:
        found.append(Bar(f"harvest of {harvest.rows:,} vacancies over COPY", harvest.ratio, 3, None, True))
    return found


def uitval_bars(found: UitvalResults) -> list[Bar]:
    """The bars of the uitval bench."""
    steady = found.length.steady
    bars = [
        Bar(
            f"uitval: reports accepted a second, of {found.length.burst} sent",
            found.burst_rate,
            found.length.burst * 0.99,
        ),
        Bar("uitval: all in the log, seconds after the last answer", found.caught_up, 2, None, True),
        Bar(f"uitval, {steady}/s: p99 to subscriber, ms", found.subscriber[steady].p99, 500, None, True),
        Bar(f"uitval, {steady}/s: p99 to webhook 200, ms", found.webhook[steady].p99, 1000, None, True),
        Bar(f"uitval: kB of an idle subscriber, of {found.length.idle:,}", found.idle_kb, 60, None, True),
    ]
    if found.fan_out:
        bars.append(Bar("uitval: one event to many, p99 ms", found.fan_out.p99, 500, None, True))
    return bars


def straw_men(results: Results) -> list[Bar]:
    """c/b per document: above its limit the peer proves nothing."""
    rows = results.rows
    return [
        Bar(f"{name} c/b", rows[name, "c"].rate / rows[name, "b"].rate, limit, None, True)
        for name, limit in STRAW.items()
    ]


def tables(results: Results) -> str:
    """What is printed: the measures, and the bars with what is missed."""
    lines = [
        "| document | contestant | requests/s | p50 ms | p99 ms | CPU ms per request | of it server | of it Postgres |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (question, key), one in results.rows.items():
        lines.append(
            f"| {question} | ({key}) {NAMES[key]} | {one.rate:,.0f} | {one.p50:.2f} | {one.p99:.2f} | {one.cpu:.2f}"
            f" | {one.server:.2f} | {one.postgres:.2f} |"
        )
    lines += ["", *_scale_lines(results), *_wide_lines(results), *_source_lines(results)]
    lines += uitval_lines(results.uitval) if results.uitval else []
    lines += ["| bar | found | wanted | aim | |", "|---|---:|---:|---:|---|"]
    lines += [one.row() for one in (*bars(results), *straw_men(results))]
    return "\n".join(lines) + "\n"


def raised() -> str:
    """The knobs that are not at their defaults."""
    return "Raised for the bench alone: " + ", ".join(f"{name}={value}" for name, value in RAISED.items())


def _scale_lines(results: Results) -> list[str]:
    if not results.scaled:
        return []
    lines = ["| Spil at scale | document | requests/s | p50 ms | p99 ms |", "|---:|---|---:|---:|---:|"]
    for (question, scale), one in results.scaled.items():
        lines.append(f"| {scale:g} | {question} | {one.rate:,.0f} | {one.p50:.2f} | {one.p99:.2f} |")
    return [*lines, ""]


def _wide_lines(results: Results) -> list[str]:
    if not results.wide:
        return []
    lines = ["| Spil, one connection | students in the answer | p50 ms | p99 ms |", "|---|---:|---:|---:|"]
    for name, (one, students) in results.wide.items():
        lines.append(f"| {name} | {students:,.0f} | {one.p50:.2f} | {one.p99:.2f} |")
    return [*lines, ""]


def _source_lines(results: Results) -> list[str]:
    live, harvest = results.live, results.harvest
    if live is None or harvest is None:
        return []
    return [
        "| with sources | |",
        "|---|---:|",
        f"| live query of {SIZE} students, three sources: p50 ms | {live.p50:.1f} |",
        f"| the slowest of the three, as it logged it itself: p50 ms | {live.partner:.1f} |",
        f"| one of five sources hangs: the slowest answer, ms (deadline {DEADLINE * 1000:.0f}) | {live.hanging:,.0f} |",
        f"| a query that asks no source, p99 ms: before, during | {live.before.p99:.1f}, {live.during.p99:.1f} |",
        f"| {harvest.rows:,} vacancies: COPY, harvest, s | {harvest.copy:.2f}, {harvest.harvest:.2f} |",
        "",
    ]


def document(results: Results) -> str:
    """docs/performance.md."""
    knobs = ", ".join(f"`{name}={value}`" for name, value in RAISED.items())
    length = results.length
    return f"""# Performance

Written by `scripts/bench`, not by hand. Commit {commit()}.
Machine: {machine()}.

One process per contestant with {POOL} connections to one embedded Postgres 18 (fsync on, synchronous commits),
uvloop and httptools for all; `wrk` with {CONNECTIONS} connections, {length.rounds} interleaved rounds
of {length.seconds} s, medians. Before anything is timed the answers of all three are equal as JSON apart from ids.
Processor time is that of the server's process and of all of Postgres.

(a) is Spil as `spil serve` runs it: bearer tokens verified, contract, compiled predicates, row-level security, and the
reads log confirmed (a synchronous commit) before bytes leave. (b) is stock Strawberry with DataLoaders and asyncpg:
documents cached, orjson, columns joined where a join is free. (c) is one hand-written statement per document behind a
bare ASGI endpoint. (b) and (c) have no roles, settings, row-level security or reads log; they drive their page from
`sight` with the same condition and order.

For the bench alone Spil runs with {knobs}:
one client sends thousands of requests a second here, and one page has a thousand nodes. No wall is off.

{tables(results)}
`lookup` is `contact(topic, at: {{postcode}})` as PUBLIC; `portal` is a school with its region, coordinator and {SIZE}
students with their municipality and placements, as the school itself; both cycle through 40 places. The wide documents
are asked by one service that covers several municipalities, over one connection: {SIZE} students of one school, of each
of {MOST_SCHOOLS} schools, and one page of {LARGE:,}. The documents stand in `bench/documents.py`, the peers
in `bench/peers/`.

With sources (`bench/live.py`, `bench/harvest.py`): partners are processes that take {SLOW * 1000:.0f} ms for an answer.
A municipality asks for {SIZE} students with `identity` and `support` over one connection. For those who ask no source
another municipality asks five of them at one pace, before and while one of the five hangs. The harvest is of one JSON
feed, first byte to last commit, against `copy_records_to_table` of the same mapped rows into the same indexed table.

Uitval (`bench/uitval.py`): employers report over HTTP at a fixed rate, whether or not the hub keeps up, to one gateway
and one `spil deliver`; a school and two municipalities follow. Every delay is counted from the begin of the report's
transaction. Load, subscribers and receivers are processes of their own on the same two cores.

{NOTES.read_text("utf-8")}"""


def commit() -> str:
    """Which one was measured."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = " and uncommitted changes" if git("status", "--porcelain") else ""
    return f"`{git('rev-parse', '--short', 'HEAD') or 'unknown'}`{changed}"


def machine() -> str:
    """What it was measured on."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name, version = names[0] if names else platform.machine(), platform.python_version()
    return f"{os.cpu_count()} cores ({name}), {memory:.0f} GB, Python {version}"
