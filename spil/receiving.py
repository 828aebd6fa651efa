"""uvicorn's HTTP protocol with a deadline for the client: without one, half a header holds a connection for ever.

Law: from the connection, from the end of an answer, and from the first byte of a request, a whole request is there
within `within` seconds, or the connection is closed. An answer that is under way has no part in it. What a source
brings (`/harvest/`) may take longer: there each piece has its seconds, and the whole `longest`.
Who takes nothing of an answer for `stalled` seconds is cut off. A stream ends with the server: its client comes back.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

STREAM: Final = "spil.stream"  # in the scope of a response that has no end


class Receiving(HttpToolsProtocol):
    """One connection. The timer runs while something of a request is still to come."""

    within: ClassVar[float] = 10.0  # seconds
    longest: ClassVar[float] = 900.0  # seconds, of what a source brings
    stalled: ClassVar[float] = 30.0  # seconds
    _timer: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _until = 0.0  # the loop's time; 0 where a request has no more than `within`

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        self._arm()

    def on_message_begin(self) -> None:
        self._disarm()  # what is left of an idle connection's time is not the request's
        self._arm()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.url.startswith(b"/harvest/"):
            self._until = self.loop.time() + self.longest

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self._timer is not None and self.loop.time() < self._until and not self.cycle.response_complete:
            self._disarm()
            self._arm()

    def on_message_complete(self) -> None:
        self._until = 0.0
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            # uvicorn's own timer for an idle connection ends at any byte, also at one that begins no request.
            self._arm()

    def handle_websocket_upgrade(self) -> None:
        self._disarm()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if self._stall is not None:
            self._stall.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(self.stalled, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def shutdown(self) -> None:
        if STREAM in (self.scope or ()):
            self.transport.close()
        else:
            super().shutdown()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.within, self._close)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()
