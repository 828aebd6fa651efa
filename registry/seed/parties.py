"""The parties of the fictitious country: what they cover, what they signed, the demo's portal that speaks for them.

Law: in the home region everybody has signed: who tries the demo there meets no AGREEMENT_MISSING.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random

import asyncpg

from registry.seed.country import DOORSTROOMPUNT, Country, has_learning_desk
from registry.seed.plan import ALWAYS, PURPOSES, Plan, instant
from registry.seed.writing import Batch, line

CLIENT = "demo"
VERSION = "2026-1"


def began(plan: Plan) -> int:
    """The day on which the fictitious parties began: a first of January, a year or more ago."""
    return date(date.fromordinal(plan.today).year - 1, 1, 1).toordinal()


Place = tuple[str | None, str | None, str | None]  # municipality, region, school


@dataclass(frozen=True, slots=True)
class Party:
    key: str
    name: str
    function: str
    region: str
    covers: Sequence[Place]


def write_parties(plan: Plan, country: Country, batch: Batch) -> None:
    """Parties of schools, boards, service points, services, Doorstroompunten; the rights of all but employers."""
    start, rng = instant(began(plan)), plan.random("agreements")
    for party in _parties(country):
        batch["party"].append(line(party.key, party.key.partition(":")[0], party.name, start))
        batch["covers"] += [line(party.key, party.function, *place, start) for place in party.covers]
        batch["client_party"].append(line(CLIENT, party.key, party.function, PURPOSES.get(party.function, "{}"), start))
        _sign(plan, batch, party.key, "COVENANT", rng, sure=party.region == plan.home[0])
    # These stand already, as reference data; what they may is the seed's to say.
    for region in country.regions.values():
        for municipality in region.municipalities:
            key = f"municipality:{municipality}"
            batch["client_party"].append(line(CLIENT, key, "participatie", PURPOSES["participatie"], start))
            _sign(plan, batch, key, "COVENANT", rng, sure=region.code == plan.home[0])
        batch["client_party"].append(line(CLIENT, f"coordinator:{region.code}", "coordinator", "{}", start))
    for function in ("lead", "council", "reader"):
        batch["client_party"].append(line(CLIENT, "national", function, "{}", start))


def _parties(country: Country) -> Iterator[Party]:
    for number, (name, code) in country.boards.items():
        own: list[Place] = [(None, None, one.brin) for one in country.regions[code].schools if one.board == number]
        yield Party(f"board:{number}", name, "figures", code, own)
    for region in country.regions.values():
        code, where = region.code, [(None, region.code, None)]
        for school in region.schools:
            yield Party(school.party, school.name, "guidance", code, [(None, None, school.brin)])
        yield Party(f"servicepoint:{region.service_point}", f"Servicepunt {region.name}", "matching", code, where)
        if has_learning_desk(region):
            key = f"servicepoint:{code}-LEERWERKLOKET"
            yield Party(key, f"Leerwerkloket {region.name}", "information", code, where)
        if code in DOORSTROOMPUNT:
            rmc, name = DOORSTROOMPUNT[code]
            yield Party(f"doorstroompunt:{rmc}", f"Doorstroompunt {name}", "doorstroompunt", code, where)
    for key, service in country.services.items():
        covered: list[Place] = [(one, None, None) for one, by in country.covered_by.items() if by == key]
        yield Party(key, service.name, "participatie", service.region, covered)


def write_employer_party(plan: Plan, batch: Batch, kvk: str, name: str, rng: Random, *, sure: bool) -> None:
    """An employer as a party; `sure`: it has signed the terms."""
    key, start = f"employer:{kvk}", instant(began(plan))
    batch["party"].append(line(key, "employer", name, start))
    batch["client_party"].append(line(CLIENT, key, "mentor", PURPOSES["mentor"], start))
    _sign(plan, batch, key, "TERMS", rng, sure=sure)


def _sign(plan: Plan, batch: Batch, key: str, kind: str, rng: Random, *, sure: bool = False) -> None:
    share, drawn = plan.share["party"], rng.random()
    if drawn < share["no_agreement"] and not sure:
        return
    expired = drawn > 1 - share["expired_agreement"] and not sure
    until = instant(plan.today - 30) if expired else ALWAYS
    batch["party_agreement"].append(line(key, kind, VERSION, instant(began(plan) + 14), until))


async def hand_over(connection: asyncpg.Connection, country: Country) -> None:
    """Ends what municipalities cover themselves where a service of the seed takes it over."""
    taken = [m for m, by in country.covered_by.items() if by in country.services]
    await connection.execute(
        "UPDATE covers SET until_at = greatest(from_at, now())"
        " WHERE municipality = ANY ($1::text[]) AND function = 'participatie' AND until_at = 'infinity'",
        taken,
    )
