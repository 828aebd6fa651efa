"""Law 1 in force: a whole demo, all that it can be asked and brought, and then nobody's name in anything that it wrote.

Laws
1. The partners' people are canaries, and the answers show them: what is not found afterwards was there.
2. Each place is shown to be searched: a canary that is put there is found.
"""

from __future__ import annotations

import base64
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from registry.embedded import SUPERUSER, Embedded
from tests.setup.demos import Clone, Demo, free_port
from tests.setup.law_one import CANARIES, checkout_files, dump, files, search
from tests.setup.law_one_story import TRACE, Story, act
from tests.setup.visitor import visit


@pytest.fixture(scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    folder = tmp_path_factory.mktemp("law")
    clone, temporary = Clone(folder / "clone"), folder / "tmp"
    temporary.mkdir()
    process = Demo(
        clone, free_port(), TMPDIR=str(temporary), PARTNERS_NAMES="canaries", SPIL_DEADLINE="1.5",
        SPIL_LIVE_DEADLINE="0.7",
    )  # fmt: skip
    told = Story(clone)
    try:
        process.ready()
        await act(told, visit(clone, process, traceparent=TRACE), process)
        told.places += [(f"running/{name}", data) for name, data in files(clone.home / "partners")]
    finally:
        process.send(signal.SIGTERM)
        process.ended()
    told.places += [("stdout and stderr", "".join(process.lines).encode())]
    told.places += [*files(clone.home, "pg_wal", "1", "4"), *checkout_files(clone)]  # 1 and 4 are templates
    told.places += [(f"tmp/{name}", data) for name, data in files(temporary)]
    yield told
    clone.remove()


def test_nobody_stands_in_anything_that_the_demo_wrote(story: Story) -> None:
    assert search(story.places) == []


def test_no_answer_that_should_not_names_anybody(story: Story) -> None:
    assert search(story.told) == []


def test_the_run_was_one(story: Story) -> None:
    """What was to be shown was shown, what was to fail failed, and what is searched holds what it should."""
    shown = "\n".join(story.shown)
    for canary in ("Kanarie1", "van Zangvogel1", "Ouder1", "2009-03-14", "@leerling.example", "Jobcoach Z-"):
        assert canary in shown, canary
    assert {"SOURCE_DOWN", "SOURCE_TIMEOUT", "SOURCE_MALFORMED", "SOURCE_REFUSED", "BAD_INPUT"} <= story.codes
    names = {name for name, _ in story.places}
    assert {"requests.jsonl", "postgres.log", "stdout and stderr", "spil.public.link", "spil.public.read"} <= names
    everything = b"\n".join(data for _, data in story.places)
    assert TRACE[3:35].encode() in everything
    assert b"p11" in everything
    assert b"nl.arbeidstoeleiding.uitval-gemeld.v1" in everything


@pytest.fixture(scope="module")
def server(story: Story) -> Iterator[Embedded]:
    """The demo's database once more, after all that was searched: here canaries may be put."""
    with Embedded.start(story.clone.home) as running:
        yield running


@pytest.mark.parametrize(
    ("place", "statement"),
    [
        ("spil.public.quarantine", "UPDATE quarantine SET reason = 'Kanarie'"),
        ("spil.public.link", "UPDATE link SET key = '0612345917' WHERE ctid = (SELECT max(ctid) FROM link)"),
        ("spil.public.read", "UPDATE read SET subject = 'Pimpelmeesdreef 17'"),
        ("spil.public.outbox", "INSERT INTO outbox (type, subject_kind, seers) VALUES"  # noqa: ISC004
                               " ('nl.arbeidstoeleiding.x.v1', 'NONE', '{Zangvogel}')"),
        ("spil.public.student_profile", "UPDATE student_profile SET leaves_on = '2009-03-17'"),
        ("spil.pg_catalog.pg_description", "COMMENT ON TABLE student IS 'Kanarie'"),
        ("spil.pg_catalog.pg_statistic", "CREATE TABLE nest AS SELECT 'Zangvogel' AS who FROM generate_series(1, 9);"  # noqa: ISC004
                                         " ANALYZE nest; DELETE FROM nest"),
        ("pg_stat_activity", "SELECT 'Kanarie'"),
    ],
)  # fmt: skip
async def test_a_canary_in_the_database_is_found(server: Embedded, place: str, statement: str) -> None:
    connection = await asyncpg.connect(server.url_of("spil", SUPERUSER))
    try:
        await connection.execute("SET session_replication_role = replica")  # no trigger stands in the way of a test
        await connection.execute(statement)
        assert place in {found[0] for found in search(await dump(server))}
    finally:
        await connection.close()


async def test_a_canary_in_another_database_or_in_a_row_that_was_taken_back_is_found(
    story: Story, server: Embedded
) -> None:
    connection = await asyncpg.connect(server.url_of("postgres", SUPERUSER))
    try:
        await connection.execute("CREATE TABLE nest AS SELECT 'Kanarie' AS who")
        assert "postgres.public.nest" in {found[0] for found in search(await dump(server))}
        await connection.execute("CREATE TABLE undone (who text)")
        with suppress(asyncpg.DivisionByZeroError):
            await connection.execute("BEGIN; INSERT INTO undone VALUES ('Zangvogel'); SELECT 1 / 0")
        await connection.execute("ROLLBACK; CHECKPOINT")
        path = await connection.fetchval("SELECT pg_relation_filepath('undone')")
    finally:
        await connection.close()
    assert f"data/{path}" in {found[0] for found in search(files(story.clone.home, "pg_wal"))}


async def test_a_canary_in_the_servers_log_is_found(story: Story, server: Embedded) -> None:
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute("DO $$ BEGIN RAISE LOG 'Voogdij'; END $$")
    finally:
        await connection.close()
    assert "postgres.log" in {found[0] for found in search(files(story.clone.home, "data"))}


@pytest.mark.parametrize("name", ["requests.jsonl", "partners.log", "Kanarie.txt"])
def test_a_canary_in_a_file_or_its_name_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / name).write_bytes(b"" if "Kanarie" in name else b"x\x00kanarie")
    assert [found[0] for found in search(files(tmp_path))] == [f"below/{name}"]
    assert search(files(tmp_path, "below")) == []


def test_a_file_that_was_written_into_the_checkout_is_searched(story: Story) -> None:
    path = story.clone.path / "core.dump"
    path.write_bytes(b"Kanarie")
    assert [found[0] for found in search(checkout_files(story.clone))] == ["checkout/core.dump"]
    path.unlink()


@pytest.mark.parametrize(("what", "text"), [(what, text) for what, texts in CANARIES.items() for text in texts])
@pytest.mark.parametrize("written", ["plain", "upper", "le", "be", "hex", "base64", "base64+1", "base64+2"])
def test_a_canary_is_found_however_it_is_written(what: str, text: str, written: str) -> None:
    data = text.upper().encode() if written == "upper" else text.encode()
    if written in ("le", "be"):
        data = text.encode(f"utf-16-{written}")
    elif written == "hex":
        data = data.hex().encode()
    elif written.startswith("base64"):
        data = base64.b64encode(b"x" * int(written[6:] or 0) + data + b"z")
    assert what in {found[1] for found in search([("here", b"\x00" + data + b"\n")])}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("log_statement", "none"), ("log_min_duration_statement", "-1"), ("log_min_duration_sample", "-1"),
        ("log_transaction_sample_rate", "0"), ("log_parameter_max_length", "0"),
        ("log_parameter_max_length_on_error", "0"), ("log_min_error_statement", "panic"), ("log_min_messages", "log"),
        ("log_error_verbosity", "terse"), ("log_lock_waits", "off"), ("debug_print_parse", "off"),
        ("debug_print_plan", "off"), ("shared_preload_libraries", ""), ("session_preload_libraries", ""),
    ],
)  # fmt: skip
async def test_the_server_logs_no_statement_and_no_value(server: Embedded, setting: str, value: str) -> None:
    connection = await asyncpg.connect(server.url_of("spil", SUPERUSER))
    try:
        assert await connection.fetchval("SELECT current_setting($1)", setting) == value
        assert await connection.fetchval("SELECT count(*) FROM pg_db_role_setting") == 0
    finally:
        await connection.close()
