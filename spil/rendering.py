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
from federation.engine import Engine
from federation.streaming import NotThere, Stream, Streaming
from schema.errors import Forbidden

CLIENT: Final = "webhooks"  # who read, as the reads log has it
WHO: Final = (f"{CLIENT} {CLIENT}",)
# What leaves of an event, where the contract of the role has it.
FIELDS: Final = {
    **dict.fromkeys(("epoch", "pos", "withheld", "type", "recorded", "purpose", "forget", "month"), ""),
    "student": "{ id }",
    "candidate": "{ id }",
    "opportunity": "{ id }",
    "overdue": "{ id }",
}


class Index(Protocol):
    """Who is a party, and who has signed: auth/trust.py."""

    def index(self) -> TrustIndex: ...


class Rendering:
    """Reads batches of positions, by one document per role."""

    def __init__(
        self, engine: Engine, streaming: Streaming, trust: Index, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine, self._streaming, self._trust, self._clock = engine, streaming, trust, clock
        self._texts: dict[Role, str] = {}

    async def __call__(self, seer: str, epoch: int, positions: Sequence[int]) -> Sequence[Mapping[str, Any]]:
        """These events, without those that the log does not have any more. Raises Forbidden, and what is Broken."""
        viewer = self._viewer(seer)
        document = self._engine.document(viewer.role, self._text(viewer.role), None)
        stream, _ = self._streaming.open(viewer, document, None)
        found: list[Mapping[str, Any]] = []
        for some in parts(sorted(set(positions)), stream.batch):
            found += await self._read(stream, epoch, some)
        return found

    def _viewer(self, seer: str) -> Viewer:
        party, _, function = seer.partition("#")
        kind, index, now = party_kind(party), self._trust.index(), self._clock()
        if kind is None or function not in kind.functions or not index.knows(party, now):
            raise Forbidden
        if kind.agreement is not None and not index.signed(party, kind.agreement, now):
            raise Forbidden
        return Viewer(kind.role, party, function, subject=CLIENT, client=CLIENT, scopes=frozenset({"events"}))

    async def _read(self, stream: Stream, epoch: int, positions: Sequence[int]) -> list[Mapping[str, Any]]:
        try:
            frames = await self._streaming.read(stream, epoch, positions, WHO, CLIENT)
        except NotThere:
            if len(positions) == 1:
                return []
            return [event for pos in positions for event in await self._read(stream, epoch, [pos])]
        return [orjson.loads(frame.body)["data"]["events"] for frame in frames if frame is not None]

    def _text(self, role: Role) -> str:
        if role not in self._texts:
            types = self._engine.schema(role).type_map
            fields = [f"{name} {below}" for name, below in FIELDS.items() if name in types["Event"].fields]
            if "case" in types["Event"].fields:
                cases = (one.name for one in types["EventCase"].types if "id" in one.fields)
                fields.append(f"case {{ __typename {' '.join(f'... on {name} {{ id }}' for name in cases)} }}")
            self._texts[role] = f"subscription webhooks {{ events {{ {' '.join(fields)} }} }}"
        return self._texts[role]


def parts(positions: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    """The positions, so many at a time."""
    for n in range(0, len(positions), most):
        yield positions[n : n + most]
