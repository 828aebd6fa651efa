"""What every command asks of its input, whichever it is: what is given says something, and its days lie within a term.

Laws
1. No empty list, and no text without a sign that can be read; the sentence names the field and never its value.
2. A day that a party gives is today or later (Europe/Amsterdam), and no later than its term: nothing is for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from schema.errors import BadInput, NotFound

Input = Mapping[str, Any]
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def check_given(given: Input) -> None:
    """Raises BadInput for an empty list or a blank text, at whichever field it stands."""
    for name, value in given.items():
        if isinstance(value, list) and not value:
            raise BadInput(f"`{name}` wants at least one.")
        if isinstance(value, str) and not any(sign.isprintable() and not sign.isspace() for sign in value):
            raise BadInput(f"`{name}` wants some text.")


def key_of(kind: str | None, reference: str) -> UUID:
    """The key in the id of a `kind`, written as the graph writes it: `kind:<key>`. Raises NotFound when it is none."""
    name, _, key = reference.partition(":")
    try:
        found = UUID(key)
    except ValueError:
        raise NotFound from None
    if name != kind or str(found) != key:
        raise NotFound
    return found


def check_day(name: str, day: date, years: int) -> None:
    """Raises BadInput for a day that is over, or further than so many years from today."""
    today = datetime.now(AMSTERDAM).date()
    if day < today:
        raise BadInput(f"`{name}` wants today or a later day.")
    if (day.year - years, day.month, day.day) > (today.year, today.month, today.day):
        raise BadInput(f"`{name}` wants a day within {years} year{'s' if years > 1 else ''} from today.")
