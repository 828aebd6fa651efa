"""The harvest: page -> upsert -> outbox -> cursor, one transaction per page, of what is fetched and of what is brought.

Laws
1. Whatever is killed, and when: what was committed is whole, and the next reading goes on where its cursor says.
2. Nobody is asked anything while a transaction is open.
3. A full sync that would end more than 5 % (at least 3) of a school's students commits nothing of its last page and
   stops as SYNC_SHRANK, until somebody who looked confirms it.
4. What a record may hold is said in connectors/records.py; nothing else of an answer comes this far.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import orjson

from connectors.flow import Flow, Page
from connectors.records import CaseRecord, OpportunityRecord, Record, StudentRecord
from registry.harvest_cases import cases_read, end_cases, put_cases
from registry.harvest_endings import end_students
from registry.harvest_opportunities import end_opportunities, opportunities_read, put_opportunities
from registry.harvest_runs import Counts, advance, begin_run, end_run, mark, move_cursor, unnamed
from registry.harvest_sidecar import unknown
from registry.harvest_students import lock_students, put_students, students_read
from registry.sources import Source, leased, municipality_codes
from schema.errors import Conflict, SpilError, SyncShrank
from spil.partners import client_of, options_for, protocol_of
from wire.careful import Client
from wire.messages import Answer, Ask

if TYPE_CHECKING:
    from registry.session import Connection

PATIENCE = 60.0  # seconds for one answer
SHOWN = 100  # notes that a report shows
FEWEST, SHARE = 3, 20  # law 3: more than one in twenty
FORGOTTEN = 410  # the source no longer knows where we were: what it named before does not count
NOTHING_TO_READ = "Nothing is fetched from this source: it is asked live, or it brings what it has."
NOTHING_TO_TAKE = "This source brings nothing: it is fetched, or asked live."
CONFIRM = "spil sources sync KEY --confirm-shrink"  # as the sentence of SyncShrank has it

Tell = Callable[[str], None]
Notes = list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What becomes of one kind of record. `lock`: what is written of and what is ended, at once; `careful`: law 3."""

    record: type[Record]
    put: Callable[[Connection, Source, Sequence[Mapping[str, Any]], UUID], Awaitable[tuple[Counts, Notes]]]
    end: Callable[[Connection, Source, Sequence[str]], Awaitable[Counts]]
    read: Callable[[Connection, Source, UUID], Awaitable[None]]
    lock: Callable[[Connection, Source, Sequence[Mapping[str, Any]], Sequence[str]], Awaitable[None]] | None = None
    careful: bool = False


KINDS: Mapping[str, Kind] = {
    "school": Kind(StudentRecord, put_students, end_students, students_read, lock_students, careful=True),
    "servicepoint": Kind(OpportunityRecord, put_opportunities, end_opportunities, opportunities_read),
    "municipality": Kind(CaseRecord, put_cases, end_cases, cases_read),
}


@dataclass(slots=True)
class Report:
    """What a reading did; `notes` are the first refusals, as position, field and reason."""

    run: UUID
    state: str = "RUNNING"
    pages: int = 0
    counts: Counts = field(default_factory=Counts)
    notes: Notes = field(default_factory=list)
    noted: int = 0
    unknown: dict[str, int] = field(default_factory=dict)  # of a school's students: how many are without what

    def count(self, counts: Counts, notes: Notes) -> None:
        """Adds a page that was committed."""
        self.pages += 1
        self.counts.add(counts)
        self.noted += len(notes)
        self.notes += notes[: SHOWN - len(self.notes)]

    def __str__(self) -> str:
        c = self.counts
        lines = [f"{position}: {name or 'the row'}: {reason}" for position, name, reason in self.notes]
        more = [f"... and {self.noted - len(self.notes)} more"] if self.noted > len(self.notes) else []
        told = f"{c.added} added, {c.changed} changed, {c.unchanged} unchanged, {c.ended} ended, {c.rejected} rejected"
        without = [f"{n} {name.replace('_', ' ')}" for name, n in self.unknown.items()]
        return "\n".join([*lines, *more, f"{told}; {self.pages} pages", *([", ".join(without)] if without else [])])


@dataclass(slots=True)
class Reading:
    """One reading that is under way, on the connection that holds the source's lease."""

    connection: Connection
    source: Source
    report: Report
    sync: UUID
    confirmed: bool = False
    tell: Tell = lambda _: None

    def __post_init__(self) -> None:
        self.cursor, self.kind = self.source.cursor, KINDS[self.source.kind]
        self.confirm = CONFIRM.replace("KEY", self.source.key)

    cursor: str | None = field(init=False)
    kind: Kind = field(init=False)
    confirm: str = field(init=False)  # how somebody who looked says that so many are gone

    async def commit(self, page: Page) -> None:
        """One page, whole or not at all. Raises SyncShrank."""
        gone, connection, source = set(page.gone), self.connection, self.source
        named = [one for one in page.records if isinstance(one, self.kind.record) and one.reference not in gone]
        async with connection.transaction():
            await mark(connection, source.key, [*(one.reference for one in named), *page.refused], self.sync)
            ended = sorted(gone | (await self._missed(gone) if page.complete else set()))
            rows = [_row(one) for one in named]
            if ended and self.kind.lock is not None:
                await self.kind.lock(connection, source, rows, ended)
            counts, notes = await self.kind.put(connection, source, rows, self.sync)
            notes = [*map(tuple, page.rejects), *notes]  # type: ignore[list-item]  # a Reject is such a tuple
            counts.rejected += len(page.rejects)
            if ended:
                counts.add(await self.kind.end(connection, source, ended))
            if page.complete:
                await self.kind.read(connection, source, self.sync)
            cursor = page.cursor or self.cursor
            if page.cursor is not None or page.complete:
                await move_cursor(connection, source.key, cursor, None if page.complete else self.sync)
            await advance(connection, self.report.run, counts, notes, self.report.noted)
        self.cursor = cursor
        self._count(counts, notes)

    async def _missed(self, gone: set[str]) -> set[str]:
        """What a full sync that ends here did not name, beside what it took back. Raises SyncShrank."""
        leavers = self.source.kind != "school"
        unnamed_ones, held = await unnamed(self.connection, self.source.key, self.sync, leavers=leavers)
        missed = set(unnamed_ones) - gone
        if self.kind.careful and not self.confirmed and len(missed) >= FEWEST and len(missed) * SHARE > held:
            raise SyncShrank(SyncShrank.sentence.replace(CONFIRM, self.confirm))
        return missed

    def _count(self, counts: Counts, notes: Notes) -> None:
        self.report.count(counts, notes)
        read = self.report.counts
        self.tell(f"{self.report.pages} pages, {read.added + read.changed + read.unchanged + read.rejected:,} records")


def _row(record: Any) -> dict[str, Any]:
    """A record as what the registry takes: its fields, those of its parts, and the digest of it all."""
    row: dict[str, Any] = record._asdict()
    for name in ("placements", "credentials"):
        if row.get(name):
            row[name] = [part._asdict() for part in row[name]]
    row["digest"] = hashlib.sha256(orjson.dumps(tuple(record), default=tuple)).hexdigest()
    return row


@contextlib.asynccontextmanager
async def reading_of(
    url: str, key: str, *, anew: bool, beside: bool = False, confirmed: bool = False, tell: Tell | None = None
) -> AsyncIterator[Reading]:
    """A run from its row's beginning to its end, whatever ends it. `anew`: it goes on with nothing that was begun.

    `beside`: it leaves alone what was begun (spil/sidecar.py).
    """
    async with leased(url, key) as (connection, source):
        report = Report(await begin_run(connection, source.key))
        sync = None if anew else source.full_sync
        reading = Reading(connection, source, report, sync or uuid4(), confirmed, tell or (lambda _: None))
        try:
            yield reading
        except BaseException as error:
            state, code = _ended_by(error)
            report.state = state
            with contextlib.suppress(Exception):  # the database may be what was lost: then the next run tells of it
                await end_run(connection, source.key, report.run, state, code)
            raise
        await end_run(connection, source.key, report.run, "DONE", beside=beside)
        report.state = "DONE"
        if source.kind == "school":
            report.unknown = await unknown(connection, source.key)


def _ended_by(error: BaseException) -> tuple[str, str]:
    if isinstance(error, SyncShrank):
        return "SHRANK", error.code
    if isinstance(error, SpilError):
        return "FAILED", error.code
    return ("FAILED", "INTERNAL") if isinstance(error, Exception) else ("BROKEN_OFF", "BROKEN_OFF")


async def sync(
    url: str,
    key: str,
    *,
    confirm_shrink: bool = False,
    tell: Tell | None = None,
    client_of: Callable[[Source], Client] = client_of,
    begun: Callable[[UUID], None] = lambda _: None,
) -> Report:
    """Fetches a source from its cursor on; `begun` hears its run.

    Raises NotFound, Conflict, BadMapping, SyncShrank, and a source's errors.
    """
    async with reading_of(url, key, anew=False, confirmed=confirm_shrink, tell=tell) as reading:
        begun(reading.report.run)
        pull = protocol_of(reading.source).pull
        if pull is None or not reading.source.harvests:
            raise Conflict(NOTHING_TO_READ)
        options = options_for(reading.source, await municipality_codes(reading.connection))
        client = client_of(reading.source)
        try:
            await _drive(pull(reading.source.cursor, options), reading, client)
        finally:
            await client.close()
    return reading.report


async def _drive(flow: Flow[None], reading: Reading, client: Client) -> None:
    """Runs a connector: asks what it asks, commits what it gives; while Postgres writes a page the next one is read."""
    answer: Answer | None = None
    writing: asyncio.Task[None] | None = None
    with contextlib.closing(flow):
        try:
            while (step := await _next(flow, answer)) is not None:
                if writing is not None:
                    await writing
                answer, writing = None, None
                if isinstance(step, Page):
                    writing = asyncio.create_task(reading.commit(step))
                    continue
                answer = await client.send(step, PATIENCE)
                if answer.status == FORGOTTEN:
                    reading.sync = uuid4()
            if writing is not None:
                await writing
        finally:
            if writing is not None and not writing.done():
                await asyncio.wait([writing])  # the connector failed: what it gave before that stays


async def _next(flow: Flow[None], answer: Answer | None) -> Ask | Page | None:
    """What a connector says next, found in a thread of its own; None at its end. It is left when it stands still."""

    def advance() -> Ask | Page | None:
        try:
            return flow.send(answer)
        except StopIteration:
            return None

    stepping = asyncio.ensure_future(asyncio.to_thread(advance))
    try:
        return await asyncio.shield(stepping)
    except asyncio.CancelledError:
        await asyncio.wait([stepping])
        raise


async def receive(url: str, source: Source, pieces: AsyncIterator[bytes], *, confirm_shrink: bool = False) -> Report:
    """Takes a body that a source brings, page by page as it comes; at its end what it did not name is gone.

    Raises Conflict, BadMapping, SourceMalformed, SyncShrank, and whatever `pieces` raises: pages before that stay.
    """
    async with reading_of(url, source.key, anew=True, confirmed=confirm_shrink) as reading:
        reading.confirm = f"POST /harvest/{source.key}?confirm=shrink"
        begin = protocol_of(reading.source).intake
        if begin is None or not reading.source.harvests:
            raise Conflict(NOTHING_TO_TAKE)
        intake = begin(options_for(reading.source, await municipality_codes(reading.connection)), {})
        async for piece in pieces:
            await _each(reading, intake.feed(piece))
        await _each(reading, intake.close())
    return reading.report


async def _each(reading: Reading, pages: Iterable[Page]) -> None:
    for page in pages:
        await reading.commit(page)
        await asyncio.sleep(0)  # the gateway answers others between two pages
