"""The trust rows: refreshed, kept, and too old at last."""

from __future__ import annotations

import asyncio
import time

import pytest

from auth.trust import Trust
from registry.trust import TrustRows
from schema.errors import Unavailable
from tests.auth.tokens_kit import ISSUER, make_rows


class Rows:
    """A loader that counts, waits or fails as told."""

    def __init__(self) -> None:
        self.loads = 0
        self.stamps = 0
        self.stamp_text = "1"
        self.broken = False

    async def load(self) -> TrustRows:
        self.loads += 1
        if self.broken:
            raise OSError("down")
        return make_rows()

    async def stamp(self) -> str:
        self.stamps += 1
        return self.stamp_text


async def until(condition: object, deadline: float = 5.0) -> None:
    assert callable(condition)
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.005)


async def test_nothing_is_trusted_before_the_first_load() -> None:
    trust = Trust(Rows().load)
    with pytest.raises(Unavailable):
        trust.index()
    assert trust.issuers() == frozenset()


async def test_the_rows_are_refreshed_in_the_background() -> None:
    rows = Rows()
    trust = Trust(rows.load, interval=0.01)
    await trust.start()
    try:
        assert trust.issuers() == {ISSUER}
        assert trust.knows("municipality:GM0796")
        assert not trust.knows("municipality:GM9999")
        await until(lambda: rows.loads >= 3)
    finally:
        await trust.close()


async def test_a_database_that_is_down_at_the_start_is_waited_for() -> None:
    rows = Rows()
    rows.broken = True
    trust = Trust(rows.load, interval=0.01)
    await trust.start()
    try:
        with pytest.raises(Unavailable):
            trust.index()
        rows.broken = False
        await until(trust.issuers)
    finally:
        await trust.close()


async def test_the_last_good_rows_stay_until_they_are_too_old() -> None:
    rows, now = Rows(), [0.0]
    trust = Trust(rows.load, monotonic=lambda: now[0])
    await trust.refresh()
    rows.broken = True
    now[0] = 29.0
    with pytest.raises(OSError, match="down"):
        await trust.refresh()
    assert trust.index().issuers(time.time()) == {ISSUER}
    now[0] = 30.5
    with pytest.raises(Unavailable):
        trust.index()
    rows.broken = False
    await trust.refresh()
    assert trust.index().issuers(time.time()) == {ISSUER}


async def test_an_unchanged_stamp_spares_the_load_and_keeps_the_rows_young() -> None:
    rows, now = Rows(), [0.0]
    trust = Trust(rows.load, stamp=rows.stamp, monotonic=lambda: now[0])
    await trust.refresh()
    now[0] = 29.0
    await trust.refresh()
    now[0] = 58.0
    trust.index()
    assert (rows.loads, rows.stamps) == (1, 2)
    rows.stamp_text = "2"
    await trust.refresh()
    assert rows.loads == 2


async def test_a_failed_load_is_tried_again_under_the_same_stamp() -> None:
    rows = Rows()
    trust = Trust(rows.load, stamp=rows.stamp)
    await trust.refresh()
    rows.stamp_text, rows.broken = "2", True
    with pytest.raises(OSError, match="down"):
        await trust.refresh()
    rows.broken = False
    await trust.refresh()
    assert rows.loads == 3


async def test_close_ends_the_refresh() -> None:
    rows = Rows()
    trust = Trust(rows.load, interval=0.005)
    await trust.start()
    await trust.close()
    loads = rows.loads
    await trust.close()
    assert rows.loads == loads
