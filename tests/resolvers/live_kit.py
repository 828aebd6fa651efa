"""A hub whose young people are known to partners on real sockets: three schools, a municipality, and who asks them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import asyncpg
from joserfc.jwk import ECKey

from connectors import ggm_rest, school_rest, subgraph
from connectors.flow import Options, Protocol
from resolvers.live import LiveLayers, Partner
from tests.partners.municipality import Municipality
from tests.partners.school import School
from tests.partners.serving import serving
from tests.partners.subgraph import Subgraph
from tests.partners.tokens import Tokens
from wire.oauth import ClientCredentials
from wire.place import Place
from wire.source_client import SourceClient

TOWN = "municipality:GM0796"
TOWN_SEER, EMPLOYER = f"{TOWN}#participatie", "employer:90000001#mentor"
OTHER_TOWN = "municipality:GM0855"
OPTIONS = Options(today=date(2026, 11, 21))
DEADLINE = 1.0

REASON = """
INSERT INTO access (seer, student, tier, purpose, ends_at)
SELECT $1, s, $2, $3, now() + interval '9 days' FROM unnest($4::uuid[]) s
"""
LINK = "INSERT INTO link (source, student, key) SELECT $1, * FROM unnest($2::uuid[], $3::text[])"


@dataclass
class People:
    """Who was made: by school party the students and their numbers; every student has a case at TOWN."""

    schools: dict[str, list[tuple[Any, str]]] = field(default_factory=dict)

    @property
    def students(self) -> list[Any]:
        return [student for rows in self.schools.values() for student, _ in rows]


async def make_people(url: str, many: int = 100) -> People:
    """`many` students at three schools, seen by their schools and by TOWN; ten by an employer, at GIVEN_NAME."""
    owner = await asyncpg.connect(url)
    try:
        ids = [row["id"] for row in await owner.fetch("SELECT id FROM student ORDER BY id LIMIT $1", many)]
        brins = [row["brin"] for row in await owner.fetch("SELECT brin FROM school ORDER BY brin LIMIT 3")]
        await owner.execute("DELETE FROM access")
        await owner.execute("DELETE FROM link")
        people = People()
        for n, brin in enumerate(brins):
            mine = [(student, f"LN{n}{i:03}") for i, student in enumerate(ids[n::3])]
            people.schools[f"school:{brin}"] = mine
            students = [student for student, _ in mine]
            await owner.execute("UPDATE student SET school = $1 WHERE id = ANY ($2)", brin, students)
            await owner.execute(LINK, f"school:{brin}", students, [number for _, number in mine])
            await owner.execute(REASON, f"school:{brin}#guidance", "IDENTIFIED", "ENROLMENT", students)
        await owner.execute(LINK, TOWN, people.students, [f"Z{n}" for n in range(many)])
        await owner.execute(REASON, TOWN_SEER, "IDENTIFIED", "CONTINUE_SUPPORT", people.students)
        await owner.execute(REASON, EMPLOYER, "GIVEN_NAME", "STAGE", people.students[:10])
    finally:
        await owner.close()
    return people


@dataclass
class Partners:
    """The partners of one test, and the way to them: what the layers' `find` looks into."""

    schools: dict[str, School]
    town: Municipality
    known: dict[tuple[str, str], Partner] = field(default_factory=dict)

    def find(self, party: str, kind: str) -> Partner | None:
        return self.known.get((party, kind))

    @property
    def everybody(self) -> list[Any]:
        return [*self.schools.values(), self.town]

    def calls(self) -> list[str]:
        """The paths that were asked, tokens aside."""
        return [one["path"] for each in self.everybody for one in each.app.log if one["path"] != "/token"]


def partner(key: str, protocol: Protocol, port: int, credentials: ClientCredentials | None = None) -> Partner:
    here = f"127.0.0.1:{port}"
    place = Place(f"http://{here}", frozenset({"127.0.0.1"}), frozenset({here}), credentials)
    return Partner(key, protocol, OPTIONS, SourceClient(place))


@asynccontextmanager
async def open_partners(people: People) -> AsyncIterator[Partners]:
    """Starts them; the first school wants a token."""
    client_key = ECKey.generate_key("P-256")
    tokens = Tokens({"spil": client_key})
    schools = {party: School(tokens if n == 0 else None) for n, party in enumerate(people.schools)}
    partners = Partners(schools, Municipality())
    for party, rows in people.schools.items():
        for _, number in rows:
            schools[party].know(number)
    for n in range(len(people.students)):
        partners.town.open_case(f"Z{n}")
    async with AsyncExitStack() as stack:
        for n, (party, school) in enumerate(schools.items()):
            port = await stack.enter_async_context(serving(school.app))
            told = ClientCredentials(f"http://127.0.0.1:{port}/token", "spil", client_key.as_pem(private=True).decode())
            partners.known[party, "school"] = partner(
                f"school-{n}", school_rest.PROTOCOL, port, told if n == 0 else None
            )
        port = await stack.enter_async_context(serving(partners.town.app))
        partners.known[TOWN, "municipality"] = partner("town", ggm_rest.PROTOCOL, port)
        yield partners
        for one in partners.known.values():
            assert isinstance(one.client, SourceClient)
            await one.client.close()


@asynccontextmanager
async def subgraph_partner(graph: Subgraph) -> AsyncIterator[Partner]:
    async with serving(graph.app) as port:
        one = partner("graph", subgraph.PROTOCOL, port)
        yield Partner(one.key, one.protocol, Options(today=OPTIONS.today, path="/"), one.client)
        assert isinstance(one.client, SourceClient)
        await one.client.close()


class Switch:
    """The layers of a hub that lives longer than its partners."""

    def __init__(self) -> None:
        self.partners: Partners | None = None
        self.live = LiveLayers(self.find, DEADLINE)

    def find(self, party: str, kind: str) -> Partner | None:
        return self.partners.find(party, kind) if self.partners else None


def names(body: Mapping[str, Any]) -> list[Any]:
    """The identities of a page of students."""
    return [one["identity"] for one in body["data"]["students"]["nodes"]]
