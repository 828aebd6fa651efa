"""Signatures of what is sent (Standard Webhooks 1.0, ed25519), and the safe in which the private keys lie.

Laws
1. What is signed is `<id>.<timestamp>.<body>`, the body as the bytes that go out. All keys that are valid sign.
2. A private key is stored only sealed, under a key that follows from the hub's secret; it opens for its endpoint alone.
3. An id has no full stop, and is the same over all tries of one delivery: the receiver knows a repetition by it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from schema.errors import Internal

PUBLIC = "whpk_"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The public key as receivers have it (`whpk_...`), and the private one as it may be stored."""

    public: str
    sealed: bytes


class Safe:
    """Seals and opens private keys."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    @classmethod
    def under(cls, secret: bytes) -> Safe:
        """Under a key derived from the server's secret, so that one secret serves several ends."""
        return cls(hmac.digest(secret, b"spil webhook keys", hashlib.sha512))

    def make(self, webhook: UUID) -> KeyPair:
        """A new pair for this endpoint."""
        private = Ed25519PrivateKey.generate()
        public = PUBLIC + base64.b64encode(private.public_key().public_bytes_raw()).decode("ascii")
        return KeyPair(public, self._cipher.encrypt(private.private_bytes_raw(), [b"webhook", webhook.bytes]))

    def open(self, webhook: UUID, sealed: bytes) -> Ed25519PrivateKey:
        """Raises Internal for what was sealed for another endpoint, or under another secret."""
        try:
            return Ed25519PrivateKey.from_private_bytes(self._cipher.decrypt(sealed, [b"webhook", webhook.bytes]))
        except (InvalidTag, ValueError):
            raise Internal from None


def message_id(webhook: UUID, epoch: int, pos: int) -> str:
    """`webhook-id`: of one endpoint and position."""
    return f"msg_{webhook.hex}_{epoch}_{pos}"


def signed_headers(message: str, timestamp: int, body: bytes, keys: Sequence[Ed25519PrivateKey]) -> Mapping[str, str]:
    """The three headers; `timestamp` is the moment of this try, in whole seconds since 1970."""
    content = f"{message}.{timestamp}.".encode("ascii") + body
    signatures = (base64.b64encode(key.sign(content)).decode("ascii") for key in keys)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1a,{signature}" for signature in signatures),
    }
