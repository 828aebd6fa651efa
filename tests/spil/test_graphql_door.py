"""`/graphql`: which request gets which status, media type and code."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import pytest

from tests.spil.hub_kit import Country, Hub, codes

RESPONSE = "application/graphql-response+json"
ME = b'{"query": "{ me { role } }"}'
NINES = b"9" * 5_000


async def test_a_question_without_a_token_is_publics(hub: Hub) -> None:
    answer = await hub.send(ME)
    assert answer.status_code == 200
    assert answer.json() == {"data": {"me": {"role": "PUBLIC"}}}


async def test_a_question_with_a_token_is_that_partys(hub: Hub, country: Country) -> None:
    data = await hub.data("{ me { role party function } }", as_party=country.municipality)
    assert data == {"me": {"role": "MUNICIPALITY", "party": "municipality:GM0796", "function": "participatie"}}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        (RESPONSE, RESPONSE),
        (f"{RESPONSE}; charset=utf-8, application/json; charset=utf-8", RESPONSE),
        (f"{RESPONSE};q=0.5, application/json", "application/json"),
        (f"text/html, {RESPONSE};q=0.9, */*;q=0.1", RESPONSE),
    ],
)
async def test_an_answer_has_the_media_type_that_was_asked(hub: Hub, accept: str, media_type: str) -> None:
    answer = await hub.send(ME, accept=accept or "*/*")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/html", "application/xml, image/*", "application/json;q=0"])
async def test_other_media_types_are_not_acceptable(hub: Hub, accept: str) -> None:
    answer = await hub.send(ME, accept=accept)
    assert (answer.status_code, codes(answer)) == (406, ["NOT_ACCEPTABLE"])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ me {", "BAD_DOCUMENT"),
        ("", "BAD_DOCUMENT"),
        ("{ you { role } }", "INVALID_DOCUMENT"),
        ("{ students { nodes { id } } }", "INVALID_DOCUMENT"),
        ("query($p: ID!) { school(brin: $p) { name } }", "BAD_INPUT"),
        ("query A { me { role } } query B { me { role } }", "BAD_DOCUMENT"),
        ("{ a " * 30 + "}" * 30, "TOO_DEEP"),
        ("{ " + " ".join(f"a{n}: me {{ role }}" for n in range(31)) + " }", "TOO_MANY_ALIASES"),
        ("{ " + "me { role } " * 600 + "}", "TOO_MANY_TOKENS"),
    ],
)
async def test_a_refused_request_is_400_or_200_by_its_media_type(hub: Hub, query: str, code: str) -> None:
    new, old = [await hub.ask(query, accept=accept) for accept in (RESPONSE, "application/json")]
    assert (new.status_code, old.status_code) == (400, 200)
    assert codes(new)[0] == codes(old)[0] == code
    assert "data" not in new.json()


@pytest.mark.parametrize("kind", ["subscription", "mutation"])
async def test_what_the_public_contract_does_not_have_asks_for_a_token(hub: Hub, kind: str) -> None:
    answer = await hub.ask(f"{kind} {{ uitval {{ pos }} }}")
    assert codes(answer) == ["INVALID_DOCUMENT"]
    (error,) = answer.json()["errors"]
    assert error["message"] == f"This contract has no {kind}s. Was a token meant to go along?"


async def test_an_error_of_a_field_keeps_its_status_and_its_path(hub: Hub) -> None:
    answer = await hub.ask('{ here: school(brin: "nope") { name } }', accept=RESPONSE)
    assert answer.status_code == 200
    assert answer.json()["data"] is None
    assert codes(answer) == ["BAD_INPUT"]
    assert answer.json()["errors"][0]["path"] == ["here"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"5",
        b'"x"',
        b"[]",
        b'[{"query": "{ me { role } }"}]',
        b"{",
        b"{}",
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": ["{ me { role } }"]}',
        b'{"query": "{ me { role } }", "variables": []}',
        b'{"query": "{ me { role } }", "variables": "x"}',
        b'{"query": "{ me { role } }", "operationName": 5}',
        b'{"query": "{ me { role } }", "extensions": 5}',
        b'{"query": "{ me { role } }", "variables": {"n": NaN}}',
        b'{"query": "{ me { role } }", "variables": {"n": ' + NINES + b"}}",
        NINES,
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'{"query": "{ me { role } }", "variables": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
        b"\xff\xfe{}",
        b'\xef\xbb\xbf{"query": "{ me { role } }"}',
        b'{"query": "{ me { role } }\xff"}',
        '{"query": "{ me { role } }"}'.encode("utf-16"),
    ],
)
async def test_a_broken_body_is_a_bad_request(hub: Hub, body: bytes) -> None:
    for accept in (RESPONSE, "application/json"):
        answer = await hub.send(body, accept=accept)
        assert (answer.status_code, codes(answer)) == (400, ["BAD_REQUEST"])
        assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/jsonx",
        "application/json; charset=latin-1",
        "application/json; boundary=x",
    ],
)
async def test_only_json_in_utf_8_is_read(hub: Hub, content_type: str) -> None:
    answer = await hub.send(ME, content_type=content_type)
    assert (answer.status_code, codes(answer)) == (415, ["UNSUPPORTED_MEDIA_TYPE"])


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
async def test_utf_8_may_be_said(hub: Hub, content_type: str) -> None:
    assert (await hub.send(ME, content_type=content_type)).status_code == 200


@pytest.mark.parametrize("body", [ME, gzip.compress(ME)])
async def test_a_compressed_body_is_refused_unread(hub: Hub, body: bytes) -> None:
    answer = await hub.send(body, content_encoding="gzip")
    assert (answer.status_code, codes(answer)) == (415, ["UNSUPPORTED_MEDIA_TYPE"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_only_post_asks(hub: Hub, method: str) -> None:
    answer = await hub.send(b"", method=method, path="/graphql?query=%7Bme%7Brole%7D%7D")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST, OPTIONS"
    if method != "HEAD":
        assert codes(answer) == ["METHOD_NOT_ALLOWED"]


async def test_a_body_above_the_cap_is_refused_by_its_length(hub: Hub) -> None:
    answer = await hub.send(b" " * 65_537)
    assert (answer.status_code, codes(answer)) == (413, ["BODY_TOO_LARGE"])
    assert (await hub.send(ME + b" " * (65_536 - len(ME)))).status_code == 200


async def test_a_body_above_the_cap_is_refused_while_it_is_read(hub: Hub) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b" " * 1_024

    answer = await hub.send(chunks())
    assert "content-length" not in answer.request.headers
    assert (answer.status_code, codes(answer)) == (413, ["BODY_TOO_LARGE"])


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer x",
        "Bearer a.b.c",
        "Basic eDp4",
        "token",
        "Bearer " + "a." * 5_000,
        "Bearer a.b.c, x",
    ],
)
async def test_a_bad_token_is_401_and_never_public(hub: Hub, authorization: str) -> None:
    answer = await hub.send(ME, authorization=authorization)
    assert (answer.status_code, codes(answer)) == (401, ["UNAUTHENTICATED"])
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "data" not in answer.json()


async def test_a_token_that_was_changed_is_401(hub: Hub, country: Country) -> None:
    head, payload, signature = (await hub.token(country.school)).split(".")
    changed = signature[:-10] + ("A" if signature[-10] != "A" else "B") + signature[-9:]
    answer = await hub.send(ME, authorization=f"Bearer {head}.{payload}.{changed}")
    assert answer.status_code == 401


async def test_two_authorization_headers_are_401(hub: Hub, country: Country) -> None:
    token = await hub.token(country.school)
    request = (
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
        b"authorization: Bearer %b\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
        % (token.encode(), token.encode(), len(ME), ME)
    )
    assert (await raw(hub, request)).startswith(b"HTTP/1.1 401 ")


async def raw(hub: Hub, request: bytes) -> bytes:
    """Bytes in, bytes out, to the end of the connection."""
    import asyncio

    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_the_health_doors_and_unknown_paths(hub: Hub) -> None:
    live, ready = [await hub.send(b"", method="GET", path=f"/health/{name}") for name in ("live", "ready")]
    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert (await hub.send(b"", method="GET", path="/wp-login.php")).status_code == 404


async def test_contracts_are_served_by_role(hub: Hub) -> None:
    answer = await hub.send(b"", method="GET", path="/contracts/service_point.graphql")
    assert answer.status_code == 200
    assert answer.text == hub.parts.sdl["SERVICE_POINT"]
    assert (await hub.send(b"", method="GET", path="/contracts/minister.graphql")).status_code == 404
