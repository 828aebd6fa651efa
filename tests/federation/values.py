"""What a generated operation says in its arguments: values from the data, as one seer would meet them, and wrong ones.

Own, a foreign seer's, ended, seen as a trace only, absent, malformed: for ids and for codes alike.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from functools import cached_property
from random import Random
from typing import Any

from graphql import GraphQLEnumType, GraphQLList, GraphQLNonNull, GraphQLScalarType, get_nullable_type

from tests.federation.harness import Seat
from tests.federation.naive.rows import Row


class Name(str):
    """An enum's value: a bare name in a document."""

    __slots__ = ()


def literal(value: Any) -> str:
    """A value as a document writes it."""
    if isinstance(value, Written):
        return value.text
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(one) for one in value) + "]"
    return json.dumps(value)


class Written:
    """A piece of a document that stands where a value would: a variable's name."""

    def __init__(self, text: str) -> None:
        self.text = text


MALFORMED = (
    "",
    ":",
    "Region",
    "Region:",
    "Student:x",
    "Candidate:\u0000",
    "Opportunity:1",
    "Nothing:1",
    "Placement:.",
    "School:é",
)
CODES = {  # scalar, or entity -> (table, key, one that is absent, one that is malformed)
    "RegionCode": ("region", "code", "AM99", "AM9"),
    "MunicipalityCode": ("municipality", "code", "GM9999", "gm0796"),
    "Brin": ("school", "brin", "00AA00", "00aa00"),
    "BoardNumber": ("school_board", "number", "00000", "1"),
    "KvK": ("employer", "kvk", "00000000", "9000000"),
    "Postcode": ("postcode", "digits", "1000", "0123"),
}
KEYED = {
    "Region": ("region", "code"),
    "Municipality": ("municipality", "code"),
    "DoorstroompuntRegion": ("doorstroompunt_region", "code"),
    "SchoolBoard": ("school_board", "number"),
    "School": ("school", "brin"),
    "ServicePoint": ("service_point", "code"),
    "Employer": ("employer", "kvk"),
    "Opportunity": ("opportunity", "id"),
    "ContactPoint": ("contact_point", "id"),
    "DueItem": ("due", "id"),
    "OverdueItem": ("overdue", "id"),
}
PERSONS = ("Student", "Candidate", "Placement", "Credential", "Uitval")


class Values:
    """Draws for one seer."""

    def __init__(self, seat: Seat, random: Random) -> None:
        self.seat, self.random, self.world = seat, random, seat.eyes.world

    @cached_property
    def _near(self) -> dict[str, list[str]]:
        """Codes that the seer has something to do with."""
        eyes, people = self.seat.eyes, self.seat.eyes.people()
        placements = eyes.every_placement()
        near = {
            "RegionCode": {"AM27", *eyes.regions},
            "MunicipalityCode": {"GM0796", *(s["municipality"] for s in people if s["municipality"])},
            "Brin": {s["school"] for s in people}
            | {s["brin"] for s in self.world.all("school", "municipality", "GM0796")},
            "KvK": {p["employer"] for p in placements}
            | {o["employer"] for o in eyes.opportunities[:60] if o["employer"]},
            "Postcode": {"5211"},
            "BoardNumber": {s["board"] for s in self.world.tables["school"] if s["board"]},
        }
        return {name: sorted(codes) for name, codes in near.items()}

    @cached_property
    def _all(self) -> dict[str, list[str]]:
        return {name: sorted(r[key] for r in self.world.tables[table]) for name, (table, key, _, _) in CODES.items()}

    def code(self, scalar: str) -> str:
        """A code: mostly one near, else any, now and then one that is absent."""
        drawn = self.random.random()
        if drawn < 0.05:
            return CODES[scalar][2]
        near = self._near[scalar]
        return self.random.choice(near if drawn < 0.75 and near else self._all[scalar])

    # ---- ids

    @cached_property
    def _sights(self) -> dict[str, list[Row]]:
        """Rows of `sight` by what they are to this seer."""
        eyes = self.seat.eyes
        found: dict[str, list[Row]] = {"own": [], "trace": [], "ended": [], "foreign": []}
        for sight in sorted(self.world.tables["sight"], key=lambda s: (s["seer"], s["student"])):
            if sight["seer"] != eyes.seer:
                if len(found["foreign"]) < 300:
                    found["foreign"].append(sight)
            elif sight["student"] not in eyes.sights:
                found["ended"].append(sight)
            else:
                found["own" if eyes.as_candidate(sight["student"]) else "trace"].append(sight)
        return found

    def identity(self, kinds: list[str]) -> str:
        """An id of one of these types."""
        if self.random.random() < 0.04:
            return self.random.choice(MALFORMED)
        kind = self.random.choice(kinds)
        if kind in PERSONS:
            return self._of_person(kind)
        return f"{kind}:{self._key(kind)}"

    def _key(self, kind: str) -> str:
        table, column = KEYED[kind]
        if self.random.random() < 0.05:
            return "00000000-0000-4000-8000-000000000000" if column == "id" else "AM99"
        rows: list[Row] = self.world.tables[table]
        if kind == "Opportunity" and self.random.random() < 0.6:
            rows = self.seat.eyes.opportunities
        return str(self.random.choice(sorted(row[column] for row in rows[:400])))

    def _of_person(self, kind: str) -> str:
        lot = self.random.choices(("own", "trace", "ended", "foreign"), (80, 7, 6, 7))[0]
        sights = self._sights[lot] or self._sights["own"] or self._sights["foreign"]
        sight = self.random.choice(sights)
        if kind in ("Student", "Candidate"):
            return f"{kind}:{sight['alias']}"
        rows = self.world.all(kind.lower(), "student", sight["student"])
        if rows and lot == "own" and kind == "Placement":
            rows = self.seat.eyes.placements(sight["student"]) or rows
        n = self.random.choice(rows)["n"] if rows else 1
        word = kind if self.random.random() > 0.03 else "Placement"
        part = hashlib.md5(f"{sight['id_salt']}{word}{n}".encode(), usedforsecurity=False).hexdigest()[:12]
        return f"{kind}:{sight['alias']}.{part}"

    def representation(self, kinds: list[str]) -> dict[str, Any]:
        """What `_entities` is asked with."""
        kind = self.random.choice(kinds)
        drawn = self.random.random()
        if drawn < 0.04:
            return {"__typename": self.random.choice(["Nothing", "Placement", "ContactPoint", "Query"]), "id": "x"}
        key = KEYED[kind][1] if kind in KEYED and kind != "Opportunity" else "id"
        value = self.identity([kind]) if key == "id" else self._key(kind)
        given: dict[str, Any] = {"__typename": kind, key: value}
        if drawn < 0.07:
            given["extra"] = 1
        elif drawn < 0.1:
            given[key] = 5
        return given

    # ---- the rest

    def of_scalar(self, name: str) -> Any:
        """A value of a scalar, as JSON has it."""
        random = self.random
        if name in CODES:
            return self.code(name)
        match name:
            case "Date" if random.random() < 0.3:
                return (self.world.today - timedelta(days=random.randint(0, 2))).isoformat()
            case "Date":
                year = random.choice((2019, 2024, 2025, 2026, 2026, 2027, 2028))
                return f"{year}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
            case "Boolean":
                return random.random() < 0.5
            case "Text":
                word = str(random.choice(self.world.tables["municipality"])["name"])
                part = word[: random.randint(0, 4)]
                return part.upper() if part.isascii() and random.random() < 0.3 else part
        raise AssertionError(name)

    def of_type(self, kind: Any) -> Any:
        """A value of an enum, a scalar or a list of them."""
        kind = get_nullable_type(kind)
        if isinstance(kind, GraphQLList):
            return [self.of_type(kind.of_type) for _ in range(self.random.choice((0, 1, 1, 2, 3)))]
        if isinstance(kind, GraphQLEnumType):
            return Name(self.random.choice(list(kind.values)))
        assert isinstance(kind, GraphQLScalarType)
        return self.of_scalar(kind.name)


def is_required(kind: Any) -> bool:
    return isinstance(kind, GraphQLNonNull)
