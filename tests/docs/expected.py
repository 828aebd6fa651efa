"""Answers as documents write them: JSON in which `...` stands for anything.

{"a": ..., "b": [1, ...], "id": "Student:...", ...}     a value, the rest of a list, part of a text, more fields
"""

from __future__ import annotations

import json
import re
from typing import Any

ANY = "..."
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\.\.\.|[\[\]{},:]|[^\s"\[\]{},:.]+(?:\.[^\s"\[\]{},:.]+)?')


def read(text: str) -> Any:
    """The value of a text with `...` in it. Raises ValueError when it is no such thing."""
    made: list[str] = []
    inside: list[str] = []
    for token in TOKEN.findall(text):
        if token in "[{":
            inside.append(token)
        elif token in "]}" and inside:
            inside.pop()
        if token == ANY:
            is_field = bool(inside) and inside[-1] == "{" and made[-1] != ":"
            made.append('"...": "..."' if is_field else '"..."')
        else:
            made.append(token)
    return json.loads("".join(made))


def difference(expected: Any, found: Any, path: str = "answer") -> str | None:
    """Where `found` is not what was expected; None when it is."""
    if expected == ANY:
        return None
    if isinstance(expected, dict) and isinstance(found, dict):
        return _of_objects(expected, found, path)
    if isinstance(expected, list) and isinstance(found, list):
        return _of_lists(expected, found, path)
    if isinstance(expected, str) and isinstance(found, str) and ANY in expected:
        form = ".*".join(re.escape(part) for part in expected.split(ANY))
        return None if re.fullmatch(form, found, re.DOTALL) else f"{path}: {found!r} is not like {expected!r}"
    return None if type(expected) is type(found) and expected == found else f"{path}: {found!r} is not {expected!r}"


def _of_objects(expected: dict[str, Any], found: dict[str, Any], path: str) -> str | None:
    missing = [name for name in expected if name != ANY and name not in found]
    more = [name for name in found if name not in expected] if ANY not in expected else []
    if missing or more:
        return f"{path}: without {missing}, with {more}"
    told = (difference(value, found[name], f"{path}.{name}") for name, value in expected.items() if name != ANY)
    return next((one for one in told if one), None)


def _of_lists(expected: list[Any], found: list[Any], path: str) -> str | None:
    is_open = bool(expected) and expected[-1] == ANY
    wanted = expected[:-1] if is_open else expected
    if len(found) < len(wanted) or (len(found) > len(wanted) and not is_open):
        return f"{path}: {len(found)} items, not {len(wanted)}"
    told = (difference(one, other, f"{path}[{n}]") for n, (one, other) in enumerate(zip(wanted, found, strict=False)))
    return next((one for one in told if one), None)
