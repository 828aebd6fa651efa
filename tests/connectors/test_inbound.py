"""What is kept of a municipality's event: every type that is described, and of each no more than is listed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import cloudevents
from connectors.cloudevents import InboundEvent, accept
from connectors.inbound import NO_URN, TYPES, KeptEvent, keep
from connectors.options import options_of
from connectors.records import REASONS, Reject
from registry.embedded_home import CHECKOUT
from schema.errors import BadMapping
from tests.connectors.driving import TODAY, fits, partner

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
URN = "urn:nld:oin:00000001823288444000:systeem:werk"
STUDENT, PLACEMENT = f"Student:{uuid4()}", f"Placement:{uuid4()}.0123456789ab"
UITVAL = f"Uitval:{uuid4()}.0123456789ab"
KNOWN = {
    "uitval-gemeld": {"datumEinde": "2026-11-02", "reden": "MOVED", "plaatsing": PLACEMENT, "zaaknummer": "Z-2026-1"},
    "uitval-opgepakt": {"uitval": UITVAL},
    "uitval-ingetrokken": {},
    "loopbaangesprek-gepland": {"datum": "2026-12-01", "uitval": UITVAL},
    "plaatsing-gestart": {
        "soort": "WERK",
        "kvkNummer": "90000001",
        "datumStart": "2026-11-01",
        "datumEinde": "2027-11-01",
    },
    "plaatsing-verlengd": {"plaatsing": PLACEMENT, "datumEinde": "2027-12-31"},
    "plaatsing-beeindigd": {"datumEinde": "2026-11-30", "reden": "CONTRACT_ENDED"},
}


def event(what: str, data: Any, **changed: Any) -> dict[str, Any]:
    told = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": URN,
        "type": f"nl.arbeidstoeleiding.{what}.v1",
        "time": "2026-11-21T11:59:00Z",
        "data": data,
    }
    return told | changed


def kept(told: dict[str, Any]) -> KeptEvent | Reject:
    found = accept({"content-type": "application/cloudevents+json"}, orjson.dumps(told), now=NOW, source=URN)
    assert isinstance(found, InboundEvent), found
    return keep(found, URN)


def test_what_is_described_to_partners_is_what_is_taken() -> None:
    schemas = partner("municipality")["components"]["schemas"]
    described = schemas["Event"]["properties"]
    assert described["type"]["enum"] == list(TYPES) == [f"nl.arbeidstoeleiding.{what}.v1" for what in KNOWN]
    listed = {part.name for parts in TYPES.values() for part in parts.values()}
    assert set(described["data"]["properties"]) == listed
    reasons = schemas["Refusal"]["properties"]["errors"]["items"]["properties"]["extensions"]["properties"]["reason"]
    assert set(reasons["enum"]) <= set(REASONS)
    assert "docs/partners" in (CHECKOUT / "connectors" / "inbound.py").read_text().splitlines()[0]


@pytest.mark.parametrize("what", KNOWN)
def test_every_type_is_taken_with_all_that_it_may_tell(what: str) -> None:
    told = event(what, {"leerling": STUDENT, **KNOWN[what]})
    document = partner("municipality")
    fits(document, document["components"]["schemas"]["Event"], told)
    found = kept(told)
    assert isinstance(found, KeptEvent)
    assert (found.id, found.source, found.type) == (UUID(told["id"]), URN, told["type"])
    assert found.data.pop("student") == STUDENT
    assert sorted(found.data.values()) == sorted(KNOWN[what].values())


@pytest.mark.parametrize("what", KNOWN)
def test_what_a_type_needs_is_missed(what: str) -> None:
    parts = TYPES[f"nl.arbeidstoeleiding.{what}.v1"]
    for part in parts.values():
        data = {name: value for name, value in KNOWN[what].items() if name != part.name} | {"leerling": STUDENT}
        found = kept(event(what, data))
        if part.field.needed:
            assert found == Reject("", f"data.{part.name}", "MISSING")
        else:
            assert isinstance(found, KeptEvent)


def test_somebody_or_some_case_is_always_named() -> None:
    assert kept(event("uitval-opgepakt", {})) == Reject("", "data.zaaknummer", "MISSING")
    assert kept(event("uitval-opgepakt", {}, subject="Z-2026-00417")) == Reject("", "data.zaaknummer", "MISSING")
    for named in (event("uitval-opgepakt", {}, subject=STUDENT), event("uitval-opgepakt", {"zaaknummer": "Z-1"})):
        assert isinstance(kept(named), KeptEvent)


@given(
    st.dictionaries(st.sampled_from(["naam", "bsn", "zaaknummer2", "reden ", "Datum"]), st.text(min_size=6)), st.text()
)
def test_nothing_else_of_an_event_is_ever_kept(more: dict[str, str], attribute: str) -> None:
    base = event("uitval-opgepakt", {"zaaknummer": "Z-1"})
    plain = kept(base)
    loose = InboundEvent(base["id"], URN, base["type"], NOW, attribute, {**more, "zaaknummer": "Z-1"})
    found = keep(loose, URN)
    assert isinstance(plain, KeptEvent)
    assert isinstance(found, KeptEvent)
    assert asdict(found) | {"time": plain.time} == asdict(plain)


@pytest.mark.parametrize("urn", ["", "urn:nld:oin:1", "https://gemeente.example", "Kanarie"])
def test_a_source_of_events_says_whose_they_are(urn: str) -> None:
    with pytest.raises(BadMapping, match="urn:nld:oin"):
        options_of(cloudevents.PROTOCOL, {"settings": {"urn": urn}}, today=TODAY)
    assert "Kanarie" not in NO_URN
    assert options_of(cloudevents.PROTOCOL, {"settings": {"urn": URN}}, today=TODAY).settings == {"urn": URN}
