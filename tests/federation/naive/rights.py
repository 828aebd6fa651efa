"""Who sees which row: the design's sections 3 and 4 and its pages on tiers and ids, written down once more, row by row.

Laws
1. A young person is seen because of a row of `access`, by one seer; `sight` says until when.
2. Lists and look-ups want CANDIDATE; TRACE is the one case: its row, and behind it an id and how much is seen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from graphql import GraphQLError

from tests.federation.naive.rows import Row, World

PARTNERS = ("SCHOOL", "SERVICE_POINT", "MUNICIPALITY", "COORDINATOR", "NATIONAL")


class Refusal(GraphQLError):
    """An error with the code that the engine must give too."""

    def __init__(self, code: str) -> None:
        super().__init__(code, extensions={"code": code})


@dataclass
class Eyes:
    """One seer before all rows, with the cursors that the engine gave it so far."""

    world: World
    role: str
    party: str | None = None
    function: str | None = None
    scopes: tuple[str, ...] = ("read",)
    notice: str | None = None
    sdl: str = ""
    opened: dict[str, str] = field(default_factory=dict)  # the engine's cursor -> our token
    places: dict[str, tuple[str, tuple[Any, ...]]] = field(default_factory=dict)  # token -> list and order, keys

    @property
    def seer(self) -> str | None:
        return f"{self.party}#{self.function}" if self.role != "PUBLIC" else None

    @property
    def key(self) -> str:
        """What stands behind the colon of the party."""
        return (self.party or "").partition(":")[2]

    # ---- young people

    @cached_property
    def sights(self) -> dict[str, Row]:
        """By student, what this seer sees now, however little."""
        return {s["student"]: s for s in self.world.all("sight", "seer", self.seer) if s["seen_until"] > self.world.now}

    @cached_property
    def cases(self) -> set[tuple[str, str, int]]:
        """The cases that an open reason of this seer names."""
        return {
            (a["student"], a["case_type"], a["case_n"])
            for a in self.world.all("access", "seer", self.seer)
            if a["case_type"] and not self._over(a["ended_at"]) and a["ends_at"] > self.world.now
        }

    def _over(self, ended: datetime) -> bool:
        return ended.year < 9999

    def as_candidate(self, student: str) -> bool:
        """Whether more than a trace is seen."""
        sight = self.sights.get(student)
        return sight is not None and sight["until_candidate"] > self.world.now

    def tier(self, sight: Row) -> str:
        for name, column in (
            ("IDENTIFIED", "until_identified"),
            ("GIVEN_NAME", "until_given_name"),
            ("CANDIDATE", "until_candidate"),
        ):
            if sight[column] > self.world.now:
                return name
        return "TRACE"

    def people(self) -> list[Row]:
        """The rows of `sight` behind `students` and `candidates`."""
        return [s for s in self.sights.values() if self.as_candidate(s["student"])]

    def _sees_case(self, case_type: str, row: Row) -> bool:
        student = row["student"]
        return student in self.sights and (self.as_candidate(student) or (student, case_type, row["n"]) in self.cases)

    def sees_placement(self, row: Row) -> bool:
        """Of students seen, or the one case; an employer its own, a service point those from its own opportunities."""
        if not self._sees_case("PLACEMENT", row):
            return False
        if self.role == "EMPLOYER":
            return bool(row["employer"] == self.key)
        if self.role == "SERVICE_POINT":
            from_where = self.world.one("opportunity", "id", row["opportunity"])
            return from_where is not None and from_where["service_point"] == self.party
        return True

    def sees_credential(self, row: Row) -> bool:
        return self._sees_case("CREDENTIAL", row)

    def placements(self, student: str) -> list[Row]:
        return [p for p in self.world.all("placement", "student", student) if self.sees_placement(p)]

    def credentials(self, student: str) -> list[Row]:
        return [c for c in self.world.all("credential", "student", student) if self.sees_credential(c)]

    def every_placement(self) -> list[Row]:
        return [p for student in self.sights for p in self.placements(student)]

    # ---- what happened

    def sees_uitval(self, row: Row) -> bool:
        """Of students seen, or the one case; what is only presumed the lead's alone. An employer: what it reported."""
        if self.role == "EMPLOYER":
            sight = self.sights.get(row["student"])
            seen = sight is not None and sight["until_given_name"] > self.world.now
            return seen and bool(row["reported_by"] == self.seer)
        if self.role not in ("SCHOOL", "MUNICIPALITY") or not self._sees_case("UITVAL", row):
            return False
        leads = self.as_candidate(row["student"]) and self.seer in self.leads(row["student"])
        return row["basis"] == "TOLD" or leads

    def leads(self, student: str) -> list[str]:
        """Who has the lead: one, or nobody."""
        return [r["seer"] for r in self.world.all("lead", "student", student) if not self._over(r["until_at"])]

    def every_uitval(self) -> list[Row]:
        return [
            u for student in self.sights for u in self.world.all("uitval", "student", student) if self.sees_uitval(u)
        ]

    def sees_due(self, row: Row) -> bool:
        """What is to be done, of the own party, as long as it sees for whom."""
        return row["seer"] == self.seer and row["done_at"] is None and self.as_candidate(row["student"])

    def sees_overdue(self, row: Row) -> bool:
        """Who is late sees it, and the coordinator of its region."""
        return bool(row["region"] == self.key if self.role == "COORDINATOR" else row["late_seer"] == self.seer)

    def occasion(self, position: Row) -> Row | None:
        """What stands behind a position of the own log, while it may be told.

        About somebody: as long as they are seen. An end: until they are erased. About nobody: always.
        """
        event = self.world.one("outbox", "id", position["event"])
        assert event is not None
        if event["subject_kind"] == "NONE":
            return event
        if self.role in ("COORDINATOR", "NATIONAL") or event["student"] is None:
            return None
        return event if event["subject_kind"] == "ENDING" or event["student"] in self.sights else None

    def id_below(self, kind: str, row: Row) -> str:
        """`Type:<alias>.<h>`: twelve hex digits of md5(id_salt || type || n)."""
        sight = self.sights[row["student"]]
        digest = hashlib.md5(f"{sight['id_salt']}{kind}{row['n']}".encode(), usedforsecurity=False).hexdigest()
        return f"{kind}:{sight['alias']}.{digest[:12]}"

    # ---- directory and opportunities

    def sees_contact(self, row: Row) -> bool:
        """Those for partners only: not for the public and employers, nor for the ministries, who read figures."""
        return not row["partner_only"] or (self.role in PARTNERS and not self.reads_figures)

    @property
    def reads_figures(self) -> bool:
        return self.role == "NATIONAL" and self.function == "reader"

    @cached_property
    def regions(self) -> set[str]:
        """Where the party works: the regions of what it covers now."""
        world, found = self.world, set()
        for row in world.all("covers", "party", self.party) if self.seer else []:
            if not row["from_at"] <= world.now < row["until_at"]:
                continue
            if row["region"]:
                found.add(row["region"])
            for table, column, code in (("municipality", "code", "municipality"), ("school", "brin", "school")):
                there = world.one(table, column, row[code])
                if there:
                    found.add(there["region"])
        return found

    @cached_property
    def opportunities(self) -> list[Row]:
        """Public ones for all; a school's own and neighbouring regions; an employer's own; the others' regions."""
        regions = (
            set(self.regions) if self.role in ("SCHOOL", "SERVICE_POINT", "MUNICIPALITY", "COORDINATOR") else set()
        )
        if self.role == "SCHOOL":
            regions |= {b["neighbour"] for b in self.world.tables["region_neighbour"] if b["region"] in self.regions}
        own = self.key if self.role == "EMPLOYER" else None
        point = self.party if self.role == "SERVICE_POINT" else None
        return [
            o
            for o in self.world.tables["opportunity"]
            if o["public"]
            or o["region"] in regions
            or (own is not None and o["employer"] == own)
            or (point is not None and o["service_point"] == point)
        ]

    @cached_property
    def opportunity_ids(self) -> set[str]:
        return {o["id"] for o in self.opportunities}

    def sees_source(self, row: Row) -> bool:
        """A partner its own; a coordinator those of its region's parties; national all."""
        if self.role == "NATIONAL":
            return not self.reads_figures
        if self.role == "COORDINATOR":
            kind, _, code = str(row["party"]).partition(":")
            table, key = {
                "school": ("school", "brin"),
                "municipality": ("municipality", "code"),
                "servicepoint": ("service_point", "code"),
            }.get(kind, ("school", "brin"))
            there = self.world.one(table, key, code)
            return there is not None and there["region"] == self.key
        return self.role in PARTNERS and row["party"] == self.party

    def sees_history(self, region: str) -> bool:
        """National all; a coordinator its own post's."""
        return (self.role == "NATIONAL" and not self.reads_figures) or self.party == f"coordinator:{region}"
