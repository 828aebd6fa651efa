"""Live fields: what the hub adds to its slowest partner, and what one that hangs does to its answers and to others.

Partners are processes of their own that log how long they took (tests/partners). Two municipalities ask: one whose
hundred students lie at two schools (three sources with its own system), one at four (five sources).

Laws
1. The overhead is the p50 of the query minus the p50 of the slowest partner as it logged it itself.
2. Whoever asks beside the hanging source does so at one pace, before and during: what differs is the source alone.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx

from bench.contestants import Contestant
from bench.documents import SIZE, Asked, Question
from bench.load import Round, Tokens, drive, written
from registry.embedded_home import CHECKOUT
from registry.sources import Source, add_source
from schema.errors import SetUp

SLOW = 0.05  # seconds that each partner takes for an answer
DEADLINE = 2.0  # seconds: SPIL_LIVE_DEADLINE's default, which the hub runs with
PACE = 0.5  # seconds between two questions beside the hanging source
THREE, FIVE = ("municipality:GM0796", "participatie"), ("municipality:GM0855", "participatie")
LIVE = """
query Live($n: Int!) {
  students(first: $n) { nodes { id identity { givenName familyName } support { jobcoach { name phone } } } }
}
"""
UNTOUCHED = """
query Untouched($n: Int!) { students(first: $n) { nodes { id destinationAim municipality { code name } } } }
"""
REASON = """
INSERT INTO access (seer, student, tier, purpose, ends_at)
SELECT $1, s, 'IDENTIFIED', 'CONTINUE_SUPPORT', now() + interval '9 days' FROM unnest($2::uuid[]) s
"""
LINK = "INSERT INTO link (source, student, key) SELECT $1, * FROM unnest($2::uuid[], $3::text[])"


@dataclass(frozen=True)
class LiveResults:
    """Milliseconds, but for the calls and the ratio."""

    p50: float
    partner: float
    calls: int
    pairs: int
    hanging: float  # the slowest answer while one of five sources hangs
    before: Round
    during: Round

    @property
    def overhead(self) -> float:
        return self.p50 - self.partner


@dataclass(frozen=True)
class How:
    """Where files go, how long a round is, and whose processor time is Postgres'."""

    folder: Path
    seconds: int
    postmaster: int


@dataclass(frozen=True)
class System:
    """One partner's process. `party`: whose system; `kind`: of which kind."""

    party: str
    kind: str
    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def told(self, **what: object) -> None:
        """What it is to do wrong from now on."""
        httpx.post(f"{self.base}/control", json=what, timeout=5).raise_for_status()

    def log(self, since: float = 0.0) -> list[float]:
        """How long it took for each request that began after `since`, in milliseconds."""
        lines = httpx.get(f"{self.base}/control", timeout=30).json()["log"]
        return [line["took_ms"] for line in lines if line["began"] >= since and "took_ms" in line]


async def forget(owner: str) -> None:
    """The sources, whose processes have ended."""
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute("DELETE FROM source")
    finally:
        await connection.close()


async def people(owner: str) -> dict[str, list[str]]:
    """Moves students to the schools of this bench: party -> the keys by which its system knows them."""
    connection = await asyncpg.connect(owner)
    known: dict[str, list[str]] = {}
    try:
        async with connection.transaction():
            await connection.execute("DELETE FROM source")
            await connection.execute("DELETE FROM link")
            await connection.execute(
                "DELETE FROM access WHERE seer = ANY ($1)", ["#".join(one) for one in (THREE, FIVE)]
            )
            brins = [row["brin"] for row in await connection.fetch("SELECT brin FROM school ORDER BY brin LIMIT 6")]
            ids = [row["id"] for row in await connection.fetch("SELECT id FROM student ORDER BY id LIMIT $1", 2 * SIZE)]
            for (town, function), mine, schools in ((THREE, ids[:SIZE], brins[:2]), (FIVE, ids[SIZE:], brins[2:])):
                await connection.execute(REASON, f"{town}#{function}", mine)
                for n, brin in enumerate(schools):
                    there = mine[n :: len(schools)]
                    await connection.execute("UPDATE student SET school = $1 WHERE id = ANY ($2)", brin, there)
                    known[f"school:{brin}"] = await _link(connection, f"school:{brin}", there)
                known[town] = await _link(connection, town, mine)
    finally:
        await connection.close()
    return known


async def _link(connection: asyncpg.Connection, party: str, students: Sequence[object]) -> list[str]:
    keys = [f"{party.partition(':')[2]}-{n}" for n in range(len(students))]
    await connection.execute(LINK, party, students, keys)
    return keys


@contextmanager
def systems(known: dict[str, list[str]], folder: Path) -> Iterator[list[System]]:
    """A process for each party's system, each slow by SLOW."""
    with ExitStack() as stack:
        yield [stack.enter_context(_system(party, keys, folder)) for party, keys in known.items()]


@contextmanager
def _system(party: str, keys: list[str], folder: Path) -> Iterator[System]:
    kind = party.partition(":")[0]
    listed = folder / f"{party.replace(':', '-')}.keys"
    listed.write_text("\n".join(keys), encoding="utf-8")
    command = [sys.executable, "-m", "tests.partners", kind, "--know-file", str(listed), "--slow", str(SLOW)]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port.isdigit():
            raise SetUp("A partner system did not start.")
        yield System(party, kind, int(port))
    finally:
        process.kill()
        process.wait()


async def register(owner: str, partners: Sequence[System]) -> None:
    """Adds them as sources that answer live, before the hub starts."""
    protocols = {"school": "school-rest", "municipality": "ggm-rest"}
    for n, one in enumerate(partners):
        here = f"127.0.0.1:{one.port}"
        source = Source(
            f"bench-{n}", one.party, one.kind, protocols[one.kind], one.base, ("127.0.0.1",), (here,),
            harvests=False, answers_live=True,
        )  # fmt: skip
        await add_source(owner, source)


async def measure(hub: Contestant, partners: Sequence[System], how: How) -> LiveResults:
    """Everything, against a hub that trusts its issuer and knows these sources. Raises SetUp."""
    tokens = Tokens(hub)
    await _patiently(hub, tokens)
    three, five = (Asked({"n": SIZE}, *who) for who in (THREE, FIVE))
    question = Question("live", "Live", LIVE, (three,))
    asked_before = [len(one.log()) for one in partners]
    await _ask(hub, tokens, three)
    calls = [len(one.log()) - before for one, before in zip(partners, asked_before, strict=True)]
    requests, began = await written(question, tokens, how.folder), time.time()
    p50 = drive(hub, requests, how.seconds, how.postmaster, 1).p50
    slowest = max(statistics.median(took) for one in partners if (took := one.log(began)))
    hanging = await _late(hub, tokens, five, partners[-2])
    before, during = await _beside(hub, tokens, five, partners[-3], how)
    return LiveResults(p50, slowest, sum(calls), 3, hanging, before, during)


async def _late(hub: Contestant, tokens: Tokens, five: Asked, ill: System) -> float:
    """The slowest of some answers while one of five sources hangs."""
    ill.told(slow=SLOW, fail="hang")
    took = [await _ask(hub, tokens, five, failing=True) for _ in range(4)]
    ill.told(slow=SLOW)
    await _patiently(hub, tokens)  # it is left alone for a while yet
    return max(took)


async def _beside(hub: Contestant, tokens: Tokens, five: Asked, ill: System, how: How) -> list[Round]:
    """What those see who ask no source, before one of five hangs and while it does."""
    untouched = Question("untouched", "Untouched", UNTOUCHED, (Asked({"n": 20}, *THREE),))
    requests = await written(untouched, tokens, how.folder)
    rounds = []
    for fail in (None, "hang"):
        ill.told(slow=SLOW, fail=fail)
        drive(hub, requests, 1, how.postmaster, 4)
        beside = asyncio.create_task(_at_a_pace(hub, tokens, five, failing=fail is not None))
        rounds.append(await asyncio.to_thread(drive, hub, requests, how.seconds, how.postmaster, 4))
        beside.cancel()
        await beside
    ill.told(slow=SLOW)
    return rounds


async def _at_a_pace(hub: Contestant, tokens: Tokens, five: Asked, *, failing: bool) -> list[float]:
    """Asks the five at one pace until it is cancelled: how long each answer took."""
    asking: list[asyncio.Task[float]] = []
    try:
        while True:
            asking.append(asyncio.create_task(_ask(hub, tokens, five, failing=failing)))
            await asyncio.sleep(PACE)
    except asyncio.CancelledError:
        return await asyncio.gather(*asking)


async def _ask(hub: Contestant, tokens: Tokens, one: Asked, *, failing: bool = False) -> float:
    """Milliseconds of one answer. Raises SetUp when it is not what the sources can give."""
    header = {"authorization": await tokens.header(one.party, one.function), "content-type": "application/json"}
    body = Question("live", "Live", LIVE, ()).body(one)
    async with httpx.AsyncClient(timeout=30) as client:
        start = time.perf_counter()
        answer = await client.post(f"{hub.base}/graphql", content=body, headers=header)
        took = (time.perf_counter() - start) * 1000
    told = answer.json()
    nodes = told["data"]["students"]["nodes"] if told.get("data") else []
    named = sum(node["identity"] is not None for node in nodes)
    supported = sum(node["support"] is not None for node in nodes)
    codes = {error["extensions"]["code"] for error in told.get("errors", ())}
    wanted = SIZE * 3 // 4 if failing else SIZE
    if len(nodes) != SIZE or supported != SIZE or named != wanted or codes - {"SOURCE_TIMEOUT", "SOURCE_DOWN"}:
        raise SetUp(f"live: {len(nodes)} students, {named} named, {supported} supported, {sorted(codes)}")
    return took


async def _patiently(hub: Contestant, tokens: Tokens) -> None:
    """Until the hub has read who may speak and whom it may ask."""
    problem: Exception | None = None
    for _ in range(60):
        try:
            for who in (THREE, FIVE):
                await _ask(hub, tokens, Asked({"n": SIZE}, *who))
        except (SetUp, httpx.HTTPError, KeyError) as failure:
            problem = failure
            await asyncio.sleep(0.5)
        else:
            return
    raise SetUp(f"The live question is not answered: {problem}")
