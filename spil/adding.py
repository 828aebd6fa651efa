"""What is settled when a source is added: that its protocol does what the row says, and that the hub may ask it there.

Laws
1. Nothing is asked and no name is resolved: what the network alone can tell, `spil sources check` tells.
2. A refusal names a setting and never its value, which may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from connectors.flow import Protocol
from registry.sources import Source
from schema.errors import BadInput, SourceDown
from spil.partners import AGENT, protocol_of
from wire.pinned import Pins, is_public, literal

WORD = re.compile(r"[a-z][a-z_]{0,39}")
NOT_ALLOWED = (
    "Plain http, and an address that is not of the open internet, are refused unless they are listed:"
    " --private HOST:PORT, with the port that is asked."
)
CANNOT = {"harvest": "Nothing is harvested in this protocol.", "live": "Nothing is asked live in this protocol."}


def check_new(source: Source, only: str | None) -> None:
    """Holds a row that is to be added against its protocol and its hosts. Raises BadInput."""
    protocol = protocol_of(source)
    if only is not None and only not in protocol.mode:
        raise BadInput(CANNOT[only])
    settings: Collection[str] = source.options.get("settings", {})
    _check_settings(protocol, settings)
    if source.base_url not in (None, AGENT):
        _check_place(source, source.base_url or "")


def private_of(told: Sequence[str]) -> tuple[str, ...]:
    """`host:port` as Pins holds them: an IPv6 address without its brackets. Raises BadInput."""
    parts = [one.lower().rpartition(":") for one in told]
    if not all(host.strip("[]") and port.isascii() and port.isdigit() and len(port) < 6 for host, _, port in parts):
        raise BadInput("--private is HOST:PORT.")
    return tuple(f"{host.strip('[]')}:{int(port)}" for host, _, port in parts)


def _check_settings(protocol: Protocol, settings: Collection[str]) -> None:
    unknown = sorted(name for name in settings if name not in protocol.settings)
    if unknown:
        named = ", ".join(f"`{name}`" for name in unknown if WORD.fullmatch(name)) or "of that name"
        known = "; it reads " + ", ".join(sorted(protocol.settings)) if protocol.settings else ""
        where = "A key or password stands where --credentials says, never here."
        raise BadInput(f"This protocol reads no setting {named}{known}. {where}")


def _check_place(source: Source, address: str) -> None:
    """As a request would be refused, as far as that can be known now."""
    try:
        Pins(frozenset(source.hosts), frozenset(source.private_hosts)).check(address)
    except SourceDown:
        raise BadInput(NOT_ALLOWED) from None
    listed = {one.rpartition(":")[0] for one in source.private_hosts}
    for host in source.hosts:
        found = literal(host)
        if found is not None and not is_public(found) and host not in listed:
            raise BadInput(NOT_ALLOWED)
