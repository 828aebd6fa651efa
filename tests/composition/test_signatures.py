"""What the hub signs, verified by another implementation than the one that signed: Node's crypto, by the specification.

The reference packages of Standard Webhooks (npm, PyPI: `standardwebhooks`) know HMAC alone (test_signing.py).
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping, Sequence
from uuid import uuid4

from events.signing import Safe, message_id, signed_headers
from tests.composition.node_kit import FOLDER, NODE

BODY = '{"type":"nl.arbeidstoeleiding.proef.v1","data":{"naam":"Ünïcode"}}'.encode()
Asked = tuple[Mapping[str, str], bytes, Sequence[str]]


def verified(*asked: Asked) -> list[list[int]]:
    """For each: how many of its signatures are by each of the keys."""
    lines = [
        json.dumps({"headers": dict(headers), "body": base64.b64encode(body).decode(), "keys": list(keys)})
        for headers, body, keys in asked
    ]
    command = [NODE, FOLDER / "verify.mjs"]
    done = subprocess.run(command, check=True, input="\n".join(lines), capture_output=True, text=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_node_verifies_what_the_hub_signs_and_nothing_that_was_changed(node: None) -> None:
    safe, hook = Safe.under(bytes(range(32))), uuid4()
    old, new, other = safe.make(hook), safe.make(hook), safe.make(hook)
    keys = [safe.open(hook, pair.sealed) for pair in (new, old)]
    headers = dict(signed_headers(message_id(hook, 1, 7), 1_790_000_000, BODY, keys))
    public = [pair.public for pair in (new, old, other)]
    whole, other_id, later, longer = verified(
        (headers, BODY, public),
        (headers | {"webhook-id": "msg_x"}, BODY, public),
        (headers | {"webhook-timestamp": "1790000001"}, BODY, public),
        (headers, BODY + b" ", public),
    )
    assert whole == [1, 1, 0], "both keys of a rotation, and no third"
    assert other_id == later == longer == [0, 0, 0]
