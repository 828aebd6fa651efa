"""The canaries of law 1, and the places in which one must not be: everything that the demo wrote, byte by byte.

    found = search([("stdout", b"...")])      [("stdout", "given name", "utf-8")]

A canary is looked for as UTF-8 and UTF-16 in any case, in hexadecimal, and in base64 at each of its three alignments.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import asyncpg

from registry.embedded import SUPERUSER, Embedded
from tests.setup.demos import Clone

# What the partners tell (tests/partners: `Kanarie...`, `Zangvogel...`) and what the uploads of the test hold.
CANARIES = {
    "given name": ("Kanarie",),
    "family name": ("Zangvogel",),
    "guardian": ("Ouder100", "Voogdij"),
    "birth date": ("2009-03-14", "14-03-2009", "20090314", "2009-03-17", "17-03-2009", "20090317"),
    "address": ("Pimpelmeesdreef",),
    "mail": ("@leerling.example",),
    "phone": ("+31 85 000 0000", "31850000000", "0612345917", "31612345917"),
    "jobcoach": ("Jobcoach Z-", "Consulent Z-", "+31 85 000 0001", "desk@gemeente.example"),
}
SHORTEST = 8  # characters of base64: fewer are found by accident
Place = tuple[str, bytes]
Found = tuple[str, str, str]  # place, canary, form
PLAIN_DATE = re.compile(rb"(?<![0-9a-f-])(?:14032009|20090314|17032009|20090317)(?![0-9a-f-])")


def _base64(text: bytes) -> Iterator[bytes]:
    """The parts of its base64 that do not depend on what stands beside it, for each alignment."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + text)
        start = -(-before * 8 // 6)
        yield coded[start : (before + len(text)) * 8 // 6]


def forms(text: str) -> dict[str, set[bytes]]:
    """How it may be written, by the name of the form; all in lower case but base64."""
    told = {text, text.lower(), text.upper()}
    coded = {part for one in told for part in _base64(one.encode()) if len(part) >= SHORTEST}
    utf_16 = {text.lower().encode(f"utf-16-{end}") for end in ("le", "be")}
    plain = set() if text.isdigit() and len(text) == 8 else {text.lower().encode()}  # eight digits: PLAIN_DATE
    return {"utf-8": plain, "utf-16": utf_16, "hex": {one.encode().hex().encode() for one in told}, "base64": coded}


FORMS = [(what, form, each) for what, texts in CANARIES.items() for one in texts for form, each in forms(one).items()]


def search(places: Iterable[Place]) -> list[Found]:
    """Which canaries stand where."""
    found = []
    for name, data in places:
        low = data.lower()
        for what, form, each in FORMS:
            within = data if form == "base64" else low
            if any(one in within for one in each):
                found.append((name, what, form))
        if PLAIN_DATE.search(low):
            found.append((name, "birth date", "utf-8"))
    return found


def files(folder: Path, *left_out: str) -> Iterator[Place]:
    """Every file below a folder, its name with it, but those below a part of `left_out`."""
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if path.is_symlink() or not path.is_file() or set(left_out) & set(below.parts):
            continue
        try:
            yield str(below), str(below).encode() + b"\n" + path.read_bytes()
        except FileNotFoundError:
            continue  # gone since


def checkout_files(clone: Clone) -> Iterator[Place]:
    """What was written into the clone since it was copied; the tests' own files hold canaries of course."""
    for name, data in files(clone.path, ".venv", "__pycache__", ".spil"):
        source = clone.made_of / name
        if not source.is_file() or not data.endswith(source.read_bytes()):
            yield f"checkout/{name}", data


async def dump(server: Embedded) -> list[Place]:
    """Every table of every database as text, those of the system with their statistics too, and who does what now."""
    maintenance = await asyncpg.connect(server.url_of("postgres", SUPERUSER))
    try:
        names = [row[0] for row in await maintenance.fetch("SELECT datname FROM pg_database WHERE datallowconn")]
        now = [("pg_stat_activity", str(await maintenance.fetch("SELECT * FROM pg_stat_activity")).encode())]
    finally:
        await maintenance.close()
    return [*now, *[place for name in names for place in await _tables(server.url_of(name, SUPERUSER), name)]]


async def _tables(url: str, database: str) -> list[Place]:
    connection = await asyncpg.connect(url)
    places = []
    try:
        tables = await connection.fetch(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'm', 'S') AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1, 2"
        )
        for schema, table in tables:
            text = io.BytesIO()
            statement = f'SELECT * FROM "{schema}"."{table}"'
            await connection.copy_from_query(statement, output=text, format="text")
            places.append((f"{database}.{schema}.{table}", text.getvalue()))
    finally:
        await connection.close()
    return places
