"""The clocks in the store: who leads them, for whom something is to be done, and the doing, one young person at a time.

Laws
1. Whatever is done is done by who leads: the token is asked under its lock, in the statement that does it (as in
   0014_events.sql). Who was replaced does nothing, and hears of it.
2. One young person is one statement and one transaction; what is done twice is done once (0017_clocks.sql).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from registry.holidays import bring_holidays
from registry.session import NOT_MIGRATED, UNREACHABLE, lost
from schema.errors import SetUp, SpilError, Unavailable

_LED = "(SELECT FROM leader l WHERE l.name = 'clocks' AND l.token = $1 FOR SHARE) led"
TAKE = """
UPDATE leader l SET token = l.token + 1, holder = $1, until_at = clock_timestamp() + $2
WHERE l.name = 'clocks' AND l.until_at < clock_timestamp() RETURNING l.token
"""
KEEP = """
UPDATE leader l SET until_at = clock_timestamp() + $2 WHERE l.name = 'clocks' AND l.token = $1 RETURNING l.token
"""
GIVE_UP = "UPDATE leader l SET until_at = '-infinity' WHERE l.name = 'clocks' AND l.token = $1"
WAITING = "SELECT clocks_waiting(coalesce($1, now()), $2, $3) AS student"
TICK = f"SELECT clocks_tick($2, coalesce($3, now())) FROM {_LED}"  # noqa: S608 - our own names
COUNT = f"SELECT count_overdue(coalesce($2, now())) FROM {_LED}"  # noqa: S608 - our own names
THIS_YEAR = "SELECT extract(year FROM today())::int"


class Clocks:
    """The statements of the clocks on a pool of the worker's login. `at` None: now."""
