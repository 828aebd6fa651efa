"""What is refused when a source is added or resumed: places, settings, modes, and a second that answers live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.everything import PROTOCOLS
from registry.sources import Source, add_source, set_state
from schema.errors import Conflict
from spil.cli import cli
from tests.spil.harvest_kit import POINT, SCHOOL, TOWN, World

Run = Callable[..., Any]
LIVE = Source("aaa", SCHOOL, "school", "school-rest", "https://school.example", ("school.example",), answers_live=True)


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SPIL_WORKER_URL", world.worker)

    async def run(*words: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, cli, ["sources", *words])

    return run


async def add(run: Run, *words: str, party: str = SCHOOL, protocol: str = "school-rest", key: str = "proef") -> Any:
    return await run("add", key, "--party", party, "--protocol", protocol, *words)


async def kept(world: World) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await world.db.fetch("SELECT key, hosts, private_hosts, options::text FROM source")]


@pytest.mark.parametrize(
    "words",
    [
        ("--url", "https://169.254.169.254/"),
        ("--url", "http://example.com"),
        ("--url", "https://[::1]/"),
        ("--url", "https://[::ffff:10.1.2.3]/"),
        ("--url", "https://10.1.2.3/"),
        ("--url", "https://127.0.0.1/"),
        ("--url", "https://127.1/"),
        ("--url", "https://2130706433/"),
        ("--url", "https://127.0.0.1/", "--private", "127.0.0.1:8443"),
        ("--url", "http://example.com", "--private", "example.com:443"),
        ("--url", "https://school.example", "--host", "10.1.2.3"),
    ],
)
async def test_a_place_that_no_request_may_go_to_is_refused_with_the_way_to_list_it(
    run: Run, world: World, words: tuple[str, ...]
) -> None:
    told = await add(run, *words)
    assert (told.exit_code, "--private HOST:PORT" in told.output) == (1, True), told.output
    assert "10.1.2.3" not in told.output
    assert await kept(world) == []


@pytest.mark.parametrize(
    ("words", "hosts", "private"),
    [
        (("--url", "https://school.example/spil"), ["school.example"], []),
        (("--url", "https://93.184.216.34/"), ["93.184.216.34"], []),
        (("--url", "https://10.1.2.3/", "--private", "10.1.2.3:443"), ["10.1.2.3"], ["10.1.2.3:443"]),
        (("--url", "http://[::1]:8080/", "--private", "[::1]:8080"), ["::1"], ["::1:8080"]),
        (("--url", "http://School.example:81", "--private", "School.example:81"), ["school.example"],
         ["school.example:81"]),
    ],
)  # fmt: skip
async def test_a_place_that_is_public_or_listed_is_taken(
    run: Run, world: World, words: tuple[str, ...], hosts: list[str], private: list[str]
) -> None:
    told = await add(run, *words)
    assert told.exit_code == 0, told.output
    assert [row[1:3] for row in await kept(world)] == [(hosts, private)]


@pytest.mark.parametrize("private", ["10.1.2.3", ":443", "10.1.2.3:", "10.1.2.3:https", "10.1.2.3:123456"])
async def test_what_lists_nothing_is_refused(run: Run, world: World, private: str) -> None:
    told = await add(run, "--url", "https://10.1.2.3/", "--private", private)
    assert (told.exit_code, "--private is HOST:PORT" in told.output) == (1, True)


async def test_a_port_that_is_none_is_one_sentence(run: Run, world: World) -> None:
    told = await add(run, "--url", "https://school.example:99999/")
    assert (told.exit_code, "--url is https://host/path" in told.output) == (1, True), told.output


@pytest.mark.parametrize(
    ("protocol", "party", "setting", "sentence"),
    [
        ("school-rest", SCHOOL, "token=geheim", "reads no setting `token`."),
        ("oso-xml", SCHOOL, "school=99ZZ00", "reads no setting `school`."),
        ("vum-v3", POINT, "token=geheim", "`token`; it reads from_party, suwi_party, to_party, via_party."),
        ("jobposting", POINT, "publiek=geheim", "`publiek`; it reads public."),
        ("school-rest", SCHOOL, "Z2VoZWltZQ==", "reads no setting of that name."),
    ],
)
async def test_a_setting_that_the_protocol_does_not_read_is_refused_by_its_name(
    run: Run, world: World, protocol: str, party: str, setting: str, sentence: str
) -> None:
    told = await add(run, "--setting", setting, party=party, protocol=protocol)
    assert (told.exit_code, sentence in told.output, "--credentials" in told.output) == (1, True, True), told.output
    assert not {"geheim", "99ZZ00", "Z2VoZWltZQ"} & set(told.output.replace("`", " ").split())
    assert await kept(world) == []


async def test_a_setting_that_the_protocol_reads_is_kept(run: Run, world: World) -> None:
    told = await add(run, "--setting", "public=false", party=POINT, protocol="jobposting")
    assert told.exit_code == 0, told.output
    assert [row[3] for row in await kept(world)] == ['{"settings": {"public": "false"}}']


def test_each_protocol_says_which_settings_it_reads() -> None:
    assert {one.name: set(one.settings) for one in PROTOCOLS if one.settings} == {
        "vum-v3": {"from_party", "to_party", "via_party", "suwi_party"},
        "jobposting": {"public"},
        "declared": {"public"},
        "federation": {"entity", "key"},
        "cloudevents": {"urn"},
    }


@pytest.mark.parametrize(
    ("protocol", "party", "only", "sentence"),
    [
        ("school-csv", SCHOOL, "live", "Nothing is asked live"),
        ("vum-v3", POINT, "harvest", "Nothing is harvested"),
        ("federation", TOWN, "harvest", "Nothing is harvested"),
        ("cloudevents", TOWN, "live", "Nothing is asked live"),
    ],
)
async def test_only_what_the_protocol_can_do_is_chosen(
    run: Run, world: World, protocol: str, party: str, only: str, sentence: str
) -> None:
    told = await add(run, "--only", only, party=party, protocol=protocol)
    assert (told.exit_code, sentence in told.output) == (1, True), told.output


@pytest.mark.parametrize("first", ["https://school.example", "agent:"])
@pytest.mark.parametrize("second", ["https://elders.example", "agent:"])
async def test_a_second_live_source_of_a_party_is_refused_until_the_first_makes_room(
    run: Run, world: World, first: str, second: str
) -> None:
    assert (await add(run, "--url", first, key="eerste")).exit_code == 0
    refused = await add(run, "--url", second, key="tweede")
    assert refused.exit_code == 1
    assert "`eerste`" in refused.output
    assert "spil sources pause eerste" in refused.output
    assert (await add(run, "--url", second, "--only", "harvest", key="ernaast")).exit_code == 0
    await run("pause", "eerste")
    assert (await add(run, "--url", second, key="tweede")).exit_code == 0
    resumed = await run("resume", "eerste")
    assert (resumed.exit_code, "`tweede`" in resumed.output) == (1, True)
    assert await world.db.fetchval("SELECT state FROM source WHERE key = 'eerste'") == "PAUSED"
    await run("end", "tweede")
    assert (await run("resume", "eerste")).output == "Active.\n"


async def test_another_kind_another_party_and_a_harvest_stand_beside_a_live_source(world: World) -> None:
    await add_source(world.worker, LIVE)
    await add_source(world.worker, replace(LIVE, key="bbb", party=TOWN, kind="municipality", protocol="ggm-rest"))
    await add_source(world.worker, replace(LIVE, key="ccc", answers_live=False))
    await add_source(world.worker, replace(LIVE, key="ddd", base_url=None))
    assert len(await kept(world)) == 4


async def test_of_two_that_are_added_at_once_one_is_taken(world: World) -> None:
    rows = [replace(LIVE, key=f"k-{n}") for n in range(6)]
    ends = await asyncio.gather(*(add_source(world.worker, row) for row in rows), return_exceptions=True)
    assert [type(end) for end in ends].count(type(None)) == 1
    assert sum(isinstance(end, Conflict) for end in ends) == 5
    assert len(await kept(world)) == 1


async def test_of_two_that_are_resumed_at_once_one_is_taken(world: World) -> None:
    for n in range(4):
        await add_source(world.worker, replace(LIVE, key=f"k-{n}"))
        await set_state(world.worker, f"k-{n}", "PAUSED")
    ends = await asyncio.gather(
        *(set_state(world.worker, f"k-{n}", "ACTIVE") for n in range(4)), return_exceptions=True
    )
    assert (ends.count(None), sum(isinstance(end, Conflict) for end in ends)) == (1, 3)
    assert await world.db.fetchval("SELECT count(*) FROM source WHERE state = 'ACTIVE'") == 1
