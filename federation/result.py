"""From the statement's text to the answer's bytes: cursors are sealed, live values joined, all else goes out unparsed.

The statement writes `<nonce><mark>:<payload><nonce>` where Python has something to put. The nonce is 128 random bits
per request and a bind parameter, so no stored text can forge it.

Law: what could not be asked is null at its field, and one error for each field and source; all else is intact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from aiodataloader import DataLoader

from federation.arguments import Variables
from federation.build import Drive, Mark, Path
from federation.catalogue import Ask, Finder, NotTold
from federation.cursors import Seal
from federation.document import Problem
from federation.live import cut_to
from schema.errors import SourceDown, SpilError, TooCostly

MOST_FOUND = 100  # references that one search gives
ONE_SEARCH = "One search of a kind in one operation: each asks a source. Send the others by themselves."


def seal_marks(text: bytes, nonce: bytes, marks: tuple[Mark, ...], seal: Seal) -> bytes:
    """Joins a text whose marks are all cursors."""
    parts = text.split(nonce)
    close = [seal.close(mark.label) for mark in marks]
    for n in range(1, len(parts), 2):
        number, _, payload = parts[n].partition(b":")
        parts[n] = close[int(number)](payload)
    return b"".join(parts)


async def fill_marks(
    text: bytes, nonce: bytes, marks: tuple[Mark, ...], seal: Seal, layers: Mapping[str, Ask], viewer: Any
) -> tuple[bytes, list[Problem]]:
    """Joins a text with live marks: each layer is asked once for all its keys."""
    parts = text.split(nonce)
    loaders = {label: _loader(layers[label], viewer) for label in {m.label for m in marks if m.kind == "live"}}
    waiting: dict[int, tuple[Mark, asyncio.Future[Any]]] = {}
    for n in range(1, len(parts), 2):
        number, _, payload = parts[n].partition(b":")
        mark = marks[int(number)]
        if mark.kind == "cursor":
            parts[n] = seal.close(mark.label)(payload)
        else:
            waiting[n] = (mark, loaders[mark.label].load(payload.decode()))
    failed: dict[Any, tuple[int, Problem]] = {}
    for n, (mark, future) in waiting.items():
        value = await _settled(future)  # the first wait is for all of them: a loader asks once for all its keys
        if isinstance(value, Exception | NotTold):
            problem = _problem(value, mark.path)
            failed.setdefault((mark.path, problem.error.code, problem.details.get("source")), (n, problem))
            parts[n] = b"null"
        else:
            parts[n] = orjson.dumps(cut_to(value, mark.shown))
    return b"".join(parts), _placed(parts, nonce, list(failed.values()))


def _placed(parts: list[bytes], nonce: bytes, failed: list[tuple[int, Problem]]) -> list[Problem]:
    """The problems, each with the path of the first field where it is met: names and, within lists, numbers."""
    if not failed:
        return []
    signs = {n: nonce.decode() + str(n) for n, _ in failed}
    tree = orjson.loads(b"".join(b'"%s"' % signs[n].encode() if n in signs else part for n, part in enumerate(parts)))
    return [replace(problem, path=_path_to(tree, problem.path, signs[n]) or problem.path) for n, problem in failed]


def _path_to(tree: Any, names: tuple[str | int, ...], sign: str) -> tuple[str | int, ...] | None:
    """Where `sign` stands below these names."""
    if isinstance(tree, list):
        for number, one in enumerate(tree):
            below = _path_to(one, names, sign)
            if below is not None:
                return (number, *below)
        return None
    if not names:
        return () if tree == sign else None
    if not isinstance(tree, dict):
        return None
    below = _path_to(tree.get(names[0]), names[1:], sign)
    return None if below is None else (names[0], *below)


async def drive(
    drives: tuple[Drive, ...],
    finders: Mapping[str, Finder],
    viewer: Any,
    variables: Variables,
    problems: list[Problem],
) -> Variables:
    """Asks the sources that name a list's rows, before the statement; gives the variables with what they named.

    Of each finder one question: the same one twice is asked once, and of two different ones neither is asked.
    """
    asked = [(one.finder, one.read(variables)) for one in drives]
    crowded = {finder for finder, value in asked if any(f == finder and v != value for f, v in asked)}
    each = [one for one in dict.fromkeys(asked) if one[0] not in crowded]
    told: dict[Any, Any] = dict(
        zip(each, await asyncio.gather(*(finders[finder](viewer, value) for finder, value in each)), strict=True)
    )
    found: dict[str, Any] = {}
    for one, question in zip(drives, asked, strict=True):
        references = told.get(question)
        if references is None:
            problems.append(Problem(TooCostly(ONE_SEARCH), path=one.path))
        elif isinstance(references, NotTold):
            problems.append(_problem(references, one.path))
        found[one.key] = (
            None if references is None or isinstance(references, NotTold) else list(references)[:MOST_FOUND]
        )
    return {**variables, **found}


def _problem(value: Exception | NotTold, path: Path) -> Problem:
    if isinstance(value, NotTold):
        return Problem(value.error, path=path, details={"source": value.source, "at": value.at})
    return Problem(value if isinstance(value, SpilError) else SourceDown(), path=path)


async def _settled(future: asyncio.Future[Any]) -> Any:
    """What it gave, or how it failed."""
    try:
        return await future
    except Exception as error:  # noqa: BLE001 - of whatever kind: it is told at its field
        return error


def _loader(ask: Ask, viewer: Any) -> DataLoader[str, Any]:
    async def load(keys: list[str]) -> list[Any]:
        found = await ask(viewer, keys)
        return [found.get(key) for key in keys]

    return DataLoader(load)
