"""One event as a CloudEvent, in the Dutch government's profile (NL GOV profile for CloudEvents 1.0, JSON, structured).

Laws
1. Thin: keys that the receiver has already, codes and a month. No attribute says whom it is about: no `subject`.
2. `id` is the receiver's position, `source` the hub and the receiver's stream: together they name it for ever.
3. What is withheld has its position and nothing else, and one type for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from events.types import PREFIX, TEST, WITHHELD

MEDIA_TYPE: Final = "application/cloudevents+json; charset=utf-8"
# Members of `data`, in the order in which they stand.
KEYS: Final = ("student", "candidate", "case", "opportunity", "overdue", "month", "forget", "purpose")
Event = Mapping[str, Any]
"""As the graph gives it: `pos`, `epoch`, `type` (`UITVAL_GEMELD`), `recorded`, `withheld`; objects by `id`, or null."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Of which hub (its OIN, twenty digits) and of which receiver's stream."""

    oin: str
    stream: str

    @property
    def source(self) -> str:
        return f"urn:nld:oin:{self.oin}:systeem:spil:{self.stream}"


def cloud_event(event: Event, origin: Origin) -> dict[str, Any]:
    """The body of what leaves for one event."""
    body: dict[str, Any] = {"specversion": "1.0", "id": f"{event['epoch']}.{event['pos']}", "source": origin.source}
    if event.get("withheld"):
        return {**body, **_typed(WITHHELD, None), "data": {"pos": event["pos"], "withheld": True}}
    told = {name: _key(event.get(name)) for name in KEYS}
    name = f"{PREFIX}{event['type'].lower().replace('_', '-')}.v1"
    data = {"pos": event["pos"], **{name: key for name, key in told.items() if key is not None}}
    return {**body, **_typed(name, event["recorded"]), "data": data}


def trial_event(number: int, origin: Origin, now: str) -> dict[str, Any]:
    """A test that was asked for: it has no position."""
    body = {"specversion": "1.0", "id": f"0.{number}", "source": origin.source}
    return {**body, **_typed(TEST, now), "data": {"test": True}}


def challenge(text: str) -> dict[str, Any]:
    """What proves who answers at an address: it gives `challenge` back."""
    return {"type": "webhook.challenge", "challenge": text}


def _typed(name: str, recorded: str | None) -> dict[str, Any]:
    timed = {"time": recorded} if recorded else {}
    return {"type": name, **timed, "datacontenttype": "application/json"}


def _key(value: Any) -> Any:
    """An object's id, or a code as it stands."""
    return value.get("id") if isinstance(value, Mapping) else value
