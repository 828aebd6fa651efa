"""Scalars: codes of the field with their pattern, dates, and ids. Each refuses what Postgres cannot hold.

Laws
1. A parse error never quotes the value.
2. A text has no NUL and no lone surrogate, and at most 2,000 characters: what passes here can be bound.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, NewType

import strawberry

LONGEST = 2000


class WrongForm(ValueError):
    """A value does not have the form that its scalar asks for. The sentence never quotes it."""


def plain(value: Any) -> str:
    """A string that Postgres can hold. Raises WrongForm without the value."""
    if not isinstance(value, str):
        raise WrongForm("A text is expected.")
    if len(value) > LONGEST:
        raise WrongForm(f"A text of at most {LONGEST} characters is expected.")
    if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise WrongForm("A text without NUL and lone surrogates is expected.")
    return value


class Pattern:
    """Parses a text of one form; `example` is what a person sees when theirs differs."""

    def __init__(self, pattern: str, example: str) -> None:
        self.pattern = re.compile(pattern)
        self.example = example

    def __call__(self, value: Any) -> str:
        if not isinstance(value, str) or not self.pattern.fullmatch(value):
            raise WrongForm(f"A code like {self.example} is expected.")
        return value


def parse_date(value: Any) -> date:
    """A day, `YYYY-MM-DD`, between 1900 and 2199."""
    if not isinstance(value, str) or not re.fullmatch(r"(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}", value):
        raise WrongForm("A date like 2026-08-01 is expected.")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise WrongForm("A date that exists is expected.") from None


RegionCode = NewType("RegionCode", str)
MunicipalityCode = NewType("MunicipalityCode", str)
Brin = NewType("Brin", str)
BoardNumber = NewType("BoardNumber", str)
KvK = NewType("KvK", str)
Date = NewType("Date", date)
Instant = NewType("Instant", str)
PartyKey = NewType("PartyKey", str)
ServicePointCode = NewType("ServicePointCode", str)
Cursor = NewType("Cursor", str)
Key = NewType("Key", str)
Text = NewType("Text", str)

CODES: dict[Any, tuple[str, Pattern, str]] = {
    RegionCode: (
        "RegionCode",
        Pattern(r"AM[0-9]{2}", "AM27"),
        "Labour-market region (*arbeidsmarktregio*), code of CBS.",
    ),
    MunicipalityCode: ("MunicipalityCode", Pattern(r"GM[0-9]{4}", "GM0796"), "Municipality (*gemeente*), code of CBS."),
    Brin: (
        "Brin",
        Pattern(r"[0-9]{2}[A-Z]{2}[0-9]{2}", "18BR00"),
        "Location of a school (*vestigingscode*): BRIN and two digits.",
    ),
    BoardNumber: ("BoardNumber", Pattern(r"[0-9]{5}", "10053"), "Number of a school board (*bevoegd gezag*)."),
    KvK: ("KvK", Pattern(r"[0-9]{8}", "90000001"), "Number in the Chamber of Commerce's register (*KvK-nummer*)."),
    PartyKey: (
        "PartyKey",
        Pattern(r"[a-z]{3,20}(:[A-Za-z0-9-]{1,60})?", "municipality:GM0796"),
        "Key of a party.",
    ),
    ServicePointCode: (
        "ServicePointCode",
        Pattern(r"AM[0-9]{2}-[A-Z0-9-]{2,50}", "AM27-WERKCENTRUM"),
        "Code of a service point.",
    ),
    Cursor: (
        "Cursor",
        Pattern(r"[\s\S]{0,1000}", "one from pageInfo"),  # what was not sealed here is BAD_CURSOR, with its path
        "A place in a list: opaque, of one list, order and party.",
    ),
    Key: (
        "UUID",
        Pattern(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "one fresh random UUID"),
        "A random UUID.",
    ),
}
POSTCODE = Pattern(r"[1-9][0-9]{3}", "5211")
WHERE = {
    "RegionCode": "https://www.cbs.nl/nl-nl/cijfers/detail/86247NED",
    "UUID": "https://www.rfc-editor.org/rfc/rfc9562",
}


def scalar_map() -> dict[Any, Any]:
    """The scalars for Strawberry's schema config: built when a schema is built, not at import."""
    made: dict[Any, Any] = {
        new_type: strawberry.scalar(
            name=name, description=words, parse_value=parse, serialize=str, specified_by_url=WHERE.get(name)
        )
        for new_type, (name, parse, words) in CODES.items()
    }
    made[Text] = strawberry.scalar(
        name="Text", description=f"A text of at most {LONGEST} characters.", parse_value=plain, serialize=str
    )
    made[Date] = strawberry.scalar(
        name="Date",
        description="A day, `YYYY-MM-DD`, Europe/Amsterdam.",
        parse_value=parse_date,
        serialize=lambda day: day.isoformat() if isinstance(day, date) else day,
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    )
    made[Instant] = strawberry.scalar(
        name="Instant",
        description="A moment in whole seconds, `YYYY-MM-DDThh:mm:ssZ`, UTC.",
        parse_value=plain,
        serialize=str,
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    )
    return made
