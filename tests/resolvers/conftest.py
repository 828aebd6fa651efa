"""What these tests share: a hub whose young people are known to partners on real sockets, and the worker's login."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from registry import reference
from registry.seed import seed
from resolvers.everything import catalogue
from tests.hub_kit import Hub, open_hub
from tests.resolvers.live_kit import Partners, People, Switch, make_people, open_partners

if TYPE_CHECKING:
    from registry.migrate import Logins


@pytest.fixture(scope="module")
def switch() -> Switch:
    return Switch()


@pytest.fixture(scope="module")
async def people(fresh_database: str) -> People:
    await reference.load(fresh_database)
    await seed(fresh_database, 0.02)
    return await make_people(fresh_database)


@pytest.fixture(scope="module")
async def hub(people: People, fresh_logins: Logins, switch: Switch) -> AsyncIterator[Hub]:
    async with open_hub(fresh_logins, everything=catalogue(switch.live.layers(), switch.live.finders())) as one:
        yield one


@pytest.fixture
async def partners(people: People, switch: Switch) -> AsyncIterator[Partners]:
    async with open_partners(people) as one:
        switch.partners = one
        yield one
        switch.partners = None


@pytest.fixture(scope="module")
async def worker(fresh_logins: Logins) -> AsyncIterator[Any]:
    """The login of the deliverer and its clocks."""
    connection = await asyncpg.connect(fresh_logins.worker)
    yield connection
    await connection.close()
