"""The door for a municipality's events (CloudEvents 1.0, NL GOV profile): what comes in is read and held against it.

Wire: HTTP in binary mode (`ce-` headers, the body is the data) or structured mode (application/cloudevents+json).

Laws
1. `source` is a URN in `urn:nld`, the sender's own when that is known; `type` is a reverse domain with one version.
2. No context attribute may hold what looks like a BSN: attributes are logged on the way.
3. An event is the same by `source` and `id` (`key`); outside the window it is refused, so that keys can be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import orjson

from connectors.flow import Protocol
from connectors.records import Reject
from connectors.values import eleven_test

LARGEST = 65_536
PAST, AHEAD = timedelta(days=5), timedelta(minutes=5)
FORMS = {
    "specversion": r"1\.0",
    "id": r"[\x21-\x7e]{1,200}",
    "source": r"urn:nld:(oin:[0-9]{20}|kvknr:[0-9]{8})(:[a-zA-Z0-9()+,.:=@;$_!*'%/-]{1,200})?",
    "type": r"nl(\.[a-z0-9]+(-[a-z0-9]+)*){1,8}\.v[0-9]{1,3}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(Z|[+-][0-9]{2}:[0-9]{2})",
    "datacontenttype": r"application/([a-z0-9.+-]+\+)?json(\s*;.*)?",
    "subject": r"[\x21-\x7e]{1,200}",
    "dataschema": r"https?://[\x21-\x7e]{1,500}",
}
NEEDED = ("specversion", "id", "source", "type", "time")
NUMBER = re.compile(r"(?<![0-9a-f-])[0-9]{8,9}(?![0-9a-f-])")  # by itself: not within a UUID or an OIN
ATTRIBUTE = re.compile("[a-z0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class InboundEvent:
    """An event that fits the profile. `time` is the moment of recording at the sender."""

    id: str
    source: str
    type: str
    time: datetime
    subject: str | None
    data: Any

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same event when it comes again."""
        return self.source, self.id


def accept(
    headers: Mapping[str, str], body: bytes, *, now: datetime, source: str | None = None
) -> InboundEvent | Reject:
    """Reads one event. `headers`: lower-case names; `source`: the URN that the sender's events begin with."""
    if len(body) > LARGEST:
        return Reject("", "data", "TOO_LONG")
    told, data = _structured(body) if "cloudevents" in headers.get("content-type", "") else _binary(headers, body)
    if told is None:
        return Reject("", "data", "FORM")
    for name in NEEDED:
        if told.get(name) in (None, ""):
            return Reject("", name, "MISSING")
    for name, value in told.items():
        if reason := _wrong(name, value):
            return Reject("", name, reason)
    if source is not None and told["source"] != source and not told["source"].startswith(source + ":"):
        return Reject("", "source", "PROFILE")
    try:
        time = datetime.fromisoformat(told["time"])
    except ValueError:
        return Reject("", "time", "FORM")
    if not now - PAST <= time <= now + AHEAD:
        return Reject("", "time", "WINDOW")
    return InboundEvent(told["id"], told["source"], told["type"], time, told.get("subject"), data)


def _wrong(name: str, value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > 1000 or not ATTRIBUTE.fullmatch(name):
        return "FORM"
    if name == "dataref":
        return "PROFILE"  # what it points to would be fetched: not from here
    if name in FORMS and not re.fullmatch(FORMS[name], value):
        return "PROFILE" if name in ("source", "type", "specversion") else "FORM"
    named = name in ("id", "subject") or (name == "source" and ":oin:" in value)
    return "BSN" if named and any(map(eleven_test, NUMBER.findall(value))) else None


def _structured(body: bytes) -> tuple[dict[str, Any] | None, Any]:
    told = _json(body)
    if not isinstance(told, dict) or "data_base64" in told:
        return None, None
    data = told.pop("data", None)
    return {name: value for name, value in told.items() if value is not None}, data


def _binary(headers: Mapping[str, str], body: bytes) -> tuple[dict[str, Any] | None, Any]:
    told = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    if "content-type" in headers:
        told["datacontenttype"] = headers["content-type"]
    data = _json(body) if body else None
    return (None if body and data is None else told), data


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


PROTOCOL = Protocol("cloudevents", "municipality", frozenset({"door"}), accept=accept, settings=("urn",))
