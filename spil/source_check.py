"""A first meeting with a source that stores nothing: does it answer, in the agreed form, and what would be read?"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connectors.flow import Flow, Options, Page, Protocol
from registry.agents import NO_AGENT
from registry.sources import Source
from schema.errors import SourceDown, SourceMalformed, SpilError
from spil.partners import AGENT, asking_options, client_of, options_for, protocol_of
from wire.careful import Client
from wire.messages import Answer

PATIENCE: Final = 20.0  # seconds for one answer
NOBODY: Final = "spil-handshake"  # a key that no source has
PIECE: Final = 65_536


@dataclass(slots=True)
class Seen:
    """What a reading that stores nothing saw: records, and refusals as position, field and reason."""

    records: int = 0
    gone: int = 0
    refusals: list[tuple[str, str, str]] | None = None

    def add(self, page: Page) -> None:
        self.records += len(page.records)
        self.gone += len(page.gone)
        self.refusals = [*(self.refusals or []), *map(tuple, page.rejects)]  # type: ignore[list-item]  # a Reject is such a tuple


async def handshake(
    source: Source,
    municipalities: Mapping[str, str],
    environ: Mapping[str, str],
    agents: Container[str] = (),
) -> dict[str, Any]:
    """One row for a table: what was asked, whether it went well, how long it took, and what came.

    `agents`: the keys of the sources whose agent is connected to a gateway.
    """
    began, seen, code, what = time.monotonic(), Seen(), "OK", ""
    try:
        protocol, options = protocol_of(source), options_for(source, municipalities)
        if source.base_url is None:
            what = "it comes to the hub"
        elif source.base_url == AGENT:
            what = _by_agent(source, agents)
        else:
            options = asking_options(source, environ, municipalities)
            client = client_of(source, environ)
            try:
                what = await _meet(protocol, options, client, seen)
            finally:
                await client.close()
    except SpilError as error:
        code, what = error.code, error.message
    return {
        "source": source.key,
        "protocol": source.protocol,
        "answer": code,
        "ms": round((time.monotonic() - began) * 1000),
        "what": what,
    }


def _by_agent(source: Source, agents: Container[str]) -> str:
    if source.key not in agents:
        raise SourceDown(NO_AGENT)
    return "its agent is connected"


async def _meet(protocol: Protocol, options: Options, client: Client, seen: Seen) -> str:
    if protocol.pull is not None:
        await _drive(protocol.pull(None, options), client, seen)
        if seen.refusals and not seen.records and not seen.gone:
            raise SourceMalformed(_all_refused(seen.refusals))
        return f"{seen.records} records in its first page, {len(seen.refusals or [])} refused"
    if protocol.ask is not None:
        await _drive(protocol.ask([NOBODY], "GIVEN_NAME", options), client, seen)
        return "it answers live"
    return "nothing is asked of it"


def _all_refused(refusals: Sequence[tuple[str, str, str]]) -> str:
    """What a mapping that does not fit its source looks like: a count, and the reason that was given most."""
    [((name, reason), times)] = Counter((name, reason) for _, name, reason in refusals).most_common(1)
    return f"every record of its first page was refused, {times} of {len(refusals)} as {name or 'the row'}: {reason}"


async def _drive(flow: Flow[Any], client: Client, seen: Seen) -> None:
    """Runs a connector until its first page, or its end."""
    with contextlib.closing(flow):
        answer: Answer | None = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration:
                return
            if isinstance(step, Page):
                seen.add(step)
                return
            answer = await client.send(step, PATIENCE)


def read_file(source: Source, municipalities: Mapping[str, str], path: Path) -> Seen | None:
    """What a file would bring, whole; None where the protocol reads no files. Raises BadMapping, SourceMalformed."""
    begin = protocol_of(source).intake
    if begin is None:
        return None
    intake, seen = begin(options_for(source, municipalities), {}), Seen()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            _all(seen, intake.feed(piece))
    _all(seen, intake.close())
    return seen


def _all(seen: Seen, pages: Iterable[Page]) -> None:
    for page in pages:
        seen.add(page)
