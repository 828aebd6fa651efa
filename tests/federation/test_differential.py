"""The engine and plain graphql-core with naive resolvers give generated operations the same answers over the same rows.

SPIL_OPERATIONS says how many (2,000), SPIL_SEED repeats a run. What fails is printed small; put it into `cases/`.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from graphql import parse, validate

from auth.viewer import Role
from resolvers.everything import TYPES
from tests.federation.country import Country
from tests.federation.harness import Differs, Harness, Seat, open_harness
from tests.federation.naive.rows import load
from tests.federation.operations import Operation, write
from tests.federation.smaller import smallest
from tests.federation.values import Values

CASES = {path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "cases").glob("*.json"))}
ENTRIES = {f"{kind}.{name}" for kind, rows in TYPES.items() for name in rows.fields}
# Reached by commands alone: here, and those of young people in tests/resolvers.
PAYLOADS = {f"{kind}.{name}" for kind, rows in TYPES.items() if kind.endswith("Payload") for name in rows.fields}
DRIVEN = {"Query.findStudents"}  # by a source: tests/resolvers/test_live.py
STREAMED = {
    f"Subscription.{name}" for name in TYPES["Subscription"].fields
}  # by the log: tests/resolvers/test_streams.py
TWICE = 2  # each document runs with its variables drawn twice: the second time its plan may be remembered
UPDATE_POST = 'mutation M($k: UUID!) { updatePost(input: {key: $k, region: "AM27", hours: 17}) { post { %s } } }'
VERIFY = "mutation M($k: UUID!, $c: ID!) { verifyContactPoint(input: {key: $k, contact: $c}) { contact { %s } } }"
OF_POST = "hours state since region { code } history { state hours until } holder { id desk owner { __typename } }"
OF_DESK = "id topic desk verified owner { __typename ... on Region { code schools(first: 2) { nodes { brin } } } }"


@pytest.fixture(scope="module")
async def harness(country: Country) -> AsyncIterator[Harness]:
    harness = await open_harness(country)
    yield harness
    await harness.database.close()


class Run:
    """A run of generated operations, and what happened in it."""

    def __init__(self, harness: Harness, seed: str, many: int) -> None:
        self.harness, self.seed, self.many = harness, seed, many
        self.tally: Counter[str] = Counter()
        self.hits: Counter[str] = Counter()

    async def all(self) -> None:
        """Two lanes: while Postgres works for the one, Python reckons for the other."""
        seats = self.harness.seats
        weights = [3 if seat.eyes.people() else 2 for seat in seats]

        async def lane(mine: list[tuple[int, Seat]]) -> None:
            for number, seat in mine:
                share = -(-self.many * weights[number] // (sum(weights) * TWICE))
                await self.of(seat, Random(f"{self.seed} {number}"), share)

        numbered = list(enumerate(seats))
        try:
            async with asyncio.TaskGroup() as lanes:
                for half in (numbered[::2], numbered[1::2]):
                    lanes.create_task(lane(half))
        except* Differs as group:
            raise group.exceptions[0] from None

        random = Random(f"{self.seed} rest")
        for _ in range(40):  # what chance left out
            missing = sorted(ENTRIES - set(self.hits) - PAYLOADS - DRIVEN - STREAMED)
            if not missing:
                break
            kind, _, name = missing[0].partition(".")
            those = [
                s
                for s in seats
                if name in getattr(self.harness.schemas[s.viewer.role].type_map.get(kind), "fields", ())
            ]
            await self.of(random.choice(those), random, 5)

    async def of(self, seat: Seat, random: Random, many: int) -> None:
        """The operations of one seer."""
        values, schema = Values(seat, random), self.harness.schemas[seat.viewer.role]
        while many > 0:
            operation = write(schema, seat, random, values, ENTRIES - set(self.hits))
            if validate(schema, parse(operation.text)):
                self.tally["invalid"] += 1
                continue
            many -= 1
            for _ in range(TWICE):
                await self.one(seat, operation)

    async def one(self, seat: Seat, operation: Operation) -> None:
        variables, faults, said = operation.drawn()
        try:
            told, found = await self.harness.compare(seat, operation.text, variables, faults)
        except Differs as difference:
            await self.report(seat, operation.text, variables, faults, difference)
        if {"TOO_COSTLY"} & {code for _, code in told.problems}:
            self.tally["costly"] += 1
            return
        self.hits.update(found.hits)
        self.tally["operations"] += 1
        self.tally["with a row"] += found.rows > 0
        self.tally["with students"] += bool(found.students)
        self.tally.update(what for what, count in said.items() if count)
        self.tally.update({code for _, code in told.problems})

    async def report(
        self, seat: Seat, text: str, variables: Mapping[str, Any], faults: frozenset[str], difference: Differs
    ) -> None:
        """Raises with the smallest document that still differs; the notes on cursors stay as they were."""
        found = [difference]

        async def fails(smaller: str, given: Mapping[str, Any]) -> bool:
            kept = (dict(seat.eyes.opened), dict(seat.cursors), deepcopy(seat.known))
            try:
                await self.harness.compare(seat, smaller, given, faults)
            except Differs as another:
                found.append(another)
                return True
            finally:
                seat.eyes.opened, seat.cursors, seat.known = kept
            return False

        again = await fails(text, variables)
        small = await smallest(self.harness.schemas[seat.viewer.role], text, variables, fails) if again else text
        why = found[-1] if again else f"only when its plan was remembered: {difference}"
        used = {name: value for name, value in variables.items() if f"${name}" in small}
        raise Differs(f"\nseed {self.seed}, {seat}\n{why}\n{small}\n{json.dumps(used)}")


async def test_generated_operations_have_the_same_answer_in_plain_graphql_core(harness: Harness) -> None:
    run = Run(
        harness,
        os.environ.get("SPIL_SEED") or str(time.time_ns() // 1000),
        int(os.environ.get("SPIL_OPERATIONS") or 2000),
    )
    print(f"seed {run.seed}")
    await run.all()
    print(dict(run.tally))
    tally, many = run.tally, run.tally["operations"]
    assert many >= run.many * 0.97
    assert tally["invalid"] < many * 0.02
    assert tally["with a row"] >= many * 0.7
    assert tally["with students"] >= many * 0.15
    assert tally["after deep"] >= many * 0.2
    for what in ("aliases", "interface", "directives", "merged"):
        assert tally[what] >= many * 0.2, what
    for what in ("union", "before"):
        assert tally[what] >= many * 0.05, what
    for code in ("BAD_INPUT", "BAD_CURSOR", "UNKNOWN_ENTITY", "BAD_REPRESENTATION"):
        assert tally[code] > 0, code
    assert sorted(ENTRIES - set(run.hits) - PAYLOADS - DRIVEN - STREAMED) == []


@pytest.mark.parametrize("name", CASES)
async def test_a_case_that_once_differed_does_no_more(harness: Harness, name: str) -> None:
    case, asked = CASES[name], 0
    for seat in harness.seats:
        if case.get("refused"):
            told = await harness.ask(seat, case["document"], case["variables"][0])
            assert {code for _, code in told.problems} == {case["refused"]}
            asked += 1
        elif not validate(harness.schemas[seat.viewer.role], parse(case["document"])):
            for variables in case["variables"]:
                await harness.compare(seat, case["document"], variables)
            asked += 1
    assert asked, "no contract has what this case asks for"


async def test_the_payload_of_a_command_is_read_as_a_query_is(harness: Harness, country: Country) -> None:
    coordinator, national = (
        next(
            s
            for s in harness.seats
            if s.viewer.role is role and str(s) in ("coordinator:AM27#coordinator", "national#lead")
        )
        for role in (Role.COORDINATOR, Role.NATIONAL)
    )
    desk = next(c["id"] for c in country.world.tables["contact_point"] if c["owner_kind"] == "REGION")
    given = {"k": str(uuid.uuid4()), "c": f"ContactPoint:{desk}"}
    post = await harness.ask(coordinator, UPDATE_POST % OF_POST, {"k": given["k"]})
    contact = await harness.ask(national, VERIFY % OF_DESK, given)
    for seat, told, key, text in (
        (coordinator, post.data["updatePost"], "post", f'{{ region(code: "AM27") {{ post {{ {OF_POST} }} }} }}'),
        (
            national,
            contact.data["verifyContactPoint"],
            "contact",
            f'{{ node(id: "{given["c"]}") {{ ... on ContactPoint {{ {OF_DESK} }} }} }}',
        ),
    ):
        now = replace(seat, eyes=replace(seat.eyes, world=await load(country.url)))
        found = harness.reckon(now, parse(text), {}).result.data or {}
        assert told[key] == (found["region"]["post"] if key == "post" else found["node"])
    assert post.data["updatePost"]["post"]["hours"] == 17
