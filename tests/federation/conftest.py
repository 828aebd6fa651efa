"""The fixture of this folder: a country of its own, seeded, roughened and read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from registry import reference
from registry.migrate import LOGINS, make_logins, migrate
from registry.seed.run import seed
from tests.federation.awkward import roughen
from tests.federation.country import WITH_PEOPLE, Country, find_seers
from tests.federation.naive.rows import load

if TYPE_CHECKING:
    from tests.conftest import TestPostgres

SCALE = 0.03


@pytest.fixture(scope="session")
async def country(postgres: TestPostgres) -> AsyncIterator[Country]:
    url = await postgres.create("t_country")
    await migrate(url)
    logins = await make_logins(url, dict.fromkeys(LOGINS, "only-for-tests"))
    await reference.load(url)
    await seed(url, SCALE)
    seers = await find_seers(url)
    await roughen(
        url,
        [
            f"{party}#{function}"
            for role, party, function in seers
            if role in WITH_PEOPLE and function != "administration"
        ],
    )
    yield Country(url, logins, await load(url), seers)
    await postgres.drop(url)
