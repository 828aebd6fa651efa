"""A municipality's own Apollo Federation subgraph, written with Strawberry: cases and their support by key.

Not `from __future__ import annotations`: Strawberry reads the types.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Optional

import strawberry
from strawberry.asgi import GraphQL
from strawberry.federation import Schema

from tests.partners.behaviour import Behaviour
from tests.partners.municipality import support_of

KNOWN: dict[str, dict[str, Any]] = {}


@strawberry.type
class Contact:
    naam: str | None
    telefoonnummer: str | None
    emailadres: str | None


@strawberry.type
class Trajectplan:
    datum_aanvang: date | None
    datum_einde: date | None


@strawberry.type
class Voorziening:
    code_type: str
    datum_start: date | None
    datum_einde: date | None


@strawberry.federation.type(keys=["zaaknummer"])
class Zaak:
    zaaknummer: str
    clientbegeleider: Contact | None
    werkconsulent: Contact | None
    trajectplan: Trajectplan | None
    voorzieningen: list[Voorziening]

    @classmethod
    def resolve_reference(cls, zaaknummer: str) -> Optional["Zaak"]:
        """The case of a number; one that is broken fails, and no other with it."""
        if zaaknummer.startswith("KAPOT"):
            raise ValueError("this case cannot be read")
        row = KNOWN.get(zaaknummer)
        return _zaak(row) if row else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _zaak(row: dict[str, Any]) -> Zaak:
    plan = row["trajectplan"]
    return Zaak(
        zaaknummer=row["zaaknummer"],
        clientbegeleider=Contact(**row["clientbegeleider"]),
        werkconsulent=Contact(**row["werkconsulent"]),
        trajectplan=Trajectplan(datum_aanvang=_day(plan["datumAanvang"]), datum_einde=_day(plan["datumEinde"])),
        voorzieningen=[
            Voorziening(
                code_type=one["codeType"], datum_start=_day(one["datumStart"]), datum_einde=_day(one["datumEinde"])
            )
            for one in row["voorzieningen"]
        ],
    )


@strawberry.type
class Query:
    @strawberry.field
    def gemeente(self) -> str:
        return "GM0796"


class Subgraph:
    """`open_case` makes one, with what `supported` says; what stands in KNOWN is the process's."""

    def __init__(self, supported: Callable[[str], dict[str, Any]] = support_of) -> None:
        self.supported = supported
        self.schema = Schema(query=Query, types=[Zaak], federation_version="2.9")
        self.app = Behaviour(GraphQL[object, object](self.schema, graphql_ide=None))

    def open_case(self, number: str) -> None:
        KNOWN[number] = self.supported(number)
