"""What the operator said of a source, as Options: checked as a whole before anything is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from connectors.flow import NOTHING, Options, Protocol
from connectors.inbound import urn_of
from connectors.mapping import load
from connectors.school_csv import default_sidecar
from schema.errors import BadMapping

KNOWN = {"path", "page", "sidecar_path", "sidecar", "settings"}


def options_of(
    protocol: Protocol,
    told: Mapping[str, Any],
    *,
    today: date,
    mapping: str | None = None,
    name: str = "mapping",
    municipalities: Mapping[str, str] = NOTHING,
) -> Options:
    """Reads the options of a source's row. `mapping`: the text of its file, called `name` in a message.

    `told`: path, page (records, 1-5000), sidecar_path, sidecar (a mapping's text), settings (texts by name). Raises
    BadMapping for an option that is not known or does not fit, and for a mapping that the protocol does not take.
    """
    settings = told.get("settings", {})
    page = told.get("page", 1000)
    texts = [told.get(key, "") for key in ("path", "sidecar_path", "sidecar")]
    if told.keys() - KNOWN or not isinstance(settings, Mapping):
        raise BadMapping("The options of a source are " + ", ".join(sorted(KNOWN)) + ".")
    if not all(isinstance(text, str) for text in [*texts, *settings.values()]) or type(page) is not int:
        raise BadMapping("The options of a source are texts, and page is a number.")
    if not 1 <= page <= 5000 or any(path and not path.startswith("/") for path in texts[:2]):
        raise BadMapping("A page has 1 to 5000 records, and a path begins with /.")
    sidecar = load(texts[2], f"{name} (sidecar)") if texts[2] else default_sidecar()
    options = Options(
        today=today,
        path=texts[0],
        page=page,
        mapping=load(mapping, name) if mapping else None,
        sidecar=sidecar if texts[1] or texts[2] else None,
        sidecar_path=texts[1],
        municipalities=municipalities,
        settings=settings,
    )
    _check(protocol, options)
    return options


def _check(protocol: Protocol, options: Options) -> None:
    if protocol.intake is not None:
        protocol.intake(options, {})  # it refuses a mapping of another record
    said = options.settings.get(protocol.oin) if protocol.oin else None
    if said is not None and not re.fullmatch("[0-9]{20}", said):
        raise BadMapping(f"The setting {protocol.oin} is an OIN, of 20 digits.")
    if protocol.accept is not None:
        urn_of(options)
