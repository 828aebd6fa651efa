"""Stock Strawberry as one writes it well: typed resolvers, a DataLoader per relation, asyncpg, no walls.

At its best settings: documents parsed and validated once, plain attributes where no resolver is needed, one query
per level of the graph, a join where a join is free, orjson out, uvloop and httptools below.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import orjson
import strawberry
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

from bench.peers.route import ROUTE, STEPS
from bench.peers.serving import main, pool
from schema.enums import (
    ContactStepKind,
    ContactStepReason,
    ContactTopic,
    DestinationAim,
    PlacementKind,
    PlacementState,
    PostState,
    SchoolKind,
)
from schema.scalars import Date, scalar_map


class Loaders:
    """The relations of one request, each asked once per tick for all its keys."""

    def __init__(self, db: asyncpg.Pool) -> None:
        self.db = db
        self.region = self._one("SELECT code, name FROM region WHERE code = ANY($1)", "code", _region)
        self.post = self._one(
            "SELECT region, state, holder FROM coordinator_post WHERE region = ANY($1)", "region", _post
        )
        self.contact = self._one(
            "SELECT id, name, desk, phone, mail, verified FROM contact_point WHERE id = ANY($1)", "id", _contact
        )
        self.municipality = self._one("SELECT code, name FROM municipality WHERE code = ANY($1)", "code", _municipality)
        self.placements: DataLoader[Any, list[Placement]] = DataLoader(load_fn=self._placements)

    def _one(self, sql: str, key: str, make: Callable[..., Any]) -> DataLoader[Any, Any]:
        async def load(keys: Sequence[Any]) -> list[Any]:
            found = {row[key]: make(row) for row in await self.db.fetch(sql, keys)}
            return [found.get(one) for one in keys]

        return DataLoader(load_fn=load)

    async def _placements(self, students: Sequence[Any]) -> list[list["Placement"]]:
        sql = """SELECT p.student, p.kind, p.state, p.from_on, p.to_on, p.hours, e.name AS employer
                 FROM placement p JOIN employer e ON e.kvk = p.employer
                 WHERE p.student = ANY($1) ORDER BY p.student, p.n"""
        found = defaultdict(list)
        for row in await self.db.fetch(sql, students):
            found[row["student"]].append(_placement(row))
        return [found[student] for student in students]


Info = strawberry.Info[Loaders, None]
_ROUTE = f"SELECT j.kind, j.why, j.verified, r.contact FROM {ROUTE} r, {STEPS} ORDER BY j.n"


@strawberry.type
class Contact:
    name: str | None
    desk: str
    phone: str | None
    mail: str | None
    verified: Date | None


@strawberry.type
class ContactStep:
    kind: ContactStepKind
    why: ContactStepReason
    verified: Date | None


@strawberry.type
class ContactAnswer:
    path: list[ContactStep]
    contact_id: strawberry.Private[Any]

    @strawberry.field
    async def contact(self, info: Info) -> Contact:
        found: Contact = await info.context.contact.load(self.contact_id)
        return found


@strawberry.input(one_of=True)
class Place:
    postcode: str | None = strawberry.UNSET
    school: strawberry.ID | None = strawberry.UNSET


@strawberry.type
class Municipality:
    code: str
    name: str


@strawberry.type
class Employer:
    name: str


@strawberry.type
class Post:
    state: PostState
    holder_id: strawberry.Private[Any]

    @strawberry.field
    async def holder(self, info: Info) -> Contact | None:
        return await info.context.contact.load(self.holder_id) if self.holder_id else None


@strawberry.type
class Region:
    code: str
    name: str

    @strawberry.field
    async def post(self, info: Info) -> Post:
        found: Post = await info.context.post.load(self.code)
        return found


@strawberry.type
class Placement:
    kind: PlacementKind
    state: PlacementState
    from_: Date = strawberry.field(name="from")
    to: Date | None
    hours: int | None
    employer: Employer


@strawberry.type
class PlacementConnection:
    nodes: list[Placement]


@strawberry.type
class Student:
    id: strawberry.ID
    destination_aim: DestinationAim | None
    leaves_on: Date | None
    student_key: strawberry.Private[Any]
    municipality_key: strawberry.Private[str | None]

    @strawberry.field
    async def municipality(self, info: Info) -> Municipality | None:
        return await info.context.municipality.load(self.municipality_key) if self.municipality_key else None

    @strawberry.field
    async def placements(self, info: Info, first: int) -> PlacementConnection:
        found = await info.context.placements.load(self.student_key)
        return PlacementConnection(nodes=found[:first])


@strawberry.type
class StudentConnection:
    nodes: list[Student]


@strawberry.type
class School:
    brin: str
    name: str
    kind: SchoolKind
    region_key: strawberry.Private[str]

    @strawberry.field
    async def region(self, info: Info) -> Region:
        found: Region = await info.context.region.load(self.region_key)
        return found

    @strawberry.field
    async def students(self, info: Info, first: int) -> StudentConnection:
        sql = """SELECT v.alias, v.student, v.municipality, f.destination_aim, f.leaves_on
                 FROM sight v JOIN student_profile f ON f.student = v.student
                 WHERE v.seer = $1 AND v.school = $2 AND v.until_candidate > now() ORDER BY v.alias LIMIT $3"""
        rows = await info.context.db.fetch(sql, f"school:{self.brin}#guidance", self.brin, first)
        return StudentConnection(nodes=[_student(row) for row in rows])


@strawberry.type
class Query:
    @strawberry.field
    async def contact(self, info: Info, topic: ContactTopic, at: Place) -> ContactAnswer:  # noqa: ARG002  # see _ROUTE
        rows = await info.context.db.fetch(_ROUTE, at.postcode)
        return ContactAnswer(
            contact_id=rows[-1]["contact"],
            path=[
                ContactStep(
                    kind=ContactStepKind(row["kind"]), why=ContactStepReason(row["why"]), verified=row["verified"]
                )
                for row in rows
            ],
        )

    @strawberry.field
    async def school(self, info: Info, brin: strawberry.ID) -> School | None:
        row = await info.context.db.fetchrow("SELECT brin, name, kind, region FROM school WHERE brin = $1", brin)
        if row is None:
            return None
        return School(brin=row["brin"], name=row["name"], kind=SchoolKind(row["kind"]), region_key=row["region"])


def _post(row: asyncpg.Record) -> Post:
    return Post(state=PostState(row["state"]), holder_id=row["holder"])


def _contact(row: asyncpg.Record) -> Contact:
    return Contact(name=row["name"], desk=row["desk"], phone=row["phone"], mail=row["mail"], verified=row["verified"])


def _region(row: asyncpg.Record) -> Region:
    return Region(code=row["code"], name=row["name"])


def _municipality(row: asyncpg.Record) -> Municipality:
    return Municipality(code=row["code"], name=row["name"])


def _student(row: asyncpg.Record) -> Student:
    return Student(
        id=strawberry.ID(f"Student:{row['alias']}"),
        destination_aim=DestinationAim(row["destination_aim"]),
        leaves_on=row["leaves_on"],
        student_key=row["student"],
        municipality_key=row["municipality"],
    )


def _placement(row: asyncpg.Record) -> Placement:
    return Placement(
        kind=PlacementKind(row["kind"]),
        state=PlacementState(row["state"]),
        from_=row["from_on"],
        to=row["to_on"],
        hours=row["hours"],
        employer=Employer(name=row["employer"]),
    )


class View(GraphQL[Loaders, None]):
    """The stock view, with orjson and loaders per request."""

    def __init__(self, schema: strawberry.Schema, db: asyncpg.Pool) -> None:
        super().__init__(schema, graphql_ide=None)
        self.db = db

    async def get_context(self, request: Any, response: Any) -> Loaders:  # noqa: ARG002  # Strawberry's signature
        return Loaders(self.db)

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)


async def build(url: str) -> View:
    """The app on a pool of eight."""
    schema = strawberry.Schema(
        Query,
        extensions=[ParserCache, ValidationCache],
        config=StrawberryConfig(scalar_map=scalar_map()),
    )
    return View(schema, await pool(url))


if __name__ == "__main__":
    main(build)
