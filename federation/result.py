"""From the statement's text to the answer's bytes: cursors are sealed, live values joined, all else goes out unparsed.

The statement writes `<nonce><mark>:<payload><nonce>` where Python has something to put. The nonce is 128 random bits
per request and a bind parameter, so no stored text can forge it.

Law: what could not be asked is null at its field, and one error for each field and source; all else is intact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from aiodataloader import DataLoader

from federation.arguments import Variables
from federation.build import Drive, Mark, Path
from federation.catalogue import Ask, Finder, NotTold
from federation.cursors import Seal
from federation.document import Problem
from federation.live import cut_to
from schema.errors import SourceDown, SpilError

MOST_FOUND = 100  # references that one search gives


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
    problems: dict[Any, Problem] = {}
    for n, (mark, future) in waiting.items():
        value = await _settled(future)  # the first wait is for all of them: a loader asks once for all its keys
        if isinstance(value, Exception | NotTold):
            problem = _problem(value, mark.path)
            problems.setdefault((mark.path, problem.error.code, problem.details.get("source")), problem)
            parts[n] = b"null"
        else:
            parts[n] = orjson.dumps(cut_to(value, mark.shown))
    return b"".join(parts), list(problems.values())


async def drive(
    drives: tuple[Drive, ...],
    finders: Mapping[str, Finder],
    viewer: Any,
    variables: Variables,
    problems: list[Problem],
) -> Variables:
    """Asks the sources that name a list's rows, before the statement; gives the variables with what they named."""
    told = await asyncio.gather(*(finders[one.finder](viewer, one.read(variables)) for one in drives))
    found: dict[str, Any] = {}
    for one, references in zip(drives, told, strict=True):
        if isinstance(references, NotTold):
            problems.append(_problem(references, one.path))
        found[one.key] = None if isinstance(references, NotTold) else list(references)[:MOST_FOUND]
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
