"""The committed contracts, and what `spil contracts` and `spil schema` say of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from graphql import build_schema

from auth.viewer import Role
from spil import contract_files
from spil.cli import cli
from spil.wiring import contracts

BEFORE = "type Query { me: Int, you(of: Int): Int }"
NOW = "type Query { me: Int, you(of: Int!): Int, they: Int }"


def test_the_committed_contracts_are_what_the_hub_serves() -> None:
    _, printed = contracts()
    assert contract_files.stale(printed) == []
    assert set(printed) == {role.value for role in Role}


def test_every_contract_is_a_schema_that_a_client_can_read() -> None:
    _, printed = contracts()
    for sdl in printed.values():
        assert build_schema(sdl, assume_valid_sdl=True).query_type is not None


def test_a_changed_a_missing_and_a_foreign_file_are_stale_and_writing_mends_them(tmp_path: Path) -> None:
    (tmp_path / "schema").mkdir()
    printed = {"PUBLIC": NOW, "SCHOOL": NOW}
    assert contract_files.write(printed, tmp_path) == [
        "schema/contracts/public.graphql",
        "schema/contracts/school.graphql",
    ]
    assert contract_files.stale(printed, tmp_path) == []
    folder = tmp_path / contract_files.FOLDER
    (folder / "public.graphql").write_text(BEFORE, encoding="utf-8")
    (folder / "school.graphql").unlink()
    (folder / "minister.graphql").write_text(NOW, encoding="utf-8")
    stale = contract_files.stale(printed, tmp_path)
    assert [path.rpartition("/")[2] for path in stale] == ["minister.graphql", "public.graphql", "school.graphql"]
    assert contract_files.write(printed, tmp_path) == stale
    assert contract_files.stale(printed, tmp_path) == []


def test_what_a_client_of_the_last_tag_would_lose_is_said(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = [
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t.example",
            "-c",
            "commit.gpgsign=false",
            "-c",
            "tag.gpgsign=false",
        ]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert contract_files.last_tag(tmp_path) is None
    (tmp_path / "schema").mkdir()
    contract_files.write({"PUBLIC": BEFORE}, tmp_path)
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "x", "--no-verify")
    git("tag", "v1")
    assert contract_files.last_tag(tmp_path) == "v1"
    before = contract_files.at_tag("v1", "PUBLIC", tmp_path)
    assert before == BEFORE
    assert contract_files.at_tag("v1", "SCHOOL", tmp_path) is None
    assert contract_files.broken_since(before, NOW) == ["Argument Query.you(of:) has changed type from Int to Int!."]
    assert contract_files.broken_since(before, before) == []


def test_the_schema_of_a_role_is_printed_as_it_is_served() -> None:
    _, printed = contracts()
    done = CliRunner().invoke(cli, ["schema", "--as", "service-point"])
    assert done.exit_code == 0
    assert done.output == printed["SERVICE_POINT"]


@pytest.mark.parametrize("command", [["schema"], ["explain", "-"]])
def test_an_unknown_role_is_answered_with_those_there_are(command: list[str]) -> None:
    done = CliRunner().invoke(cli, [*command, "--as", "minister"], input="{ me { role } }")
    assert done.exit_code == 1
    assert "public, school, service_point" in done.output
    assert "minister" not in done.output


def test_check_passes_here() -> None:
    assert CliRunner().invoke(cli, ["contracts", "--check"]).exit_code == 0
