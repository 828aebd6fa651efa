"""One try of a webhook: its status decides, whatever stands or stalls behind it; nothing private is reached."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from schema.errors import SourceDown
from tests.wire.partner_kit import Dialler, Heard, Partner, always, in_turn, reply
from tests.wire.tls_kit import Authority, server_tls
from wire.hooks import CAP, HOSTS, Hooks, read_address

PUBLIC = "93.184.216.34"
HEADERS = {"content-type": "application/json", "webhook-id": "msg_1"}


def url_of(partner: Partner, host: str = "127.0.0.1", scheme: str = "http") -> str:
    return f"{scheme}://{host}:{partner.port}/in"


def listed(partner: Partner, host: str = "127.0.0.1") -> frozenset[str]:
    return frozenset({f"{host}:{partner.port}"})


async def test_a_try_is_a_post_with_its_headers_and_bytes() -> None:
    async with Partner(always(reply(204, b""))).serving() as partner:
        hooks = Hooks(listed(partner))
        tried = await hooks.post(url_of(partner), HEADERS, b'{"a":1}', 5)
        again = await hooks.post(url_of(partner), HEADERS, b"{}", 5)
        await hooks.close()
    assert (tried.code, tried.ok, again.ok) == ("204", True, True)
    heard = partner.heard[0]
    assert (heard.method, heard.path, heard.body, heard.headers["webhook-id"]) == ("POST", "/in", b'{"a":1}', "msg_1")
    assert partner.connections == 1, "the connection is used again"


@pytest.mark.parametrize("status", [301, 307, 400, 410, 429, 500, 503])
async def test_every_other_status_is_told_and_no_redirect_followed(status: int) -> None:
    answer = reply(status, b"", location="http://127.0.0.1:1/elsewhere", retry_after="120")
    async with Partner(always(answer)).serving() as partner:
        hooks = Hooks(listed(partner))
        tried = await hooks.post(url_of(partner), HEADERS, b"{}", 5)
        await hooks.close()
    assert (tried.code, tried.ok, tried.wait) == (str(status), False, 120.0)
    assert len(partner.heard) == 1


@pytest.mark.parametrize("status", ["600", "999"])
async def test_three_digits_that_are_no_status_are_no_answer(status: str) -> None:
    odd = f"HTTP/1.1 {status} odd\r\ncontent-length: 0\r\nretry-after: 7\r\n\r\n".encode()
    async with Partner(always(odd)).serving() as partner:
        hooks = Hooks(listed(partner))
        tried = await hooks.post(url_of(partner), HEADERS, b"{}", 5)
        await hooks.close()
    assert (tried.code, tried.ok, tried.made) == ("UNREACHABLE", False, True)


async def test_a_date_that_cannot_be_is_no_date_and_leaves_no_connection_behind() -> None:
    answer = reply(503, b"", retry_after="Mon, 01 Jan 2026 00:00:00 +99999999999999999999")
    async with Partner(always(answer)).serving() as partner:
        hooks = Hooks(listed(partner))
        tried = [await hooks.post(url_of(partner), HEADERS, b"{}", 5) for _ in range(3)]
        await hooks.close()
    assert {(one.code, one.wait) for one in tried} == {("503", None)}
    assert partner.connections == 1


async def test_a_status_counts_though_its_body_is_endless_or_never_ends() -> None:
    async def endless(heard: Heard) -> bytes:
        heard.writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 99999999\r\n\r\n" + b"x" * (2 * CAP))
        return b"x"

    async def stalled(heard: Heard) -> bytes:
        heard.writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\nx")
        await heard.writer.drain()
        await asyncio.Event().wait()
        return b""

    for act, most in ((endless, CAP), (stalled, 0)):
        async with Partner(act).serving() as partner:
            hooks = Hooks(listed(partner))
            tried = await hooks.post(url_of(partner), HEADERS, b"{}", 5)
            await hooks.close()
        assert (tried.code, len(tried.body)) == ("200", most)


async def test_who_is_silent_or_away_is_told_apart() -> None:
    async def silent(_: Heard) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with Partner(silent).serving() as partner:
        hooks, address = Hooks(listed(partner)), url_of(partner)
        assert (await hooks.post(address, HEADERS, b"{}", 0.2)).code == "TIMEOUT"
    assert (await hooks.post(address, HEADERS, b"{}", 5)).code == "UNREACHABLE"
    await hooks.close()


async def test_what_is_no_http_is_unreachable() -> None:
    async with Partner(in_turn(b"SSH-2.0-x\r\n\r\n", b"")).serving() as partner:
        hooks = Hooks(listed(partner))
        assert [(await hooks.post(url_of(partner), HEADERS, b"{}", 5)).code for _ in range(2)] == ["UNREACHABLE"] * 2
        await hooks.close()


async def test_over_tls_a_name_goes_to_the_address_that_was_checked(tmp_path: Path) -> None:
    authority, dialler = Authority(tmp_path), Dialler()
    found = [PUBLIC]

    async def resolve(host: str, port: int) -> list[str]:
        return found

    tls = ssl.create_default_context(cafile=authority.file)
    async with Partner(always(reply(200))).serving(server_tls(authority.issue("ontvanger.example"))) as partner:
        hooks = Hooks(tls=tls, resolve=resolve, inner=dialler)
        address = url_of(partner, "ontvanger.example", "https")
        assert (await hooks.post(address, HEADERS, b"{}", 5)).code == "200"
        assert dialler.dialled == [PUBLIC]
        other = url_of(partner, "anders.example", "https")
        assert (await hooks.post(other, HEADERS, b"{}", 5)).code == "UNREACHABLE", "its certificate is another's"
        await hooks.close()
        hooks = Hooks(tls=tls, resolve=resolve, inner=dialler)
        for addresses in (["10.0.0.1"], [PUBLIC, "127.0.0.1"], ["::1"], ["169.254.169.254"]):
            found[:] = addresses
            assert (await hooks.post(address, HEADERS, b"{}", 5)).code == "NOT_ALLOWED", addresses
        await hooks.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://ontvanger.example/in",
        "https://127.0.0.1/in",
        "https://127.1/in",
        "https://[::1]/in",
        "https://10.1.2.3/in",
        "https://[::ffff:10.1.2.3]/in",
        "https://169.254.169.254/latest/meta-data",
        "https://u:p@ontvanger.example/in",
        "https://ontvanger.example/in?sleutel=geheim",
        "https://ontvanger.example/in#x",
        "https://ontvanger.example/in?",
        "https:///in",
        "ftp://ontvanger.example/in",
        "javascript:alert(1)",
        "https://ontvanger.example:99999/in",
        "",
        "\x00",
    ],
)
async def test_an_address_to_which_nothing_is_sent(url: str) -> None:
    with pytest.raises(SourceDown):
        read_address(url, frozenset())
    hooks = Hooks()
    assert (await hooks.post(url, HEADERS, b"{}", 1)).code == "NOT_ALLOWED"


def test_an_address_that_may_be_asked() -> None:
    assert str(read_address("https://ontvanger.example/spil/in", frozenset()))
    assert str(read_address("http://sink.intern:8080/in", frozenset({"sink.intern:8080"})))
    with pytest.raises(SourceDown):
        read_address("http://sink.intern:8081/in", frozenset({"sink.intern:8080"}))


async def test_connections_of_hosts_that_nobody_asks_any_more_are_left() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError

    hooks = Hooks(resolve=resolve)
    for n in range(HOSTS + 5):
        assert (await hooks.post(f"https://h{n}.example/in", HEADERS, b"{}", 5)).code == "UNREACHABLE"
    assert len(hooks._pools) == HOSTS
    await hooks.close()
