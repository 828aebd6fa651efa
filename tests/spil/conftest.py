"""One country and one hub for all tests of the doors; a database of its own for each module that harvests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import TestPostgres
from tests.spil.harvest_kit import World, empty, world_of
from tests.spil.hub_kit import Country, Hub, hub_of, make_country


@pytest.fixture(scope="session")
async def country(postgres: TestPostgres) -> Country:
    """A seeded database; nobody writes to it but by commands."""
    return await make_country(postgres)


@pytest.fixture(scope="session")
async def hub(country: Country) -> AsyncIterator[Hub]:
    """A hub with the default settings, but for the rate: tests are quicker than clients."""
    async with hub_of(country, SPIL_RATE="100000", SPIL_BURST="100000") as running:
        yield running


@pytest.fixture(scope="module")
async def database(postgres: TestPostgres) -> AsyncIterator[World]:
    """What harvests write to, for one module."""
    async with world_of(postgres) as made:
        yield made


@pytest.fixture
async def world(database: World) -> World:
    """The same, without what an earlier test left."""
    await empty(database)
    return database
