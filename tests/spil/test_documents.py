"""The printed parts of the documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from schema.errors import SpilError
from spil import documents
from spil.settings import KNOBS


def test_every_printed_part_is_what_the_code_says() -> None:
    assert documents.check() == []


def test_writing_touches_nothing_outside_the_marks(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "# Mine\n\n<!-- printed: settings -->\nold\n<!-- end of settings -->\n\nTail.\n"
    )
    assert "README.md: `settings` is stale" in documents.check(tmp_path)
    assert "README.md" in documents.write(tmp_path)
    assert documents.check(tmp_path) == []
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# Mine\n\n<!--")
    assert text.endswith("-->\n\nTail.\n")
    assert documents.write(tmp_path) == []


def test_a_page_that_lost_its_marks_is_told(tmp_path: Path) -> None:
    documents.write(tmp_path)
    (tmp_path / "docs/errors.md").write_text("# Errors\n", encoding="utf-8")
    assert documents.check(tmp_path) == ["docs/errors.md has no part `errors`"]


def test_every_code_of_the_tree_has_one_row() -> None:
    def codes(kind: type[SpilError]) -> set[str]:
        own = {kind.code} if kind.__module__ == SpilError.__module__ else set()
        return own.union(*(codes(below) for below in kind.__subclasses__()))

    rows = [line.split("`")[1] for line in documents.error_codes().splitlines()[2:]]
    assert set(rows) == codes(SpilError)
    assert len(rows) == len(set(rows))


def test_every_knob_has_a_row() -> None:
    assert [f"`{knob.name}`" in documents.settings() for knob in KNOBS] == [True] * len(KNOBS)


@pytest.mark.parametrize(
    ("field", "roles"),
    [
        ("Query.students", {"SCHOOL", "MUNICIPALITY"}),
        ("Query.candidates", {"SERVICE_POINT", "EMPLOYER"}),
        ("Student.reference", {"SCHOOL"}),
        ("CoordinatorPost.history", {"COORDINATOR", "NATIONAL"}),
        ("Mutation.setPostState", {"NATIONAL"}),
        ("StudentOrderField.REFERENCE", {"SCHOOL"}),
    ],
)
def test_the_matrix_says_in_whose_contract_a_field_is(field: str, roles: set[str]) -> None:
    lines = documents.roles().splitlines()
    heads = next(line for line in lines if line.startswith("|  |")).split(" | ")
    cells = next(line for line in lines if line.startswith(f"| `{field}` |")).split(" | ")
    assert {head.strip(" |") for head, cell in zip(heads, cells, strict=True) if cell.strip(" |") == "yes"} == roles
