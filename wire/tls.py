"""Certificates: whom a source must show to be, and what this hub shows when a source asks (mTLS)."""

from __future__ import annotations

import functools
import ssl
from dataclasses import dataclass
from pathlib import Path

import certifi

from schema.errors import SourceDown


@dataclass(frozen=True, slots=True)
class Tls:
    """`authority`: the only roots trusted, in place of the public ones. `certificate`, `key`: our own (PEM files)."""

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@functools.cache
def public_tls() -> ssl.SSLContext:
    """Made at the first use: reading the public roots takes tens of milliseconds."""
    return ssl.create_default_context(cafile=certifi.where())


def tls_of(tls: Tls | None) -> ssl.SSLContext:
    """The context of one source. Raises SourceDown when its files cannot be used: the hub starts all the same."""
    if tls is None:
        return public_tls()
    try:
        context = ssl.create_default_context(cafile=tls.authority or certifi.where())
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, password="")  # without one, OpenSSL asks the terminal
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise SourceDown("The certificate files of this source cannot be used.") from None
    return context
