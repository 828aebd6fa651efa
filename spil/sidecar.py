"""`?part=sidecar`: the table that stands beside a school's dossiers, taken as it comes.

Laws
1. It tells of students whom the dossiers named, and of nobody else; it adds, ends and misses none.
2. A body that breaks off leaves whole pages; the same body again changes only what was not read yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from connectors.sidecar import SidecarPage, begin_sidecar
from registry.harvest_runs import advance
from registry.harvest_sidecar import put_sidecar
from registry.sources import Source
from schema.errors import Conflict
from spil.harvest import Reading, Report, reading_of
from spil.partners import options_for, protocol_of

NO_SIDECAR = "A sidecar stands beside the dossiers that a school's source brings or is asked for: this is none."


async def receive_sidecar(url: str, source: Source, pieces: AsyncIterator[bytes]) -> Report:
    """Takes a sidecar. Raises Conflict, BadMapping, SourceMalformed, and whatever `pieces` raises."""
    async with reading_of(url, source.key, anew=True, beside=True) as reading:
        if reading.source.kind != "school" or protocol_of(reading.source).intake is None:
            raise Conflict(NO_SIDECAR)
        intake = begin_sidecar(options_for(reading.source))
        async for piece in pieces:
            await _each(reading, intake.feed(piece))
        await _each(reading, intake.close())
    return reading.report


async def _each(reading: Reading, pages: Iterable[SidecarPage]) -> None:
    connection, report = reading.connection, reading.report
    for page in pages:
        async with connection.transaction():
            counts, notes = await put_sidecar(connection, reading.source, [row._asdict() for row in page.rows])
            notes = [*map(tuple, page.rejects), *notes]  # type: ignore[list-item]  # a Reject is such a tuple
            counts.rejected += len(page.rejects)
            await advance(connection, report.run, counts, notes, report.noted)
        report.count(counts, notes)
        await asyncio.sleep(0)  # the gateway answers others between two pages
