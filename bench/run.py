"""Spil beside its peers, in one run: (a) Spil with all walls and the reads log, (b) stock Strawberry, (c) bare SQL.

Laws
1. Nothing is timed before the answers of all three are the same JSON apart from ids.
2. Rounds are interleaved, and what counts is the median: a noisy minute hits all three.
3. A peer that is a straw man (too slow beside bare SQL) fails the run, as different answers do. A missed bar is told.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from bench import data, harvest, live, report, uitval
from bench.contestants import Contestant, contestants, trust
from bench.documents import Question, questions, wide_questions
from bench.load import Round, Tokens, answers, count_students, drive, median, written
from registry.embedded import Embedded
from registry.embedded_home import CHECKOUT
from schema.errors import SetUp

DOCUMENT = CHECKOUT / "docs" / "performance.md"
LIVE_SCALE = 0.1
WARM = 2  # seconds before the first round, per contestant and document


@dataclass(frozen=True)
class Length:
    """How long a run is."""

    scales: tuple[float, ...]
    rounds: int
    seconds: int
    warm: int
    vacancies: int
    uitval: uitval.Length


FULL = Length((1, 10), 3, 10, WARM, 50_000, uitval.Length())
SHORT = Length((0.1,), 1, 1, 1, 500, uitval.SHORT)


@dataclass
class Results:
    """Medians by (document, contestant) on the first scale; Spil's alone by document for the others."""

    length: Length
    rows: dict[tuple[str, str], Round] = field(default_factory=dict)
    scaled: dict[tuple[str, float], Round] = field(default_factory=dict)
    wide: dict[str, tuple[Round, float]] = field(default_factory=dict)  # with the students of one answer
    live: live.LiveResults | None = None
    harvest: harvest.Times | None = None
    uitval: uitval.UitvalResults | None = None


def tell(sentence: str) -> None:
    print(sentence, flush=True)


class Bench:
    """One run on one server."""

    def __init__(self, server: Embedded, length: Length, folder: Path) -> None:
        self._server, self._length, self._folder = server, length, folder
        self._postmaster = data.postmaster(server)
        self.results = Results(length)

    async def side_by_side(self, scale: float) -> None:
        """All three on the first scale."""
        database = await data.database(self._server, scale, tell)
        with contestants(database, self._folder / "servers.log") as three:
            await trust(database, three["a"])
            tokens = Tokens(three["a"])
            for question in await questions(database.owner):
                await self._same(question, three, tokens)
                requests = await written(question, tokens, self._folder)
                for key, rounds in self._rounds(three, requests).items():
                    self.results.rows[question.name, key] = median(rounds)
                tell(f"{question.name}: measured")
            await self._wide(database, three["a"], tokens)

    async def alone(self, scale: float) -> None:
        """Spil at another scale."""
        database = await data.database(self._server, scale, tell)
        with contestants(database, self._folder / "servers.log", "a") as one:
            await trust(database, one["a"])
            tokens = Tokens(one["a"])
            for question in await questions(database.owner):
                await answers(one["a"], question, tokens)
                requests = await written(question, tokens, self._folder)
                self.results.scaled[question.name, scale] = median(self._rounds(one, requests)["a"])

    async def with_sources(self) -> None:
        """Live fields and the harvest, on a country of their own."""
        length = self._length
        database = await data.database(self._server, LIVE_SCALE, tell)
        known = await live.people(database.owner)
        with live.systems(known, self._folder) as systems:
            await live.register(database.owner, systems)
            with contestants(database, self._folder / "servers.log", "a") as one:
                await trust(database, one["a"])
                how = live.How(self._folder, length.seconds, self._postmaster)
                self.results.live = await live.measure(one["a"], systems, how)
        tell("live fields: measured")
        await live.forget(database.owner)
        self.results.harvest = await harvest.measure(self._server, length.vacancies, length.rounds)
        tell("harvest: measured")

    async def _same(self, question: Question, three: dict[str, Contestant], tokens: Tokens) -> None:
        found = {key: await answers(one, question, tokens) for key, one in three.items()}
        if any(not isinstance(one, dict) or "errors" in one for one in found["a"]):
            raise SetUp(f"{question.name}: Spil answers with errors.")
        for key in "bc":
            if found[key] != found["a"]:
                raise SetUp(f"{question.name}: {three[key].name} and Spil answer differently.")
        tell(f"{question.name}: {len(question.asked)} answers of all three are equal")

    def _rounds(self, contestants_: dict[str, Contestant], requests: Path) -> dict[str, list[Round]]:
        length = self._length
        for one in contestants_.values():
            drive(one, requests, length.warm, self._postmaster)
        found: dict[str, list[Round]] = {key: [] for key in contestants_}
        for _ in range(length.rounds):
            for key, one in contestants_.items():
                found[key].append(drive(one, requests, length.seconds, self._postmaster))
        return found

    async def _wide(self, database: data.Database, hub: Contestant, tokens: Tokens) -> None:
        """One connection: how long one answer takes, without a queue before it."""
        length = self._length
        for question in await wide_questions(database.owner):
            found = await answers(hub, question, tokens)
            requests = await written(question, tokens, self._folder)
            drive(hub, requests, length.warm, self._postmaster, 1)
            rounds = [
                drive(hub, requests, max(1, length.seconds // 2), self._postmaster, 1) for _ in range(length.rounds)
            ]
            self.results.wide[question.name] = (median(rounds), count_students(found) / len(question.asked))


async def _run(server: Embedded, length: Length) -> Results:
    folder = Path(tempfile.mkdtemp(prefix="spil-bench-"))
    try:
        bench = Bench(server, length, folder)
        await bench.side_by_side(length.scales[0])
        for scale in length.scales[1:]:
            await bench.alone(scale)
        await bench.with_sources()
        bench.results.uitval = await uitval.measure(server, folder, length.uitval, tell)
        return bench.results
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """0: measured; 1: answers differ, or a peer is a straw man; 2: it could not be set up."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures Spil beside its peers.")
    parser.add_argument(
        "--short", action="store_true", help="a smoke run: scale 0.1, rounds of a second, writes nothing"
    )
    length = SHORT if parser.parse_args().short else FULL
    if shutil.which("wrk") is None:
        tell("The bench needs wrk. On Debian or Ubuntu: sudo apt-get install -y wrk")
        return 2
    tell(report.raised())
    try:
        with data.postgres(tell, keep=length is FULL) as server:
            results = asyncio.run(_run(server, length))
    except SetUp as problem:
        tell(problem.message)
        return 1
    tell(report.tables(results))
    if length is SHORT:
        return 0
    DOCUMENT.write_text(report.document(results), encoding="utf-8")
    tell(f"Written to {DOCUMENT.relative_to(CHECKOUT)}.")
    return 0 if all(one.holds for one in report.straw_men(results)) else 1


if __name__ == "__main__":
    sys.exit(main())
