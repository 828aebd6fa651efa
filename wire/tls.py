"""Certificates: whom a source must show to be, and what this hub shows when a source asks (mTLS)."""

from __future__ import annotations

import functools
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import certifi
from cryptography import x509
from cryptography.x509.oid import NameOID

from schema.errors import SourceDown

UNUSABLE: Final = "The certificate files of this source cannot be used."
OIN: Final = re.compile("[0-9]{20}")


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
        raise SourceDown(UNUSABLE) from None
    return context


def oin_of(tls: Tls | None) -> str | None:
    """The OIN that our own certificate bears: PKIoverheid writes it as the subject's serialNumber, in 20 digits.

    None where there is no certificate, or it bears none. Raises SourceDown when the file cannot be used.
    """
    if tls is None or tls.certificate is None:
        return None
    try:
        ours, *_ = x509.load_pem_x509_certificates(tls.certificate.read_bytes())  # those that follow are its issuers'
        told = [str(one.value) for one in ours.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    except (OSError, ValueError):
        raise SourceDown(UNUSABLE) from None
    return next((one for one in told if OIN.fullmatch(one)), None)
