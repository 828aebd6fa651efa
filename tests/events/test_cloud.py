"""CloudEvents in the government's profile: thin, with the receiver's position, and no word of whom it is about."""

from __future__ import annotations

from typing import Any

from events.cloud import Origin, challenge, cloud_event, trial_event

ORIGIN = Origin("00000001999999999000", "3f9b2a52-0c52-4a0e-9d3c-0a4bb6a1a001")
SOURCE = "urn:nld:oin:00000001999999999000:systeem:spil:3f9b2a52-0c52-4a0e-9d3c-0a4bb6a1a001"
STUDENT = "Student:5b0e0b0c-7d39-4c35-8f0c-111111111111"
EVENT: dict[str, Any] = {
    "epoch": 1,
    "pos": 7,
    "withheld": False,
    "type": "UITVAL_GEMELD",
    "recorded": "2026-11-20T09:30:00Z",
    "purpose": None,
    "forget": None,
    "month": None,
    "student": {"id": STUDENT},
    "case": {"__typename": "Uitval", "id": "Uitval:5b0e0b0c-7d39-4c35-8f0c-111111111111.0123456789ab"},
    "opportunity": None,
}


def test_an_event_is_its_position_its_type_and_keys() -> None:
    assert cloud_event(EVENT, ORIGIN) == {
        "specversion": "1.0",
        "id": "1.7",
        "source": SOURCE,
        "type": "nl.arbeidstoeleiding.uitval-gemeld.v1",
        "time": "2026-11-20T09:30:00Z",
        "datacontenttype": "application/json",
        "data": {"pos": 7, "student": STUDENT, "case": EVENT["case"]["id"]},
    }


def test_an_ending_tells_whom_to_forget_and_why() -> None:
    event = EVENT | {"type": "TOEGANG_BEEINDIGD", "student": None, "case": None, "forget": STUDENT, "purpose": "STAGE"}
    body = cloud_event(event, ORIGIN)
    assert body["type"] == "nl.arbeidstoeleiding.toegang-beeindigd.v1"
    assert body["data"] == {"pos": 7, "forget": STUDENT, "purpose": "STAGE"}


def test_what_is_withheld_has_its_position_and_nothing_else() -> None:
    nothing = dict.fromkeys(EVENT) | {"epoch": 1, "pos": 7, "withheld": True}
    for event in (nothing, EVENT | {"withheld": True}):
        assert cloud_event(event, ORIGIN) == {
            "specversion": "1.0",
            "id": "1.7",
            "source": SOURCE,
            "type": "nl.arbeidstoeleiding.gebeurtenis-ingehouden.v1",
            "datacontenttype": "application/json",
            "data": {"pos": 7, "withheld": True},
        }


def test_a_test_has_no_position() -> None:
    body = trial_event(3, ORIGIN, "2026-11-20T09:30:00Z")
    assert (body["id"], body["type"], body["data"]) == ("0.3", "nl.arbeidstoeleiding.proef.v1", {"test": True})


def test_a_challenge_is_no_event() -> None:
    assert challenge("x") == {"type": "webhook.challenge", "challenge": "x"}
