"""Why parties see a young person: access rows with the consents they rest on, and who has the lead.

Laws
1. Purpose, tier, party and end are those of the table of purposes (graph.md section 3); no other pairs are written.
2. A right has begun: no row starts after the midnight with which today began.
3. Two reasons at one party are drawn (`two_reasons`), no accident: who has a place of the service point is not
   searching there.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from registry.seed.country import Country, School
from registry.seed.people import NULL, Person
from registry.seed.plan import ALWAYS, Plan, instant, months_later, new_id, school_year_start
from registry.seed.work import Work
from registry.seed.writing import Batch

TIERS = {
    "ENROLMENT": "IDENTIFIED", "CAREER_GUIDANCE": "IDENTIFIED", "STAGE_SEARCH": "CANDIDATE", "WORK_SEARCH": "CANDIDATE",
    "INTRODUCTION": "GIVEN_NAME", "STAGE": "GIVEN_NAME", "EMPLOYMENT": "GIVEN_NAME", "PLACED_FROM": "TRACE",
    "INVOLVE_MUNICIPALITY": "IDENTIFIED", "CONTINUE_SUPPORT": "IDENTIFIED",
}  # fmt: skip
CONSENT = {"WORK_SEARCH": "TOESTEMMING", "INTRODUCTION": "TOESTEMMING", "CONTINUE_SUPPORT": "INSTEMMING"}
AFTER_PLACEMENT = 56  # eight weeks
INTRODUCTION = 28
TEXT_VERSION = "2026-09"


@dataclass(slots=True)
class Reasons:
    """The reasons of one school's young people."""

    plan: Plan
    country: Country
    school: School
    work: Work
    rng: Random
    batch: Batch

    @property
    def guidance(self) -> str:
        return f"{self.school.party}#guidance"

    @property
    def matching(self) -> str:
        return f"servicepoint:{self.country.regions[self.school.region].service_point}#matching"

    def write(self, person: Person) -> None:
        """All reasons of one young person, and the lead."""
        rng, share = self.rng, self.plan.share["student"]
        self._school(person)
        searched_by = self._placements(person)
        seer = self.country.covered_by.get(person.municipality or "")
        municipal = f"{seer}#participatie" if seer else None
        drawn, supported = rng.random(), False
        ended, expiring = share["ended"], share["ended"] + share["expiring"]
        if drawn < expiring:
            self._bounded(person, municipal, ended=drawn < ended)
        elif drawn < expiring + share["two_reasons"]:
            supported = self._two(person, municipal, searched_by)
        else:
            supported = self._usual(person, municipal, searched_by)
        self._lead(person, municipal if supported else None)

    def _row(
        self,
        person: Person,
        seer: str,
        purpose: str,
        begin: int,
        end: int | None,
        *,
        case: int | None = None,
        ended: int | None = None,
    ) -> None:
        """One reason, from one midnight until another; None is an open end. `ended` is when somebody ended it."""
        ends, stopped = (ALWAYS if at is None else instant(at) for at in (end, ended))
        consent = self._consent(person, seer, purpose, begin, ends, ended) if purpose in CONSENT else NULL
        about = f"PLACEMENT\t{case}" if case else f"{NULL}\t{NULL}"
        self.batch["access"].append(
            f"{new_id(self.rng)}\t{seer}\t{person.id}\t{TIERS[purpose]}\t{purpose}\t{about}\t{consent}\t{self.guidance}"
            f"\t{instant(begin)}\t{ends}\t{stopped}"
        )

    def _consent(self, person: Person, seer: str, purpose: str, begin: int, ends: str, ended: int | None) -> str:
        """TOESTEMMING by the representative under 16, by oneself from 16; INSTEMMING by parents under 18."""
        one, kind = new_id(self.rng), CONSENT[purpose]
        if kind == "INSTEMMING":
            by = "SELF" if person.band == "18_PLUS" else "PARENT"
        else:
            by = "REPRESENTATIVE" if person.band == "12_15" or (person.band is None and person.year < 4) else "SELF"
        withdrawn = f"{instant(ended)}\tSELF" if ended is not None else f"{NULL}\t{NULL}"
        self.batch["consent"].append(
            f"{one}\t{person.id}\t{kind}\t{purpose}\t{seer}\t{by}\t{TEXT_VERSION}\t{instant(begin)}\t{ends}\t{withdrawn}"
        )
        return one

    def _school(self, person: Person) -> None:
        gone = person.left + 1 if person.left is not None else None
        self._row(person, self.guidance, "ENROLMENT", person.entered, None, ended=gone)
        if gone is not None:
            self._row(person, self.guidance, "CAREER_GUIDANCE", gone, person.guidance_ends)

    def _placements(self, person: Person) -> set[str]:
        """Employers see their own placements, the service point those from its places; gives who has one open."""
        today, seers = self.plan.today, set()
        for one in person.placements:
            end = one.end + 1 if one.end is not None else None
            if end is not None and end < today - 365:
                continue
            begin = min(one.begin, today - 3)
            purpose = "STAGE" if one.kind == "STAGE" else "EMPLOYMENT"
            after = end + AFTER_PLACEMENT if end is not None else None
            self._row(person, f"employer:{one.employer}#mentor", purpose, begin, after, case=one.n)
            if one.offer and one.offer.service_point:
                seer = f"{one.offer.service_point}#matching"
                self._row(person, seer, "PLACED_FROM", begin, end, case=one.n)
                if end is None or end > today:
                    seers.add(seer)
        return seers

    def _search(self, person: Person, purpose: str, *, ended: int | None = None, expires: bool = False) -> None:
        """STAGE_SEARCH runs until the end of the school year, WORK_SEARCH for 6 months."""
        today, year = self.plan.today, school_year_start(self.plan.today)
        if purpose == "STAGE_SEARCH":
            begin, end = today - self.rng.randrange(1, 60), months_later(year, 12)
        else:
            begin = today - self.rng.randrange(1, 150)
            end = months_later(begin, 6) + 1
        if expires:
            begin, end = months_later(today, -6), today + 1
        self._row(person, self.matching, purpose, begin, end, ended=max(ended, begin) if ended is not None else None)

    def _municipal(
        self, person: Person, seer: str, purpose: str, *, ended: int | None = None, expires: bool = False
    ) -> int:
        begin = self.plan.today - self.rng.randrange(5, 300)
        end = self.plan.today + 1 if expires else None
        self._row(person, seer, purpose, begin, end, ended=max(ended, begin) if ended is not None else None)
        return begin

    def _introduce(self, person: Person, *, ended: int | None = None, expires: bool = False) -> None:
        begin = (
            self.plan.today + 1 - INTRODUCTION if expires else self.plan.today - self.rng.randrange(1, INTRODUCTION - 1)
        )
        seer = f"employer:{self.rng.choice(self.work.employers).kvk}#mentor"
        end = begin + INTRODUCTION
        self._row(person, seer, "INTRODUCTION", begin, end, ended=max(ended, begin) if ended is not None else None)

    def _bounded(self, person: Person, municipal: str | None, *, ended: bool) -> None:
        """One reason that was ended, or that runs until the end of today; no other at that party."""
        stop, drawn = (self.plan.today - self.rng.randrange(0, 30) if ended else None), self.rng.random()
        if drawn < 0.4 and municipal:
            self._municipal(person, municipal, "INVOLVE_MUNICIPALITY", ended=stop, expires=not ended)
        elif drawn < 0.6:
            self._introduce(person, ended=stop, expires=not ended)
        else:
            purpose = "STAGE_SEARCH" if person.left is None else "WORK_SEARCH"
            self._search(person, purpose, ended=stop, expires=not ended)

    def _two(self, person: Person, municipal: str | None, searched_by: set[str]) -> bool:
        """Two open reasons at one party; gives whether the municipality continues support."""
        if self.matching in searched_by:
            self._search(person, "STAGE_SEARCH" if person.left is None else "WORK_SEARCH")
            return municipal is not None and self._involve(person, municipal)
        if municipal and person.year >= 5 and self.rng.random() < 0.6:
            self._municipal(person, municipal, "INVOLVE_MUNICIPALITY")
            self._municipal(person, municipal, "CONTINUE_SUPPORT")
            return person.left is not None
        self._search(person, "STAGE_SEARCH")
        self._search(person, "WORK_SEARCH")
        return municipal is not None and self._involve(person, municipal)

    def _usual(self, person: Person, municipal: str | None, searched_by: set[str]) -> bool:
        rng, share = self.rng, self.plan.share["student"]
        runs = bool(person.placements) and person.placements[-1].state == "RUNNING"
        if self.matching not in searched_by and not runs and not person.past:
            if person.left is not None and rng.random() < share["search_work"]:
                self._search(person, "WORK_SEARCH")
            elif person.left is None and person.year >= 3 and rng.random() < share["search_stage"]:
                self._search(person, "STAGE_SEARCH")
        if person.year >= 4 and not runs and rng.random() < share["introduced"] * 4:
            self._introduce(person)
        return municipal is not None and self._involve(person, municipal)

    def _involve(self, person: Person, municipal: str) -> bool:
        rng, share = self.rng, self.plan.share["student"]
        service = self.country.services.get(municipal.partition("#")[0])
        if service and service.involve is not None:
            if rng.random() < service.involve:
                self._municipal(person, municipal, "INVOLVE_MUNICIPALITY")
        elif person.left is not None:
            if rng.random() < share["support_after"] / (2 if person.past else 1):
                self._municipal(person, municipal, "CONTINUE_SUPPORT")
                return True
        elif person.year >= 4 and rng.random() < share["involve_last_years"]:
            self._municipal(person, municipal, "INVOLVE_MUNICIPALITY")
        return False

    def _lead(self, person: Person, municipal: str | None) -> None:
        """The school has the lead until its guidance ends, or until a municipality takes it over."""
        ends = instant(person.guidance_ends) if person.past else ALWAYS
        took = person.guidance_ends if person.past else self.plan.today - self.rng.randrange(1, 5)
        if municipal and (person.past or self.rng.random() < self.plan.share["student"]["lead_moved"]):
            ends = instant(took)
            self.batch["lead"].append(f"{person.id}\t{municipal}\t{ends}\t{ALWAYS}")
        self.batch["lead"].append(f"{person.id}\t{self.guidance}\t{instant(person.entered)}\t{ends}")
