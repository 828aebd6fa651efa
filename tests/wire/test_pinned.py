"""A connection goes to an address that was checked, in the name of the host, with a certificate that says so."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from schema.errors import SourceDown
from tests.wire.partner_kit import Dialler, Partner, always, limits, reply
from tests.wire.tls_kit import Authority, server_tls
from wire.messages import Ask
from wire.pinned import Pins, is_public
from wire.source_client import SourceClient
from wire.tls import Tls

GET = Ask("GET", "/x")
PUBLIC = "93.184.216.34"
NAME = "source.example"


class Names:
    """A name server that gives these answers, one after another, and the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def over_tls(
    authority: Authority, names: Names, dialler: Dialler, answer: bytes = reply(), **changes: Any
) -> AsyncIterator[tuple[Partner, SourceClient]]:
    """A partner with a good certificate for NAME, and a client for which nothing private is listed."""
    async with Partner(always(answer)).serving(server_tls(authority.issue(NAME))) as partner:
        place = partner.place(
            NAME, "https", **{"private": frozenset(), "tls": Tls(authority.file), "limits": limits(), **changes}
        )
        async with partner.client(place, resolve=names, inner=dialler) as client:
            yield partner, client


async def test_a_name_that_moves_to_a_private_address_is_refused_before_it_is_dialled(authority: Authority) -> None:
    """DNS rebinding: the first answer is public, the second is the hub's own machine."""
    names, dialler = Names([PUBLIC], ["127.0.0.1"]), Dialler()
    async with over_tls(authority, names, dialler, reply(connection="close")) as (partner, client):
        assert (await client.send(GET, 5.0)).status == 200
        with pytest.raises(SourceDown, match="not allowed"):
            await client.send(GET, 5.0)
    assert (dialler.dialled, names.asked) == ([PUBLIC], [NAME, NAME])
    assert partner.heard[0].headers["host"] == f"{NAME}:{partner.port}"


async def test_a_kept_connection_is_not_resolved_again(authority: Authority) -> None:
    names, dialler = Names([PUBLIC], ["127.0.0.1"]), Dialler()
    async with over_tls(authority, names, dialler) as (partner, client):
        for _ in range(3):
            assert (await client.send(GET, 5.0)).status == 200
    assert (names.asked, partner.connections) == ([NAME], 1)


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["10.0.0.1"], ["100.64.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], ["fe80::1%eth0"],
     [PUBLIC, "127.0.0.1"], []],
)  # fmt: skip
async def test_a_name_with_a_private_address_among_its_addresses_is_refused(
    authority: Authority, found: list[str]
) -> None:
    dialler = Dialler()
    async with over_tls(authority, Names(found), dialler) as (_, client):
        with pytest.raises(SourceDown, match="not allowed"):
            await client.send(GET, 5.0)
    assert dialler.dialled == []


async def test_the_next_checked_address_is_tried_when_one_does_not_answer(authority: Authority) -> None:
    class Half(Dialler):
        async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
            return await super().connect_tcp(host, port if host == PUBLIC else 1, *args, **kwargs)

    dialler = Half()
    async with over_tls(authority, Names(["2606:2800:220:1::1", PUBLIC]), dialler) as (_, client):
        assert (await client.send(GET, 5.0)).status == 200
    assert dialler.dialled == ["2606:2800:220:1::1", PUBLIC]


async def test_only_the_listed_port_of_a_private_host_is_open() -> None:
    async with Partner(always(reply())).serving() as partner:
        place = partner.place(private=frozenset({f"127.0.0.1:{partner.port + 1}"}))
        async with partner.client(place) as client:
            with pytest.raises(SourceDown):
                await client.send(GET, 5.0)
    assert partner.connections == 0


async def test_plain_http_is_for_listed_addresses_only() -> None:
    dialler = Dialler()
    async with Partner(always(reply())).serving() as partner:
        place = partner.place(NAME, private=frozenset())
        async with partner.client(place, resolve=Names([PUBLIC]), inner=dialler) as client:
            with pytest.raises(SourceDown):
                await client.send(GET, 5.0)
    assert dialler.dialled == []


def test_an_address_of_another_name_is_no_address_of_the_source() -> None:
    with pytest.raises(SourceDown):
        Pins(frozenset({NAME})).checked("other.example", 443, [PUBLIC])


@pytest.mark.parametrize("wrong", ["another name", "another authority", "ended", "public roots"])
async def test_a_wrong_certificate_is_refused(authority: Authority, tmp_path: Path, wrong: str) -> None:
    maker = Authority(tmp_path, "Other CA") if wrong == "another authority" else authority
    pair = maker.issue("other.example" if wrong == "another name" else NAME, days=-1 if wrong == "ended" else 1)
    async with Partner(always(reply())).serving(server_tls(pair)) as partner:
        tls = None if wrong == "public roots" else Tls(authority.file)
        place = partner.place(NAME, "https", tls=tls)
        async with partner.client(place, resolve=Names(["127.0.0.1"])) as client:
            with pytest.raises(SourceDown):
                await client.send(GET, 5.0)
    assert partner.heard == []


@pytest.mark.parametrize("shows", ["ours", "nothing", "of another authority"])
async def test_a_source_that_asks_for_a_certificate_gets_ours(authority: Authority, tmp_path: Path, shows: str) -> None:
    clients = Authority(tmp_path, "Client CA")
    maker = Authority(tmp_path, "Other CA") if shows == "of another authority" else clients
    pair = maker.issue("hub.example")
    tls = Tls(authority.file) if shows == "nothing" else Tls(authority.file, pair.certificate, pair.key)
    async with Partner(always(reply())).serving(server_tls(authority.issue(NAME), asks=clients)) as partner:
        place = partner.place(NAME, "https", tls=tls)
        async with partner.client(place, resolve=Names(["127.0.0.1"])) as client:
            if shows == "ours":
                assert (await client.send(GET, 5.0)).status == 200
            else:
                with pytest.raises(SourceDown):
                    await client.send(GET, 5.0)
    assert len(partner.heard) == (shows == "ours")


async def test_certificate_files_that_cannot_be_read_are_found_when_the_source_is_asked(tmp_path: Path) -> None:
    async with Partner(always(reply())).serving() as partner:
        place = partner.place(tls=Tls(tmp_path / "absent.pem"))
        async with partner.client(place) as client:
            with pytest.raises(SourceDown, match="certificate files"):
                await client.send(GET, 5.0)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a00:1", False),
        ("fec0::1", False),
        ("3fff::1", False),
        ("192.0.0.8", False),
        ("192.0.0.9", False),
        ("192.88.99.1", False),
        ("::ffff:192.88.99.1", False),
        ("192.0.1.1", True),
    ],
)
def test_public_is_only_the_open_internet(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public
