"""The streams of this process: who subscribes, where the logs end, and one reading for all who ask the same.

    poll heads -> Reader (one per seer, contract, document, variables) -> one statement per batch -> its subscribers

Laws
1. The log is the truth: an answer goes out because its position was read, never because something was signalled.
2. A subscriber joins a reader at the very position up to which both have read; until then it reads by itself. So it
   has no gap and no double.
3. A reading is for those who are named in the reads log: who came meanwhile reads the batch by themselves.
4. A reader whose registry is away waits; it skips nothing.
5. An epoch that is over is read to its end; then EPOCH_CHANGED says where the new one begins.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from federation.document import Problem, Problems
from federation.streaming import Frame, NotThere, Position, Stream, Streaming
from resolvers.subscriber import Subscriber
from schema.errors import CursorExpired, EpochChanged, Internal, SpilError, Unavailable

POLL: Final = 0.05  # seconds between two looks at the heads
AWAY: Final = 0.5  # seconds, while the registry is away
GRACE: Final = 0.25  # seconds that a reading waits for those who have much waiting
LOOKS: Final = 5
TRIES: Final = 3  # readings of one event that fails by itself
AT_ONCE: Final = 4  # readings at a time: the others' questions need connections too


class Head(Protocol):
    """Where a seer's log ends and begins."""

    @property
    def epoch(self) -> int: ...
    @property
    def pos(self) -> int: ...
    @property
    def kept_after(self) -> int: ...


Heads = Callable[[Sequence[str]], Awaitable[Mapping[str, Head]]]
Rest = Callable[[str, int, int, int], Awaitable[Sequence[int]]]  # seer, epoch, after, most -> positions


class _Expired(Exception):
    """What is to be read is older than what is kept, or of an epoch that is over."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head


class _Reader:
    """One reading for many. `at`: read up to here; `end`: there is something up to here.

    `moved`: its epoch is over, and this is said when each of its subscribers has the rest of it.
    """

    def __init__(self, stream: Stream, head: Head) -> None:
        self.stream, self.epoch, self.at, self.end = stream, head.epoch, head.pos, head.pos
        self.shorter = 0  # looks in a row at which the log was shorter than what was read
        self.joined: set[Subscriber] = set()
        self.catching: dict[Subscriber, asyncio.Task[None]] = {}
        self.task: asyncio.Task[None] | None = None
        self.moved: tuple[SpilError, str] | None = None

    @property
    def seer(self) -> str:
        return self.stream.viewer.seer


class Streams:
    """Made once per process; `close` ends it. `heads` asks where logs end, `streaming` reads them.

    `rest` asks what an epoch that is over still holds.
    """

    def __init__(self, streaming: Streaming, heads: Heads, rest: Rest) -> None:
        self._streaming, self._heads, self._rest = streaming, heads, rest
        self._readers: dict[Any, _Reader] = {}
        self._of: dict[Subscriber, _Reader] = {}
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._wanted = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self.readings = 0  # statements, for tests and figures

    async def join(self, stream: Stream, after: Position | None, subscriber: Subscriber) -> None:
        """Begins. Raises Problems: EPOCH_CHANGED and CURSOR_EXPIRED say the cursor to go on from; UNAVAILABLE."""
        seer = stream.viewer.seer
        try:
            head = (await self._heads([seer]))[seer]
            start = after or Position(head.epoch, head.pos)
            left = start.epoch < head.epoch and bool(await self._rest(seer, start.epoch, start.pos, 1))
        except Unavailable as error:
            raise Problems(Problem(error)) from None
        self._seen(seer, head)
        problem = None if left else self._refused(stream, start, head)
        if problem is not None:
            raise Problems(problem)
        subscriber.pos, subscriber.cursor = start.pos, self._streaming.cursor(seer, start)
        if left:
            old = _Reader(stream, head)
            old.epoch, old.moved = start.epoch, self._moved(EpochChanged(), seer, head)
            self._of[subscriber] = old
            self._read_out(old, subscriber, old.moved)
            return
        reader = self._readers.get(stream.key)
        if reader is None:
            reader = self._readers[stream.key] = _Reader(stream, head)
        self._of[subscriber] = reader
        self._add(reader, subscriber)
        self._wanted.set()
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll(), name="heads of streams")

    def leave(self, subscriber: Subscriber) -> None:
        """Ends it; a reader without subscribers ends too. Does nothing twice."""
        subscriber.leave()
        reader = self._of.pop(subscriber, None)
        if reader is None:
            return
        reader.joined.discard(subscriber)
        task = reader.catching.pop(subscriber, None)
        if task is not None:
            task.cancel()
        if not reader.joined and not reader.catching:
            self._drop(reader)

    async def close(self) -> None:
        for subscriber in list(self._of):
            self.leave(subscriber)
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.wait([self._poller])

    # ---- heads

    async def _poll(self) -> None:
        while True:
            seers = {reader.seer for reader in self._readers.values()}
            if not seers:
                self._wanted.clear()
                await self._wanted.wait()
                continue
            pause = POLL
            try:
                for seer, head in (await self._heads(list(seers))).items():
                    self._seen(seer, head)
                    self._hold_against(seer, head)
            except Unavailable:
                pause = AWAY
            await asyncio.sleep(pause)

    def _seen(self, seer: str, head: Head) -> None:
        for reader in [one for one in self._readers.values() if one.seer == seer]:
            if head.epoch > reader.epoch:
                reader.moved = why = self._moved(EpochChanged(), seer, head)
                self._drop(reader)
                for subscriber in [*reader.joined, *reader.catching]:
                    self._read_out(reader, subscriber, why)
            elif head.epoch == reader.epoch and head.pos > reader.end:
                reader.end = head.pos
                self._kick(reader)

    def _hold_against(self, seer: str, head: Head) -> None:
        """A log that ends before what was read has lost its tail: what comes would be numbered below it.

        One look may be older than another that overtook it; several in a row are not.
        """
        for reader in [one for one in self._readers.values() if one.seer == seer]:
            shorter = head.epoch < reader.epoch or (head.epoch == reader.epoch and head.pos < reader.end)
            reader.shorter = reader.shorter + 1 if shorter else 0
            if reader.shorter == LOOKS:
                self._end(reader, self._moved(EpochChanged(), seer, head))

    def _refused(self, stream: Stream, start: Position, head: Head) -> Problem | None:
        # A position that was not given yet: the log is older than the cursor, as after a restore.
        if start.epoch != head.epoch or start.pos > head.pos:
            error: SpilError = EpochChanged()
        elif start.pos < head.kept_after:
            error = CursorExpired()
        else:
            return None
        told, cursor = self._moved(error, stream.viewer.seer, head)
        return Problem(told, path=(stream.plan.root,), details={"cursor": cursor})

    def _moved(self, error: SpilError, seer: str, head: Head) -> tuple[SpilError, str]:
        return error, self._streaming.cursor(seer, Position(head.epoch, head.kept_after))

    # ---- readers

    def _add(self, reader: _Reader, subscriber: Subscriber) -> None:
        if subscriber.pos < reader.at:
            reader.catching[subscriber] = asyncio.create_task(self._catch_up(reader, subscriber))
        else:
            reader.joined.add(subscriber)
            self._kick(reader)

    def _kick(self, reader: _Reader) -> None:
        if reader.task is None and reader.joined and reader.at < reader.end:
            reader.task = asyncio.create_task(self._read_on(reader))

    def _drop(self, reader: _Reader) -> None:
        if self._readers.get(reader.stream.key) is reader:
            del self._readers[reader.stream.key]
        if reader.task is not None and reader.task is not asyncio.current_task():
            reader.task.cancel()

    def _end(self, reader: _Reader, why: tuple[SpilError, str]) -> None:
        for subscriber in [*reader.joined, *reader.catching]:
            self._finish(subscriber, why)

    def _finish(self, subscriber: Subscriber, why: tuple[SpilError, str]) -> None:
        reader = self._of.pop(subscriber, None)
        if reader is None:
            return
        reader.joined.discard(subscriber)
        task = reader.catching.pop(subscriber, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        subscriber.finish(*why)
        if not reader.joined and not reader.catching:
            self._drop(reader)

    async def _read_on(self, reader: _Reader) -> None:
        """Reads to the end, for all who have joined."""
        try:
            while reader.at < reader.end and reader.joined:
                readers = frozenset(reader.joined)
                upto = min(reader.at + reader.stream.batch, reader.end)
                who = tuple(sorted({one.who for one in readers}))
                frames = await self._read(reader, range(reader.at + 1, upto + 1), who)
                await _made_room(readers)
                reader.at = upto
                for one in readers & reader.joined:
                    one.take(frames, upto)
                for one in reader.joined - readers:  # law 3
                    reader.joined.discard(one)
                    self._add(reader, one)
                self._forget(readers)
        except _Expired as expired:
            if reader.moved is None:
                self._end(reader, self._moved(CursorExpired(), reader.seer, expired.head))
        finally:
            reader.task = None
        self._kick(reader)

    async def _catch_up(self, reader: _Reader, subscriber: Subscriber) -> None:
        """Reads for one, at its own pace, until it stands where the reader does."""
        try:
            while subscriber.pos < reader.at and not subscriber.over:
                room = subscriber.room()
                if room is not None:
                    await room
                    continue
                upto = min(subscriber.pos + reader.stream.batch, reader.at)
                frames = await self._read(reader, range(subscriber.pos + 1, upto + 1), (subscriber.who,))
                subscriber.take(frames, upto)
        except _Expired as expired:
            if reader.moved is None:
                self._finish(subscriber, self._moved(CursorExpired(), reader.seer, expired.head))
            return
        if reader.catching.pop(subscriber, None) is None:
            return
        if subscriber.over:
            self._forget([subscriber])
        else:
            self._add(reader, subscriber)

    def _read_out(self, reader: _Reader, subscriber: Subscriber, why: tuple[SpilError, str]) -> None:
        """Lets it read the rest of an epoch that is over, by itself."""
        reader.joined.discard(subscriber)
        task = reader.catching.get(subscriber)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        reader.catching[subscriber] = asyncio.create_task(self._to_the_end(reader, subscriber, why))

    async def _to_the_end(self, reader: _Reader, subscriber: Subscriber, why: tuple[SpilError, str]) -> None:
        while not subscriber.over:
            room = subscriber.room()
            if room is not None:
                await room
                continue
            try:
                positions = await self._rest(reader.seer, reader.epoch, subscriber.pos, reader.stream.batch)
                if not positions:
                    self._finish(subscriber, why)
                    return
                frames = await self._read(reader, positions, (subscriber.who,))
            except (_Expired, Unavailable) as error:  # aged meanwhile, or the registry is away
                await asyncio.sleep(AWAY if isinstance(error, Unavailable) else POLL)
                continue
            subscriber.take(frames, positions[-1])
        reader.catching.pop(subscriber, None)
        self._forget([subscriber])

    def _forget(self, subscribers: Any) -> None:
        """Lets go of those that are over: nothing more is read for them."""
        for one in subscribers:
            reader = self._of.get(one)
            if one.over and reader is not None:
                del self._of[one]
                reader.joined.discard(one)
                if not reader.joined and not reader.catching:
                    self._drop(reader)

    async def _read(self, reader: _Reader, positions: Sequence[int], who: tuple[str, ...]) -> list[Frame | None]:
        """Answers for all of them. Waits while the registry is away. Raises _Expired."""
        tries = 0
        while True:
            try:
                async with self._limit:
                    self.readings += 1
                    return await self._streaming.read(reader.stream, reader.epoch, positions, who, secrets.token_hex(8))
            except NotThere:
                await self._look(reader, positions[0])
            except Unavailable:
                await asyncio.sleep(AWAY)
            except Exception as broken:  # noqa: BLE001 - of whatever kind: the event's place says so, and the stream goes on
                error = broken if isinstance(broken, SpilError) else Internal()
                if len(positions) > 1:  # one of them may be at fault: the others are read without it
                    half = len(positions) // 2
                    first = await self._read(reader, positions[:half], who)
                    return first + await self._read(reader, positions[half:], who)
                tries += 1
                if tries == TRIES:
                    at = Position(reader.epoch, positions[0])
                    return [self._streaming.failed(reader.stream, at, error, secrets.token_hex(8))]
                await asyncio.sleep(POLL)

    async def _look(self, reader: _Reader, first: int) -> None:
        """Why a position is not there: too old, numbered anew, or not yet where it is read."""
        with contextlib.suppress(Unavailable):
            head = (await self._heads([reader.seer]))[reader.seer]
            if head.epoch == reader.epoch and first <= head.kept_after:
                raise _Expired(head)
            self._seen(reader.seer, head)
            if reader.moved is not None:
                raise _Expired(head)
        await asyncio.sleep(POLL)


async def _made_room(subscribers: frozenset[Subscriber]) -> None:
    """Waits a little for those who have much waiting; those who make none are not waited for again."""
    crowded = {one: one.room() for one in subscribers if one.crowded and not one.tardy}
    waits = [room for room in crowded.values() if room is not None]
    if waits:
        _, late = await asyncio.wait(waits, timeout=GRACE)
        for one, room in crowded.items():
            one.tardy = room in late
