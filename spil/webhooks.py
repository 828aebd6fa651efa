"""The webhook loop: leases what is due, has it rendered as its receiver, signs and sends it, settles what came of it.

    lease -> render (as that seer, under today's rights) -> sign, POST -> settle
                                                              `-> DONE | AGAIN by the schedule | LATER | DEAD

Laws
1. What leaves is rendered after it was leased, for every try: a right that ended meanwhile withholds it.
2. Nothing is sent under a lease that may end before the answer: two deliverers never send one event at the same time.
3. Any number of these loops may run; what one of them loses, by a kill too, another one delivers when its lease ends.
4. A log line holds the seer, the endpoint's id, the position and a code: no address, and nobody.
5. What goes wrong with one delivery, also while it is written down, is that one's alone: nothing stops the others.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final, Protocol
from uuid import UUID

import orjson

from events.cloud import MEDIA_TYPE, Origin, challenge, cloud_event, trial_event
from events.schedule import CHALLENGE, SCHEDULE, pause_after
from events.signing import Safe, message_id, signed_headers
from registry.deliveries import Deliveries, Leased, Settled
from schema.errors import Forbidden, Internal, SpilError, TooSlow, Unavailable
from spil.log import Sink
from wire.hooks import Hooks, Tried

DEADLINE: Final = 10.0  # seconds of one try
LEASE: Final = 30.0  # seconds: rendering, one try, and settling
MOST, EACH = 512, 16  # deliveries out at a time: in all, to one endpoint
SPARE: Final = 128  # of MOST, for endpoints to which nothing is out: where many hang, the others do not wait for them
BUSY, IDLE = 0.02, 0.05  # seconds between two looks
AGAIN: Final = 1.0  # seconds after a database that is away
WAIT: Final = 60.0  # seconds until a party that may have nothing now is looked at again
GRACE: Final = 2.0  # seconds that a stopping loop waits for answers
FORGET_EVERY, KEPT_DAYS = 3600.0, 7
FORGET_MOST: Final = 1000  # in one look
SWEEP_EVERY = 5.0
PASSING: Final = frozenset({"TIMEOUT", "UNREACHABLE", "429", "500", "502", "503", "504"})  # of a challenge: once more


class Render(Protocol):
    """The one way out: events of a seer's log, as that seer's contract gives them now."""

    async def __call__(self, seer: str, epoch: int, positions: Sequence[int]) -> Sequence[Mapping[str, Any]]:
        """Each as `Event` of the graph, with its `pos`. Raises Forbidden where the party may have nothing now."""
        ...


class Webhooks:
    """One loop. `oin` names this hub in what it sends."""

    def __init__(
        self,
        deliveries: Deliveries,
        render: Render,
        hooks: Hooks,
        safe: Safe,
        oin: str,
        log: Sink,
        *,
        uniform: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._deliveries, self._render, self._hooks = deliveries, render, hooks
        self._safe, self._oin, self._log, self._uniform, self._clock = safe, oin, log, uniform, clock
        self._settled: list[Settled] = []
        self._held: dict[tuple[UUID, int, int], Leased] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._forget_at = self._sweep_at = 0.0

    async def run(self) -> None:
        """Delivers until it is cancelled; then waits a moment for answers, and gives back what has none."""
        try:
            while True:
                try:
                    pause = BUSY if await self.look() else IDLE
                except Exception as error:  # noqa: BLE001 - the database may be away; leases end by themselves
                    self._log("webhooks-waiting", error=type(error).__name__)
                    pause = AGAIN
                await asyncio.sleep(pause)
        finally:
            await self._let_go()

    async def look(self) -> bool:
        """Settles what has come, and begins what is due. Whether there was anything."""
        settled, leased = await self._settle(), []
        room = MOST - len(self._held)
        if room > 0:
            until = asyncio.get_running_loop().time() + LEASE - DEADLINE
            most, each = (room - SPARE, EACH) if room > SPARE else (room, 1)
            leased = await self._deliveries.lease(most, each, LEASE)
            self._held |= {_key(one): one for one in leased}
            for _, group in groupby(leased, key=lambda one: (one.seer, one.epoch)):
                task = asyncio.create_task(self._deliver(list(group), until))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        await self._forget()
        return settled or bool(leased)

    async def drained(self) -> None:
        """Returns when nothing is out, and all that came is settled."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._settle()

    # ---- what came of leases

    def _tell(self, leased: Leased, outcome: str, code: str | None = None, pause: float = 0.0) -> None:
        if self._held.pop(_key(leased), None) is not None:
            self._settled.append(Settled(leased, outcome, code, pause))

    def _fail(self, leased: Leased, tried: Tried, schedule: tuple[float, ...] = SCHEDULE) -> None:
        pause = pause_after(leased.tries + 1, tried.wait, self._uniform, schedule)
        if pause is None:
            self._tell(leased, "DEAD", tried.code)
        else:
            self._tell(leased, "AGAIN", tried.code, pause)

    async def _settle(self) -> bool:
        """Writes all that came, in parts where it cannot be at once; it stays here while the database is away."""
        anything, most = bool(self._settled), len(self._settled)
        while self._settled:
            part = self._settled[:most]
            try:
                lost = await self._deliveries.settle(part)
            except Internal:
                most = len(part) // 2
                if not most:
                    most, self._settled[:1] = 1, self._unwritten(part[0])
                continue
            del self._settled[: len(part)]
            most *= 2
            for one in part:
                if one in lost:
                    self._log("webhook-lease-lost", **_named(one.leased))
                elif one.outcome == "DEAD":
                    self._log("webhook-dead", **_named(one.leased), code=one.code)
        return anything

    def _unwritten(self, one: Settled) -> list[Settled]:
        """What is written instead: the same, with a code that is sound; or nothing, and its lease ends by itself."""
        self._log("webhook-broken", error="UNWRITTEN", **_named(one.leased))
        return [] if one.code == "INTERNAL" else [replace(one, code="INTERNAL", pause=max(one.pause, WAIT))]

    async def _let_go(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for leased in list(self._held.values()):
            self._tell(leased, "LATER")
        try:
            async with asyncio.timeout(GRACE):
                await self._settle()
        except Exception as error:  # noqa: BLE001 - the leases end by themselves
            self._log("webhooks-waiting", error=type(error).__name__)

    async def _forget(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            if swept := await self._deliveries.sweep():
                self._log("webhooks-swept", dead=swept)
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY
            if await self._deliveries.forget(KEPT_DAYS, FORGET_MOST) >= FORGET_MOST:
                self._forget_at = now  # there may be more: at the next look

    # ---- one group: of one seer and epoch, rendered together

    async def _deliver(self, group: list[Leased], until: float) -> None:
        if group[0].epoch == 0:
            await asyncio.gather(*(self._kept([one], self._own(one, until)) for one in group))
        else:
            await self._kept(group, self._events(group, until))

    async def _kept(self, group: list[Leased], work: Awaitable[None]) -> None:
        """Does `work`; where it is not done, those of this group that are still held are for later."""
        try:
            await work
        except Forbidden:
            self._put_off(group, "NO_AGREEMENT", WAIT)
        except SpilError as error:
            self._put_off(group, error.code, AGAIN)
        except Exception as error:  # noqa: BLE001 - one that is broken is tried again, and holds up no other
            self._log("webhook-broken", error=type(error).__name__, **_named(group[0]))
            self._put_off(group, "INTERNAL", WAIT)

    def _put_off(self, group: list[Leased], code: str, pause: float) -> None:
        for one in group:
            self._tell(one, "LATER", code, pause)

    async def _events(self, group: list[Leased], until: float) -> None:
        positions = sorted({one.pos for one in group})
        by_pos, broken = await self._rendered(group[0], positions)
        for one in [one for one in group if one.pos in broken]:
            self._fail(one, Tried(broken[one.pos]))
        whole = [one for one in group if one.pos not in broken]
        await asyncio.gather(*(self._kept([one], self._event(one, by_pos.get(one.pos), until)) for one in whole))

    async def _rendered(
        self, first: Leased, positions: Sequence[int]
    ) -> tuple[dict[int, Mapping[str, Any]], dict[int, str]]:
        """The events by position, and the code of each that cannot be rendered by itself: that is a try of its own.

        Raises what is no single event's fault.
        """
        try:
            events = await self._render(first.seer, first.epoch, positions)
        except (Forbidden, Unavailable, TooSlow):
            raise
        except Exception as error:  # noqa: BLE001 - of whatever kind: one of them may be at fault
            if len(positions) == 1:
                self._log("webhook-broken", error=type(error).__name__, **_named(first, positions[0]))
                return {}, {positions[0]: error.code if isinstance(error, SpilError) else "INTERNAL"}
            half = len(positions) // 2
            good, bad = await self._rendered(first, positions[:half])
            more, worse = await self._rendered(first, positions[half:])
            return good | more, bad | worse
        return {event["pos"]: event for event in events}, {}

    async def _event(self, leased: Leased, event: Mapping[str, Any] | None, until: float) -> None:
        if event is None:
            self._fail(leased, Tried("NOT_RENDERED"))
        elif leased.filtered and event.get("withheld"):
            self._tell(leased, "DONE", "WITHHELD")  # the filter would tell its type
        else:
            body = cloud_event({**event, "epoch": leased.epoch}, Origin(self._oin, leased.stream))
            tried = await self._post(leased, body, MEDIA_TYPE, until)
            if tried is None:
                self._tell(leased, "LATER", "LATE")
            elif tried.code == "410":
                await self._end(leased, "DISABLED", "GONE", tried.code)
            elif tried.ok:
                self._tell(leased, "DONE", tried.code)
            else:
                self._fail(leased, tried)

    # ---- what is no event

    async def _own(self, leased: Leased, until: float) -> None:
        if leased.pos == 1:
            await self._challenge(leased, until)
            return
        now = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        tried = await self._post(
            leased, trial_event(leased.pos, Origin(self._oin, leased.stream), now), MEDIA_TYPE, until
        )
        if tried is None:
            self._tell(leased, "LATER", "LATE")
        elif tried.code == "410":
            await self._end(leased, "DISABLED", "GONE", tried.code)
        else:  # it tells how it went, and is not repeated
            self._tell(leased, "DONE" if tried.ok else "DEAD", tried.code)

    async def _challenge(self, leased: Leased, until: float) -> None:
        text = secrets.token_urlsafe(32)
        tried = await self._post(leased, challenge(text), "application/json", until)
        if tried is None:
            self._tell(leased, "LATER", "LATE")
        elif tried.ok and _echoed(tried.body, text):
            await self._deliveries.verified(leased.webhook)
            self._tell(leased, "DONE", tried.code)
            self._log("webhook-verified", **_named(leased))
        elif tried.code in PASSING and leased.tries + 1 < len(CHALLENGE):
            self._fail(leased, tried, CHALLENGE)
        else:
            reason = "WRONG_ANSWER" if tried.ok else tried.code if tried.code == "NOT_ALLOWED" else "NO_ANSWER"
            await self._end(leased, "FAILED", reason, tried.code)

    async def _post(self, leased: Leased, body: Mapping[str, Any], kind: str, until: float) -> Tried | None:
        """One try; None where the lease may end before its answer comes, or this hub had no turn for it."""
        try:
            keys = [self._safe.open(leased.webhook, sealed) for sealed in leased.keys]
        except Internal:
            return Tried("KEY_UNUSABLE")
        if asyncio.get_running_loop().time() > until:
            return None
        text, message = orjson.dumps(body), message_id(leased.webhook, leased.epoch, leased.pos)
        headers = signed_headers(message, int(self._clock()), text, keys)
        party = leased.seer.partition("#")[0]
        tried = await self._hooks.post(leased.url, {**headers, "content-type": kind}, text, DEADLINE, party)
        return tried if tried.made else None

    async def _end(self, leased: Leased, state: str, reason: str, code: str) -> None:
        await self._deliveries.end(leased.webhook, state, reason)
        self._tell(leased, "DEAD", code)
        self._log("webhook-ended", **_named(leased), reason=reason)


def _key(leased: Leased) -> tuple[UUID, int, int]:
    return leased.webhook, leased.epoch, leased.pos


def _named(leased: Leased, pos: int | None = None) -> dict[str, str]:
    place = f"{leased.epoch}.{leased.pos if pos is None else pos}"
    return {"seer": leased.seer, "webhook": str(leased.webhook), "position": place}


def _echoed(body: bytes, text: str) -> bool:
    try:
        answer = orjson.loads(body)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("challenge") == text
