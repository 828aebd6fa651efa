"""Every fenced command and question in README.md and docs/ does what the document says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from registry.embedded_home import CHECKOUT
from spil.cli import cli
from tests.docs.expected import difference, read
from tests.docs.fences import FOR_PEOPLE, RUN, Block, all_blocks
from tests.setup.demos import environment
from tests.setup.visitor import RunningDemo

BLOCKS = all_blocks()
QUESTIONS = [block for block in BLOCKS if block.language == "graphql"]
COMMANDS = [block for block in BLOCKS if block.language == "sh" and "elsewhere" not in block.words]
ELSEWHERE = [block for block in BLOCKS if block.language == "sh" and "elsewhere" in block.words]
# What takes minutes, never ends, or changes the machine: that it is there and explains itself is what is checked.
LONG = (
    *("scripts/demo", "scripts/test", "scripts/check", "scripts/bench", "scripts/mutants", "scripts/lock", ".ci/run"),
    "scripts/spil events tail",
)
SETS_UP = re.compile(r"(sudo )?apt-get |git clone |cd [a-z./-]+$")


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_says_what_it_is(block: Block) -> None:
    assert block.language in RUN | FOR_PEOPLE, (
        f"```{block.language} at {block}; tests/docs/fences.py lists what there is"
    )


@pytest.mark.parametrize("block", QUESTIONS, ids=str)
def test_a_question_gets_the_answer_that_stands_below_it(demo: RunningDemo, block: Block) -> None:
    body: dict[str, Any] = {"query": block.body}
    if block.variables is not None:
        body["variables"] = json.loads(block.variables)
    found = demo.ask(body, block.asker)
    if block.answer is None:
        assert "errors" not in found, found
    else:
        assert difference(read(block.answer), found) is None, found


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_a_command_ends_well(demo: RunningDemo, tmp_path: Path, block: Block) -> None:
    script = "\n".join(_quick(line) for line in _lines(block.body))
    script = re.sub(r"\b(127\.0\.0\.1|localhost):8000\b", rf"\1:{demo.port}", script)
    (tmp_path / "spil").write_text(f'#!/bin/sh\nexec "{demo.clone.path}/scripts/spil" "$@"\n', encoding="utf-8")
    (tmp_path / "spil").chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=demo.clone.path,
        env=environment(demo.port) | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{block}\n{script}\n{done.stdout}\n{done.stderr}"
    if block.answer is not None:
        assert difference(read(block.answer), json.loads(done.stdout)) is None, done.stdout
    elif "/graphql" in script:
        assert '"errors"' not in done.stdout, done.stdout


def test_a_command_for_another_machine_is_one_that_there_is() -> None:
    for block in ELSEWHERE:
        subprocess.run(["bash", "-n", "-c", block.body], check=True)
        for line in _lines(block.body):
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words and words[0] in ("spil", "scripts/spil"):
                _check_options(words[1:])


def _lines(body: str) -> list[str]:
    """The commands, with lines that go on joined."""
    return [line for line in re.sub(r"\\\n\s*", " ", body).splitlines() if line.strip()]


def _quick(line: str) -> str:
    """The line, or for what is LONG its help; a line that only sets a machine up is left out."""
    bare = re.sub(r"^(?:[A-Z_]+=\S* )+", "", line.strip())
    if SETS_UP.match(bare):
        return f": {shlex.quote(bare)}"
    command = next((one for one in LONG if f"{bare} ".startswith(f"{one} ")), None)
    if command is None:
        return line
    assert os.access(CHECKOUT / command.split()[0], os.X_OK), f"{command} is not there"
    return f"bash -n {command}" if command == ".ci/run" else f"{command} --help >/dev/null"


def _check_options(words: list[str]) -> None:
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        below = command.get_command(context, words.pop(0))
        assert below is not None, "there is no such command"
        command = below
    known = {option for parameter in command.params for option in (*parameter.opts, "--help")}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known
