"""From a source's row to what is needed to speak with it: its protocol, its options, and its place on the network.

    {"token_url": ..., "client_id": ..., "key": "<PEM or JWK>", "kid"?, "scope"?, "audience"?}    private_key_jwt
    {"headers": {"x-api-key": ...}}                                                               a key agreed on
    {"tls": {"authority"?, "certificate"?, "key"?}}                                               with both: PEM files

Laws
1. Credentials are read when a client is made, from the file or variable that the row names, and stand in no message.
2. A source speaks for one school: an OSO dossier of another is refused.
3. By which OIN the hub is known at a source, its certificate there says; a row says it only where that bears none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from connectors.everything import protocol
from connectors.flow import NOTHING, Options, Protocol
from connectors.options import options_of
from registry.sources import Source
from schema.errors import SetUp
from wire.careful import Client
from wire.oauth import ClientCredentials
from wire.place import FixedHeaders, Place
from wire.source_client import SourceClient
from wire.tls import Tls, oin_of

UNREADABLE = "The credentials of this source cannot be read where its row says they are."
AGENT = "agent:"  # the address of a source whose agent connects to a gateway
BY_AGENT = "This source is asked over its agent's connection, which a gateway holds."
OTHER_OIN = "The setting {} is another OIN than the one that the hub's certificate at this source bears."
NO_OIN = "The hub has no OIN at this source: its certificate bears none, and there is no setting {}."
NO_ADDRESS = "This source has no address: it comes to the hub by itself."


def protocol_of(source: Source) -> Protocol:
    """Raises SetUp for a protocol that this version does not speak."""
    found = protocol(source.protocol)
    if found is None:
        raise SetUp("This version does not speak the protocol of this source.")
    return found


def today() -> date:
    """The day in Amsterdam."""
    return datetime.now(ZoneInfo("Europe/Amsterdam")).date()


def options_for(
    source: Source,
    municipalities: Mapping[str, str] = NOTHING,
    day: date | None = None,
    mapping_name: str = "",
) -> Options:
    """The row's options and mapping, checked. `mapping_name`: the file it came from. Raises BadMapping."""
    told: dict[str, Any] = dict(source.options)
    if source.kind == "school" and isinstance(told.get("settings", {}), Mapping):
        told["settings"] = {"school": source.party.partition(":")[2], **told.get("settings", {})}
    return options_of(
        protocol_of(source),
        told,
        today=day or today(),
        mapping=source.mapping,
        name=mapping_name or f"mapping of {source.key}",
        municipalities=municipalities,
    )


def asking_options(source: Source, environ: Mapping[str, str], municipalities: Mapping[str, str] = NOTHING) -> Options:
    """The options of a source that this process asks (law 3). Raises BadMapping, SetUp, SourceDown."""
    options, name = options_for(source, municipalities), protocol_of(source).oin
    if name is None:
        return options
    said, borne = options.settings.get(name), oin_of(place_of(source, environ).tls)
    if said and borne and said != borne:
        raise SetUp(OTHER_OIN.format(name))
    if not said and not borne:
        raise SetUp(NO_OIN.format(name))
    return replace(options, settings={**options.settings, name: borne or said or ""})


def place_of(source: Source, environ: Mapping[str, str]) -> Place:
    """Raises SetUp when the source has no address, or its credentials cannot be read."""
    if source.base_url is None or source.base_url == AGENT:
        raise SetUp(BY_AGENT if source.base_url else NO_ADDRESS)
    try:
        told = _told(source.credentials, environ)
        tls = Tls(**{name: Path(path) for name, path in told.pop("tls").items()}) if "tls" in told else None
        credentials: ClientCredentials | FixedHeaders | None = None
        if "headers" in told:
            credentials = FixedHeaders({str(name).lower(): str(value) for name, value in told["headers"].items()})
        elif told:
            credentials = ClientCredentials(**told)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        problem = SetUp(UNREADABLE)
    else:
        hosts, private = frozenset(source.hosts), frozenset(source.private_hosts)
        return Place(source.base_url, hosts, private, credentials, tls)
    raise problem  # out here: the error above may hold a credential


def client_of(source: Source, environ: Mapping[str, str] = os.environ) -> Client:
    """The way to a source that this process dials. Raises SetUp."""
    return SourceClient(place_of(source, environ))


def _told(where: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    if where is None:
        return {}
    kind, _, name = where.partition(":")
    text = environ[name] if kind == "env" else Path(name).read_text(encoding="utf-8")
    told = orjson.loads(text)
    if not isinstance(told, dict):
        raise ValueError
    return told
