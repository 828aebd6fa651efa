"""The agent's side of the connection: dials the hub, answers what it asks, and dials anew before its token ends.

Laws
1. A connection that is renewed goes on answering until the hub has the new one.
2. Whoever is not let in, or loses the hub, waits longer each time, never in step with others, and tries for ever.
3. The log says which question was answered how, never of whom.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.types import ASGIApp, Message

from schema.errors import SourceDown, SourceMalformed, SpilError
from spil.log import Sink
from wire import frames
from wire.careful import DEADLINE_HEADER
from wire.dialled import Dialled, dial
from wire.messages import Answer, Ask
from wire.tls import Tls

AT_ONCE: Final = 32  # questions that are answered at a time; more wait in the socket
FIRST, LONGEST = 1.0, 60.0  # seconds before a next try, doubled each time
STAYED: Final = 30.0  # seconds after which a connection counts as one that went well
REPLACED: Final = 4409
PATIENCE: Final = 60.0  # seconds for an answer, where the hub does not say
KNOWN: Final = frozenset({"/students", "/identities", "/identities/search"})


class Token:
    """Where tokens come from: `get` gives one to use, `renew` drops it."""

    def __init__(self, get: Callable[[], Awaitable[str]], renew: Callable[[], None]) -> None:
        self.get, self.renew = get, renew


class Dialler:
    """The way to one hub. `run` never ends by itself."""

    def __init__(self, address: str, token: Token, app: ASGIApp, log: Sink, tls: Tls | None = None) -> None:
        self._address, self._token, self._app, self._log, self._tls = address, token, app, log, tls
        self._seats = asyncio.Semaphore(AT_ONCE)
        self._now: Dialled | None = None
        self._serving: set[asyncio.Task[int]] = set()

    async def run(self) -> None:
        """Keeps a connection until cancelled."""
        failures = 0
        try:
            while True:
                began = time.monotonic()
                code = await self._once()
                failures = 0 if time.monotonic() - began > STAYED else failures + 1
                if code is not None:
                    await asyncio.sleep(_pause(failures, code))
        finally:
            for task in [*self._serving]:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def changed(self) -> None:
        """Tells the hub that there is something else to read."""
        if self._now is not None:
            with contextlib.suppress(SourceDown):
                await self._now.send(frames.CHANGED)

    async def _once(self) -> int | None:
        """One connection, until it is lost (its code) or due to be renewed (None)."""
        at = "token"
        try:
            token, at = await self._token.get(), "hub"
            line = await dial(self._address, token, self._tls)
        except SpilError as error:
            self._token.renew()
            self._log("hub-not-reached", at=at, code=error.code, what=error.message)
            return 0
        self._log("hub-reached", seconds=round(line.seconds))
        self._now = line
        serving = asyncio.create_task(self._serve(line))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        done, _ = await asyncio.wait([serving], timeout=line.seconds - min(60.0, line.seconds / 4))
        self._token.renew()
        if not done:
            return None
        self._now = None
        self._log("hub-left", closed=serving.result())
        return serving.result()

    async def _serve(self, line: Dialled) -> int:
        """Answers until the connection ends; gives its code."""
        answering: set[asyncio.Task[None]] = set()
        try:
            async for text in line:
                number, ask = frames.read_question(text)
                await self._seats.acquire()
                task = asyncio.create_task(self._answer(line, number, ask))
                answering.add(task)
                task.add_done_callback(answering.discard)
        except SourceMalformed:
            self._log("hub-malformed")
        finally:
            for task in [*answering]:
                task.cancel()
            await line.close()
        return line.code

    async def _answer(self, line: Dialled, number: int, ask: Ask) -> None:
        began = time.monotonic()
        try:
            answer = await self._told(ask)
            text = frames.answer(number, answer)
            if len(text.encode()) > frames.MOST:
                answer = Answer(500)
                text = frames.answer(number, answer)
            await line.send(text)
        except SourceDown:
            return  # the connection ended; its code says why
        finally:
            self._seats.release()
        path = ask.path.partition("?")[0]
        ms = round((time.monotonic() - began) * 1000, 2)
        self._log("answered", path=path if path in KNOWN else "another", status=answer.status, ms=ms)

    async def _told(self, ask: Ask) -> Answer:
        """The app's answer within the time that the hub gives; whatever goes wrong is a status alone."""
        given = ask.headers.get(DEADLINE_HEADER, "")
        seconds = int(given) / 1000 if given.isascii() and given.isdigit() and len(given) < 8 else PATIENCE
        try:
            async with asyncio.timeout(seconds):
                return await called(self._app, ask)
        except TimeoutError:
            return Answer(504)
        except Exception as error:  # noqa: BLE001 - an exception may quote a name
            self._log("answer-failed", error=type(error).__name__)
            return Answer(500)


def _pause(failures: int, code: int) -> float:
    """Seconds before the next try; one that another agent took the place of does not take it back at once."""
    longest = LONGEST if code == REPLACED else min(LONGEST, FIRST * 2 ** min(failures, 8))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


async def called(app: ASGIApp, ask: Ask) -> Answer:
    """What an ASGI app in this process answers to a question."""
    path, _, query = ask.path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": ask.method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in ask.headers.items()],
    }
    status, headers, body = 500, dict[str, str](), bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": ask.body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return Answer(status, headers, bytes(body))
