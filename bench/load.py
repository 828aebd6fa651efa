"""One round of load: `wrk` with connections that cycle through the same requests, and what it cost the servers."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson

from auth.issuer import token
from bench.contestants import Clock, Contestant
from bench.documents import Question
from schema.errors import SetUp
from wire.client import post_form

CONNECTIONS = 8
SCRIPT = Path(__file__).parent / "cycle.lua"


@dataclass(frozen=True)
class Round:
    """What one round measured: requests a second, milliseconds, and processor milliseconds per request."""

    rate: float
    p50: float
    p99: float
    server: float
    postgres: float

    @property
    def cpu(self) -> float:
        return self.server + self.postgres


def median(rounds: Sequence[Round]) -> Round:
    """Each measure's own median."""
    names = ("rate", "p50", "p99", "server", "postgres")
    return Round(*(statistics.median(getattr(one, name) for one in rounds) for name in names))


class Tokens:
    """Bearer headers from the hub's issuer, one per party and function."""

    def __init__(self, hub: Contestant) -> None:
        self._hub, self._known = hub, dict[tuple[str, str], str]()

    async def header(self, party: str | None, function: str | None) -> str:
        """The value of Authorization; empty for PUBLIC."""
        if party is None or function is None:
            return ""
        known = self._known.get((party, function))
        if known is None:
            known = "Bearer " + await token(self._hub.issuer, party, function, post=self._post)
            self._known[party, function] = known
        return known

    async def _post(self, url: str, form: Mapping[str, str]) -> bytes:
        return await post_form(
            url, form, deadline=5, cap=10_000, allow_private=frozenset({f"127.0.0.1:{self._hub.port}"})
        )


async def written(question: Question, tokens: Tokens, folder: Path) -> Path:
    """The file that the script cycles through."""
    path = folder / f"{question.name.replace(' ', '-')}.tsv"
    lines = [
        (await tokens.header(one.party, one.function)).encode() + b"\t" + question.body(one) for one in question.asked
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def drive(
    contestant: Contestant, requests: Path, seconds: int, postmaster: int, connections: int = CONNECTIONS
) -> Round:
    """One round. Raises SetUp when a request failed: such a round measures nothing."""
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(SCRIPT),
        contestant.base,
    ]
    clock = Clock(contestant.process.pid, postmaster)
    done = subprocess.run([*command, "--", str(requests)], check=True, capture_output=True, text=True)
    server, postgres = clock.used()
    found = next(json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT "))
    if found["failed"] or not found["requests"]:
        raise SetUp(f"{contestant.name}: {found['failed']} of {found['requests']} requests failed.")
    count = found["requests"]
    return Round(
        rate=count / found["seconds"],
        p50=found["p50"],
        p99=found["p99"],
        server=server * 1000 / count,
        postgres=postgres * 1000 / count,
    )


async def answers(contestant: Contestant, question: Question, tokens: Tokens) -> list[object]:
    """What it answers to every request of the question, without ids."""
    found = []
    async with httpx.AsyncClient(base_url=contestant.base, trust_env=False, timeout=30) as client:
        for one in question.asked:
            headers = {"content-type": "application/json"}
            bearer = await tokens.header(one.party, one.function)
            if bearer:
                headers["authorization"] = bearer
            answer = await client.post("/graphql", content=question.body(one), headers=headers)
            found.append(without_ids(orjson.loads(answer.content)))
    return found


def without_ids(value: object) -> object:
    """The same JSON without any member `id`."""
    if isinstance(value, dict):
        return {name: without_ids(one) for name, one in value.items() if name != "id"}
    if isinstance(value, list):
        return [without_ids(one) for one in value]
    return value


def count_students(value: object) -> int:
    """Objects that have placements, at any depth."""
    if isinstance(value, dict):
        return ("placements" in value) + sum(count_students(one) for one in value.values())
    return sum(count_students(one) for one in value) if isinstance(value, list) else 0
