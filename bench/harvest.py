"""The harvest of many vacancies over a real socket, beside COPY of the same mapped rows into the same indexed table.

    python -m bench.harvest [--rows 50000] [--rounds 3]

Laws
1. Rounds are interleaved, and what counts is the median of each.
2. The clock of the harvest runs from its call to its last commit; that of COPY over COPY and its commit alone.
3. Both leave the same rows, apart from ids; a run in which they differ fails.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg
import orjson

from registry import reference
from registry.demo import empty
from registry.embedded import Embedded
from registry.embedded_home import home_folder
from registry.migrate import LOGINS, make_logins, migrate
from registry.sources import Source, add_source
from schema.errors import SetUp
from spil.harvest import sync
from spil.memory import collect_rarely

POINT = "servicepoint:AM27-WERKCENTRUM"
EMPLOYERS, TOWNS = 500, ("5211", "1011", "3011", "8011", "9711")
MAPPING = """
record = "opportunity"
format = "json"
rows = "vacatures"
[fields]
reference = "nummer"
kind = { path = "soort", codes = "soort" }
title = "titel"
description = "tekst"
employer_kvk = "werkgever.kvk"
employer_name = "werkgever.naam"
postcode = "postcode"
sector = "sector"
hours_min = "uren"
closes_on = "sluit"
[codes.soort]
baan = "WERK"
stage = "STAGE"
"""
DATABASE = "bench_harvest"
COLUMNS = (
    "kind", "title", "description", "employer", "municipality", "region", "service_point", "sector", "hours_min",
    "support_offered", "conditions", "closes_on", "source", "seen_on",
)  # fmt: skip
SAME = f"SELECT md5(string_agg(concat_ws('|', {', '.join(COLUMNS)}), ',' ORDER BY title)) FROM opportunity"


def vacancies(many: int) -> list[dict[str, Any]]:
    return [
        {
            "nummer": f"v{n:06}",
            "soort": "stage" if n % 3 else "baan",
            "titel": f"Medewerker {n:06}",
            "tekst": "Werk met vaste begeleiding, in een klein team. " * 6,
            "werkgever": {"kvk": f"{10_000_000 + n % EMPLOYERS}", "naam": f"Bedrijf {n % EMPLOYERS}"},
            "postcode": f"{TOWNS[n % len(TOWNS)]}AB",
            "sector": ("GROEN", "HORECA", "LOGISTIEK")[n % 3],
            "uren": 16 + n % 20,
            "sluit": "2030-01-01",
        }
        for n in range(many)
    ]


@asynccontextmanager
async def feed(body: bytes) -> AsyncIterator[str]:
    """A partner that answers everything with one document."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def copied(owner: Any, rows: list[dict[str, Any]]) -> float:
    """Seconds of COPY of the mapped rows."""
    towns = {
        digits: await owner.fetchrow(
            "SELECT m.code, m.region FROM postcode p JOIN municipality m ON m.code = p.municipality"
            " WHERE p.digits = $1",
            digits,
        )
        for digits in TOWNS
    }
    kinds, closes = {"baan": "WERK", "stage": "STAGE"}, date(2030, 1, 1)
    today = await owner.fetchval("SELECT today()")
    records = [
        (
            kinds[row["soort"]], row["titel"], row["tekst"].strip(), row["werkgever"]["kvk"],
            *towns[row["postcode"][:4]], POINT, row["sector"], row["uren"], [], [], closes, "bench", today,
        )
        for row in rows
    ]  # fmt: skip
    employers = {(row["werkgever"]["kvk"], row["werkgever"]["naam"]) for row in rows}
    await owner.executemany("INSERT INTO employer (kvk, name) VALUES ($1, $2)", sorted(employers))
    began = time.perf_counter()
    await owner.copy_records_to_table("opportunity", records=records, columns=COLUMNS)
    return time.perf_counter() - began


async def harvested(worker: str, place: str) -> float:
    """Seconds of a harvest."""
    await add_source(
        worker,
        Source(
            "bench", POINT, "servicepoint", "declared", base_url=f"http://{place}", hosts=("127.0.0.1",),
            private_hosts=(place,), mapping=MAPPING,
        ),
    )  # fmt: skip
    began = time.perf_counter()
    await sync(worker, "bench")
    return time.perf_counter() - began


@dataclass(frozen=True)
class Times:
    """Medians in seconds."""

    rows: int
    copy: float
    harvest: float

    @property
    def ratio(self) -> float:
        return self.harvest / self.copy


async def measure(server: Embedded, many: int, rounds: int) -> Times:
    """Both, in a database of their own and as `spil sources sync` runs. Raises SetUp when they leave different rows."""
    collect_rarely()
    url = server.url_of(DATABASE)
    await empty(server, DATABASE)
    await migrate(url)
    logins = await make_logins(url, dict.fromkeys(LOGINS, "bench"))
    await reference.load(url)
    owner = await asyncpg.connect(server.url_of(DATABASE, "postgres"))
    rows = vacancies(many)
    times: dict[str, list[float]] = {"copy": [], "harvest": []}
    try:
        await owner.execute("INSERT INTO party (key, kind, name) VALUES ($1, 'servicepoint', $1)", POINT)
        async with feed(orjson.dumps({"vacatures": rows})) as place:
            for _ in range(rounds):
                left = []
                for name, measured in times.items():
                    await owner.execute("TRUNCATE source, opportunity, employer CASCADE")
                    await owner.execute("CHECKPOINT")
                    work = copied(owner, rows) if name == "copy" else harvested(logins.worker, place)
                    measured.append(await work)
                    left.append(await owner.fetchval(SAME))
                if left[0] != left[1]:
                    raise SetUp("The harvest and COPY left different rows.")
    finally:
        await owner.close()
    return Times(many, statistics.median(times["copy"]), statistics.median(times["harvest"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    folder = home_folder(f"bench-harvest-{os.getpid()}")
    try:
        with Embedded.start(folder) as server:
            found = asyncio.run(measure(server, given.rows, given.rounds))
            shutil.rmtree(server.home.sockets, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{found.rows:,} vacancies: COPY {found.copy:.2f} s, harvest {found.harvest:.2f} s,"
        f" {found.ratio:.2f} x (bar: 3 x)"
    )
    sys.exit(0)


if __name__ == "__main__":
    main()
