"""One hub, one municipality with a subgraph of its own, and the supergraph of each role made of both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import uuid4

import asyncpg
import pytest

from auth.viewer import Role
from tests.composition.node_kit import COMPOSERS, Served, compose, gateway_process, install, town_process
from tests.conftest import TestPostgres
from tests.spil.hub_kit import NATIONAL, Actor, Country, Hub, hub_of, make_country

OTHER_TOWN = """
SELECT seer FROM sight WHERE seer LIKE 'municipality:%#participatie' AND seer <> $1 AND until_candidate > now()
GROUP BY seer ORDER BY count(*) DESC, seer LIMIT 1
"""
TOWN: Final[Actor] = ("municipality:GM0796", "participatie")
STUDENTS: Final = "{ students(first: 5) { nodes { id } } }"


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest) -> None:
    """Node and the packages; the first time that takes half a minute, and says so."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        install()


@pytest.fixture(scope="session")
async def country(postgres: TestPostgres) -> Country:
    """A seeded database; nobody writes to it."""
    return await make_country(postgres, "t_composition")


@pytest.fixture(scope="session")
async def hub(country: Country) -> AsyncIterator[Hub]:
    async with hub_of(country, SPIL_RATE="100000", SPIL_BURST="100000") as running:
        yield running


@pytest.fixture(scope="session")
async def other_town(country: Country) -> Actor:
    """Another municipality that sees young people."""
    connection = await asyncpg.connect(country.owner)
    try:
        party, _, function = (await connection.fetchval(OTHER_TOWN, "#".join(TOWN))).partition("#")
    finally:
        await connection.close()
    return party, function


@pytest.fixture(scope="session")
async def cases(hub: Hub, other_town: Actor) -> dict[str, str]:
    """Case numbers with Spil's ids: three of its own, Z8 that nobody has, Z9 that Spil gave another municipality."""
    own = (await hub.data(STUDENTS, as_party=TOWN))["students"]["nodes"]
    foreign = (await hub.data(STUDENTS, as_party=other_town))["students"]["nodes"]
    others = {"Z8": f"Student:{uuid4()}", "Z9": foreign[0]["id"]}
    return {f"Z{n}": student["id"] for n, student in enumerate(own[:3], 1)} | others


@pytest.fixture(scope="session")
async def town(cases: dict[str, str]) -> AsyncIterator[Served]:
    async with town_process(cases) as running:
        yield running


@pytest.fixture(scope="session")
async def served(hub: Hub, country: Country) -> dict[Role, str]:
    """The SDL that the running hub tells each role."""
    actors: dict[Role, Actor | None] = {
        Role.PUBLIC: None,
        Role.SCHOOL: country.school,
        Role.SERVICE_POINT: country.service_point,
        Role.MUNICIPALITY: TOWN,
        Role.EMPLOYER: country.employer,
        Role.COORDINATOR: ("coordinator:AM27", "coordinator"),
        Role.NATIONAL: NATIONAL,
    }
    return {
        role: (await hub.data("{ _service { sdl } }", as_party=actor))["_service"]["sdl"]
        for role, actor in actors.items()
    }


@pytest.fixture(scope="session")
async def town_sdl(town: Served) -> str:
    return str((await town.ask("{ _service { sdl } }"))["data"]["_service"]["sdl"])


@pytest.fixture(scope="session")
def composed(
    node: None, hub: Hub, town: Served, served: dict[Role, str], town_sdl: str
) -> dict[str, dict[str, dict[str, Any]]]:
    """By role and composer what became of the role's contract and the municipality's subgraph."""
    own = {"name": "gemeente", "url": town.url, "sdl": town_sdl}
    url = f"{hub.base}/graphql"
    return compose({role.value: [{"name": "spil", "url": url, "sdl": sdl}, own] for role, sdl in served.items()})


@pytest.fixture(scope="module", params=COMPOSERS)
def supergraph(request: pytest.FixtureRequest, composed: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The municipality's supergraph as one of the composers made it."""
    return str(composed[Role.MUNICIPALITY.value][request.param]["supergraph"])


@pytest.fixture(scope="module")
async def gateway(supergraph: str) -> AsyncIterator[Served]:
    """Hive Gateway before the hub and the municipality's subgraph."""
    async with gateway_process(supergraph) as running:
        yield running
