"""uvicorn's WebSocket protocol, with a size that depends on the door, and silent.

Law: nothing of a frame reaches a log. uvicorn would write a stack trace over one that is no UTF-8.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from wire import frames

STALLED: Final = 30.0  # seconds that somebody may take nothing of what is sent
LARGER: Final = ("/agent/", frames.MOST)  # what an agent answers; all other doors have the server's own limit


class Sockets(WebSocketsSansIOProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = logging.getLogger("spil.sockets")
        self.logger.setLevel(logging.CRITICAL + 1)

    _stall: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(STALLED, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stall is not None:
            self._stall.cancel()
        super().connection_lost(exc)

    def handle_connect(self, event: Any) -> None:
        prefix, most = LARGER
        if event.path.startswith(prefix):
            self.conn.max_message_size = most
        super().handle_connect(event)
