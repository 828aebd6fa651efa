"""A demo whose database has another history of migrations ends in the sentence that says what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from registry.demo import set_mark
from registry.migrate import MigrationChanged, knows_all_applied, migrate
from schema.errors import SetUp
from spil.demo import OTHER_MIGRATIONS, _load
from spil.progress import Steps
from tests.conftest import TestPostgres, migrated

RENAMED = "UPDATE migration SET name = '0014_of_another_branch' WHERE name = '0014_events'"
FORGOTTEN = "DELETE FROM migration WHERE name = '0014_events'"  # its columns are there: the file fails
TABLE_THERE = "DELETE FROM migration WHERE name = '0002_parties'"
CHANGED = "UPDATE migration SET digest = 'x' WHERE name = '0014_events'"
AHEAD = "INSERT INTO migration (name, digest) VALUES ('9999_of_a_later_checkout', 'x')"


@pytest.fixture
async def complete(postgres: TestPostgres) -> AsyncIterator[str]:
    """A migrated database that carries the mark of a complete load."""
    url = await migrated(postgres, "t_history")
    await set_mark(url, "spil demo 1")
    yield url
    await postgres.drop(url)


async def run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("history", [TABLE_THERE, RENAMED, FORGOTTEN, CHANGED, AHEAD])
async def test_another_history_is_one_sentence_and_no_error_of_the_database(complete: str, history: str) -> None:
    await run(complete, history)
    with pytest.raises(SetUp) as caught:
        await _load(complete, None, Steps(), 1)
    assert caught.value.message == OTHER_MIGRATIONS


async def test_the_same_history_is_loaded_once(complete: str) -> None:
    await _load(complete, None, Steps(), 1)
    assert await knows_all_applied(complete)


async def test_a_file_that_does_not_fit_names_itself_and_leaves_nothing(complete: str) -> None:
    await run(complete, FORGOTTEN)
    with pytest.raises(MigrationChanged, match=r"^0014_events does not fit .* \(42701\)"):
        await migrate(complete)


async def test_an_empty_database_has_no_other_history(postgres: TestPostgres) -> None:
    url = await postgres.create("t_history")
    assert await knows_all_applied(url)
    await postgres.drop(url)
