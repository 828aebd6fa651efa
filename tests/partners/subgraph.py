"""A municipality's own Apollo Federation subgraph, written with Strawberry: cases and their support by key.

It joins two types of Spil: the municipality by its code, and the student by the id that Spil gives this municipality.
Not `from __future__ import annotations`: Strawberry reads the types.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, NewType, Optional

import strawberry
from strawberry.asgi import GraphQL
from strawberry.federation import Schema
from strawberry.schema.config import StrawberryConfig

from tests.partners.behaviour import Behaviour
from tests.partners.municipality import support_of

OWN = "GM0796"
KNOWN: dict[str, dict[str, Any]] = {}

MunicipalityCode = NewType("MunicipalityCode", str)


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

    @strawberry.field
    def student(self) -> Optional["Student"]:
        """Whose case it is, where the municipality has accepted a handover."""
        student = KNOWN[self.zaaknummer].get("student")
        return Student(id=strawberry.ID(student)) if student else None

    @classmethod
    def resolve_reference(cls, zaaknummer: str) -> Optional["Zaak"]:
        """The case of a number; one that is broken fails, and no other with it."""
        if zaaknummer.startswith("KAPOT"):
            raise ValueError("this case cannot be read")
        row = KNOWN.get(zaaknummer)
        return _zaak(row) if row else None


@strawberry.federation.type(keys=["code"])
class Municipality:
    code: MunicipalityCode
    own_page: str | None

    @classmethod
    def resolve_reference(cls, code: str) -> Optional["Municipality"]:
        """This municipality; of others nothing is known."""
        return _own() if code == OWN else None


@strawberry.federation.type(keys=["id"])
class Student:
    id: strawberry.ID

    @strawberry.field
    def local_case(self) -> Zaak | None:
        """Nullable, as every field that one party adds to another's type: here not everybody is known."""
        row = _case_of(self.id)
        return _zaak(row) if row else None

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Optional["Student"]:  # noqa: A002  # the key's name
        """The young person of a case, by Spil's id."""
        return cls(id=id) if _case_of(id) else None


def _own() -> Municipality:
    return Municipality(code=MunicipalityCode(OWN), own_page=f"https://gemeente.example/{OWN}")


def _case_of(student: str) -> dict[str, Any] | None:
    return next((row for row in KNOWN.values() if row["student"] == student), None)


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
    def gemeente(self) -> Municipality:
        return _own()

    @strawberry.field
    def zaken(self) -> list[Zaak]:
        return [_zaak(row) for row in KNOWN.values()]


class Subgraph:
    """`open_case` makes one, with what `supported` says; what stands in KNOWN is the process's."""

    def __init__(self, supported: Callable[[str], dict[str, Any]] = support_of) -> None:
        self.supported = supported
        # Spil has a scalar Date too: a description of it that differs from Spil's is a hint of the composer.
        day = strawberry.scalar(name="Date", serialize=date.isoformat, parse_value=date.fromisoformat)
        scalars: dict[Any, Any] = {MunicipalityCode: strawberry.scalar(name="MunicipalityCode"), date: day}
        self.schema = Schema(
            query=Query,
            types=[Zaak, Municipality, Student],
            federation_version="2.9",
            config=StrawberryConfig(scalar_map=scalars),
        )
        self.app = Behaviour(GraphQL[object, object](self.schema, graphql_ide=None))

    def open_case(self, number: str, student: str | None = None) -> None:
        """A case; with `student`, the id that Spil gave this municipality, it joins."""
        KNOWN[number] = self.supported(number) | {"student": student}
