"""Protocol 9: the door for CloudEvents, by the NL GOV profile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cloudevents import InboundEvent, accept
from connectors.records import Reject

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OIN = "urn:nld:oin:00000001823288444000"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "f3dce042-cd6e-4977-844d-05be8dce7cea",
    "source": f"{OIN}:systeem:werk",
    "type": "nl.arbeidstoeleiding.uitval-gemeld.v1",
    "time": "2026-11-21T11:59:00Z",
    "datacontenttype": "application/json",
    "subject": "Z-2026-00417",
}
DATA = {"zaaknummer": "Z-2026-00417"}


def structured(**changed: Any) -> InboundEvent | Reject:
    body = {key: value for key, value in (EVENT | {"data": DATA} | changed).items() if value is not ...}
    return accept(
        {"content-type": "application/cloudevents+json; charset=utf-8"}, orjson.dumps(body), now=NOW, source=OIN
    )


def binary(body: bytes | None = None, **changed: Any) -> InboundEvent | Reject:
    told = {key: value for key, value in (EVENT | changed).items() if value is not ...}
    headers = {f"ce-{name}": value for name, value in told.items() if name != "datacontenttype"}
    headers |= {"content-type": "application/json", "host": "hub.example"}
    return accept(headers, orjson.dumps(DATA) if body is None else body, now=NOW, source=OIN)


def test_both_modes_give_the_same_event() -> None:
    event = structured()
    assert isinstance(event, InboundEvent)
    assert event == binary()
    assert event.data == DATA
    assert event.key == (f"{OIN}:systeem:werk", EVENT["id"])
    assert event.time == NOW - timedelta(minutes=1)


def test_headers_are_percent_decoded() -> None:
    event = binary(subject="Z%2D1")
    assert isinstance(event, InboundEvent)
    assert event.subject == "Z-1"


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"specversion": "0.3"}, "specversion", "PROFILE"),
        ({"id": ...}, "id", "MISSING"),
        ({"id": ""}, "id", "MISSING"),
        ({"id": "x y"}, "id", "FORM"),
        ({"time": ...}, "time", "MISSING"),
        ({"time": "gisteren"}, "time", "FORM"),
        ({"time": "2026-11-21T99:00:00Z"}, "time", "FORM"),
        ({"time": "2026-11-21T11:59:00"}, "time", "FORM"),
        ({"time": "2026-11-15T12:00:00Z"}, "time", "WINDOW"),
        ({"time": "2026-11-21T12:06:00Z"}, "time", "WINDOW"),
        ({"source": "https://gemeente.example/events"}, "source", "PROFILE"),
        ({"source": "urn:nld:oin:00000001999999999000:x"}, "source", "PROFILE"),
        ({"source": OIN + "1"}, "source", "PROFILE"),
        ({"type": "uitval"}, "type", "PROFILE"),
        ({"type": "nl.arbeidstoeleiding.uitval-gemeld"}, "type", "PROFILE"),
        ({"type": "nl.arbeidstoeleiding.uitval-gemeld.v1.2"}, "type", "PROFILE"),
        ({"type": "com.example.x.v1"}, "type", "PROFILE"),
        ({"subject": "111222333"}, "subject", "BSN"),
        ({"id": "zaak/111222333"}, "id", "BSN"),
        ({"source": OIN + ":111222333"}, "source", "BSN"),
        ({"dataref": "https://elders.example/1"}, "dataref", "PROFILE"),
    ],
)
def test_what_the_profile_does_not_allow_is_refused_by_its_attribute(
    changed: dict[str, Any], field: str, reason: str
) -> None:
    assert structured(**changed) == Reject("", field, reason)
    assert binary(**changed) == Reject("", field, reason)


def test_an_attribute_that_is_no_text_and_a_body_that_is_no_json_are_refused() -> None:
    assert structured(subject=5) == Reject("", "subject", "FORM")
    assert binary(b"{") == Reject("", "data", "FORM")
    assert structured(data_base64="eA==") == Reject("", "data", "FORM")
    assert accept({"content-type": "application/cloudevents+json"}, b"[]", now=NOW) == Reject("", "data", "FORM")
    assert binary(b" " * 65_537) == Reject("", "data", "TOO_LONG")


def test_a_batch_is_not_taken() -> None:
    body = orjson.dumps([EVENT])
    assert accept({"content-type": "application/cloudevents-batch+json"}, body, now=NOW) == Reject("", "data", "FORM")


def test_an_event_without_data_is_one() -> None:
    event = binary(b"")
    assert isinstance(event, InboundEvent)
    assert event.data is None


def test_a_party_without_an_oin_bears_its_kvk_number() -> None:
    told = EVENT | {"source": "urn:nld:kvknr:90000001:systeem", "data": DATA}
    headers = {"content-type": "application/cloudevents+json"}
    assert isinstance(accept(headers, orjson.dumps(told), now=NOW), InboundEvent)


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=30), max_size=8), st.binary(max_size=200))
def test_whatever_comes_is_refused_or_taken_and_nothing_is_raised(headers: dict[str, str], body: bytes) -> None:
    for kind in ("application/cloudevents+json", "application/json"):
        assert isinstance(accept(headers | {"content-type": kind}, body, now=NOW), InboundEvent | Reject)
