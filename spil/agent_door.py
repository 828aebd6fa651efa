"""`/agent/<source>`: where a school's agent connects, to be asked over the connection that it dialled.

    4400 a frame that was not agreed    4401 the token has ended    4403 no longer allowed    4409 a newer connection
    1003 binary    1007 no UTF-8    1009 too large    1011 no answer to a ping    1012 this gateway ends

Laws
1. Who connects is settled before the connection is accepted: a token with scope `harvest`, of the source's school. What
   is refused is an HTTP answer. Another party's source and one that does not exist are the same answer.
2. A browser has no business here: whatever sends an Origin is refused.
3. A connection lasts no longer than its token, and than the trust in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from starlette.types import Message, Receive, Scope, Send

from auth.viewer import Role, Viewer
from registry.sources import Source
from schema.errors import Forbidden, Internal, NotFound, SourceMalformed, SpilError, Unauthenticated, Unavailable
from spil.agent_readings import Readings
from spil.agents import Line
from spil.edge import answer_error
from spil.incoming import Callers, source_of
from spil.log import Sink
from spil.partners import AGENT
from wire import frames
from wire.dialled import SECONDS_HEADER

PATH: Final = "/agent/"
STATUS: Final[Mapping[str, int]] = {"FORBIDDEN": 403, "NOT_FOUND": 404}
BROKEN, BINARY, FRAME, TOKEN, RIGHT, NEWER = 1011, 1003, 4400, 4401, 4403, 4409
LINGER: Final = 5.0  # seconds that a replaced connection has for what was asked of it


class AgentDoor:
    """The ASGI app behind `/agent/<source>`. `check`: seconds between two looks at the trust in a caller."""

    check: ClassVar[float] = 15.0

    def __init__(self, worker_url: str, callers: Callers, readings: Readings, log: Sink) -> None:
        self._url, self._callers, self._log = worker_url, callers, log
        self._readings, self._agents = readings, readings.agents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said: dict[str, Any] = {}
        try:
            source, viewer = await self._let_in(scope, said)
        except Exception as error:  # noqa: BLE001 - nobody above this would keep its words from the log
            problem = error if isinstance(error, SpilError) else Internal()
            self._log("agent-refused", code=problem.code, **said)
            await _refuse(receive, send, problem)
            return
        await receive()
        seconds = str(max(1, int((viewer.expires or 0.0) - time.time())))
        headers = [(SECONDS_HEADER.encode(), seconds.encode())]
        try:
            await send({"type": "websocket.accept", "headers": headers})
            await self._hold(source, scope, viewer.expires or 0.0, receive, send)
        except OSError:
            pass  # it went while it came, or while it was told to go
        except Exception as error:  # noqa: BLE001 - as above
            self._log("agent-broke", source=source.key, error=type(error).__name__)
            with contextlib.suppress(OSError, RuntimeError):
                await send({"type": "websocket.close", "code": BROKEN})

    async def _let_in(self, scope: Scope, said: dict[str, Any]) -> tuple[Source, Viewer]:
        if any(name == b"origin" for name, _ in scope["headers"]):
            raise Forbidden("No browser connects here.")
        viewer = await self._callers.bringer(scope, said, "harvest")
        if not _may(viewer):
            raise Forbidden("A school's own agent connects here, with scope harvest.")
        source = await source_of(self._url, viewer, str(scope["path"]).removeprefix(PATH))
        if source.base_url != AGENT:
            raise NotFound
        return source, viewer

    async def _hold(self, source: Source, scope: Scope, until: float, receive: Receive, send: Send) -> None:
        line = Line(lambda text: send({"type": "websocket.send", "text": text}))
        self._agents.join(source.key, line)
        self._log("agent-joined", source=source.key, party=source.party)

        def changed() -> None:
            if source.harvests and source.state == "ACTIVE":
                self._readings.want(source.key)

        changed()
        ends = [
            asyncio.ensure_future(_listen(receive, line, changed)),
            asyncio.ensure_future(self._judge(scope, until)),
            asyncio.ensure_future(_replaced(line)),
        ]
        code: int | None = None
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            code = next(iter(done)).result()
        finally:
            for end in ends:
                end.cancel()
            self._agents.leave(source.key, line)
            self._log("agent-left", source=source.key, closed=code, asked=line.asked)
        if code is not None:
            await send({"type": "websocket.close", "code": code})

    async def _judge(self, scope: Scope, until: float) -> int:
        """Ends when the caller's token or right does; while the trust is not known, what it was stands."""
        while True:
            try:
                viewer = await self._callers.again(scope)
            except Unauthenticated:
                return TOKEN
            except Unavailable:
                if time.time() >= until:
                    return TOKEN
            else:
                if not _may(viewer):
                    return RIGHT
            await asyncio.sleep(max(0.0, min(self.check, until - time.time())))


def _may(viewer: Viewer) -> bool:
    return viewer.role is Role.SCHOOL and bool(viewer.seer) and "harvest" in viewer.scopes


async def _listen(receive: Receive, line: Line, changed: Callable[[], None]) -> int | None:
    """Takes what the agent sends; gives the code to close with, None when the agent closed."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return None
        if message.get("text") is None:
            return BINARY
        try:
            told = frames.read_answer(message["text"])
            if told is None:
                changed()
            else:
                line.take(*told)
        except SourceMalformed:
            return FRAME


async def _replaced(line: Line) -> int:
    await line.replaced.wait()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(line.idle.wait(), LINGER)
    return NEWER


async def _refuse(receive: Receive, send: Send, error: SpilError) -> None:
    """Says no as HTTP does, before there is a connection."""

    async def answer(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await receive()
    await answer_error(answer, error, secrets.token_hex(8), status=STATUS.get(error.code))
