"""What a command's transaction needs of the store: its idempotency row, and errors that are answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from schema.errors import KeyReused


def digest_of(name: str, given: Mapping[str, Any]) -> str:
    """SHA-256 over the command's name and its whole input."""
    body = orjson.dumps([name, dict(given)], option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(body).hexdigest()


async def earlier_reference(connection: Any, seer: str, key: str, digest: str) -> str | None:
    """The reference of an earlier run under this key. Raises KeyReused when the content differs.

    The advisory lock makes two repeats at once take turns: the second one finds the first one's row.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{seer} {key}")
    row = await connection.fetchrow(
        "SELECT digest, reference FROM command WHERE seer = $1 AND key = $2", seer, UUID(key)
    )
    if row is None:
        return None
    if row["digest"] != digest:
        raise KeyReused
    return str(row["reference"])


async def remember(connection: Any, seer: str, key: str, name: str, digest: str, reference: str) -> None:
    """Writes the idempotency row, in the command's own transaction."""
    await connection.execute(
        "INSERT INTO command (seer, key, name, digest, reference) VALUES ($1, $2, $3, $4, $5)",
        seer,
        UUID(key),
        name,
        digest,
        reference,
    )
