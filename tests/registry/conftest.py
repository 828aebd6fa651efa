"""For the tests of the register: a registry without schools, and files to import."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from registry import reference
from tests.registry.registers import HEADER, Write


@pytest.fixture
async def db(fresh_database: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A registry with the country and no schools."""
    await reference.load(fresh_database)
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("TRUNCATE school, covers, school_board, doorstroompunt_region CASCADE")
    await connection.execute("DELETE FROM party WHERE kind = 'school'")
    yield connection
    await connection.close()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a register of these lines, as DUO does: Windows-1252 and CRLF."""

    def write(
        *lines: str | bytes, header: str = HEADER, end: bytes = b"\r\n", encoding: str = "cp1252", mark: bytes = b""
    ) -> Path:
        path = tmp_path / "vestigingen.csv"
        encoded = [line.encode(encoding) if isinstance(line, str) else line for line in (header, *lines)]
        path.write_bytes(mark + end.join(encoded) + end)
        return path

    return write
