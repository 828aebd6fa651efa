"""The country of a seed: what the reference data says, and boards, schools and service points placed in it.

Laws
1. Every region has a school and a service point, and the home municipality of `seed.toml` has schools, at every scale.
2. A fictitious school is known by its BRIN, `9[0-9]Z[A-Z]nn`; its locations stand in one region.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import asyncpg

from registry.seed.plan import Plan, Service, day, share_out
from registry.seed.writing import Batch, line
from schema.errors import SetUp

LOCATIONS_MAX = 100
INSTITUTIONS = 200  # of the 260 BRINs that fictitious schools have; regions round up
# From the facts of the domain: the only Doorstroompunt regions whose number and place are read in a source.
DOORSTROOMPUNT = {
    "AM03": ("RMC08", "Zuid-Oost Drenthe"),
    "AM11": ("RMC18", "Flevoland"),
    "AM27": ("RMC36", "Noordoost-Brabant"),
}


@dataclass(slots=True)
class School:
    brin: str
    name: str
    kind: str
    board: str
    municipality: str
    region: str
    size: int = 0

    @property
    def party(self) -> str:
        return f"school:{self.brin}"


@dataclass(slots=True)
class Region:
    """A region and what the seed puts there; `weights` are the numbers of postcodes, for want of inhabitants."""

    code: str
    name: str
    centre: str
    municipalities: list[str] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    neighbours: list[str] = field(default_factory=list)
    schools: list[School] = field(default_factory=list)
    service_point: str = ""

    @property
    def weight(self) -> int:
        return sum(self.weights)


@dataclass(slots=True)
class Country:
    """All regions by code, names and postcodes by municipality, and who covers a municipality for participatie."""

    regions: dict[str, Region]
    names: dict[str, str]
    postcodes: dict[str, list[str]]
    covered_by: dict[str, str]
    services: dict[str, Service] = field(default_factory=dict)
    boards: dict[str, tuple[str, str]] = field(default_factory=dict)  # number -> name, region


async def read_country(connection: asyncpg.Connection) -> Country:
    """Reads the reference data. Raises SetUp when it is not loaded."""
    rows = await connection.fetch("SELECT code, name, centre FROM region WHERE valid_to IS NULL ORDER BY code")
    if not rows:
        raise SetUp("There are no regions yet. Load the reference data before the seed.")
    regions = {row["code"]: Region(row["code"], row["name"], row["centre"]) for row in rows}
    country = Country(regions, {}, {}, {})
    for row in await connection.fetch(
        "SELECT m.code, m.name, m.region, coalesce(p.digits, '{}') AS digits, c.party FROM municipality m"
        " LEFT JOIN (SELECT municipality, array_agg(digits ORDER BY digits) AS digits FROM postcode GROUP BY 1) p"
        " ON p.municipality = m.code"
        " LEFT JOIN covers c ON c.municipality = m.code AND c.function = 'participatie' AND c.until_at = 'infinity'"
        " WHERE m.valid_to IS NULL ORDER BY m.code"
    ):
        code, region = row["code"], regions[row["region"]]
        country.names[code], country.postcodes[code] = row["name"], list(row["digits"])
        region.municipalities.append(code)
        region.weights.append(max(1, len(row["digits"])))
        if row["party"]:
            country.covered_by[code] = row["party"]
    for row in await connection.fetch("SELECT region, neighbour FROM region_neighbour ORDER BY 1, 2"):
        regions[row["region"]].neighbours.append(row["neighbour"])
    return country


def settle(plan: Plan, country: Country) -> None:
    """Places services, service points, boards and schools; nothing is written."""
    for service in plan.services:
        region = country.regions[service.region]
        ready = [m for m in region.municipalities if m != plan.home[1] and (service.with_centre or m != region.centre)]
        if service.with_centre:
            ready.sort(key=lambda m: (m != region.centre, m))
        country.services[service.party] = service
        for municipality in ready[: service.municipalities]:
            country.covered_by[municipality] = service.party
    rng = plan.random("service points")
    for region in country.regions.values():
        kind = "WERKCENTRUM" if region.code == plan.home[0] or rng.random() < 0.6 else "WSP"
        region.service_point = f"{region.code}-{kind}"
    _found_schools(plan, country)
    _fill_schools(plan, country)


def _found_schools(plan: Plan, country: Country) -> None:
    regions = list(country.regions.values())
    home, _, home_schools = plan.home
    least = [home_schools if region.code == home else 1 for region in regions]
    total = max(plan.scaled("schools"), sum(least))
    per_institution = max(2, -(-total // INSTITUTIONS))
    if per_institution > LOCATIONS_MAX:
        raise SetUp("At this scale there are more schools than fictitious BRINs.")
    extra = share_out(total - sum(least), [region.weight for region in regions])
    institution = 0
    for region, low, more in zip(regions, least, extra, strict=True):
        rng = plan.random("schools", region.code)
        for n in range(low + more):
            first = n % per_institution == 0
            institution += first
            number = institution - 1
            if first and (n // per_institution) % 2 == 0:
                board = f"{90001 + len(country.boards)}"
                country.boards[board] = (plan.words["boards"][number % len(plan.words["boards"])], region.code)
            if region.code == home and n < home_schools:
                municipality = plan.home[1]
            else:
                municipality = region.centre if n == 0 else rng.choices(region.municipalities, region.weights)[0]
            brin = f"9{number // 26}Z{chr(65 + number % 26)}{n % per_institution:02d}"
            kind = "PRO" if number % 3 == 0 else "VSO"
            name = _school_name(plan, number, kind, n % per_institution, country.names[municipality])
            region.schools.append(School(brin, name, kind, board, municipality, region.code))


def _fill_schools(plan: Plan, country: Country) -> None:
    """Students per school, between the two bounds of the plan, in all what the plan says."""
    low, high = plan.size["school_students_min"], plan.size["school_students_max"]
    schools = [school for region in country.regions.values() for school in region.schools]
    rng, weights = plan.random("sizes"), []
    for school in schools:
        service = country.services.get(country.covered_by.get(school.municipality, ""))
        weights.append(rng.gammavariate(1.6, 1.0) + (2.0 if service and service.involve is not None else 0.0))
    total = min(max(plan.scaled("students"), low * len(schools)), high * len(schools))
    for school, share in zip(schools, share_out(total - low * len(schools), weights), strict=True):
        school.size = min(low + share, high)
    rest = total - sum(school.size for school in schools)
    while rest > 0:
        school = rng.choice(schools)
        if school.size < high:
            school.size += 1
            rest -= 1


def _school_name(plan: Plan, number: int, kind: str, location: int, place: str) -> str:
    word = plan.words["schools"][number % len(plan.words["schools"])]
    forms = (
        ("Praktijkschool {}", "{} College praktijkonderwijs") if kind == "PRO" else ("VSO {}", "{}, school voor vso")
    )
    name = forms[number // 3 % 2].format(word)
    return f"{name}, locatie {place}" if location else name


def write_country(plan: Plan, country: Country, batch: Batch) -> None:
    """Boards, schools and service points, as rows."""
    batch["doorstroompunt_region"] += [line(code, name) for code, name in DOORSTROOMPUNT.values()]
    batch["school_board"] += [line(number, name, "t") for number, (name, _) in country.boards.items()]
    for region in country.regions.values():
        rng = plan.random("desks of schools", region.code)
        batch["school"] += [_school_row(plan, country, school, rng) for school in region.schools]
        batch["service_point"] += [line(*values) for values in _service_points(region)]


def _school_row(plan: Plan, country: Country, school: School, rng: Random) -> str:
    share = plan.share["school"]
    drawn = rng.random()
    published = None if drawn < share["unknown_students"] else str(school.size)
    if drawn > 1 - share["suppressed_students"]:
        published = "<5"
    postcodes: Sequence[str] = country.postcodes[school.municipality] or ["1000"]
    rmc = DOORSTROOMPUNT.get(school.region)
    street = f"{rng.choice(plan.words['streets'])} {rng.randrange(1, 120)}"
    postcode = f"{rng.choice(postcodes)} ZZ"
    phone = f"099{rng.randrange(10**7):07d}"  # no area code begins with 099
    return line(
        school.brin, school.name, school.kind, school.board, school.municipality, school.region, rmc and rmc[0],
        street, postcode, country.names[school.municipality], phone, f"https://{school.brin.lower()}.example",
        published, "t", "seed", plan.marker, day(plan.today),
    )  # fmt: skip


def _service_points(region: Region) -> Iterator[tuple[object, ...]]:
    kind = region.service_point.partition("-")[2]
    word = "Werkcentrum" if kind == "WERKCENTRUM" else "WerkgeversServicepunt"
    yield (
        region.service_point,
        kind,
        f"{word} {region.name}",
        region.code,
        "2026-01-01" if kind == "WERKCENTRUM" else "2015-01-01",
    )
    if has_learning_desk(region):
        yield f"{region.code}-LEERWERKLOKET", "LEERWERKLOKET", f"Leerwerkloket {region.name}", region.code, "2012-01-01"


def has_learning_desk(region: Region) -> bool:
    """Some regions still have their Leerwerkloket beside the service point."""
    return int(region.code[2:]) % 3 == 0
