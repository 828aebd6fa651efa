"""The harvest over an agent: read when it connects, when it says that its files changed, and when somebody asks.

Law: of one source one reading at a time; what is wanted meanwhile is one more reading after it. Between gateways the
source's lease decides.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from registry.agents import Board, Word, have_read
from registry.harvest_runs import Counts
from schema.errors import Internal, SpilError
from spil import harvest
from spil.agents import AgentClient, Agents
from spil.log import Sink


@dataclass(slots=True)
class _Wanted:
    """Why a source is to be read once more: `requests` are those of the command line."""

    requests: list[str] = field(default_factory=list)
    confirm: bool = False


class Readings:
    """Reads the sources whose agents are connected here (`agents`); tells who asked over the board."""

    def __init__(self, worker_url: str, log: Sink) -> None:
        self._url, self._log, self.agents = worker_url, log, Agents()
        self._wanted: dict[str, _Wanted] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.board = Board(worker_url, self._hear)
        self.agents.moved = self.board.hold

    def want(self, key: str, request: str | None = None, *, confirm: bool = False) -> None:
        """Has a source read, now or after the reading that is under way."""
        wanted = self._wanted.setdefault(key, _Wanted())
        wanted.requests += [request] if request else []
        wanted.confirm |= confirm
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._read(key))

    async def close(self) -> None:
        """Ends what is under way: whole pages stay."""
        self._wanted.clear()
        for task in [*self._tasks.values()]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.board.close()

    def _hear(self, word: Word) -> None:
        match word:
            case {"read": str(key), "request": str(request), "confirm": bool(confirm)}:
                with suppress(SpilError):  # another gateway may hold it
                    self.agents.line(key)
                    self.want(key, request, confirm=confirm)

    async def _read(self, key: str) -> None:
        try:
            while (wanted := self._wanted.pop(key, None)) is not None:
                self._log("agent-read", source=key, **await self._once(key, wanted))
        finally:
            self._tasks.pop(key, None)

    async def _once(self, key: str, wanted: _Wanted) -> dict[str, Any]:
        """Reads it; gives what the log may know of that."""
        try:
            report = await harvest.sync(
                self._url,
                key,
                confirm_shrink=wanted.confirm,
                client_of=lambda source: AgentClient(source.key, self.agents),
                begun=partial(self._begun, wanted),
            )
        except SpilError as error:
            self._tell(wanted, code=error.code, message=error.message[:1000])
            return {"code": error.code}
        except Exception as error:  # noqa: BLE001 - the next reading must not go with this one
            self._tell(wanted, code="INTERNAL", message="")
            return {"error": type(error).__name__}
        counts = report.counts
        return {"added": counts.added, "changed": counts.changed, "ended": counts.ended}

    def _begun(self, wanted: _Wanted, run: UUID) -> None:
        self._tell(wanted, run=str(run))
        wanted.requests.clear()  # its row says the rest

    def _tell(self, wanted: _Wanted, **word: Any) -> None:
        for request in wanted.requests:
            self.board.say(request=request, **word)


async def sync(url: str, key: str, *, confirm_shrink: bool = False, tell: harvest.Tell | None = None) -> harvest.Report:
    """Has the gateway that holds the agent read it, for the command line. Raises what harvest.sync raises."""
    row, notes = await have_read(url, key, tell or (lambda _: None), confirm=confirm_shrink)
    if row["code"] is not None:
        raise _error(row["code"], row.get("message"))
    counts = Counts(*(row[name] for name in ("added", "changed", "unchanged", "ended", "rejected")))
    told = [(note["position"], note["field"], note["reason"]) for note in notes]
    return harvest.Report(row["id"], row["state"], row["pages"], counts, told, max(counts.rejected, len(told)))


def _error(code: str, message: str | None) -> SpilError:
    """The error of a code, with its own sentence where the gateway told none."""
    kinds: dict[str, type[SpilError]] = {}
    left: list[type[SpilError]] = [SpilError]
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        kinds[kind.code] = kind
    return kinds.get(code, Internal)(message)
