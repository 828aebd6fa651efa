"""How what a source wrote becomes the value of a record's field: one reader per form, and the table of fields.

Laws
1. What cannot be read raises Wrong with a reason out of records.REASONS; the value stays behind.
2. A person's reference that passes the eleven-test is refused: it may be a BSN. So is one that may be a name.
3. The first sentence of a reader's docstring says what it takes: docs/mappings.md prints it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from connectors.records import Record, Reject
from schema.enums import AgeBand, CredentialKind, DestinationAim, LeadsTo, PlacementKind, Sector, Support

Read = Callable[[Any], Any]
UNFIT = re.compile("[\x00\ufffd\ud800-\udfff]")
# What a number of a person or case looks like, and a name does not: one letter, or a digit and no word (five letters in
# a row, unless all are hexadecimal), or a ULID.
NUMBER = re.compile(r"[A-Za-z]|(?=.*[0-9])(?:(?!.*(?![A-Fa-f]{5})[A-Za-z]{5})[A-Za-z0-9._/:-]+|[0-9A-HJKMNP-TV-Z]{26})")
# Digits that say more of somebody than a number does: a day, or a telephone. Without anything between its parts a day
# is one on which a pupil or a parent can be born: eight digits with a later year are a year and a number.
TELLING = re.compile(
    r"(?:19|20)[0-9]{2}[-./][0-9]{1,2}[-./][0-9]{1,2}|[0-9]{1,2}[-./][0-9]{1,2}[-./](?:19|20)[0-9]{2}"
    r"|(?:19[2-9]|20[01])[0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])(?:19[2-9]|20[01])[0-9]"
    r"|0[-.]?[1-9](?:[-.]?[0-9]){8}"
    r"|(?:00)?31[-.]?(?:[1-9](?:[-.]?[0-9]){8}|0[-.]?[1-9](?:[-.]?[0-9]){7,8})"
)
DIGITS = re.compile(r"\s*[0-9]{1,9}\s*")
FLAGS = {"true": True, "ja": True, "j": True, "1": True, "false": False, "nee": False, "n": False, "0": False}


class Wrong(Exception):
    """A value cannot be read. `reason` stands in records.REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WrongPart(Wrong):
    """The value of one field of a record is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class Reader:
    """What makes a record of a row: `make` raises WrongPart, `refer` gives the reference or raises Wrong."""

    make: Callable[[Any], Record]
    refer: Read

    def read(self, row: Any, position: str) -> Record | Reject:
        """The record in a row of the source, or why there is none. Never raises over a row."""
        try:
            return self.make(row)
        except WrongPart as wrong:
            return Reject(position, wrong.field, wrong.reason)

    def reference(self, row: Any) -> str | None:
        """The reference in a row that was refused, if that can be read."""
        try:
            return str(self.refer(row))
        except Wrong:
            return None


def text(limit: int) -> Read:
    """A text of 1 to `limit` characters that Postgres can hold; a JSON number counts as its digits."""

    def read(raw: Any) -> str:
        if type(raw) is int:
            raw = str(raw)
        if type(raw) is not str:
            raise Wrong("FORM")
        if len(raw) > limit:
            raise Wrong("TOO_LONG")
        if (not raw.isascii() or "\x00" in raw) and UNFIT.search(raw):
            raise Wrong("CHARACTERS")
        return raw.strip()

    read.__doc__ = f"a text of at most {limit} characters"
    return read


def form(pattern: str) -> Read:
    """A code of one form, such as GM0796."""
    fits = re.compile(pattern).fullmatch

    def read(raw: Any) -> str:
        if type(raw) is int:
            raw = str(raw)
        if type(raw) is not str or not fits(raw):
            raise Wrong("FORM")
        return raw

    read.__doc__ = f"a code of the form `{pattern}`"
    return read


def eleven_test(digits: str) -> bool:
    """Whether 8 or 9 digits could be a citizen service number (*BSN, elfproef*)."""
    if len(digits) not in (8, 9) or not digits.isascii() or not digits.isdigit():
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(weight * int(digit) for weight, digit in zip(weights, digits.zfill(9), strict=True))
    return total % 11 == 0 and int(digits) > 0


def is_number(told: str) -> bool:
    """Whether this may be the number of a person or case, and is no name, day or telephone."""
    return NUMBER.fullmatch(told) is not None and TELLING.fullmatch(told) is None


def reference(raw: Any) -> str:
    """A number at the source, of at most 64 characters, that is no BSN, name, day or telephone. Raises Wrong else."""
    read = str(text(64)(raw))
    if not read:
        raise Wrong("MISSING")
    if eleven_test(re.sub(r"[\s.-]", "", read)):
        raise Wrong("BSN")
    if not is_number(read):
        raise Wrong("FORM")
    return read


def number(low: int, high: int) -> Read:
    """A whole number within bounds: JSON's, or digits."""

    def read(raw: Any) -> int:
        if (type(raw) is str and DIGITS.fullmatch(raw)) or (type(raw) is float and raw.is_integer()):
            raw = int(raw)
        if type(raw) is not int:
            raise Wrong("FORM")
        if not low <= raw <= high:
            raise Wrong("RANGE")
        return raw

    read.__doc__ = f"a whole number from {low} to {high}"
    return read


@lru_cache(maxsize=8192)
def _day(raw: str, written: str) -> date | None:
    """None where there is no such day; instants become a day in Amsterdam. Cached: a feed repeats its days."""
    try:
        if written:
            return datetime.strptime(raw, written).date()  # noqa: DTZ007 -- a day has no zone
        if len(raw) == 10:
            return date.fromisoformat(raw)
        moment = datetime.fromisoformat(raw)
    except (ValueError, OverflowError):
        return None
    return (moment.astimezone(ZoneInfo("Europe/Amsterdam")) if moment.tzinfo else moment).date()


def day(raw: Any, written: str = "") -> date:
    """A day from 1900 to 2199, in ISO 8601 or as `dates` says. That is `written`, in the letters of strptime."""
    found = _day(raw, written) if type(raw) is str and len(raw) <= 40 else None
    if found is None:
        raise Wrong("FORM")
    if not 1900 <= found.year <= 2199:
        raise Wrong("RANGE")
    return found


def flag(raw: Any) -> bool:
    """True or false, in JSON or as ja/nee, j/n, true/false, 1/0."""
    found = raw if type(raw) is bool else FLAGS.get(str(raw).strip().lower())
    if found is None:
        raise Wrong("FORM")
    return found


def postcode(raw: Any) -> str:
    """A Dutch postcode, of which the four digits are kept."""
    found = re.match(r"\s*([1-9][0-9]{3})\s*([A-Za-z]{2})?\s*$", raw) if type(raw) is str else None
    if found is None:
        raise Wrong("FORM")
    return found[1]


@dataclass(frozen=True, slots=True)
class Field:
    """What a record's field takes. `listed`: its closed list; `many`: a tuple of such values, each once."""

    read: Read
    listed: frozenset[str] | None = None
    many: bool = False
    needed: bool = False


def one_of(*listed: str, many: bool = False, needed: bool = False) -> Field:
    """A code out of a closed list."""
    known = frozenset(listed)

    def read(raw: Any) -> str:
        if type(raw) is not str or raw not in known:
            raise Wrong("UNKNOWN_CODE")
        return raw

    return Field(read, known, many, needed)


def words(of: type[Enum]) -> list[str]:
    """The codes of one of the graph's closed lists."""
    return [str(member.value) for member in of]


KINDS, SUPPORT, SECTORS = words(PlacementKind), words(Support), words(Sector)
TOWN = Field(form("GM[0-9]{4}"))
PROCESSES = Field(form(r"[0-9]{5}:[BP][0-9]{1,2}-K[0-9]{1,2}-W[0-9]{1,2}"), many=True)
PLACEMENT = {
    "kind": one_of(*KINDS, needed=True),
    "employer_kvk": Field(form("[0-9]{8}"), needed=True),
    "from_on": Field(day, needed=True),
    "to_on": Field(day),
    "hours": Field(number(1, 48)),
    "leads_to": one_of(*words(LeadsTo)),
}
CREDENTIAL = {
    "kind": one_of(*words(CredentialKind), needed=True),
    "issued_on": Field(day, needed=True),
    "level": Field(number(0, 4)),
    "crebo": Field(form("[0-9]{5}")),
    "work_processes": PROCESSES,
}
STUDENT = {
    "reference": Field(reference, needed=True),
    "municipality": TOWN,
    "destination_aim": one_of(*words(DestinationAim)),
    "school_year": Field(number(1, 6)),
    "leaves_on": Field(day),
    "left_on": Field(day),
    "age_band": one_of(*words(AgeBand)),
    "sectors": one_of(*SECTORS, many=True),
    "hours": Field(number(1, 40)),
    "travel_limit": Field(number(0, 200)),
    "support_wanted": one_of(*SUPPORT, many=True),
    "work_processes": PROCESSES,
}
OPPORTUNITY = {
    "reference": Field(text(200), needed=True),
    "kind": one_of(*KINDS, needed=True),
    "title": Field(text(200), needed=True),
    "description": Field(text(4000)),
    "employer_kvk": Field(form("[0-9]{8}")),
    "employer_name": Field(text(200)),
    "municipality": TOWN,
    "postcode": Field(postcode),
    "sector": one_of(*SECTORS),
    "hours_min": Field(number(0, 48)),
    "hours_max": Field(number(0, 48)),
    "support_offered": one_of(*SUPPORT, many=True),
    "open_to_pro_vso": Field(flag),
    "places": Field(number(0, 999)),
    "closes_on": Field(day),
    "conditions": Field(form("[A-Z][A-Z_]{1,39}"), many=True),
}
CASE = {
    "reference": Field(reference, needed=True),
    "state": one_of("OPEN", "CLOSED", needed=True),
    "function": one_of("participatie", "doorstroompunt", "wmo"),
    "opened_on": Field(day),
    "closed_on": Field(day),
}
FIELDS = {
    "student": STUDENT, "opportunity": OPPORTUNITY, "case": CASE, "placements": PLACEMENT, "credentials": CREDENTIAL
}  # fmt: skip
# Of these fields a record has one at least.
EITHER = {"opportunity": ("municipality", "postcode")}
