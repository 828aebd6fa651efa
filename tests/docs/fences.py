"""The fenced blocks of README.md and docs/: what each is, and how it is run. By language and words behind it:

graphql role=school     a question, asked as the demo's example party of that role (default: public)
graphql role=municipality:GM0796 function=participatie      the same, as a party of the demo
json variables          the variables of the question above it
json sample             what the mapping above it reads (tests/docs/test_mappings.py)
json                    the answer to the question, the command or the sample above it; `...` stands for anything
sh                      commands, run in a checkout whose demo serves on PORT (8000 in the text)
sh start, sh slow       the same; of what never ends or takes minutes only the help is asked (test_blocks.LONG)
sh owner                the same; it uses the database as its owner, here the demo's
sh elsewhere            commands for another machine: their grammar and every `spil` command in them is checked
text, sql, toml ...     read by people alone
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from registry.embedded_home import CHECKOUT

FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
FOR_PEOPLE = {
    "text",
    "sql",
    "toml",
    "yaml",
    "python",
    "mermaid",
    "ini",
    "diff",
    "markdown",
    "dockerfile",
    "nginx",
    "xml",
    "csv",
}
RUN = {"graphql", "sh", "json"}


@dataclass(frozen=True)
class Block:
    """A fenced block with what belongs to it."""

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    body: str
    variables: str | None = None
    answer: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def asker(self) -> str | tuple[str, str]:
        """A role (its example party is meant), or a party and its function."""
        given = dict(word.partition("=")[::2] for word in self.words)
        if "function" in given:
            return given["role"], given["function"]
        return given.get("role", "public").upper()


def pages() -> list[Path]:
    """README.md and every page below docs/."""
    return [path for path in (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))) if path.exists()]


def blocks_of(text: str, page: str) -> Iterator[Block]:
    """The blocks of a page in their order; a JSON block joins the block above it."""
    before: Block | None = None
    for found in FENCE.finditer(text):
        language, *words = found["info"].split() or [""]
        indent = found["indent"]
        body = "".join(line.removeprefix(indent) for line in found["body"].splitlines(keepends=True))
        block = Block(page, text.count("\n", 0, found.start()) + 1, language, tuple(words), body)
        if language == "json" and before is not None:
            given = {"variables", "sample"} & set(words)
            before = replace(before, variables=body) if given else replace(before, answer=body)
            continue
        if before is not None:
            yield before
        before = block
    if before is not None:
        yield before


def all_blocks() -> list[Block]:
    """Every block of every page."""
    return [
        block
        for path in pages()
        for block in blocks_of(path.read_text(encoding="utf-8"), path.relative_to(CHECKOUT).as_posix())
    ]
