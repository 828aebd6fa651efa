"""Two endpoints of everybody, and what goes to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tests.walls.rows import insert

AT = datetime(2026, 11, 1, tzinfo=UTC)
KEY = f"whpk_{'A' * 43}="


async def endpoints(owner: Any, seers: Sequence[str]) -> None:
    """Each has two: a key each, a test that failed, one event that is dead and one that waits."""
    for seer in seers:
        for n in (1, 2):
            hook = uuid4()
            columns: tuple[str, ...] = ("id", "seer", "url", "state")
            await insert(owner, "webhook", columns, [(hook, seer, f"https://ontvanger.example/{n}", "PENDING")])
            await insert(owner, "webhook_key", ("webhook", "n", "key", "sealed"), [(hook, 1, KEY, b"x")])
            columns = ("webhook", "epoch", "pos", "seer", "state", "code", "ended_at")
            rows = [(hook, 0, 2, seer, "DEAD", "500", AT), (hook, 1, n, seer, "DEAD", "500", AT)]
            await insert(owner, "delivery", columns, [*rows, (hook, 1, n + 2, seer, "WAITING", None, None)])
