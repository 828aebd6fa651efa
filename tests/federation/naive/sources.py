"""Made-up partners: what one says of a key is made of the key; and which key of a young person goes to which.

Some keys a partner does not know; a value may have an empty list, and nothing where nothing need be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from tests.federation.naive.rights import Eyes
from tests.federation.naive.rows import Row
from tests.federation.naive.things import Thing, thing
from tests.federation.naive.vacancies import found, vacancy_hits

Value = dict[str, Any]
TYPES = {
    "jobcoach": "SupportContact",
    "werkconsulent": "SupportContact",
    "plan": "SupportPlan",
    "inPlace": "SupportInPlace",
    "hits": "VacancyHit",
}


def _drawn(key: str) -> int:
    return hashlib.md5(key.encode(), usedforsecurity=False).digest()[0]


def identity(key: str) -> Value | None:
    if _drawn(key) % 5 == 0:
        return None
    return {
        "givenName": f'Naam "{key}"',
        "familyName": None if _drawn(key) % 2 else "\u00e9\\",
        "birthDate": "2009-03-14",
        "mail": f"{key}@x.example",
        "phone": "",
        "legalRepresentative": "\u0001",
    }


def support(key: str) -> Value | None:
    if _drawn(key) % 4 == 0:
        return None
    provisions = [{"kind": f"K{n}", "from": "2026-01-01", "to": None} for n in range(_drawn(key) % 3)]
    return {
        "jobcoach": {"name": key, "phone": None, "mail": "m@x.example"},
        "werkconsulent": None if _drawn(key) % 2 else {"name": "W", "phone": "1", "mail": None},
        "plan": {"from": None, "to": "2027-01-01"} if _drawn(key) % 3 else None,
        "inPlace": provisions,
    }


LAYERS: dict[str, Callable[[str], Any]] = {
    "identity": identity,
    "support": support,
    "givenName": lambda key: (identity(key) or {}).get("givenName"),
    "jobcoach": lambda key: (support(key) or {}).get("jobcoach"),
    "vacancyHits": found,
}


def _key(eyes: Eyes, row: Row, at_school: bool, tier: str) -> str | None:
    """The latest open key of a school, or of a municipality that has a case; a school and a municipality their own."""
    if row[tier] <= eyes.world.now:
        return None
    kinds = ("school",) if at_school else ("municipality", "service")
    links = [
        link
        for link in eyes.world.all("link", "student", row["student"])
        if link["until_at"].year == 9999 and link["source"].partition(":")[0] in kinds
    ]
    if eyes.role == ("SCHOOL" if at_school else "MUNICIPALITY"):
        links = [link for link in links if link["source"] == eyes.party]
    links.sort(key=lambda link: (-link["from_at"].timestamp(), link["source"]))
    return f"{links[0]['source']} {links[0]['key']}" if links else None


def identity_of(eyes: Eyes, row: Row, _: Any) -> Thing | None:
    key = _key(eyes, row, True, "until_identified")
    return thing("StudentIdentity", identity(key) if key else None)


def support_of(eyes: Eyes, row: Row, _: Any) -> Thing | None:
    key = _key(eyes, row, False, "until_identified")
    return thing("MunicipalSupport", support(key) if key else None)


def given_name(eyes: Eyes, row: Row, _: Any) -> Any:
    key = _key(eyes, row, True, "until_given_name")
    return LAYERS["givenName"](key) if key else None


def jobcoach(eyes: Eyes, row: Row, _: Any) -> Thing | None:
    key = _key(eyes, row, False, "until_given_name")
    return thing("SupportContact", LAYERS["jobcoach"](key) if key else None)


def part(name: str) -> Any:
    """A field of a live value."""

    def give(_: Eyes, row: Row, __: Any) -> Any:
        value, kind = row[name], TYPES.get(name)
        if kind and isinstance(value, list):
            return [Thing(kind, one) for one in value]
        return thing(kind, value) if kind else value

    return give


PARTS = {
    "StudentIdentity": ("givenName", "familyName", "birthDate", "mail", "phone", "legalRepresentative"),
    "MunicipalSupport": ("jobcoach", "werkconsulent", "plan", "inPlace"),
    "SupportContact": ("name", "phone", "mail"),
    "SupportPlan": ("from", "to"),
    "SupportInPlace": ("kind", "from", "to"),
    "VacancyHits": ("hits", "more"),
    "VacancyHit": (
        "id", "title", "description", "occupation", "kinds", "employerName", "postcode", "hoursMin", "hoursMax",
        "startsOn", "closesOn",
    ),
}  # fmt: skip
FIELDS = {
    "Query.vacancyHits": vacancy_hits,
    "Student.identity": identity_of,
    "Student.support": support_of,
    "Candidate.givenName": given_name,
    "Candidate.jobcoach": jobcoach,
    **{f"{kind}.{name}": part(name) for kind, names in PARTS.items() for name in names},
}
