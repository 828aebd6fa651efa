"""On which line of a mapping file something stands: tomllib tells values, not places."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable

Place = tuple[str, ...]
PART = r"""\s*(?:"[^"]*"|'[^']*'|[\w-]+)\s*"""
HEADER = re.compile(rf"\s*\[({PART}(?:\.{PART})*)\]")
KEY = re.compile(rf"({PART}(?:\.{PART})*)=")


def lines_of(source: str) -> Callable[[Place], int]:
    """Gives the line of a place such as ("fields", "kind"), or of the nearest part around it; 1 when there is none."""
    found: dict[Place, int] = {}
    table: Place = ()
    for line, content in enumerate(source.splitlines(), 1):
        if header := HEADER.match(content):
            table = _parts(header[1])
            found.setdefault(table, line)
        elif key := KEY.match(content):
            found.setdefault(table + _parts(key[1]), line)

    def line_of(place: Place) -> int:
        while place and place not in found:
            place = place[:-1]
        return found.get(place, 1)

    return line_of


def _parts(dotted: str) -> Place:
    return tuple(part.strip().strip("\"'") for part in re.findall(PART, dotted))


def of_syntax(error: tomllib.TOMLDecodeError, source: str) -> str:
    """`line: what` of a file that is no TOML."""
    what, _, place = str(error).rpartition(" (at ")
    line = re.match(r"line ([0-9]+)", place)
    return f"{line[1] if line else len(source.splitlines())}: {what or 'this is no TOML'}"
