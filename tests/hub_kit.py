"""A hub without its doors, for tests: the real engine on a real database, and `ask` as anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from auth.viewer import PARTIES, SCOPES, Role, Viewer, party_kind, public_viewer
from events.signing import Safe
from federation.catalogue import Catalogue
from federation.cursors import Cursors
from federation.engine import Contract, Engine, ReadOf, encode
from federation.limits import Limits
from registry.database import Database
from resolvers.commands import Runner
from resolvers.everything import catalogue
from resolvers.handover import LAYER, Codes
from resolvers.webhooks import Making
from spil.wiring import contracts

if TYPE_CHECKING:
    from registry.migrate import Logins

CURSOR_KEY = bytes(range(32))


def viewer(seer: str | None) -> Viewer:
    """Whoever acts as this seer (`party#function`), with every scope; None is the public."""
    if seer is None:
        return public_viewer()
    party, _, function = seer.partition("#")
    kind = party_kind(party)
    assert kind is not None
    assert function in PARTIES[party.partition(":")[0]].functions
    return Viewer(kind.role, party, function, subject="someone", client="portal", scopes=SCOPES)


@dataclass
class Hub:
    """An engine, what it stands on, and what it told the reads log."""

    engine: Engine
    database: Database
    reads: list[ReadOf] = field(default_factory=list)

    async def ask(
        self, seer: str | Viewer | None, text: str, variables: Mapping[str, Any] | None = None, name: str | None = None
    ) -> dict[str, Any]:
        """The response body as JSON."""
        who = seer if isinstance(seer, Viewer) else viewer(seer)
        answer = await self.engine.execute(who, text, variables, name, "test")
        body: dict[str, Any] = orjson.loads(encode(answer, "test"))
        return body


def codes(body: Mapping[str, Any]) -> list[str]:
    """The codes of a response's errors."""
    return [error["extensions"]["code"] for error in body.get("errors", ())]


@asynccontextmanager
async def open_hub(
    logins: Logins,
    *,
    limits: Limits | None = None,
    everything: Catalogue | None = None,
    cut: Mapping[Role, Contract] | None = None,
    private: frozenset[str] = frozenset(),
) -> AsyncIterator[Hub]:
    """A hub on these logins; `everything` and `cut` replace catalogue and contracts; webhooks may go to `private`."""
    limits = limits or Limits()
    database = await Database.open(logins.gateway, logins.directory, size=4, seconds=limits.seconds)
    reads: list[ReadOf] = []

    async def record(read: ReadOf) -> None:
        reads.append(read)

    made: dict[str, Contract] = contracts()[0] | {role.value: one for role, one in (cut or {}).items()}
    codes, making = Codes.under(CURSOR_KEY), Making(Safe.under(CURSOR_KEY), private)
    fields, runner = everything or catalogue({LAYER: codes.ask}), Runner(database, codes, making)
    engine = Engine(made, fields, database, record, Cursors(CURSOR_KEY), limits, runner)
    try:
        yield Hub(engine, database, reads)
    finally:
        await database.close()
