"""A statement laid out for a reader: what fits stays on one line, the rest is broken by clause and by field.

For eyes only: what is laid out is never run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

WIDTH = 110
STEP = "  "
TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|/\*.*?\*/|[()]|\s+|[^\s()'\"]+", re.DOTALL)
CLAUSE = re.compile(r"\s(?=(?:FROM|WHERE|ORDER BY|LIMIT|OFFSET|LEFT JOIN|CROSS JOIN|UNION ALL)\b)")
FIELD = re.compile(r" (?=\|\| '[{,]\")")


@dataclass
class _Group:
    """What stands between two parentheses: texts, and groups in them."""

    parts: list[str | _Group] = field(default_factory=list)

    def flat(self) -> str:
        return "".join(part if isinstance(part, str) else f"({part.flat()})" for part in self.parts)

    @property
    def can_break(self) -> bool:
        flat = self.flat()
        return "SELECT " in flat or FIELD.search(flat) is not None


def lay_out(sql: str) -> str:
    """The same statement with line breaks and indents."""
    return "\n".join(_lines(_parse(sql), 0))


def _parse(sql: str) -> _Group:
    stack = [_Group()]
    for token in TOKEN.findall(sql):
        if token == "(":  # noqa: S105 - a parenthesis
            stack.append(_Group())
            stack[-2].parts.append(stack[-1])
        elif token == ")":  # noqa: S105 - a parenthesis
            stack.pop()
        else:
            text = " " if token.isspace() else token
            last = stack[-1].parts[-1] if stack[-1].parts else None
            if isinstance(last, str):
                stack[-1].parts[-1] = last + text
            else:
                stack[-1].parts.append(text)
    return stack[0]


def _lines(group: _Group, depth: int) -> Iterator[str]:
    """The lines of a query: each clause begins one, and so does each field of its JSON."""
    indent = STEP * depth
    line = indent
    for part in group.parts:
        if isinstance(part, str):
            broken = FIELD.sub("\n" + indent + STEP, CLAUSE.sub("\n" + indent, part))
            first, *rest = broken.split("\n")
            line += first
            for more in rest:
                yield line.rstrip()
                line = more
        elif part.can_break and len(line) + len(part.flat()) > WIDTH:
            yield line + "("
            yield from _lines(part, depth + 1)
            line = indent + ")"
        else:
            line += f"({part.flat()})"
    yield line.rstrip()
