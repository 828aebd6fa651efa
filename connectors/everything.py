"""The protocols in which partners speak: the one visible list. A new one is its file, its test and its line here."""

from __future__ import annotations

from connectors import (
    cloudevents,
    declared,
    ggm_rest,
    jobposting,
    oso_xml,
    school_csv,
    school_rest,
    subgraph,
    vum,
)
from connectors.flow import Protocol

PROTOCOLS: tuple[Protocol, ...] = (
    school_rest.PROTOCOL,
    oso_xml.PROTOCOL,
    school_csv.PROTOCOL,
    vum.PROTOCOL,
    jobposting.PROTOCOL,
    declared.PROTOCOL,
    ggm_rest.PROTOCOL,
    subgraph.PROTOCOL,
    cloudevents.PROTOCOL,
)


def protocol(name: str) -> Protocol | None:
    """The protocol of a name, as a source's row bears it."""
    return next((one for one in PROTOCOLS if one.name == name), None)
