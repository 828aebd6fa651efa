"""Cursors: the keys of a row, sealed to who asks, to the list and to its order.

AES-SIV (RFC 5297): deterministic, so one place has one cursor, and misuse-resistant, so it needs no nonce.

Laws
1. A cursor opens only for the seer, list and order that it was made for; all else is BAD_CURSOR.
2. A cursor tells nothing: two seers' cursors of one young person share no value.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from federation.build import ArgumentError
from schema.errors import BadCursor

SEPARATOR = "\x1f"
SEPARATOR_SQL = r"E'\x1f'"  # the same, as a statement writes it
LOG = "Query.events:POS:ASC"  # the label of every cursor of the log, wherever it is shown: as the page's


class Cursors:
    """Makes the seal of each seer. `key` is 32, 48 or 64 bytes, the same on every gateway."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def of(self, seer: str | None) -> Seal:
        return Seal(self._cipher, (seer or "").encode())


class Seal:
    """Seals and opens the cursors of one seer."""

    def __init__(self, cipher: AESSIV, seer: bytes) -> None:
        self._cipher, self._seer = cipher, seer

    def close(self, label: str) -> Callable[[bytes], bytes]:
        """A function from a row's keys, as the statement wrote them, to the cursor's text."""
        bound = [self._seer, label.encode()]
        encrypt = self._cipher.encrypt
        return lambda keys: base64.urlsafe_b64encode(encrypt(keys, bound)).rstrip(b"=")

    def close_place(self, epoch: int, pos: int) -> str:
        """The cursor of a place in the seer's log."""
        return self.close(LOG)(f"{epoch}{SEPARATOR}{pos}".encode()).decode()

    def open_place(self, cursor: Any, path: tuple[str | int, ...]) -> tuple[int, int]:
        """The place that a cursor of the log names. Raises ArgumentError(BadCursor): another party's, or list's."""
        epoch, pos = self.open(cursor, LOG, 2, path)
        return int(epoch), int(pos)

    def open(self, cursor: Any, label: str, keys: int, path: tuple[str | int, ...]) -> list[str]:
        """The keys in a cursor. Raises ArgumentError(BadCursor) at the field's path."""
        try:
            sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            found = self._cipher.decrypt(sealed, [self._seer, label.encode()]).decode().split(SEPARATOR)
        except (ValueError, InvalidTag):
            raise ArgumentError(BadCursor(), path) from None
        if len(found) != keys:
            raise ArgumentError(BadCursor(), path)
        return found
