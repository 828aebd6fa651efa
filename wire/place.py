"""Where a source is, how it is to be approached, and how much of it the hub takes: fixed when the source is added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

import httpx

from schema.errors import SourceDown
from wire.breaker import Patience
from wire.messages import Ask
from wire.oauth import ClientCredentials
from wire.pinned import NOT_ALLOWED, Pins, port_of
from wire.tls import Tls


@dataclass(frozen=True, slots=True)
class FixedHeaders:
    """A key that was agreed on, as the headers that carry it."""

    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """`cap`: bytes of one answer, unpacked. `concurrent`: questions out at once. `slow`: the share of its deadline
    after which an answer counts as bad for `patience`."""

    cap: int = 64 << 20
    concurrent: int = 16
    slow: float = 0.8
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class Place:
    """`hosts`: the only names that are asked, the token address's too. `private`: `host:port` that may be plain http
    or a private address. Credentials go to the host and port of `base_url` only."""

    base_url: str
    hosts: frozenset[str]
    private: frozenset[str] = frozenset()
    credentials: ClientCredentials | FixedHeaders | None = None
    tls: Tls | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def pins(self) -> Pins:
        return Pins(self.hosts, self.private)

    def url_of(self, ask: Ask) -> httpx.URL:
        """Below the base address, or a whole address (a next page) at one of the hosts. Raises SourceDown."""
        if ask.path.startswith(("https://", "http://")):
            url = self.pins.read(ask.path)
        else:
            steps = unquote(ask.path.partition("?")[0]).split("/")
            if steps[0] or ".." in steps:
                raise SourceDown(NOT_ALLOWED)
            url = self.pins.read(self.base_url.removesuffix("/" if ask.path else "") + ask.path)
        return url.copy_merge_params(ask.query) if ask.query else url

    def is_home(self, url: httpx.URL) -> bool:
        """May the credentials go there?"""
        return _origin(url) == _origin(httpx.URL(self.base_url))


def _origin(url: httpx.URL) -> tuple[str, bytes, int]:
    return url.scheme, url.raw_host, port_of(url)
