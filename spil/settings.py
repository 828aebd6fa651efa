"""The settings: one table of knobs, read once from the environment, all problems told in one go.

Laws
1. Every knob has one row in KNOBS and one field in Settings (tested); the README's table is printed from here.
2. The numbers bound load. No wall is a knob, and none brings the demo's issuer into `spil serve`.
3. A problem names the variable and what it wants, never the value: it may be a password.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from schema.errors import SetUp


@dataclass(frozen=True, slots=True)
class Settings:
    """Every choice of the operator, in the units that its name or its help gives."""

    database_url: str | None = field(repr=False)
    gateway_url: str | None = field(repr=False)
    directory_url: str | None = field(repr=False)
    worker_url: str | None = field(repr=False)
    host: str
    port: int
    shared: Path | None
    cursor_key: bytes | None = field(repr=False)
    pool_size: int
    cors: Mapping[str, tuple[str, ...]]
    reads_log_timeout: float
    deadline: float
    live_deadline: float
    max_body_bytes: int
    max_harvest_bytes: int
    max_tokens: int
    max_depth: int
    max_introspection_depth: int
    max_aliases: int
    max_selections: int
    max_cost: int
    max_answer_bytes: int
    max_page: int
    rate: int
    burst: int
    event_days: int
    oin: str | None
    webhook_private_hosts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Knob:
    """One row: the variable, its field, its default as text (None: not set), how to read it, and what it is for."""

    name: str
    field: str
    default: str | None
    parse: Callable[[str], object]
    help: str


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 12 and low <= int(text) <= high):
            raise ValueError(f"wants a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 3600:
        raise ValueError("wants a number of seconds above 0, at most 3600")
    return value


def _database(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ValueError("wants postgresql://login:password@host:port/database")
    return text


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError("wants 32 bytes as 64 hex digits; `openssl rand -hex 32` makes one")
    return key


def _origins(text: str) -> Mapping[str, tuple[str, ...]]:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise ValueError('wants JSON such as {"portal-a": ["https://portal.example"]}')
    read: dict[str, tuple[str, ...]] = {}
    for client, origins in table.items():
        if not isinstance(origins, list) or not all(isinstance(one, str) and _is_origin(one) for one in origins):
            raise ValueError("wants for each client a list of origins, scheme and host only: https://portal.example")
        read[client] = tuple(origins)
    return MappingProxyType(read)


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and text == f"{parts.scheme}://{parts.netloc}"


def _host(text: str) -> str:
    if not text or any(sign.isspace() for sign in text):
        raise ValueError("wants an address or a host name")
    return text


def _oin(text: str) -> str:
    if not re.fullmatch("[0-9]{20}", text):
        raise ValueError("wants an OIN: 20 digits")
    return text


def _places(text: str) -> frozenset[str]:
    places = frozenset(one.strip() for one in text.split(",") if one.strip())
    form = r"[a-z]{1,40}(:[A-Za-z0-9-]{1,60})?=[a-z0-9.-]{1,253}:[0-9]{1,5}"
    if not all(re.fullmatch(form, one) for one in places):
        raise ValueError("wants party=host:port, several with a comma between: uwv=receiver.intern:8443")
    return places


KNOBS: tuple[Knob, ...] = (
    Knob(
        "SPIL_DATABASE_URL", "database_url", None, _database, "The owner's login; used by `spil migrate` and imports."
    ),
    Knob("SPIL_GATEWAY_URL", "gateway_url", None, _database, "The login that serves every party."),
    Knob("SPIL_DIRECTORY_URL", "directory_url", None, _database, "The login that serves the public directory alone."),
    Knob("SPIL_WORKER_URL", "worker_url", None, _database, "The login that harvests, sequences and counts."),
    Knob("SPIL_HOST", "host", "127.0.0.1", _host, "The address to listen on."),
    Knob("PORT", "port", "8000", _whole(1, 65_535), "The port to listen on."),
    Knob("SPIL_SHARED", "shared", None, Path, "The shared fixtures of the tests; `../shared` when not set."),
    Knob("SPIL_CURSOR_KEY", "cursor_key", None, _key, "Seals cursors: 64 hex digits, the same for all replicas."),
    Knob("SPIL_POOL_SIZE", "pool_size", "8", _whole(1, 200), "Connections per pool and process."),
    Knob("SPIL_CORS", "cors", "{}", _origins, "Per client the origins of its pages, as JSON; none by default."),
    Knob("SPIL_READS_LOG_TIMEOUT", "reads_log_timeout", "2", _seconds, "Seconds in which the reads log must confirm."),
    Knob("SPIL_DEADLINE", "deadline", "5", _seconds, "Seconds that one request may take."),
    Knob(
        "SPIL_LIVE_DEADLINE", "live_deadline", "2", _seconds, "Seconds that sources have, all together, in a request."
    ),
    Knob("SPIL_MAX_BODY_BYTES", "max_body_bytes", "65536", _whole(1_024, 16_777_216), "Bytes of a request's body."),
    Knob(
        "SPIL_MAX_HARVEST_BYTES",
        "max_harvest_bytes",
        "67108864",
        _whole(1_024, 1_073_741_824),
        "Bytes of what a source brings at once.",
    ),
    Knob("SPIL_MAX_TOKENS", "max_tokens", "2000", _whole(50, 100_000), "Lexical tokens of a document."),
    Knob("SPIL_MAX_DEPTH", "max_depth", "12", _whole(2, 100), "Levels of a document."),
    Knob(
        "SPIL_MAX_INTROSPECTION_DEPTH",
        "max_introspection_depth",
        "20",
        _whole(2, 100),
        "Levels below `__schema` and `__type`.",
    ),
    Knob("SPIL_MAX_ALIASES", "max_aliases", "30", _whole(0, 10_000), "Aliases of a document."),
    Knob("SPIL_MAX_SELECTIONS", "max_selections", "200", _whole(10, 10_000), "Fields selected on one level."),
    Knob("SPIL_MAX_COST", "max_cost", "20000", _whole(100, 100_000_000), "Nodes that an operation may touch."),
    Knob("SPIL_MAX_ANSWER_BYTES", "max_answer_bytes", "8388608", _whole(65_536, 1_073_741_824), "Bytes of an answer."),
    Knob("SPIL_MAX_PAGE", "max_page", "100", _whole(1, 10_000), "Nodes of one page."),
    Knob(
        "SPIL_RATE", "rate", "200", _whole(1, 1_000_000), "Requests a second per client; without a token per address."
    ),
    Knob("SPIL_BURST", "burst", "400", _whole(1, 1_000_000), "Requests that a client may send at once."),
    Knob("SPIL_EVENT_DAYS", "event_days", "400", _whole(1, 36_500), "Days that events can be had again."),
    Knob("SPIL_OIN", "oin", None, _oin, "The hub's own OIN, 20 digits: the source of the events that it sends."),
    Knob(
        "SPIL_WEBHOOK_PRIVATE_HOSTS",
        "webhook_private_hosts",
        "",
        _places,
        "Each `party=host:port` to which that party's webhooks may go by plain http or at a private address.",
    ),
)


def read(environ: Mapping[str, str]) -> Settings:
    """Reads every knob. Raises SetUp with one line per problem."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for knob in KNOBS:
        text = environ.get(knob.name, "").strip() or knob.default
        try:
            values[knob.field] = None if text is None else knob.parse(text)
        except ValueError as problem:
            problems.append(f"{knob.name} {problem}")
    known = {knob.name for knob in KNOBS}
    elsewhere = {"SPIL_TEST_DATABASE_URL", "SPIL_TOKEN"}  # of the tests, and of `spil events tail`
    problems += [
        f"{name} is no setting of Spil"
        for name in sorted(environ)
        if name.startswith("SPIL_") and not name.startswith("SPIL_AGENT_") and name not in known | elsewhere
    ]
    if problems:
        raise SetUp("\n".join(problems))
    return Settings(**values)


def require(settings: Settings, *fields: str) -> None:
    """Raises SetUp that names every one of these settings that is not set."""
    missing = [knob for knob in KNOBS if knob.field in fields and getattr(settings, knob.field) is None]
    if missing:
        raise SetUp("\n".join(f"{knob.name} is not set. {knob.help}" for knob in missing))


def markdown_table() -> str:
    """The table of the README."""
    rows = [f"| `{knob.name}` | {f'`{knob.default}`' if knob.default else ''} | {knob.help} |" for knob in KNOBS]
    return "\n".join(["| setting | default | what it is |", "|---|---|---|", *rows]) + "\n"
