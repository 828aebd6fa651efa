"""The young people of one school: keys, profiles, placements and credentials, without anything that names a person.

Laws
1. A school is written from its own chance alone: schools stream through in bounded memory, in any order.
2. Of a young person's placements only the last may run or be planned; `n` counts in the order of time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from registry.seed.country import Country, School
from registry.seed.plan import SUPPORT, Plan, day, instant, months_later, new_id, school_year_start
from registry.seed.work import Offer, Work
from registry.seed.writing import Batch

GUIDANCE_MONTHS = 24
AIMS = {
    "PRO": (("ARBEID", "ARBEID_EN_LEREN", "VERVOLGONDERWIJS", "BESCHUT_WERK", "ONBEKEND"), (35, 20, 30, 5, 10)),
    "VSO": (("ARBEID", "VERVOLGONDERWIJS", "DAGBESTEDING", "BESCHUT_WERK", "ONBEKEND"), (30, 30, 25, 8, 7)),
}
KIND_AFTER_SCHOOL = {
    "ARBEID": "WERK", "ARBEID_EN_LEREN": "BBL", "VERVOLGONDERWIJS": "MBO", "DAGBESTEDING": "ARBEIDSMATIGE_DAGBESTEDING",
    "BESCHUT_WERK": "BESCHUT_WERK", "ONBEKEND": "WERKERVARINGSPLAATS",
}  # fmt: skip
PLACEMENTS = {
    1: (0, 0),
    2: (0, 1),
    3: (0, 1),
    4: (1, 2),
    5: (2, 3),
    6: (2, 4),
    7: (2, 4),
}  # from school year; 7 is after school
PROCESSES = ("B1-K1-W1", "B1-K1-W2", "B1-K1-W3", "B1-K2-W1", "P1-K1-W1")


@dataclass(frozen=True, slots=True)
class Placement:
    n: int
    kind: str
    employer: str
    offer: Offer | None
    begin: int
    end: int | None
    state: str


@dataclass(slots=True)
class Person:
    """A young person in the making; days are ordinals. `year` is 7 for who has left school."""

    id: str
    year: int
    band: str | None
    aim: str
    entered: int
    left: int | None
    past: bool
    municipality: str | None
    placements: list[Placement] = field(default_factory=list)

    @property
    def guidance_ends(self) -> int:
        """The day after the last one of career guidance; only of who has left."""
        return months_later(self.left or 0, GUIDANCE_MONTHS) + 1


def people_of(plan: Plan, country: Country, school: School, work: Work, placements: int, batch: Batch) -> list[Person]:
    """Writes a school's young people with so many placements in all; gives them for what others see of them."""
    rng = plan.random("people", school.brin)
    people = [_person(plan, country, school, rng) for _ in range(school.size)]
    counts = _placement_counts(people, placements, rng)
    for number, (person, count) in enumerate(zip(people, counts, strict=True), 1):
        person.placements = _placements(plan, person, count, work, rng)
        _write(plan, school, person, number, rng, batch)
    return people


def _person(plan: Plan, country: Country, school: School, rng: Random) -> Person:
    share, drawn, today = plan.share["student"], rng.random(), plan.today
    past = drawn < share["past"]
    left = None
    if drawn < share["past"] + share["left"]:
        left = _left_on(today, past, rng)
    year = 7 if left is not None else rng.randrange(1, 7)
    entered = school_year_start(left or today)
    entered = months_later(entered, -12 * (5 if year == 7 else year - 1))
    bands = ("12_15", "12_15", "12_15", "16_17", "16_17", "18_PLUS", "18_PLUS")
    aims, weights = AIMS[school.kind]
    return Person(
        id=new_id(rng),
        year=year,
        band=bands[year - 1] if rng.random() < 0.95 else None,
        aim=rng.choices(aims, weights)[0],
        entered=entered,
        left=left,
        past=past,
        municipality=_residence(plan, country, school, rng),
    )


def _left_on(today: int, past: bool, rng: Random) -> int:
    """Most leave at the end of a school year, some on another day; never today."""
    if past:
        return today - rng.randrange(740, 1200)
    last = school_year_start(today) - 1
    ends = [end for end in (last, months_later(last, -12)) if 0 < today - end < 729]
    return rng.choice(ends) if ends and rng.random() < 0.75 else today - rng.randrange(1, 729)


def _residence(plan: Plan, country: Country, school: School, rng: Random) -> str | None:
    share, drawn = plan.share["student"], rng.random()
    region = country.regions[school.region]
    if drawn < share["no_residence"]:
        return None
    if drawn < share["no_residence"] + share["outside_region"] and region.neighbours:
        other = country.regions[rng.choice(region.neighbours)]
        return rng.choices(other.municipalities, other.weights)[0]
    if rng.random() < share["outside_municipality"]:
        return rng.choices(region.municipalities, region.weights)[0]
    return school.municipality


def _placement_counts(people: list[Person], total: int, rng: Random) -> list[int]:
    """How many placements each has; together exactly `total`, first of all where the school year makes them likely."""
    counts = [rng.randint(*PLACEMENTS[person.year]) for person in people]
    ready = [i for i, person in enumerate(people) if person.year > 2] or list(range(len(people)))
    while (missing := total - sum(counts)) != 0:
        step = 1 if missing > 0 else -1
        for i in rng.sample(ready, min(abs(missing), len(ready))):
            counts[i] = max(0, counts[i] + step)
        if step < 0 and not any(counts[i] for i in ready):
            break
    return counts


def _placements(plan: Plan, person: Person, count: int, work: Work, rng: Random) -> list[Placement]:
    """From the last back to the first, then turned round."""
    made: list[Placement] = []
    share, until = plan.share["placement"], plan.today
    for n in range(count, 0, -1):
        kind = _kind(person, last=n == count, rng=rng)
        drawn = rng.random() if n == count else 1.0
        if drawn < share["running"]:
            state, begin = "RUNNING", until - rng.randrange(5, 160)
            end = None if kind == "WERK" and rng.random() < 0.5 else plan.today + rng.randrange(7, 220)
        elif drawn < share["running"] + share["planned"]:
            state, begin = "PLANNED", until + rng.randrange(3, 70)
            end = begin + rng.randrange(60, 220)
        else:
            state, end = "ENDED", until - rng.randrange(2, 150)
            begin = end - rng.randrange(30, 190)
        offers = work.offers.get(kind)
        offer = rng.choice(offers) if offers and rng.random() < share["from_opportunity"] else None
        employer = offer.employer if offer else rng.choice(work.employers).kvk
        made.append(Placement(n, kind, employer, offer, begin, end, state))
        until = min(begin, plan.today)
    return made[::-1]


def _kind(person: Person, *, last: bool, rng: Random) -> str:
    if person.left is not None and last:
        return KIND_AFTER_SCHOOL[person.aim]
    if person.aim == "DAGBESTEDING" and rng.random() < 0.5:
        return "ARBEIDSMATIGE_DAGBESTEDING"
    return "STAGE" if rng.random() < 0.92 else "BBL"


def _write(plan: Plan, school: School, person: Person, number: int, rng: Random, batch: Batch) -> None:
    batch["student"].append(f"{person.id}\t{school.brin}\t{person.municipality or NULL}\t{school.party}")
    batch["student_profile"].append(_profile(plan, person, rng))
    for one in person.placements:
        offer, end = one.offer.id if one.offer else NULL, day(one.end) if one.end else NULL
        batch["placement"].append(
            f"{person.id}\t{one.n}\t{one.kind}\t{one.employer}\t{offer}\t{rng.choice(HOURS)}\t{day(one.begin)}\t{end}"
            f"\t{rng.choice(LEADS_TO)}\t{one.state}"
        )
    until = instant(person.guidance_ends) if person.past else "infinity"
    batch["link"].append(f"{person.id}\t{school.party}\t{100_000 + number * 7}\t{instant(person.entered)}\t{until}")
    if person.year > 3 and rng.random() < plan.share["student"]["credentials"] * CREDENTIALS_FROM_YEAR_4:
        _write_credentials(plan, person, rng, batch)


NULL = "\\N"
HOURS = (8, 12, 16, 20, 24, 28, 32, 36)
LEADS_TO = ("CONTRACT", "STAGE", "DIPLOMA", "NONE", NULL)
CREDENTIALS_FROM_YEAR_4 = 1.7  # three of five are in year 4 or further: together the share that the plan says


def _profile(plan: Plan, person: Person, rng: Random) -> str:
    harvested = instant(plan.today - rng.choice((0, 0, 0, 1, 2, 9)))
    if person.left is not None:
        leaves = person.left
    else:
        leaves = months_later(school_year_start(plan.today), 12 * max(1, 6 - person.year)) - 1
    head = f"{person.id}\t{person.aim}\t{min(person.year, 6)}"
    left = day(person.left) if person.left is not None else NULL
    if rng.random() < plan.share["student"]["sparse"]:
        return f"{head}\t{NULL}\t{left}\t{person.band or NULL}\t{{}}\t{NULL}\t{NULL}\t{{}}\t{{}}\t{harvested}"
    sectors = rng.sample(list(plan.sectors), rng.choice((1, 1, 2, 3)))
    crebo = plan.sectors[sectors[0]].crebo
    processes = ",".join([f"{crebo}:{code}" for code in PROCESSES[: rng.randrange(5)]])
    wanted = ",".join(rng.sample(SUPPORT, rng.randrange(4)))
    return (
        f"{head}\t{day(leaves)}\t{left}\t{person.band or NULL}\t{{{','.join(sectors)}}}\t{rng.choice(HOURS)}"
        f"\t{rng.choice((5, 10, 15, 25, 40))}\t{{{wanted}}}\t{{{processes}}}\t{harvested}"
    )


def _write_credentials(plan: Plan, person: Person, rng: Random, batch: Batch) -> None:
    for n in range(1, rng.choice((1, 1, 1, 2, 3)) + 1):
        crebo = plan.sectors[rng.choice(list(plan.sectors))].crebo
        if n == 1:
            kind, level = "PRAKTIJKVERKLARING", 1
        else:
            kind, level = rng.choice(
                (("BRANCHECERTIFICAAT", 1), ("MBO_CERTIFICAAT", 2), ("SCHOOLDIPLOMA", 1), ("DIPLOMA", 1))
            )
        processes = ",".join([f"{crebo}:{code}" for code in PROCESSES[: rng.randrange(1, 4)]])
        issued = day((person.left or plan.today) - rng.randrange(5, 500))
        batch["credential"].append(
            f"{person.id}\t{n}\t{kind}\t{level}\tEntreeopleiding {crebo}\t{{{processes}}}\t{issued}"
        )
