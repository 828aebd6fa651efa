"""The pages hold together: links lead somewhere, printed parts are printed, and the harness reads what it should."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from registry.embedded_home import CHECKOUT
from spil.documents import PARTS, begin
from tests.docs.expected import difference, read
from tests.docs.fences import FENCE, blocks_of, pages

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:docs|deploy|scripts|schema|tests|bench)/[A-Za-z0-9_./-]+)`")


def test_every_page_with_a_printed_part_is_there() -> None:
    assert {part.page for part in PARTS} <= {path.relative_to(CHECKOUT).as_posix() for path in pages()}
    for part in PARTS:
        assert begin(part.name) in (CHECKOUT / part.page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_every_link_and_every_named_file_is_there(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            if anchor and target.suffix == ".md":
                assert anchor in anchors(target), link
    for name in NAMED.findall(text):
        assert "<" in name or (CHECKOUT / name).exists() or list(CHECKOUT.glob(name)), name


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-") for head in heads}


def test_blocks_are_read_with_what_belongs_to_them() -> None:
    asked = "```graphql role=school\n{ me }\n```\n```json variables\n{}\n```\n\n```json\n{...}\n```\n"
    text = f"a\n{asked}- x\n  ```sh\n  ls\n  ```\n"
    question, command = blocks_of(text, "x.md")
    assert (question.asker, question.body, question.variables, question.answer) == (
        "SCHOOL",
        "{ me }\n",
        "{}\n",
        "{...}\n",
    )
    assert (command.language, command.body, command.line, str(command)) == ("sh", "ls\n", 13, "x.md:13")


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ('{"a": ...}', {"a": [1]}, True),
        ('{"a": ...}', {"b": 1}, False),
        ('{"a": 1, ...}', {"a": 1, "b": 2}, True),
        ('{"a": 1}', {"a": 1, "b": 2}, False),
        ("[1, ...]", [1, 2, 3], True),
        ("[1, ...]", [2], False),
        ("[...]", [], True),
        ("[1]", [1, 2], False),
        ('{"id": "Student:..."}', {"id": "Student:x-y"}, True),
        ('{"id": "Student:..."}', {"id": "School:x"}, False),
        (
            '{"n": 1.5, "t": true, "z": null, "s": "a, {b}: ...c"}',
            {"n": 1.5, "t": True, "z": None, "s": "a, {b}: xc"},
            True,
        ),
        ('{"t": true}', {"t": 1}, False),
    ],
)
def test_an_answer_is_compared_with_dots_for_anything(expected: str, found: object, same: bool) -> None:
    assert (difference(read(expected), found) is None) == same
