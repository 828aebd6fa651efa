"""One partner as a process of its own: `python -m tests.partners school --port 9101 --know LN1,LN2 --slow 0.05`.

Prints its port when it is up, and runs until it is killed.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from tests.partners.feed import Feed, posting
from tests.partners.municipality import Municipality
from tests.partners.school import School
from tests.partners.serving import serving
from tests.partners.subgraph import Subgraph
from tests.partners.vum import Vum

KINDS = ("school", "municipality", "subgraph", "feed", "vum")


def make(kind: str, known: list[str], shared: Path | None) -> Any:
    """A partner that knows these: students of a school, vacancies of a feed by their count, cases of a municipality.

    A case of the subgraph may name its student by Spil's id: `Z1=Student:...`.
    """
    if kind == "school":
        school = School()
        for number in known:
            school.enrol({"leerlingid": number})
        return school
    if kind == "subgraph":
        graph = Subgraph()
        for one in known:
            number, _, student = one.partition("=")
            graph.open_case(number, student or None)
        return graph
    if kind == "municipality":
        town = Municipality()
        for number in known:
            town.open_case(number)
        return town
    if kind == "feed":
        return Feed([posting(n) for n in range(len(known))])
    assert shared is not None, "a VUM party is fed from the standard's files: --shared"
    return Vum(shared)


async def run(told: argparse.Namespace) -> None:
    known = told.know.split(",") if told.know else []
    if told.know_file:
        known = told.know_file.read_text(encoding="utf-8").split()
    partner = make(told.kind, known, told.shared)
    partner.app.told(slow=told.slow)
    async with serving(partner.app, port=told.port) as port:
        print(port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.partners")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--know", default="")
    parser.add_argument("--know-file", type=Path)
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--slow", type=float, default=0.0)
    asyncio.run(run(parser.parse_args()))
