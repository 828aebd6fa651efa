"""By which OIN the hub is known at an exchange: what its certificate bears comes before what a row says."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from registry.sources import Source
from schema.errors import BadMapping, SetUp, SourceDown
from spil.live_sources import LiveSources
from spil.partners import asking_options, options_for
from spil.source_check import handshake
from tests.spil.harvest_kit import POINT
from tests.wire.tls_kit import Authority, Pair
from wire.tls import Tls, oin_of

OURS, ANOTHER = "00000001001564743000", "00000009999999999000"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("oin"))


def row(folder: Path, pair: Pair | None, **settings: str) -> Source:
    """A source of the exchange, with this certificate of ours."""
    told = (
        {"tls": {"certificate": str(pair.certificate), "key": str(pair.key)}} if pair else {"headers": {"x-key": "k"}}
    )
    (folder / "vum.json").write_bytes(orjson.dumps(told))
    return Source(
        "vum", POINT, "servicepoint", "vum-v3", "https://127.0.0.1:9", ("127.0.0.1",), ("127.0.0.1:9",),
        f"file:{folder / 'vum.json'}", options={"settings": settings}, harvests=False, answers_live=True,
    )  # fmt: skip


def said(source: Source) -> str:
    return asking_options(source, {}).settings["from_party"]


def test_the_certificate_s_serial_number_is_said(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("hub.example", oin=OURS)
    assert said(row(tmp_path, pair)) == OURS
    assert said(row(tmp_path, pair, from_party=OURS, via_party="VUM")) == OURS


def test_a_setting_that_says_another_is_refused_without_a_value(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(SetUp, match="another OIN") as refused:
        asking_options(row(tmp_path, authority.issue("hub.example", oin=OURS), from_party=ANOTHER), {})
    assert not {OURS, ANOTHER} & set(refused.value.message.split())


def test_a_setting_counts_where_no_certificate_bears_one(authority: Authority, tmp_path: Path) -> None:
    assert said(row(tmp_path, authority.issue("test.example"), from_party=ANOTHER)) == ANOTHER
    assert said(row(tmp_path, authority.issue("kvk.example", oin="27312152"), from_party=ANOTHER)) == ANOTHER
    assert said(row(tmp_path, None, from_party=ANOTHER)) == ANOTHER
    with pytest.raises(SetUp, match="no OIN"):
        asking_options(row(tmp_path, authority.issue("test.example")), {})


@pytest.mark.parametrize("told", ["", "0000000100156474300", "000000010015647430000", "0000000100156474300x", "VUM"])
def test_a_setting_that_is_no_oin_is_refused(tmp_path: Path, told: str) -> None:
    with pytest.raises(BadMapping, match="20 digits"):
        options_for(row(tmp_path, None, from_party=told))


def test_of_a_chain_the_first_certificate_is_ours(authority: Authority, tmp_path: Path) -> None:
    first, second = authority.issue("one.example", oin=OURS), authority.issue("two.example", oin=ANOTHER)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(first.certificate.read_bytes() + second.certificate.read_bytes())
    assert oin_of(Tls(certificate=chain)) == OURS
    assert oin_of(Tls(authority.file)) is None
    assert oin_of(None) is None


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff\x00"])
def test_a_file_that_is_no_certificate_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "hub.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SourceDown, match="certificate files"):
        oin_of(Tls(certificate=file))


async def test_a_check_and_the_gateway_say_why_a_source_has_no_number(authority: Authority, tmp_path: Path) -> None:
    one = row(tmp_path, authority.issue("test.example"))
    met = await handshake(one, {}, {})
    assert (met["answer"], "no OIN" in met["what"]) == ("SET_UP", True)
    lines: list[str] = []

    async def load() -> list[Source]:
        return [one]

    sources = LiveSources(load, {}, lambda event, **told: lines.append(f"{event} {told['code']}"))
    await sources.refresh()
    assert (lines, sources.find(POINT, "servicepoint")) == (["source-unusable SET_UP"], None)
    await sources.close()
