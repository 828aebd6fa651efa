"""Whom the hub trusts, in memory: an index over the trust rows, kept fresh in the background.

Laws
1. The rows are asked at every use of a token, also of one that was verified before.
2. A failed refresh keeps the last good rows; rows older than `max_age` answer nobody (UNAVAILABLE, never PUBLIC).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Final, Protocol, TypeVar

from auth.viewer import AgreementKind, party_kind
from registry.trust import IssuerRow, PartyRow, TrustRows
from schema.errors import Unavailable

Load = Callable[[], Awaitable[TrustRows]]
Stamp = Callable[[], Awaitable[str]]

LOG: Final = logging.getLogger("spil.trust")
PATIENCE: Final = 10.0  # seconds that one refresh may take


class Timed(Protocol):
    """A row that counts at `t` when from_at <= t < until_at."""

    @property
    def from_at(self) -> float: ...
    @property
    def until_at(self) -> float: ...


def open_at(row: Timed, now: float) -> bool:
    return row.from_at <= now < row.until_at


class TrustIndex:
    """The rows of one moment, each found in one look-up; never changed after it was built.

    Loops where `any(...)` would read shorter: every request comes by here, and a generator costs half a microsecond.
    """

    def __init__(self, rows: TrustRows) -> None:
        self._issuers: dict[str, IssuerRow] = {row.issuer: row for row in rows.issuers}
        self._parties: dict[str, PartyRow] = {row.key: row for row in rows.parties}
        whole = [row for row in rows.issuer_parties if not row.party_pattern.endswith("*")]
        starts = [row for row in rows.issuer_parties if row.party_pattern.endswith("*")]
        self._issuer_party = _grouped(((row.issuer, row.party_pattern), row) for row in whole)
        self._issuer_prefix = _grouped((row.issuer, row) for row in starts)
        self._client = _grouped(((row.client, row.party, row.function), row) for row in rows.client_parties)
        self._agreement = _grouped(((row.party, row.kind), row) for row in rows.agreements)

    def issuers(self, now: float) -> frozenset[str]:
        return frozenset(key for key, row in self._issuers.items() if open_at(row, now))

    def issuer(self, issuer: str, now: float) -> IssuerRow | None:
        """The row of an issuer that is listed now."""
        row = self._issuers.get(issuer)
        return row if row is not None and open_at(row, now) else None

    def knows(self, party: str, now: float) -> bool:
        """Does this party exist now?"""
        row = self._parties.get(party)
        return row is not None and open_at(row, now)

    def speaks(self, issuer: str, party: str, now: float) -> bool:
        """May this issuer speak for this party now?"""
        for row in self._issuer_party.get((issuer, party), ()):
            if open_at(row, now):
                return True
        starts = self._issuer_prefix.get(issuer, ())
        return any(open_at(row, now) and party.startswith(row.party_pattern[:-1]) for row in starts)

    def acts(self, client: str, party: str, function: str, purpose: str | None, now: float) -> bool:
        """May this client act for this party in this function, and for this purpose if one is named?"""
        for row in self._client.get((client, party, function), ()):
            if open_at(row, now) and (purpose is None or purpose in row.purposes):
                return True
        return False

    def signed(self, party: str, kind: AgreementKind, now: float) -> bool:
        """Has the party signed, and does it still hold?"""
        for row in self._agreement.get((party, kind), ()):  # noqa: SIM110 - see above
            if row.signed_at <= now < row.until_at:
                return True
        return False


Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")


def _grouped(pairs: Iterable[tuple[Key, Row]]) -> dict[Key, tuple[Row, ...]]:
    groups: dict[Key, tuple[Row, ...]] = {}
    for key, row in pairs:
        groups[key] = (*groups.get(key, ()), row)
    return groups


class Trust:
    """The newest index, refreshed every `interval` seconds.

    `load` reads all rows; `stamp`, if given, is asked first and an unchanged stamp spares the load.
    """

    def __init__(
        self,
        load: Load,
        *,
        stamp: Stamp | None = None,
        interval: float = 2.0,
        max_age: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._stamp = load, stamp
        self._interval, self._max_age, self._monotonic = interval, max_age, monotonic
        self._index: TrustIndex | None = None
        self._seen: str | None = None
        self._fresh_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def index(self) -> TrustIndex:
        """The index to judge by now. Raises Unavailable when there is none that is young enough."""
        if self._index is None or self._monotonic() - self._fresh_at > self._max_age:
            raise Unavailable
        return self._index

    def knows(self, party: str) -> bool:
        """Is this a well-formed key of a party that exists now?"""
        return party_kind(party) is not None and self.index().knows(party, time.time())

    def issuers(self) -> frozenset[str]:
        """The issuers listed now; none before the first load."""
        return self._index.issuers(time.time()) if self._index is not None else frozenset()

    async def refresh(self) -> None:
        """Read the rows once. Raises what `load` raises, or TimeoutError; the last good index stays."""
        asked_at = self._monotonic()
        async with asyncio.timeout(PATIENCE):
            # The stamp is read before the rows: a write in between shows as a new stamp next time.
            stamp = await self._stamp() if self._stamp else None
            if self._index is None or stamp is None or stamp != self._seen:
                self._index = TrustIndex(await self._load())
                self._seen = stamp
        self._fresh_at = asked_at

    async def start(self) -> None:
        """Read the rows and keep them fresh. A database that is down at this moment is not an error: it may come."""
        await self._try_refresh()
        self._task = asyncio.create_task(self._keep_fresh(), name="trust refresh")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self._try_refresh()

    async def _try_refresh(self) -> None:
        try:
            await self.refresh()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the loop must live; law 2 covers the rest
            LOG.warning("trust rows not refreshed: %s", type(error).__name__)
