"""A municipality's own Apollo Federation subgraph: many cases in one `_entities` question, live.

Wire: GraphQL over HTTP. The partner's type is `settings["entity"]` (Zaak) with the key `settings["key"]`
(zaaknummer); its fields bear the GGM's names, as in docs/partners/municipality.yaml. Quirk: one bad representation
may come back as null with an error at its place; the others are taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.flow import Flow, Live, Options, Protocol, post
from connectors.live import GIVEN_NAME, Answered, support
from schema.errors import BadInput, SourceMalformed, SourceRefused

NAME = re.compile("[_A-Za-z][_0-9A-Za-z]*")
CONTACT = "{ naam telefoonnummer emailadres }"
JOBCOACH = f"clientbegeleider {CONTACT}"
WHOLE = (
    f"{JOBCOACH} werkconsulent {CONTACT} trajectplan {{ datumAanvang datumEinde }} "
    "voorzieningen { codeType datumStart datumEinde }"
)
GRAPHQL = ("application/graphql-response+json", "application/json")


def ask(keys: Sequence[str], tier: str, options: Options) -> Flow[Mapping[str, Live]]:
    """`MunicipalSupport` by the partner's own key; at GIVEN_NAME only the jobcoach is selected."""
    entity, key = options.settings.get("entity", "Zaak"), options.settings.get("key", "zaaknummer")
    if not NAME.fullmatch(entity) or not NAME.fullmatch(key):
        raise BadInput("The settings of this source name no type and field of GraphQL.")
    selected = JOBCOACH if tier == GIVEN_NAME else WHOLE
    question = {
        "query": "query Support($of: [_Any!]!) "
        f"{{ _entities(representations: $of) {{ ... on {entity} {{ {selected} }} }} }}",
        "operationName": "Support",
        "variables": {"of": [{"__typename": entity, key: one} for one in keys]},
    }
    accept = {"accept": ", ".join(GRAPHQL)}
    answer = yield from post(options.path or "/graphql", question, accept, operation="entities")
    return _read(keys, tier, answer.json)


def _read(keys: Sequence[str], tier: str, told: Any) -> Answered:
    errors = told.get("errors") if isinstance(told, dict) else None
    data = told.get("data") if isinstance(told, dict) else None
    entities = data.get("_entities") if isinstance(data, dict) else None
    if entities is None and isinstance(errors, list) and errors:
        raise SourceRefused
    if not isinstance(entities, list) or len(entities) != len(keys):
        raise SourceMalformed
    found = Answered()
    broken = _places(errors)
    for place, (key, row) in enumerate(zip(keys, entities, strict=True)):
        if place in broken:
            found.failed[key] = SourceRefused()
        elif isinstance(row, dict):
            try:
                found[key] = support(row, tier)
            except SourceMalformed as error:
                found.failed[key] = error
        elif row is not None:
            raise SourceMalformed
    return found


def _places(errors: Any) -> set[int]:
    """Which of the representations an error speaks of. One without a place speaks of all: it is a refusal."""
    places: set[int] = set()
    for error in errors if isinstance(errors, list) else ():
        path = error.get("path") if isinstance(error, dict) else None
        if not isinstance(path, list) or len(path) < 2 or type(path[1]) is not int:
            raise SourceRefused
        places.add(path[1])
    return places


PROTOCOL = Protocol("federation", "municipality", frozenset({"live"}), ask=ask, settings=("entity", "key"))
