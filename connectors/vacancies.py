"""A live search for vacancies and what it finds, in words of the graph, whatever the source speaks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.flow import Live
from schema.errors import BadInput

HIT_FIELDS = (
    "id", "title", "description", "occupation", "kinds", "employerName", "postcode", "hoursMin", "hoursMax",
    "startsOn", "closesOn", "contact",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VacancySearch:
    """Around a postcode (1234AB) within kilometres; hours a week that fit between least and most (1-99).

    `occupation` is a URI of CompetentNL. Raises BadInput when made of something else.
    """

    postcode: str
    distance: int
    hours_least: int | None = None
    hours_most: int | None = None
    occupation: str | None = None

    def __post_init__(self) -> None:
        hours = (
            1 if self.hours_least is None else self.hours_least,
            99 if self.hours_most is None else self.hours_most,
        )
        if not re.fullmatch("[1-9][0-9]{3}[A-Z]{2}", self.postcode) or not 0 <= self.distance <= 999:
            raise BadInput("A search is around a postcode like 5211AB, within 999 kilometres.")
        if not 1 <= hours[0] <= hours[1] <= 99 or len(self.occupation or "") > 200:
            raise BadInput("A search asks hours from 1 to 99 a week, and an occupation by its URI.")

    def fits(self, hit: Live) -> bool:
        """Whether a hit is what was asked; what it does not tell does not count against it."""
        least, most, occupation = hit["hoursMin"], hit["hoursMax"], hit["occupation"]
        return not (
            (self.hours_most is not None and least is not None and least > self.hours_most)
            or (self.hours_least is not None and most is not None and most < self.hours_least)
            or (self.occupation is not None and occupation not in (None, self.occupation))
        )


@dataclass(frozen=True, slots=True)
class Hits:
    """At most 100 `VacancyHit`s (HIT_FIELDS), by closing day and id. `more`: the sources had more to give."""

    hits: tuple[Live, ...]
    more: bool
