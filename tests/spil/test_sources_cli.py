"""`spil sources`: adding, meeting, reading, pausing and ending a partner system from the command line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spil.cli import cli
from tests.spil.harvest_kit import BRIN, MAPPING, POINT, SCHOOL, Feed, World, vacancy

Run = Callable[..., Any]


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SPIL_WORKER_URL", world.worker)

    def run(*words: str) -> Any:
        return CliRunner().invoke(cli, ["sources", *words])

    return run


@contextmanager
def serving(feed: Feed) -> Iterator[str]:
    """The feed on a loop of its own: a command runs one too."""
    loop, ready, done = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with feed.partner.serving():
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(5)
    try:
        yield f"127.0.0.1:{feed.partner.port}"
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(5)
        loop.close()


async def in_thread(*words: str, run: Run) -> Any:
    return await asyncio.to_thread(run, *words)


async def test_nine_protocols_are_listed(run: Run) -> None:
    told = run("protocols").output.splitlines()
    assert len(told) == 10
    assert {line.split()[0] for line in told[1:]} == {
        "school-rest", "oso-xml", "school-csv", "vum-v3", "jobposting", "declared", "ggm-rest", "federation",
        "cloudevents",
    }  # fmt: skip


async def test_a_feed_is_added_met_read_paused_and_ended(run: Run, tmp_path: Path) -> None:
    mapping = tmp_path / "feed.toml"
    mapping.write_text(MAPPING)
    with serving(Feed({f"v{n}": vacancy() for n in range(12)})) as place:
        words = ("add", "feed", "--party", POINT, "--protocol", "declared", "--url", f"http://{place}/feed.json")
        added = await in_thread(*words, "--mapping", str(mapping), "--private", place, run=run)
        assert (added.exit_code, added.output) == (0, "Added. `spil sources check feed` meets it.\n")
        met = await in_thread("check", run=run)
        assert "12 records in its first page, 0 refused" in met.output
        read = await in_thread("sync", "feed", run=run)
        assert "12 added, 0 changed, 0 unchanged, 0 ended, 0 rejected; 1 pages" in read.output
    down = await in_thread("check", "feed", run=run)
    assert (down.exit_code, "SOURCE_DOWN" in down.output) == (1, True)
    assert "DONE" in (await in_thread("list", run=run)).output
    assert (await in_thread("pause", "feed", run=run)).output == "Paused.\n"
    refused = await in_thread("sync", "feed", run=run)
    assert (refused.exit_code, "paused or ended" in refused.output) == (1, True)
    assert (await in_thread("end", "feed", run=run)).output == "Ended. Its opportunities closed: 12.\n"
    assert "feed" not in (await in_thread("list", run=run)).output


async def test_a_wrong_mapping_is_refused_with_its_line_before_anything_is_asked(run: Run, tmp_path: Path) -> None:
    mapping, feed = tmp_path / "vacatures.toml", Feed({})
    mapping.write_text(MAPPING.replace('title = "titel"', 'naam = "titel"'))
    with serving(feed) as place:
        words = ("add", "feed", "--party", POINT, "--protocol", "declared", "--url", f"http://{place}")
        told = await in_thread(*words, "--mapping", str(mapping), "--private", place, run=run)
    assert (told.exit_code, feed.partner.heard) == (1, [])
    assert f"{mapping}:8: opportunity has no field naam" in told.output
    assert "feed.toml" not in told.output


async def test_a_mapping_that_is_no_text_is_refused_as_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_bytes(b"record = 'opportunity'\nformat = '\xff'\n")
    words = ("--party", POINT, "--protocol", "declared", "--mapping", str(tmp_path / "m.toml"))
    told = await in_thread("add", "feed", *words, run=run)
    assert (told.exit_code, "this is no text in UTF-8" in told.output) == (1, True)


async def test_a_source_whose_every_record_is_refused_is_not_ok(run: Run, tmp_path: Path) -> None:
    mapping = tmp_path / "feed.toml"
    mapping.write_text(MAPPING)
    with serving(Feed({f"v{n}": vacancy(postcode="geheim") for n in range(3)})) as place:
        words = ("add", "feed", "--party", POINT, "--protocol", "declared", "--url", f"http://{place}/feed.json")
        await in_thread(*words, "--mapping", str(mapping), "--private", place, run=run)
        met = await in_thread("check", "feed", run=run)
    assert (met.exit_code, "SOURCE_MALFORMED" in met.output) == (1, True)
    assert "every record of its first page was refused, 3 of 3 as postcode: FORM" in met.output
    assert "geheim" not in met.output


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"--protocol": "morse"}, "no such protocol"),
        ({"--party": POINT}, "for a party of kind school"),
        ({"--credentials": "geheim"}, "file:/an/absolute/path"),
        ({"--credentials": "env:SPIL_WORKER_URL"}, "not a SPIL_ name"),
        ({"--url": "https://naam:geheim@school.example"}, "without a name"),
        ({"--setting": "los"}, "NAME=VALUE"),
    ],
)
async def test_what_does_not_fit_is_one_sentence_without_the_value(
    run: Run, change: dict[str, str], sentence: str
) -> None:
    words = {"--party": SCHOOL, "--protocol": "school-rest", "--url": "https://school.example"} | change
    told = await in_thread("add", "proef", *(part for pair in words.items() for part in pair), run=run)
    assert told.exit_code == 1
    assert sentence in told.output
    assert "geheim" not in told.output


async def test_a_file_is_tried_without_keeping_anything(run: Run, world: World, tmp_path: Path) -> None:
    await in_thread("add", BRIN.lower(), "--party", SCHOOL, "--protocol", "school-csv", run=run)
    file = tmp_path / "leerlingen.csv"
    head = "leerlingid;gemeentecode;uitstroomprofiel;leerjaar;verwachteuitschrijving;datumuitschrijving;"
    head += "leeftijdsgroep;sectoren;urenperweek;reisafstand;ondersteuning;werkprocessen\n"
    file.write_text(head + "1;GM0796;2;4;;;;;;;;\n2;GM0796;2;zes;;;;;;;;\n")
    told = await in_thread("test", BRIN.lower(), "--file", str(file), run=run)
    assert told.output == "row 2: school_year: FORM\n1 records, 1 refused\n"
    assert await world.db.fetchval("SELECT count(*) FROM student") == 0
