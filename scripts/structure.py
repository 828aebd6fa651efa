"""The structure rules of the checkout: length of modules and functions, and names that say nothing.

Laws
1. No module above 400 lines, no function above 40 (from `def` to its last line).
2. No file or folder is called utils, common, core, helpers, base or misc.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES = 400
FUNCTION_LINES = 40
EMPTY_NAMES = frozenset({"utils", "util", "common", "core", "helpers", "helper", "base", "misc"})
FOLDERS = (
    "schema", "resolvers", "connectors", "auth", "federation", "events", "registry", "wire", "spil",
    "tests", "bench", "docs", "deploy", "scripts", ".ci",
)  # fmt: skip


def entries(root: Path) -> Iterator[Path]:
    """Every file and folder of ours below `root`, in a fixed order."""
    for name in FOLDERS:
        folder = root / name
        if folder.is_dir():
            yield folder
            yield from (
                path for path in sorted(folder.rglob("*")) if not {"__pycache__", "node_modules"} & set(path.parts)
            )


def long_functions(source: str) -> Iterator[tuple[int, str, int]]:
    """(line, name, length) of each function above the limit."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield node.lineno, node.name, length


def findings(root: Path) -> Iterator[str]:
    """One sentence per broken rule, as `path[:line] what`."""
    for path in entries(root):
        shown = path.relative_to(root)
        if path.name.split(".")[0] in EMPTY_NAMES:
            yield f"{shown} has a name that says nothing"
        if path.suffix != ".py" or not path.is_file():
            continue
        source = path.read_text(encoding="utf-8")
        lines = len(source.splitlines())
        if lines > MODULE_LINES:
            yield f"{shown} has {lines} lines; a module has at most {MODULE_LINES}"
        for line, name, length in long_functions(source):
            yield f"{shown}:{line} {name} has {length} lines; a function has at most {FUNCTION_LINES}"


def main() -> int:
    """Prints the findings; 1 when there are any."""
    found = list(findings(ROOT))
    print("\n".join(found) or "structure: nothing to report")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
