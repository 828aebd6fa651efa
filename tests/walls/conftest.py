"""A small seeded country for the walls, and the transaction in which they are tried."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Protocol

import pytest

from registry import reference
from registry.seed.run import seed
from tests.conftest import TestPostgres, migrated
from tests.walls.data import World, spread
from tests.walls.walls import Walls, standing


class Raise(Protocol):
    def __call__(self, seed: int) -> AbstractAsyncContextManager[tuple[Walls, World]]: ...


@pytest.fixture(scope="session")
async def country(postgres: TestPostgres) -> AsyncIterator[str]:
    """The owner's URL of a seeded database. What the tests add, they add in a transaction that is rolled back."""
    url = await migrated(postgres, "t_walls")
    await reference.load(url)
    await seed(url, 0.02)
    yield url
    await postgres.drop(url)


@pytest.fixture
def raised(country: str) -> Raise:
    """`async with raised(seed) as (walls, world)`: the walls around rows that this seed gives."""

    @asynccontextmanager
    async def raise_(seed: int) -> AsyncIterator[tuple[Walls, World]]:
        async with standing(country) as owner:
            world = await spread(owner, Random(seed))
            yield await Walls.stand(owner), world

    return raise_
