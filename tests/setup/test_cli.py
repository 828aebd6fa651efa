"""The command line: what it shows, what it imports, and how it says no."""

from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from registry.embedded_home import CHECKOUT
from spil.cli import COMMANDS, cli


@pytest.mark.parametrize("name", [entry.name for entry in COMMANDS])
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert isinstance(command, click.Group) or re.search(
        r"^ +.*(scripts/|spil )", shown.output.split("\n", 2)[2], re.MULTILINE
    )


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from spil.cli import cli\n"
        "try: cli(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted(n for n in sys.modules if n.startswith(('spil.', 'registry', 'strawberry', 'asyncpg'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "['spil.cli']"


@pytest.mark.parametrize("command", ["serve", "migrate", "seed"])
def test_a_command_names_the_settings_that_it_misses(command: str) -> None:
    done = CliRunner().invoke(cli, [command], env={})
    assert done.exit_code == 1
    assert "_URL is not set" in done.output
    assert "Traceback" not in done.output


def test_a_wrong_setting_is_a_sentence_and_no_trace() -> None:
    done = CliRunner().invoke(cli, ["demo"], env={"PORT": "http"})
    assert done.exit_code == 1
    assert done.output == "Error: PORT wants a whole number from 1 to 65535\n"


def test_a_database_that_is_not_there_is_a_sentence() -> None:
    done = CliRunner().invoke(cli, ["migrate"], env={"SPIL_DATABASE_URL": "postgresql://o:p@127.0.0.1:1/spil"})
    assert done.exit_code == 1
    assert "The database cannot be reached" in done.output
