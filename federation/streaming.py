"""Subscriptions: a document becomes a Stream, and a batch of positions becomes answers, by one statement.

Laws
1. The read is the re-check: what goes out is what the seer may know at the moment of the reading.
2. Nothing is handed out before the reads log confirmed the batch, with everybody whom it was read for.
3. A position that is asked for has an answer, or its type is not wanted, or the log lacks it: it is never left out
   without a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from graphql import FieldNode, VariableNode, Visitor, visit

from auth.viewer import Viewer
from federation.arguments import Variables
from federation.build import ArgumentError
from federation.cursors import Cursors
from federation.document import Document, Problem, Problems
from federation.engine import Answer, Engine, error_json
from federation.plan import EPOCH, NOT_THERE, POSITIONS, Plan
from federation.variables import coerce
from schema.errors import LiveInSubscription, SpilError

MOST: Final = 100  # positions of one reading
BETWEEN: Final = b"\x1e"  # between two answers of a batch: stands in no JSON text


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a seer's log."""

    epoch: int
    pos: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One answer on its way out: a whole response body, the cursor of its position, and the position."""

    pos: int
    cursor: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """An operation that goes on. Who has the same `key` reads the same bytes."""

    key: tuple[Any, ...]
    viewer: Viewer  # the seer alone: whoever subscribes is named with each reading
    plan: Plan
    variables: Variables
    batch: int  # positions of one reading, so that it weighs no more than one question
    name: str | None


class Streaming:
    """Opens and reads subscriptions, on the engine."""

    def __init__(self, engine: Engine, cursors: Cursors) -> None:
        self._engine, self._cursors = engine, cursors

    def cursor(self, seer: str, at: Position) -> str:
        return self._cursors.of(seer).close_place(at.epoch, at.pos)

    def place(self, seer: str, cursor: str, path: tuple[str | int, ...] = ()) -> Position:
        """The place that a cursor names. Raises ArgumentError(BadCursor): another party's, or another list's."""
        return Position(*self._cursors.of(seer).open_place(cursor, path))

    def open(
        self, viewer: Viewer, document: Document, given: Mapping[str, Any] | None, last: str | None = None
    ) -> tuple[Stream, Position | None]:
        """The stream, and where it begins, None for now. `last` is a cursor that goes before the argument's.

        Raises Problems, with everything that would make every reading fail.
        """
        try:
            self._engine.allow(viewer, document)
            variables = coerce(document, given or {})
            stream = self._stream(viewer, document, variables)
            cursor = last or (stream.plan.after(variables) if stream.plan.after else None)  # an empty one is no cursor
            return stream, self.place(viewer.seer, cursor, (stream.plan.root,)) if cursor is not None else None
        except ArgumentError as error:
            raise Problems(Problem(error.error, path=error.path)) from None
        except SpilError as error:
            raise Problems(Problem(error)) from None

    def _stream(self, viewer: Viewer, document: Document, variables: Variables) -> Stream:
        own = _of_after_alone(document)
        kept = {name: value for name, value in variables.items() if name not in own}
        plan = self._engine.plan(document, kept)
        if plan.layers or plan.drives:
            raise LiveInSubscription
        weight = plan.weigh(kept)
        seer = Viewer(viewer.role, viewer.party, viewer.function, scopes=frozenset({"events"}))
        plan.bind(self._engine.request(seer, plan, {**kept, EPOCH: 1, POSITIONS: []}))
        key = (viewer.seer, document.contract, document.hash, _frozen(kept))
        batch = max(1, min(MOST, plan.limits.cost // max(1, weight)))
        return Stream(key, seer, plan, kept, batch, document.name)

    async def read(
        self, stream: Stream, epoch: int, positions: Sequence[int], who: tuple[str, ...], request_id: str
    ) -> list[Frame | None]:
        """An answer for each of at most `stream.batch` positions, in their order: None where its type is not wanted.

        Raises NotThere where the log lacks one, and a SpilError for the batch.
        """
        texts = await self._texts(stream, epoch, positions, who, request_id)
        if NOT_THERE.encode() in texts:
            raise NotThere
        seal = self._cursors.of(stream.viewer.seer)
        frames: list[Frame | None] = []
        for pos, text in zip(positions, texts, strict=True):
            cursor = seal.close_place(epoch, pos)
            body = b'{"data":%s,"extensions":{"cursor":"%s"}}' % (text, cursor.encode())
            frames.append(Frame(pos, cursor, body) if text else None)
        return frames

    async def _texts(
        self, stream: Stream, epoch: int, positions: Sequence[int], who: tuple[str, ...], request_id: str
    ) -> list[bytes]:
        bound = {**stream.variables, EPOCH: epoch, POSITIONS: list(positions)}
        request = self._engine.request(stream.viewer, stream.plan, bound)
        text = await self._engine.run(stream.viewer, stream.plan, request, request_id, Answer(), who)
        return text.split(BETWEEN)

    def failed(self, stream: Stream, at: Position, error: SpilError, request_id: str) -> Frame:
        """The answer in place of an event that cannot be read: its position is told, so that it can be asked again."""
        cursor = self.cursor(stream.viewer.seer, at)
        return Frame(at.pos, cursor, refusal([Problem(error)], request_id, cursor, data=True))


class NotThere(Exception):
    """The log lacks a position of the batch: it is older than what is kept, or not yet where it is read."""


def refusal(problems: Sequence[Problem], request_id: str, cursor: str | None = None, *, data: bool = False) -> bytes:
    """A response body that is errors alone; each says the cursor to go on from."""
    errors = errors_of(problems, request_id, cursor)
    return orjson.dumps({"errors": errors} | ({"data": None, "extensions": {"cursor": cursor}} if data else {}))


def errors_of(problems: Sequence[Problem], request_id: str, cursor: str | None = None) -> list[dict[str, Any]]:
    """The errors as a client reads them."""
    told = {"cursor": cursor} if cursor else {}
    return [error_json(replace(p, details={**p.details, **told}), request_id) for p in problems]


def _of_after_alone(document: Document) -> frozenset[str]:
    """The variables that say where to begin and nothing else: who differs in them reads the same."""
    counted = _Count()
    visit(document.ast, counted)
    found = set()
    for node in document.operation.selection_set.selections:
        for argument in (node.arguments or ()) if isinstance(node, FieldNode) else ():
            if argument.name.value == "after" and isinstance(argument.value, VariableNode):
                found.add(argument.value.name.value)
    return frozenset(name for name in found if counted.uses[name] == 2)  # where it is defined, and there


class _Count(Visitor):
    """How often each variable stands in a document."""

    def __init__(self) -> None:
        super().__init__()
        self.uses: Counter[str] = Counter()

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.uses[node.name.value] += 1


def _frozen(value: Any) -> Any:
    """A value of variables as one that can be a key."""
    if isinstance(value, Mapping):
        return tuple((name, _frozen(one)) for name, one in sorted(value.items()))
    if isinstance(value, list):
        return ("list", *map(_frozen, value))
    return (type(value).__name__, value)
