"""Who is asked: contact points of schools, boards, municipalities, regions, service points; and coordinator posts.

Law: the home region's coordinator is appointed, and its desks are verified, present and public: the first query works.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import asyncpg

from registry.seed.country import DOORSTROOMPUNT, Country, Region, has_learning_desk
from registry.seed.plan import Plan, day, instant, new_id
from registry.seed.writing import Batch, line

ORGANISATIONS = ("Samenwerkingsverband {}", "Netwerk pro-vso {}", "Stichting Regionaal Werkbedrijf {}")
DESKS = {
    "PUPILS_TO_WORK": "Loket leerlingen naar werk",
    "INTERNSHIPS": "Stagebureau",
    "SCHOOL_BOARD_AS_EMPLOYER": "Aanspreekpunt schoolbesturen",
    "CAREER_GUIDANCE": "Loket loopbaanbegeleiding",
    "LEARNING_TRACKS": "Loket leerlijnen",
    "BASIC_CONDITIONS": "Loket bestaanszekerheid",
}
LADDER = ("NONE", "IN_TALKS", "RECRUITING", "APPOINTED")


@dataclass(slots=True)
class Desks:
    """Contact points in the making; `deputies` are of the service point: others name them when absent."""

    plan: Plan
    batch: Batch
    rng: Random
    deputies: list[str] = field(default_factory=list)

    def add(self, kind: str, owner: str, topic: str, *, sure: bool = False, stale: bool = False) -> str:
        """Adds a desk and gives its id; `sure` is verified, present and public, `stale` too long not verified."""
        plan, rng, share = self.plan, self.rng, self.plan.share["contact"]
        one = new_id(rng)
        name = (
            f"{chr(65 + rng.randrange(26))}. {rng.choice(plan.words['surnames'])}"
            if rng.random() < share["named"]
            else None
        )
        drawn, verified = rng.random(), plan.today - rng.randrange(3, 300)
        if stale or (not sure and drawn < share["stale"]):
            verified -= 400
        absent = not sure and rng.random() < share["absent"]
        place = owner.lower().replace(":", "-")
        self.batch["contact_point"].append(
            line(
                one, kind, owner, topic, name, DESKS[topic], f"099{rng.randrange(10**7):07d}",
                f"{topic.lower().replace('_', '-')}@{place}.example",
                rng.choice(("ma-vr 9-17", "ma-do 8.30-16.30", None)),
                day(plan.today + rng.randrange(2, 40)) if absent else None,
                rng.choice(self.deputies) if absent and self.deputies and rng.random() < 0.8 else None,
                "t" if not sure and rng.random() < share["partner_only"] else "f",
                None if not sure and drawn > 1 - share["never"] else day(verified),
            )
        )  # fmt: skip
        return one


def write_desks(plan: Plan, country: Country, batch: Batch) -> dict[str, str]:
    """All contact points; gives per region the id of the desk that a coordinator would hold."""
    holders = {}
    for region in country.regions.values():
        desks = Desks(plan, batch, plan.random("desks", region.code))
        sure = region.code == plan.home[0]
        for topic in ("PUPILS_TO_WORK", "INTERNSHIPS", "LEARNING_TRACKS"):
            if sure or desks.rng.random() < 0.95:
                desks.deputies.append(desks.add("SERVICE_POINT", region.service_point, topic, sure=sure))
        if has_learning_desk(region):
            desks.add("SERVICE_POINT", f"{region.code}-LEERWERKLOKET", "LEARNING_TRACKS", sure=sure)
        if sure or desks.rng.random() < 0.7:
            desks.add("REGION", region.code, "SCHOOL_BOARD_AS_EMPLOYER", sure=sure)
        if region.code in DOORSTROOMPUNT:
            desks.add("DOORSTROOMPUNT", DOORSTROOMPUNT[region.code][0], "CAREER_GUIDANCE", sure=sure)
        holders[region.code] = desks
        _write_local_desks(country, region, desks, home=plan.home[1])
    return _write_holders(plan, holders)


def _write_local_desks(country: Country, region: Region, desks: Desks, home: str) -> None:
    for municipality in region.municipalities:
        for topic in ("CAREER_GUIDANCE", "BASIC_CONDITIONS"):
            if municipality == home or desks.rng.random() < 0.9:
                desks.add("MUNICIPALITY", municipality, topic, sure=municipality == home)
    desks.add("MUNICIPALITY", region.centre, "PUPILS_TO_WORK", sure=region.centre == home)
    for school in region.schools:
        if school.municipality == home or desks.rng.random() < 0.95:
            desks.add("SCHOOL", school.brin, "INTERNSHIPS", sure=school.municipality == home)
    for number, (_, at) in country.boards.items():
        if at == region.code:
            desks.add("SCHOOL_BOARD", number, "SCHOOL_BOARD_AS_EMPLOYER")


def states(plan: Plan, regions: list[str]) -> dict[str, str]:
    """The state of each region's post; the home region's is APPOINTED."""
    mixed = [state for state, count in plan.posts.items() for _ in range(count)]
    mixed += ["NONE"] * (len(regions) - len(mixed))
    mixed.remove("APPOINTED")
    plan.random("posts").shuffle(mixed)
    rest = iter(mixed)
    return {region: "APPOINTED" if region == plan.home[0] else next(rest) for region in regions}


def _write_holders(plan: Plan, desks: dict[str, Desks]) -> dict[str, str]:
    """The desks of appointed coordinators; one of them nobody has verified for long, so that the route goes on."""
    holders, stale = {}, True
    for region, state in states(plan, list(desks)).items():
        if state == "APPOINTED":
            sure = region == plan.home[0]
            holders[region] = desks[region].add("REGION", region, "PUPILS_TO_WORK", sure=sure, stale=stale and not sure)
            stale = stale and sure
    return holders


async def write_posts(connection: asyncpg.Connection, plan: Plan, country: Country, holders: dict[str, str]) -> None:
    """Brings each post to its state, with the states before it as history."""
    posts, history = [], []
    for code, state in states(plan, list(country.regions)).items():
        rng = plan.random("post", code)
        filled, region = state == "APPOINTED", country.regions[code]
        organisation = rng.choice(ORGANISATIONS).format(region.name) if filled else None
        since = plan.today - rng.randrange(40, 400)
        row = (rng.choice((8, 12, 16, 24, 32)), "Namens de pro- en vso-scholen van de regio", len(region.schools))
        details = row if filled else (None, None, None)
        posts.append((code, state, holders.get(code), organisation, *details, day(since)))
        for n, earlier in reversed(list(enumerate(LADDER[: LADDER.index(state)], 1))):
            until, since = since, since - rng.randrange(60, 300)
            history.append((code, n, earlier, day(since), day(until), "national#lead", "setPostState", instant(until)))
    # Dates travel as text: the driver would want date objects, Postgres reads what the rest of the seed writes.
    await connection.executemany(
        "INSERT INTO coordinator_post (region, state, holder, organisation, hours, mandate, schools_represented, since)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::date)"
        " ON CONFLICT (region) DO UPDATE SET state = excluded.state, holder = excluded.holder,"
        " organisation = excluded.organisation, hours = excluded.hours, mandate = excluded.mandate,"
        " schools_represented = excluded.schools_represented, since = excluded.since",
        posts,
    )
    await connection.executemany(
        "INSERT INTO coordinator_post_history (region, n, state, since, until, seer, command, at)"
        " VALUES ($1, $2, $3, $4::text::date, $5::text::date, $6, $7, $8::text::timestamptz) ON CONFLICT DO NOTHING",
        history,
    )
