"""Who is asking: the immutable Viewer, and the table of parties with the functions they have.

Laws
1. Nothing else about the caller may be read below `auth/`.
2. A party key is known by its whole form (graph.md 1): what does not match a row of PARTIES is no party.
3. PUBLIC is a party to nothing: its `seer` is empty, also when a valid token without agreement was sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SCOPES: Final = frozenset({"read", "command", "events", "harvest"})
AGREEMENT_MISSING: Final = "AGREEMENT_MISSING"


class Role(StrEnum):
    """One role, one contract (the fields that exist)."""

    PUBLIC = "PUBLIC"
    SCHOOL = "SCHOOL"
    SERVICE_POINT = "SERVICE_POINT"
    MUNICIPALITY = "MUNICIPALITY"
    EMPLOYER = "EMPLOYER"
    COORDINATOR = "COORDINATOR"
    NATIONAL = "NATIONAL"


class AgreementKind(StrEnum):
    """What a party has signed before it sees more than PUBLIC."""

    COVENANT = "COVENANT"
    TERMS = "TERMS"


AGREEMENT_OF: Final[dict[Role, AgreementKind | None]] = {
    Role.PUBLIC: None,
    Role.SCHOOL: AgreementKind.COVENANT,
    Role.SERVICE_POINT: AgreementKind.COVENANT,
    Role.MUNICIPALITY: AgreementKind.COVENANT,
    Role.EMPLOYER: AgreementKind.TERMS,
    Role.COORDINATOR: None,
    Role.NATIONAL: None,
}


@dataclass(frozen=True, slots=True)
class PartyKind:
    """A kind of party: the form of its keys, its role, its closed list of functions.

    `implied` is the function of a party that has only one and whose tokens may leave the claim out.
    """

    form: re.Pattern[str]
    role: Role
    functions: frozenset[str]
    implied: str | None = None

    @property
    def agreement(self) -> AgreementKind | None:
        return AGREEMENT_OF[self.role]


def _kind(form: str, role: Role, *functions: str, implied: str | None = None) -> PartyKind:
    return PartyKind(re.compile(form), role, frozenset(functions), implied)


_TASKS = ("participatie", "doorstroompunt", "wmo")

# The prefix before the colon, or the whole key, as in graph.md 1. [0-9] and not \d: \d matches digits of other scripts.
PARTIES: Final[dict[str, PartyKind]] = {
    "school": _kind(r"school:[0-9]{2}[A-Z]{2}[0-9]{2}", Role.SCHOOL, "guidance", "administration"),
    "mbo": _kind(r"mbo:[0-9]{2}[A-Z]{2}", Role.SCHOOL, "admission"),
    "board": _kind(r"board:[0-9]{5}", Role.SCHOOL, "figures", "contacts", "questions"),
    "servicepoint": _kind(
        r"servicepoint:AM[0-9]{2}-[A-Z0-9]{2,24}(?:-[A-Z0-9]{1,24}){0,2}",
        Role.SERVICE_POINT,
        "matching",
        "information",
    ),
    "sbb": _kind(r"sbb", Role.SERVICE_POINT, "recognition"),
    "municipality": _kind(r"municipality:GM[0-9]{4}", Role.MUNICIPALITY, *_TASKS),
    "service": _kind(r"service:(?=[a-z0-9-]{2,40}\Z)[a-z0-9]+(?:-[a-z0-9]+)*", Role.MUNICIPALITY, *_TASKS),
    "doorstroompunt": _kind(r"doorstroompunt:RMC[0-9]{2}", Role.MUNICIPALITY, "doorstroompunt"),
    "uwv": _kind(r"uwv", Role.MUNICIPALITY, "uwv"),
    "employer": _kind(r"employer:[0-9]{8}", Role.EMPLOYER, "mentor"),
    "coordinator": _kind(r"coordinator:AM[0-9]{2}", Role.COORDINATOR, "coordinator", implied="coordinator"),
    "national": _kind(r"national", Role.NATIONAL, "lead", "council", "reader"),
}


def party_kind(party: str) -> PartyKind | None:
    """The row of PARTIES that this key matches wholly, or None: then it is no party."""
    kind = PARTIES.get(party.partition(":")[0])
    return kind if kind is not None and kind.form.fullmatch(party) else None


@dataclass(frozen=True, slots=True)
class Viewer:
    """The caller of one request. `expires` is in epoch seconds; `notice` is a stable code for `me { notice }`."""

    role: Role
    party: str | None = None
    function: str | None = None
    subject: str | None = None
    client: str | None = None
    scopes: frozenset[str] = frozenset()
    purpose: str | None = None
    notice: str | None = None
    expires: float | None = None

    @property
    def seer(self) -> str:
        """`municipality:GM0796#participatie`: to whom rights belong (tables.md). Empty for PUBLIC: it has none."""
        if self.role is Role.PUBLIC or self.party is None:
            return ""
        return f"{self.party}#{self.function}"


def public_viewer() -> Viewer:
    """The caller who sent no token."""
    return Viewer(Role.PUBLIC, scopes=frozenset({"read"}))
