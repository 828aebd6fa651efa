"""The agent whole: looks at the folder every few seconds, and answers over a connection that it dials, or listens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from connectors.options import options_of
from connectors.school_csv import PROTOCOL
from registry.reference import read
from schema.errors import SetUp
from spil.agent import listening
from spil.agent.answers import build_answers
from spil.agent.dial import Dialler, Token
from spil.agent.folder import Folder
from spil.edge import Edge
from spil.log import Sink
from spil.partners import today
from wire.dialled import dialling, poster
from wire.oauth import ClientCredentials, TokenKeeper
from wire.tls import Tls

EVERY: Final = 2.0  # seconds between two looks at the folder


@dataclass(frozen=True, slots=True)
class Files:
    """What is read, and as what. `school`: BRIN and location; dossiers of another are refused.

    `mapping` is the text of the file `mapping_name`.
    """

    folder: Path
    school: str
    sidecar: str
    mapping: str | None
    columns: Mapping[str, str]
    mapping_name: str = ""


@dataclass(frozen=True, slots=True)
class Hub:
    """Where the hub is, and what is shown to it: `credentials`, or the token in a file."""

    address: str
    credentials: ClientCredentials | None = None
    token_file: Path | None = None
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Listening:
    """Where is listened."""

    host: str
    port: int
    secret: str = field(repr=False)


def folder_of(files: Files, log: Sink) -> Folder:
    """Raises SetUp, BadMapping."""
    if not files.folder.is_dir():
        raise SetUp("--folder is a folder that this login may read.")
    told, name = {"settings": {"school": files.school}}, files.mapping_name or "mapping"
    options = options_of(
        PROTOCOL, told, today=today(), mapping=files.mapping, name=name, municipalities=municipalities()
    )
    return Folder(files.folder, options, files.sidecar, files.columns, log)


def municipalities() -> dict[str, str]:
    """GM codes by name and by other name, as the hub reads them from its registry."""
    rows = [row for row in read("municipalities") if row["valid_to"] is None]
    named = sorted((name, row["code"]) for row in rows for name in (row["name"], *row["aliases"]))
    return dict(reversed(named))


async def run(files: Files, to: Hub | Listening, log: Sink) -> None:
    """Until cancelled. Raises SetUp, BadMapping."""
    folder = folder_of(files, log)
    app = build_answers(folder)
    if isinstance(to, Hub):
        await _dialling(folder, app, to, log)
    else:
        await _listening(folder, app, to, log)


async def _dialling(folder: Folder, app: ASGIApp, hub: Hub, log: Sink) -> None:
    dialling(hub.address)
    dialler = Dialler(hub.address, token_of(hub), app, log, hub.tls)
    await _settle(folder)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(dialler.run())
        tasks.create_task(_looking(folder, dialler))


async def _listening(folder: Folder, app: ASGIApp, to: Listening, log: Sink) -> None:
    from spil.server import listen, serve

    with listen(to.host, to.port) as listener:
        await _settle(folder)
        looking = asyncio.create_task(_looking(folder, None))
        try:
            guarded = Edge(listening.Guarded(app, to.secret), log)
            await serve(guarded, listener, lambda: log("listening", port=listener.getsockname()[1]))
        finally:
            looking.cancel()


async def _settle(folder: Folder) -> None:
    """Two looks: what stays the same between them is read."""
    await asyncio.to_thread(folder.look)
    await asyncio.sleep(EVERY / 2)
    await asyncio.to_thread(folder.look)


async def _looking(folder: Folder, dialler: Dialler | None) -> None:
    while True:
        await asyncio.sleep(EVERY)
        if await asyncio.to_thread(folder.look) and dialler is not None:
            await dialler.changed()


def token_of(hub: Hub) -> Token:
    """By private_key_jwt at the school's token address, or out of a file that somebody else keeps. Raises SetUp."""
    if hub.credentials is not None:
        keeper = TokenKeeper(hub.credentials, poster(hub.credentials.token_url, hub.tls))
        last = ""

        async def get() -> str:
            nonlocal last
            last = await keeper.token()
            return last

        return Token(get, lambda: keeper.forget(last))
    file = hub.token_file
    if file is None:
        raise SetUp("Give --token-url, --client and --key, or --token-file.")

    async def read_token() -> str:
        try:
            return (await asyncio.to_thread(file.read_text, "ascii")).strip()
        except (OSError, ValueError):
            problem = SetUp("--token-file cannot be read.")
        raise problem

    return Token(read_token, lambda: None)
