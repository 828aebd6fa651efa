"""The sizes, shares and words of `seed.toml`, and the few ways in which chance is drawn from them.

Laws
1. Chance is `random.Random` under a key of its own per thing (region, school, desk): no row depends on the order
   of the work.
2. A day is its ordinal (`date.toordinal`); an instant is the midnight in Amsterdam with which a day begins.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from random import Random

ALWAYS = "infinity"
KINDS = ("STAGE", "BBL", "WERK", "WERKERVARINGSPLAATS", "BESCHUT_WERK", "ARBEIDSMATIGE_DAGBESTEDING", "MBO")
SUPPORT = ("VASTE_BEGELEIDER", "STAP_VOOR_STAP", "RUSTIGE_PLEK", "VASTE_TAKEN", "HULP_BIJ_REIZEN", "AANGEPASTE_TIJDEN")
PURPOSES = {
    "guidance": "{ENROLMENT,CAREER_GUIDANCE}",
    "matching": "{STAGE_SEARCH,WORK_SEARCH,PLACED_FROM}",
    "participatie": "{INVOLVE_MUNICIPALITY,CONTINUE_SUPPORT,SAFETY_NET,EVIDENCE}",
    "mentor": "{INTRODUCTION,STAGE,EMPLOYMENT,EVIDENCE}",
    "doorstroompunt": "{CONSULTATION}",
}


@dataclass(frozen=True, slots=True)
class Service:
    """A service that acts for several municipalities; `involve` is None where the usual shares hold.

    A service with a share of its own has large schools: somebody must see many young people at many schools.
    """

    slug: str
    name: str
    region: str
    municipalities: int
    with_centre: bool = False
    involve: float | None = None

    @property
    def party(self) -> str:
        return f"service:{self.slug}"


@dataclass(frozen=True, slots=True)
class SectorWords:
    """What employers and places of one sector are called; `form` holds `{}` for the name, `crebo` five digits."""

    sbi: str
    form: str
    titles: tuple[str, ...]
    crebo: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`seed.toml`, with the scale and the day on which the country is seen."""

    scale: float
    today: int
    version: int
    key: str
    size: Mapping[str, int]
    home: tuple[str, str, int]
    share: Mapping[str, Mapping[str, float]]
    posts: Mapping[str, int]
    services: tuple[Service, ...]
    words: Mapping[str, tuple[str, ...]]
    sectors: Mapping[str, SectorWords]

    @property
    def marker(self) -> str:
        """Stands in `school.digest` of every seeded school: which seed this is."""
        return f"seed {self.version} scale {self.scale:g} of {day(self.today)}"

    def scaled(self, name: str) -> int:
        return max(1, round(self.size[name] * self.scale))

    def random(self, *key: object) -> Random:
        """Chance for one thing; the same key gives the same draws on every machine."""
        return Random(":".join((self.key, *map(str, key))))  # noqa: S311 - a fictitious country, not a secret


def read_plan(scale: float, today: date) -> Plan:
    """Reads `seed.toml` for this scale and day."""
    told = tomllib.loads(resources.files(__package__).joinpath("seed.toml").read_text(encoding="utf-8"))
    return Plan(
        scale=scale,
        today=today.toordinal(),
        version=told["version"],
        key=told["key"],
        size=told["size"],
        home=(told["home"]["region"], told["home"]["municipality"], told["home"]["schools"]),
        share=told["share"],
        posts=told["posts"],
        services=tuple(Service(**one) for one in told["services"]),
        words={name: tuple(words) for name, words in told["words"].items()},
        sectors={
            n: SectorWords(s["sbi"], s["form"], tuple(s["titles"]), s["crebo"]) for n, s in told["sectors"].items()
        },
    )


@cache
def day(ordinal: int) -> str:
    """`2026-11-21`."""
    return date.fromordinal(ordinal).isoformat()


@cache
def instant(ordinal: int) -> str:
    """The midnight that begins this day in Amsterdam; Postgres knows the summer time, so this module need not."""
    return f"{day(ordinal)} 00:00 Europe/Amsterdam"


def months_later(ordinal: int, months: int) -> int:
    """The same day of the month so many months on (or back); the 28th where that day may not exist."""
    old = date.fromordinal(ordinal)
    month = old.year * 12 + old.month - 1 + months
    return date(month // 12, month % 12 + 1, min(old.day, 28) if old.day > 28 else old.day).toordinal()


def school_year_start(ordinal: int) -> int:
    """The first of August that began the school year of this day."""
    now = date.fromordinal(ordinal)
    return date(now.year if now.month >= 8 else now.year - 1, 8, 1).toordinal()


_VERSION_4 = 0x4000_8000_0000_0000_0000
_FREE_BITS = ~(0xF000_C000_0000_0000_0000)


def new_id(rng: Random) -> str:
    """A UUID (version 4) that chance gives, as 32 hexadecimal digits."""
    return f"{rng.getrandbits(128) & _FREE_BITS | _VERSION_4:032x}"


def share_out(total: int, weights: Sequence[float]) -> list[int]:
    """Divides a whole number by weight without loss: largest remainders first."""
    whole = sum(weights) or 1.0
    exact = [total * weight / whole for weight in weights]
    parts = [int(part) for part in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts
