"""The live search for vacancies (VUM): whose source is asked, and the question as the statement carries it.

A service point asks by its own source. Who is no service point asks by one of a region that it works in: the statement
names them all, by code, and the first with a source that can search is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import orjson

from connectors.vacancies import VacancySearch
from federation.catalogue import Bound, Live, Rows, Told

LAYER: Final = "vacancyHits"
MOST: Final = 100
_BY_WHOM = (
    "CASE WHEN {viewer.party} LIKE 'servicepoint:%' THEN {viewer.party} ELSE"
    " (SELECT string_agg('servicepoint:' || v.code, ' ' ORDER BY v.code COLLATE \"C\") FROM party_region p"
    " JOIN service_point v ON v.region = p.region WHERE p.party = {viewer.party}) END"
)


def question(given: Mapping[str, Any]) -> str:
    """A `VacancySearch` of the graph, checked, as the text that goes through the statement. Raises BadInput."""
    return orjson.dumps(
        asdict(
            VacancySearch(
                given["postcode"],
                given["distance"],
                given.get("hoursLeast"),
                given.get("hoursMost"),
                given.get("occupation"),
            )
        )
    ).decode()


def read_key(key: str) -> tuple[list[str], VacancySearch]:
    """The service points whose source may be asked, and the search."""
    parties, brace, asked = key.partition("{")
    return parties.split(), VacancySearch(**orjson.loads(brace + asked))


HITS: Final = Live(
    LAYER,
    "VacancyHits",
    f"coalesce({_BY_WHOM}, '') || ' ' || {{asked}}",
    "true",
    asked=Bound(("search",), question),
    tables=("party_region", "service_point"),
    counts=MOST,
)
LEAVES: Final[Mapping[str, Rows]] = {
    name: Rows(name, dict.fromkeys(fields, Told()), tables=())
    for name, fields in {
        "VacancyHits": ("hits", "more"),
        "VacancyHit": (
            "id", "title", "description", "occupation", "kinds", "employerName", "postcode", "hoursMin", "hoursMax",
            "startsOn", "closesOn",
        ),
    }.items()
}  # fmt: skip
