"""What is signed is what Standard Webhooks 1.0 says, and verifies with its keys; private keys open for one endpoint."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from events.signing import Safe, message_id, signed_headers
from schema.errors import Internal

SECRET = bytes(range(32))
BODY = '{"type":"nl.arbeidstoeleiding.proef.v1","data":{"naam":"Ünïcode"}}'.encode()


def verify(public: str, headers: dict[str, str], body: bytes) -> int:
    """How many of the signatures are of this key, checked as the specification tells receivers to."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    good = 0
    for one in headers["webhook-signature"].split(" "):
        version, _, signature = one.partition(",")
        assert version == "v1a"
        try:
            key.verify(base64.b64decode(signature), content)
        except InvalidSignature:
            continue
        good += 1
    return good


def test_both_keys_sign_while_both_are_valid() -> None:
    safe, hook = Safe.under(SECRET), uuid4()
    old, new, other = safe.make(hook), safe.make(hook), safe.make(hook)
    keys = [safe.open(hook, pair.sealed) for pair in (new, old)]
    headers = dict(signed_headers(message_id(hook, 1, 7), 1_790_000_000, BODY, keys))
    assert [verify(pair.public, headers, BODY) for pair in (new, old, other)] == [1, 1, 0]
    for changed in ({"webhook-id": "msg_x"}, {"webhook-timestamp": "1790000001"}):
        assert verify(new.public, headers | changed, BODY) == 0
    assert verify(new.public, headers, BODY + b" ") == 0


def test_keys_have_the_form_that_the_specification_gives_them() -> None:
    pair = Safe.under(SECRET).make(uuid4())
    assert pair.public.startswith("whpk_")
    assert len(base64.b64decode(pair.public[5:], validate=True)) == 32


def test_the_known_vector_of_ed25519_is_signed() -> None:
    """RFC 8032, section 7.1, test 1: an empty message cannot be had here, so the key is taken and its public half."""
    private = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    key = Ed25519PrivateKey.from_private_bytes(private)
    assert key.public_key().public_bytes_raw().hex() == public
    headers = dict(signed_headers("msg_1", 1, b"{}", [key]))
    assert verify("whpk_" + base64.b64encode(bytes.fromhex(public)).decode(), headers, b"{}") == 1


def test_the_content_is_the_one_that_the_reference_package_signs() -> None:
    """The PyPI package knows HMAC (v1) alone: it signs its own way what we sign ours, and passes our signatures by."""
    safe, hook = Safe.under(SECRET), uuid4()
    pair, message = safe.make(hook), message_id(hook, 1, 7)
    now = datetime.now(UTC)
    reference = Webhook(b"a secret of twenty-four bytes.")
    headers = dict(signed_headers(message, int(now.timestamp()), BODY, [safe.open(hook, pair.sealed)]))
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        reference.verify(BODY, headers)
    both = headers["webhook-signature"] + " " + reference.sign(message, now, BODY.decode())
    assert reference.verify(BODY, headers | {"webhook-signature": both})["type"] == "nl.arbeidstoeleiding.proef.v1"
    assert verify(pair.public, headers, BODY) == 1


def test_an_id_is_the_same_over_tries_and_has_no_full_stop() -> None:
    hook = uuid4()
    assert message_id(hook, 2, 7) == f"msg_{hook.hex}_2_7"
    assert "." not in message_id(hook, 2, 7)


def test_a_private_key_opens_for_its_endpoint_and_secret_alone() -> None:
    safe, hook = Safe.under(SECRET), uuid4()
    pair = safe.make(hook)
    assert pair.public[5:].encode() not in pair.sealed
    for other, endpoint in ((safe, uuid4()), (Safe.under(SECRET[::-1]), hook)):
        with pytest.raises(Internal):
            other.open(endpoint, pair.sealed)
    with pytest.raises(Internal):
        safe.open(hook, b"x")
