"""The embedded Postgres: started, adopted, kept apart, and closed to others."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from registry.embedded import Embedded, discard
from registry.embedded_home import CHECKOUT, checkout_mark, home_folder
from schema.errors import SetUp

START_AND_BE_KILLED = """
import os, signal, sys
from pathlib import Path
from registry.embedded import Embedded
Embedded.start(Path(sys.argv[1]), fast=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = home_folder(f"test-{os.getpid()}-own")
    assert discard(folder)
    yield folder
    assert discard(folder)


async def ask(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def killed_start(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START_AND_BE_KILLED, str(home)],
        check=False,
        cwd=CHECKOUT,
        env={"PYTHONPATH": str(CHECKOUT)},
    )
    assert done.returncode == -signal.SIGKILL


async def test_rows_are_there_after_a_stop_and_a_start(home: Path) -> None:
    with Embedded.start(home, fast=True) as server:
        await ask(server.url, "CREATE TABLE kept AS SELECT 7 AS n")
    with Embedded.start(home, fast=True) as server:
        assert await ask(server.url, "SELECT n FROM kept") == 7


async def test_an_orphan_of_a_killed_start_is_adopted_and_stopped(home: Path) -> None:
    killed_start(home)
    told: list[str] = []
    orphan = int((home / "data" / "postmaster.pid").read_text().split()[0])
    with Embedded.start(home, told.append, fast=True) as server:
        assert told == ["found it running, left by a start that was killed"]
        assert await ask(server.url, "SELECT 1") == 1
        assert int((home / "data" / "postmaster.pid").read_text().split()[0]) == orphan
    assert not (home / "data" / "postmaster.pid").exists()


async def test_a_number_given_anew_to_another_process_does_not_stop_the_start(home: Path) -> None:
    with Embedded.start(home, fast=True):
        lines = (home / "data" / "postmaster.pid").read_text().splitlines()
    (home / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]))
    with Embedded.start(home, fast=True) as server:
        assert await ask(server.url, "SELECT 1") == 1


def test_a_second_start_on_the_same_folder_is_refused_with_a_sentence(home: Path) -> None:
    with Embedded.start(home, fast=True), pytest.raises(SetUp, match="uses the embedded Postgres already"):
        Embedded.start(home, fast=True)


def test_a_half_made_data_folder_is_made_anew(home: Path) -> None:
    Embedded.start(home, fast=True).stop()
    (home / "data").rename(home / "data.new")
    (home / "data.new" / "PG_VERSION").unlink()
    Embedded.start(home, fast=True).stop()
    assert (home / "data" / "PG_VERSION").exists()


def test_data_of_another_postgres_is_refused(home: Path) -> None:
    Embedded.start(home, fast=True).stop()
    (home / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(SetUp, match="another Postgres"):
        Embedded.start(home, fast=True)


async def test_it_listens_on_a_private_socket_only_and_asks_other_logins_for_a_password(home: Path) -> None:
    with Embedded.start(home, fast=True) as server:
        assert await ask(server.url, "SHOW listen_addresses") == ""
        sockets = Path(parse_qs(urlsplit(server.url).query)["host"][0])
        assert os.stat(sockets).st_mode & 0o777 == 0o700  # noqa: PTH116 - the rule against Path in coroutines is right
        assert len(str(sockets / ".s.PGSQL.5432")) <= 107
        await ask(server.url, "CREATE ROLE someone LOGIN PASSWORD 'x'")
        assert await ask(server.url_of("spil", "someone", "x"), "SELECT current_user") == "someone"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(server.url_of("spil", "someone", "y"), "SELECT 1")


async def test_the_owner_is_no_superuser_and_the_log_holds_no_values(home: Path) -> None:
    with Embedded.start(home, fast=True) as server:
        assert await ask(server.url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        with pytest.raises(asyncpg.DataError):
            await ask(server.url, "SELECT 'Pietersen'::int")
        with pytest.raises(asyncpg.UniqueViolationError):
            await ask(
                server.url,
                "DO $$ BEGIN CREATE TEMP TABLE t (n text UNIQUE); INSERT INTO t VALUES ('Jansen'), ('Jansen'); END $$",
            )
    log = (home / "postgres.log").read_text(encoding="utf-8")
    assert "ready to accept" in log
    assert "Jansen" not in log
    assert "Pietersen" not in log


def test_two_checkouts_have_two_folders() -> None:
    assert checkout_mark(Path("/a/spil")) != checkout_mark(Path("/b/spil"))
    assert home_folder("demo", Path("/a/spil")) != home_folder("demo", Path("/b/spil"))


START_AND_STOP = """
import sys
from pathlib import Path
from registry.embedded import Embedded
from registry.embedded_home import home_folder
with Embedded.start(home_folder("test", Path(sys.argv[1])), fast=True) as server:
    print(server.home.sockets)
"""


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    """A deep folder of the user nobody, three long names below one that is removed in the end."""
    top = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="spil-"))
    deep = top.joinpath(*["d" * 60] * 3)
    deep.mkdir(parents=True)
    for path in [top, *top.rglob("*")]:
        shutil.chown(path, "nobody")
    yield deep
    shutil.rmtree(top)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("levels", [0, 3], ids=["deep", "short"])
def test_a_plain_user_needs_no_rights_and_a_deep_checkout_no_short_path(nobodys_folder: Path, levels: int) -> None:
    checkout = [nobodys_folder, *nobodys_folder.parents][levels]
    site = Path(importlib.util.find_spec("pytest").origin).parents[1]  # type: ignore[union-attr,arg-type]  # it runs now
    # The system's Python: the one of .venv may stand in a home that is closed to others.
    try:
        done = subprocess.run(
            ["/usr/bin/python3", "-P", "-c", START_AND_STOP, str(checkout)],
            check=False,
            capture_output=True,
            text=True,
            user="nobody",
            group="nogroup",
            extra_groups=[],
            cwd="/",
            env={"PYTHONPATH": f"{CHECKOUT}:{site}", "HOME": str(nobodys_folder)},
        )
    except FileNotFoundError:
        pytest.skip("no Python outside the homes")
    if "No module named 'registry'" in done.stderr:
        pytest.skip("this checkout is closed to other users")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) <= 90
