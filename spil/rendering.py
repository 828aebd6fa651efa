"""Events as their receiver may know them now: the one way out of the log for what is sent and not asked.

Laws
1. It is the engine that reads, as that seer and under today's rights; the reads log is told before anything is given.
2. A party that is not there any more, or has no agreement, is given nothing: Forbidden.
3. No position is read that was not asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import orjson

from auth.trust import TrustIndex
from auth.viewer import Role, Viewer, party_kind
from federation.cursors import SEPARATOR, Cursors
from federation.engine import Engine
from resolvers.events import LABEL
from schema.errors import CursorExpired, EpochChanged, Forbidden

MOST: Final = 100  # positions of one page
CLIENT: Final = "webhooks"  # who read, as the reads log has it
# What leaves of an event, where the contract of the role has it.
FIELDS: Final = {
    **dict.fromkeys(("epoch", "pos", "withheld", "type", "recorded", "purpose", "forget", "month"), ""),
    "student": "{ id }",
    "candidate": "{ id }",
    "opportunity": "{ id }",
}
CASE: Final = "case {{ __typename {0} }}"
GONE: Final = (CursorExpired.code, EpochChanged.code)  # the log does not give these positions any more


class Index(Protocol):
    """Who is a party, and who has signed: auth/trust.py."""

    def index(self) -> TrustIndex: ...


class Rendering:
    """Reads batches of positions; `fields` names what a role's contract has of a type."""

    def __init__(self, engine: Engine, cursors: Cursors, trust: Index, clock: Callable[[], float] = time.time) -> None:
        self._engine, self._cursors, self._trust, self._clock = engine, cursors, trust, clock
        self._documents: dict[Role, str] = {}

    async def __call__(self, seer: str, epoch: int, positions: Sequence[int]) -> Sequence[Mapping[str, Any]]:
        """These events, without those that the log does not have any more. Raises Forbidden, and what is Broken."""
        viewer = self._viewer(seer)
        found: list[Mapping[str, Any]] = []
        for first, count in runs(positions):
            found += [one for one in await self._page(viewer, epoch, first, count) if one["epoch"] == epoch]
        wanted = set(positions)
        return [one for one in found if one["pos"] in wanted]

    def _viewer(self, seer: str) -> Viewer:
        party, _, function = seer.partition("#")
        kind, index, now = party_kind(party), self._trust.index(), self._clock()
        if kind is None or function not in kind.functions or not index.knows(party, now):
            raise Forbidden
        if kind.agreement is not None and not index.signed(party, kind.agreement, now):
            raise Forbidden
        return Viewer(kind.role, party, function, subject=CLIENT, client=CLIENT, scopes=frozenset({"read"}))

    async def _page(self, viewer: Viewer, epoch: int, first: int, count: int) -> list[Mapping[str, Any]]:
        cursor = self._cursors.of(viewer.seer).close(LABEL)(f"{epoch}{SEPARATOR}{first - 1}".encode()).decode()
        given = {"after": cursor, "first": count}
        answer = await self._engine.execute(viewer, self._document(viewer.role), given, None, CLIENT)
        if answer.problems:
            error = answer.problems[0].error
            if error.code in GONE:
                return []
            raise error
        page: list[Mapping[str, Any]] = orjson.loads(answer.data or b"null")["events"]["nodes"]
        return page

    def _document(self, role: Role) -> str:
        if role not in self._documents:
            types = self._engine.schema(role).type_map
            fields = [f"{name} {below}" for name, below in FIELDS.items() if name in types["Event"].fields]
            if "case" in types["Event"].fields:
                cases = (one.name for one in types["EventCase"].types if "id" in one.fields)
                fields.append(CASE.format(" ".join(f"... on {name} {{ id }}" for name in cases)))
            self._documents[role] = (
                "query webhooks($after: Cursor, $first: Int) { events(after: $after, first: $first)"
                f" {{ nodes {{ {' '.join(fields)} }} }} }}"
            )
        return self._documents[role]


def runs(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and length of each run of positions without a gap, at most MOST long."""
    begun: list[int] = []
    for pos in sorted(set(positions)):
        if begun and (pos != begun[-1] + 1 or len(begun) == MOST):
            yield begun[0], len(begun)
            begun = []
        begun.append(pos)
    if begun:
        yield begun[0], len(begun)
