"""The streams of this process: who subscribes, where the logs end, and one reading for all who ask the same.

    poll heads -> Reader (one per seer, contract, document, variables) -> one statement per batch -> its subscribers

Laws
1. The log is the truth: an answer goes out because its position was read, never because something was signalled.
2. A subscriber joins a reader at the very position up to which both have read; until then it reads by itself. So it
   has no gap and no double.
3. A reading is for those who are named in the reads log: who came meanwhile reads the batch by themselves.
4. A reader whose registry is away waits; it skips nothing.
5. An epoch that is over is read to its end; then EPOCH_CHANGED says where the next one begins. What is too old in it
   is CURSOR_EXPIRED and never a silent hole. From where to go on is one rule, the pages' too: `moved` asks it.
6. Who catches up is read for as it takes: so many at a time as go out while they are fresh (resolvers/subscriber.py).
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
from schema.errors import CursorExpired, CursorMoved, EpochChanged, Internal, SpilError, Unavailable

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
Moved = Callable[[str, int, int], Awaitable[CursorMoved | None]]  # seer, epoch, pos -> why it leads nowhere


class Say(Protocol):
    """Writes a line of the log."""

    def __call__(self, event: str, **said: Any) -> None: ...


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
        self.moved = False

    @property
    def seer(self) -> str:
        return self.stream.viewer.seer


class Streams:
    """Made once per process; `close` ends it. `heads` asks where logs end, `streaming` reads them.

    `rest` asks what an epoch that is over still holds, `moved` whether a place leads on; `say` writes to the log.
    """

    def __init__(self, streaming: Streaming, heads: Heads, rest: Rest, moved: Moved, say: Say) -> None:
        self._streaming, self._heads, self._rest, self._moved, self._say = streaming, heads, rest, moved, say
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
            # In this order: a place that led on in the head's epoch is one that the head has.
            moved = await self._moved(seer, after.epoch, after.pos) if after else None
            head = (await self._heads([seer]))[seer]
        except Unavailable as error:
            raise Problems(Problem(error)) from None
        self._seen(seer, head)
        if moved is not None:
            raise Problems(Problem(moved, path=(stream.plan.root,), details={"cursor": self._cursor(seer, moved)}))
        start = after or Position(head.epoch, head.pos)
        subscriber.pos, subscriber.cursor = start.pos, self._streaming.cursor(seer, start)
        if start.epoch != head.epoch:
            old = self._of[subscriber] = _Reader(stream, head)
            old.epoch, old.moved = start.epoch, True
            self._read_out(old, subscriber)
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
            except Exception as broken:  # noqa: BLE001 - without this loop every stream falls silent
                self._say("loop broke", loop="streams", why=type(broken).__name__, again_in=AWAY)
                pause = AWAY
            await asyncio.sleep(pause)

    def _seen(self, seer: str, head: Head) -> None:
        for reader in [one for one in self._readers.values() if one.seer == seer]:
            if head.epoch > reader.epoch:
                reader.moved = True
                self._drop(reader)
                for subscriber in [*reader.joined, *reader.catching]:
                    self._read_out(reader, subscriber)
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
                self._end(reader, EpochChanged(place=(head.epoch, head.kept_after)))

    def _cursor(self, seer: str, moved: CursorMoved) -> str:
        return self._streaming.cursor(seer, Position(*moved.place)) if moved.place else ""

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

    def _end(self, reader: _Reader, why: CursorMoved) -> None:
        for subscriber in [*reader.joined, *reader.catching]:
            self._finish(subscriber, why)

    def _finish(self, subscriber: Subscriber, why: CursorMoved) -> None:
        reader = self._of.pop(subscriber, None)
        if reader is None:
            return
        reader.joined.discard(subscriber)
        task = reader.catching.pop(subscriber, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        subscriber.finish(why, self._cursor(reader.seer, why))
        if not reader.joined and not reader.catching:
            self._drop(reader)

    async def _read_on(self, reader: _Reader) -> None:
        """Reads to the end, for all who have joined."""
        try:
            while reader.at < reader.end and reader.joined:
                await _made_room(frozenset(reader.joined))  # before the reading: what was read is fresh
                readers = frozenset(reader.joined)
                if not readers:
                    break
                upto = min(reader.at + reader.stream.batch, reader.end)
                who = tuple(sorted({one.who for one in readers}))
                frames = await self._read(reader, range(reader.at + 1, upto + 1), who)
                reader.at = upto
                for one in readers & reader.joined:
                    one.take(frames, upto)
                for one in reader.joined - readers:  # law 3
                    reader.joined.discard(one)
                    self._add(reader, one)
                self._forget(readers)
        except _Expired as expired:
            if not reader.moved:
                self._end(reader, CursorExpired(place=(expired.head.epoch, expired.head.kept_after)))
        finally:
            reader.task = None
        self._kick(reader)

    async def _catch_up(self, reader: _Reader, subscriber: Subscriber) -> None:
        """Reads for one, at its own pace, until it stands where the reader does."""
        try:
            while subscriber.pos < reader.at and not subscriber.over:
                portion = await subscriber.portion(reader.stream.batch)
                if subscriber.over:
                    break
                upto = min(subscriber.pos + portion, reader.at)
                frames = await self._read(reader, range(subscriber.pos + 1, upto + 1), (subscriber.who,))
                subscriber.take(frames, upto)
        except _Expired as expired:
            if not reader.moved:
                self._finish(subscriber, CursorExpired(place=(expired.head.epoch, expired.head.kept_after)))
            return
        if reader.catching.pop(subscriber, None) is None:
            return
        if subscriber.over:
            self._forget([subscriber])
        else:
            self._add(reader, subscriber)

    def _read_out(self, reader: _Reader, subscriber: Subscriber) -> None:
        """Lets it read the rest of an epoch that is over, by itself."""
        reader.joined.discard(subscriber)
        task = reader.catching.get(subscriber)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        reader.catching[subscriber] = asyncio.create_task(self._to_the_end(reader, subscriber))

    async def _to_the_end(self, reader: _Reader, subscriber: Subscriber) -> None:
        seer, epoch = reader.seer, reader.epoch
        while not subscriber.over:
            portion = await subscriber.portion(reader.stream.batch)
            if subscriber.over:
                break
            try:
                positions = await self._rest(seer, epoch, subscriber.pos, portion)
                # Asked after them: what still follows without a hole did so then.
                moved = await self._moved(seer, epoch, subscriber.pos)
                if moved is not None or not positions:
                    self._finish(subscriber, moved or EpochChanged(place=(epoch, subscriber.pos)))
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
            if reader.moved:
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
