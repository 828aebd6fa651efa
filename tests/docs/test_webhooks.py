"""docs/webhooks.md: its verifier takes what this hub signs and nothing else, and docs/events/ fits what is sent."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from openapi_schema_validator import OAS31Validator

from events.cloud import Origin, cloud_event, trial_event
from events.signing import Safe, message_id, signed_headers
from events.types import TYPES, Subject
from registry.embedded_home import CHECKOUT
from spil.event_documents import file_of
from tests.docs.fences import blocks_of

PAGE = (CHECKOUT / "docs" / "webhooks.md").read_text(encoding="utf-8")
ORIGIN = Origin("00000001999999999000", str(uuid4()))
BODY = b'{"type":"nl.arbeidstoeleiding.proef.v1"}'
ALIAS = "5b0e0b0c-7d39-4c35-8f0c-111111111111"
TOLD = {
    "student": {"id": f"Student:{ALIAS}"},
    "candidate": {"id": f"Candidate:{ALIAS}"},
    "case": {"id": f"Uitval:{ALIAS}.0123456789ab"},
    "opportunity": {"id": f"Opportunity:{ALIAS}"},
    "month": "2026-11",
    "forget": f"Student:{ALIAS}",
    "purpose": "STAGE_SEARCH",
    "overdue": {"id": f"OverdueItem:{ALIAS}"},
}


@pytest.fixture(scope="module")
def is_genuine() -> Callable[..., bool]:
    """The function as the page has it."""
    (block,) = (one for one in blocks_of(PAGE, "docs/webhooks.md") if one.language == "python")
    found: dict[str, Any] = {}
    exec(block.body, found)
    verify: Callable[..., bool] = found["is_genuine"]
    return verify


def signed(safe: Safe, hook: UUID, *sealed: bytes, ago: int = 0) -> dict[str, str]:
    keys = [safe.open(hook, one) for one in sealed]
    return dict(signed_headers(message_id(hook, 1, 7), int(time.time()) - ago, BODY, keys))


def test_the_page_s_verifier_takes_either_key_while_both_sign(is_genuine: Callable[..., bool]) -> None:
    safe, hook = Safe.under(b"secret"), uuid4()
    old, new, other = (safe.make(hook) for _ in range(3))
    headers = signed(safe, hook, new.sealed, old.sealed)
    assert is_genuine(headers, BODY, [old.public])
    assert is_genuine(headers, BODY, [new.public])
    assert is_genuine(headers, BODY, [other.public, new.public])
    assert not is_genuine(headers, BODY, [other.public])
    assert not is_genuine(headers, BODY, [])


def test_the_page_s_verifier_refuses_what_was_changed_is_old_or_no_signature(is_genuine: Callable[..., bool]) -> None:
    safe, hook = Safe.under(b"secret"), uuid4()
    pair = safe.make(hook)
    headers, public = signed(safe, hook, pair.sealed), [pair.public]
    wrong: list[dict[str, str]] = [
        {"webhook-id": "msg_x"},
        {"webhook-timestamp": str(int(time.time()) - 1)},
        {"webhook-timestamp": "x"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1a,!!!"},
        {"webhook-signature": "v1," + base64.b64encode(b"x" * 32).decode()},
    ]
    assert not is_genuine(headers, BODY + b" ", public)
    assert not any(is_genuine(headers | one, BODY, public) for one in wrong)
    assert not any(is_genuine({k: v for k, v in headers.items() if k != name}, BODY, public) for name in headers)
    assert not is_genuine(signed(safe, hook, pair.sealed, ago=301), BODY, public)
    assert not is_genuine(signed(safe, hook, pair.sealed, ago=-301), BODY, public)


def schema(name: str) -> OAS31Validator:
    text = (CHECKOUT / file_of(name)).read_bytes()
    return OAS31Validator(orjson.loads(text))


@pytest.mark.parametrize("one", TYPES, ids=lambda one: one.name)
def test_what_is_sent_fits_the_schema_of_its_type(one: Any) -> None:
    event = dict.fromkeys(TOLD) | {"epoch": 1, "pos": 7, "withheld": False, "recorded": "2026-11-20T09:30:00Z"}
    event |= {"type": one.name.replace("-", "_").upper()} | {name: TOLD[name] for name in one.data}
    body = cloud_event(event, ORIGIN)
    assert set(body["data"]) == {"pos", *one.data}
    schema(one.full).validate(body)
    if one.subject is Subject.NONE:
        with_somebody = body | {"data": body["data"] | {"student": TOLD["student"]["id"]}}  # type: ignore[index]
        assert not schema(one.full).is_valid(with_somebody)
    withheld = cloud_event(event | {"withheld": True}, ORIGIN)
    schema(withheld["type"]).validate(withheld)
    assert not schema(withheld["type"]).is_valid(withheld | {"data": body["data"]})


def test_a_test_fits_its_schema() -> None:
    body = trial_event(2, ORIGIN, "2026-11-20T09:30:00Z")
    schema(body["type"]).validate(body)
