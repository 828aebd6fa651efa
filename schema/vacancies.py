"""Vacancies that partners are asked for live: the search, and what it finds. Nothing of it is kept."""

import strawberry

from schema.enums import PlacementKind
from schema.scalars import Date, Text


@strawberry.input(description="Around a place, and if wanted hours and an occupation.")
class VacancySearch:
    postcode: str = strawberry.field(description="Four digits and two capitals, as 5211AB.")
    distance: int = strawberry.field(default=25, description="Kilometres around it, at most 999.")
    hours_least: int | None = strawberry.field(default=strawberry.UNSET, description="A week, 1 to 99.")
    hours_most: int | None = strawberry.field(default=strawberry.UNSET, description="A week, 1 to 99.")
    occupation: Text | None = strawberry.field(
        default=strawberry.UNSET, description="URI of an occupation (*beroep*) of CompetentNL."
    )


@strawberry.type(
    description="A vacancy as the VUM exchange tells it for this one request. What its source does not tell is null."
)
class VacancyHit:
    id: str = strawberry.field(description="Of the exchange; no id of this graph, and good for no look-up here.")
    title: str | None
    description: str | None
    occupation: str | None = strawberry.field(description="URI of CompetentNL.")
    kinds: list[PlacementKind]
    employer_name: str | None
    postcode: str | None = strawberry.field(description="Its four digits.")
    hours_min: int | None
    hours_max: int | None
    starts_on: Date | None
    closes_on: Date | None


@strawberry.type(description="What a live search found.")
class VacancyHits:
    hits: list[VacancyHit] = strawberry.field(description="At most 100.")
    more: bool = strawberry.field(description="The sources had more to give. Ask narrower, for there is no next page.")
