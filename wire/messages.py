"""What is asked of a source and what it answered: values, without a socket.

Law: neither prints what it carries. A question holds a young person's key, an answer their name; a repr ends in a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from schema.errors import SourceDown, SourceMalformed, SourceRefused

REDIRECTED: Final = "A source answered with a redirect; redirects are not followed."


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to a source, relative to its base address.

    `operation` names what is measured together (breaker); `retry` says that asking twice does no harm.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    operation: str = "pull"
    retry: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read to its end. Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def not_modified(self) -> bool:
        return self.status == 304

    @property
    def etag(self) -> str | None:
        return self.headers.get("etag")

    @property
    def json(self) -> Any:
        """The body as JSON. Raises SourceMalformed, which does not carry the text."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            problem = SourceMalformed()
        raise problem  # out here, so that the decoder's error, which holds the text, is not chained to it

    @property
    def text(self) -> str:
        """The body as UTF-8, with or without a mark in front. Raises SourceMalformed."""
        try:
            return self.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            problem = SourceMalformed()
        raise problem

    def ok(self) -> Answer:
        """Itself at 2xx and 304. Raises SourceDown at 429 and 5xx, SourceRefused at every other status.

        A redirect has a sentence of its own: it is mended in the source's row.
        """
        if 200 <= self.status < 300 or self.not_modified:
            return self
        if self.status == 429 or self.status >= 500:
            raise SourceDown
        raise SourceRefused(REDIRECTED if 300 <= self.status < 400 else None)
