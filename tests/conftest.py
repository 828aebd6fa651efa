"""What every test may ask for: a real Postgres, migrated databases, and the shared fixtures.

shared            shared("data/regions.csv") -> Path; skips the test when the file is absent
postgres          the session's server: `await postgres.create("name")` gives the owner's URL of an empty database
database_url      one migrated database for the whole session: read it, do not write
fresh_database    a migrated database of the module's own: the owner's URL
fresh_logins      the gateway, directory and worker URLs of `fresh_database`
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from registry.embedded import Embedded, discard
from registry.embedded_home import CHECKOUT, home_folder

if TYPE_CHECKING:
    from registry.migrate import Logins

ABSENT = "shared fixture absent: "
TALLY = pytest.StashKey[dict[str, str]]()


@dataclass(slots=True)
class TestPostgres:
    """A server in which tests make databases; `owner_url` may create databases and roles."""

    __test__ = False
    owner_url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url_of(self, database: str) -> str:
        return urlunsplit(urlsplit(self.owner_url)._replace(path=f"/{database}"))

    async def create(self, stem: str = "t") -> str:
        """Makes an empty database with a name nobody has; gives the owner's URL of it."""
        name = f"{stem}_{os.getpid()}_{next(self._numbers)}"
        await self._maintain(f'CREATE DATABASE "{name}"')
        return self.url_of(name)

    async def drop(self, url: str) -> None:
        await self._maintain(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')

    async def _maintain(self, statement: str) -> None:
        connection = await asyncpg.connect(self.owner_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestPostgres]:
    """The session's server: SPIL_TEST_DATABASE_URL, or an embedded one that is deleted at the end."""
    given = os.environ.get("SPIL_TEST_DATABASE_URL")
    if given:
        yield TestPostgres(given)
        return
    folder = home_folder(f"test-{os.getpid()}")
    for left in folder.parent.glob(folder.name.rpartition("-")[0] + "-*"):
        discard(left)  # of a run that was killed
    with Embedded.start(folder, fast=True) as server:
        yield TestPostgres(server.url)
    shutil.rmtree(server.home.sockets, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def database_url(postgres: TestPostgres) -> str:
    """A migrated database without rows of its own; nobody writes to it."""
    return await migrated(postgres, "t_session")


@pytest.fixture(scope="module")
async def fresh_database(postgres: TestPostgres) -> AsyncIterator[str]:
    """A migrated database for this module. Not cloned: the roles' names carry the database's."""
    url = await migrated(postgres, "t_module")
    yield url
    await postgres.drop(url)


@pytest.fixture(scope="module")
async def fresh_logins(fresh_database: str) -> Logins:
    """The three logins of this module's database."""
    from registry.migrate import LOGINS, make_logins

    return await make_logins(fresh_database, dict.fromkeys(LOGINS, "only-for-tests"))


async def migrated(postgres: TestPostgres, stem: str) -> str:
    """The owner's URL of a new, migrated database."""
    from registry.migrate import migrate

    url = await postgres.create(stem)
    await migrate(url)
    return url


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Finds a file of the shared fixtures (SPIL_SHARED, default ../shared), or skips."""
    root = Path(os.environ.get("SPIL_SHARED") or CHECKOUT.parent / "shared")

    def find(path: str) -> Path:
        if not (root / path).exists():
            pytest.skip(ABSENT + path)
        return root / path

    return find


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLY] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes how each test that asks for shared fixtures fared."""
    report = yield
    if "shared" in getattr(item, "fixturenames", ()):
        tally = item.config.stash[TALLY]
        if report.skipped and isinstance(report.longrepr, tuple) and ABSENT in report.longrepr[2]:
            tally[item.nodeid] = "absent"
        elif report.when == "call" and not report.skipped:
            tally[item.nodeid] = "run"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Prints the count below pytest's own closing line."""
    yield
    tally = list(session.config.stash[TALLY].values())
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"shared fixtures: {tally.count('run')} run, {tally.count('absent')} absent")
