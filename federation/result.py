"""From the statement's text to the answer's bytes: cursors are sealed, live values joined, all else goes out unparsed.

The statement writes `<nonce><mark>:<payload><nonce>` where Python has something to put. The nonce is 128 random bits
per request and a bind parameter, so no stored text can forge it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from aiodataloader import DataLoader

from federation.build import Mark
from federation.catalogue import Ask
from federation.cursors import Seal
from schema.errors import SourceDown, SpilError

LiveError = tuple[SpilError, tuple[str, ...], str]


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
) -> tuple[bytes, list[LiveError]]:
    """Joins a text with live marks: each layer is asked once for all its keys; one that fails is null, and an error."""
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
    values = await asyncio.gather(*(future for _, future in waiting.values()), return_exceptions=True)
    errors: dict[tuple[str, ...], LiveError] = {}
    for (n, (mark, _)), value in zip(waiting.items(), values, strict=True):
        if isinstance(value, BaseException):
            error = value if isinstance(value, SpilError) else SourceDown()
            errors[mark.path] = (error, mark.path, mark.label)
        parts[n] = orjson.dumps(None if isinstance(value, BaseException) else _project(value, mark))
    return b"".join(parts), list(errors.values())


def _loader(ask: Ask, viewer: Any) -> DataLoader[str, Any]:
    async def load(keys: list[str]) -> list[Any]:
        found = await ask(viewer, keys)
        return [found.get(key) for key in keys]

    return DataLoader(load)


def _project(value: Any, mark: Mark) -> Any:
    if value is None or mark.project is None:
        return value
    return {key: value.get(name) for key, name in mark.project}
