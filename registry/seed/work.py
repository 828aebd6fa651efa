"""Employers and what they offer, per region.

Law: a KvK number of a seed begins with a 9; the trade register gives none of those.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from random import Random

from registry.seed.country import Country, Region
from registry.seed.parties import write_employer_party
from registry.seed.plan import KINDS, SUPPORT, Plan, day, new_id, share_out
from registry.seed.writing import Batch, line

KIND_WEIGHTS = (40, 15, 22, 8, 5, 6, 4)


@dataclass(slots=True)
class Employer:
    kvk: str
    sector: str
    locations: list[tuple[str, str]]  # municipality and region


@dataclass(frozen=True, slots=True)
class Offer:
    id: str
    employer: str
    service_point: str | None  # the party that entered it


@dataclass(slots=True)
class Work:
    """What the schools of one region can draw from."""

    employers: list[Employer] = field(default_factory=list)
    offers: dict[str, list[Offer]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Quota:
    """How many of each a region gets, and the KvK numbers it begins with."""

    employers: int
    opportunities: int
    first_kvk: int


def quotas(plan: Plan, country: Country) -> dict[str, Quota]:
    """Shares employers and opportunities out by the regions' schools; every region has three employers."""
    weights = [len(region.schools) for region in country.regions.values()]
    employers = [max(3, n) for n in share_out(plan.scaled("employers"), weights)]
    opportunities = share_out(plan.scaled("opportunities"), weights)
    first, quota = 90_000_001, {}
    for code, many, offered in zip(country.regions, employers, opportunities, strict=True):
        quota[code] = Quota(many, offered, first)
        first += many
    return quota


def write_work(plan: Plan, country: Country, region: Region, quota: Quota, batch: Batch) -> Work:
    """The region's employers and opportunities, as rows and to draw from."""
    work, rng = Work(), plan.random("work", region.code)
    for n in range(quota.employers):
        work.employers.append(_write_employer(plan, country, region, str(quota.first_kvk + n), rng, batch))
    for _ in range(quota.opportunities):
        kind = rng.choices(KINDS, KIND_WEIGHTS)[0]
        work.offers[kind].append(_write_offer(plan, country, kind, rng.choice(work.employers), rng, batch))
    return work


def _write_employer(plan: Plan, country: Country, region: Region, kvk: str, rng: Random, batch: Batch) -> Employer:
    share, sector = plan.share["employer"], rng.choice(list(plan.sectors))
    words = plan.sectors[sector]
    name = words.form.format(rng.choice(plan.words["employers"]))
    home = rng.choices(region.municipalities, region.weights)[0]
    locations = [(home, region.code)]
    drawn = rng.random()
    if drawn < share["two_regions"] and region.neighbours:
        other = country.regions[rng.choice(region.neighbours)]
        locations.append((rng.choice(other.municipalities), other.code))
    elif drawn > 1 - share["second_location"]:
        second = rng.choice(region.municipalities)
        locations += [(second, region.code)] if second != home else []
    recognised = day(plan.today + rng.randrange(-60, 1400)) if rng.random() < share["recognised"] else None
    batch["employer"].append(line(kvk, name, words.sbi, home, recognised, "t"))
    batch["employer_location"] += [line(kvk, municipality) for municipality, _ in locations]
    write_employer_party(plan, batch, kvk, name, rng, sure=region.code == plan.home[0])
    return Employer(kvk, sector, locations)


def _write_offer(plan: Plan, country: Country, kind: str, employer: Employer, rng: Random, batch: Batch) -> Offer:
    share = plan.share["opportunity"]
    municipality, region = rng.choice(employer.locations)
    title = rng.choice(plan.sectors[employer.sector].titles)
    harvested = rng.random() < share["harvested"]
    service_point = None if harvested else f"servicepoint:{country.regions[region].service_point}"
    offer, low = Offer(new_id(rng), employer.kvk, service_point), rng.choice((8, 12, 16, 20, 24))
    conditions = "{BANENAFSPRAAK}" if kind in {"WERK", "BBL"} and rng.random() < 0.3 else "{}"
    place = country.names[municipality]
    batch["opportunity"].append(
        line(
            offer.id, kind, conditions, title, f"{title} in {place}. Je leert het werk stap voor stap.", employer.kvk,
            municipality, region, service_point, employer.sector, low, low + rng.choice((0, 8, 12)),
            "{" + ",".join(rng.sample(SUPPORT, rng.randrange(4))) + "}",
            "t" if rng.random() < share["open_to_pro_vso"] else "f",
            "t" if rng.random() < share["public"] else "f", rng.choice((1, 1, 1, 2, 3)),
            day(plan.today + rng.randrange(1, 200)) if rng.random() < 0.7 else None, "feed" if harvested else "seed",
            day(plan.today - rng.randrange(20)),
        )
    )  # fmt: skip
    return offer
