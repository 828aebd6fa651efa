"""uvicorn's WebSocket protocol, with a size that depends on the door, and silent.

Laws
1. Nothing of a frame reaches a log. uvicorn would write a stack trace over one that is no UTF-8.
2. A connection that ends is gone within `LEAVING` seconds, whatever its peer has not taken: closing alone waits for
   what is still to be sent, and for a peer that vanished that is for ever. Who answers no ping is gone at once.
3. What a peer can make this side hold is bounded: it is not read from while it leaves the answers to its pings, and a
   message has no more than `PIECES` pieces.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from wire import frames

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent

STALLED: Final = 30.0  # seconds that somebody may take nothing of what is sent
LEAVING: Final = 15.0  # seconds that the end of a connection may take
WAITING: Final = 16 << 10  # bytes that wait in this process before a sender is held up: they cannot be taken back
PIECES: Final = 4096
TOO_LARGE: Final = 1009
LARGER: Final = ("/agent/", frames.MOST)  # what an agent answers; all other doors have the server's own limit


class Sockets(WebSocketsSansIOProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = logging.getLogger("spil.sockets")
        self.logger.setLevel(logging.CRITICAL + 1)

    _stall: asyncio.TimerHandle | None = None
    _leaving: asyncio.TimerHandle | None = None
    _choked = False  # not read from until it has taken what waits

    # ---- what waits for the peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=WAITING)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(STALLED, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        if self._choked:
            self._choked = False
            if not self.read_paused:
                self.transport.resume_reading()

    def handle_ping(self) -> None:
        super().handle_ping()
        if not self.writable.is_set():
            self._choked = True
            self.transport.pause_reading()

    async def receive(self) -> ASGIReceiveEvent:
        message = await super().receive()
        if self._choked:
            self.transport.pause_reading()  # which uvicorn has just resumed
        return message

    def handle_cont(self, event: Any) -> None:
        if self.close_sent:
            return
        super().handle_cont(event)
        if len(self.frames) > PIECES:
            self.frames = []
            self.conn.fail(TOO_LARGE)
            self.handle_parser_exception()

    # ---- how it ends

    async def send(self, message: ASGISendEvent) -> None:
        """Raises ClientDisconnected also where this side is closing: for who sends that is the same."""
        try:
            await super().send(message)
        except RuntimeError:
            if not self.close_sent:
                raise
            raise ClientDisconnected from None
        self._leave_soon()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self._leave_soon()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._leave_soon()

    def shutdown(self) -> None:
        super().shutdown()
        self._leave_soon()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    def _leave_soon(self) -> None:
        if self._leaving is None and not self.disconnected and (self.close_sent or self.transport.is_closing()):
            self._leaving = self.loop.call_later(LEAVING, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._stall, self._leaving):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def handle_connect(self, event: Any) -> None:
        prefix, most = LARGER
        if event.path.startswith(prefix):
            self.conn.max_message_size = most
        super().handle_connect(event)
