"""What a connector is: a pure generator that yields questions and pages and is sent answers; and what it is made of.

    def pull(cursor, options):
        answer = yield from get("/students", operation="students")   # the driver sends an Answer
        yield Page(records, cursor=...)                              # the driver commits, and sends None

Laws
1. A connector opens nothing, reads no clock and keeps nothing between runs: options and cursor are all it knows.
2. A page's cursor is where to go on once the page is committed; a page without one leaves the stored cursor alone.
3. A full sync begins where the cursor is None and ends with the page that is `complete`, over as many runs as it
   takes: what no page of it named is gone. `refused` rows were named.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import orjson

from connectors.records import Record, Reject
from wire.messages import Answer, Ask

if TYPE_CHECKING:
    from connectors.intake import Intake
    from connectors.mapping import SourceMapping
    from connectors.records import StudentRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """What is committed at once. `gone`: references that the source took back; `refused`: named, and not taken."""

    records: Sequence[Record]
    cursor: str | None = None
    rejects: Sequence[Reject] = ()
    gone: Sequence[str] = ()
    complete: bool = False
    refused: Sequence[str] = ()


Flow = Generator[Ask | Page, Answer | None, T]
Question = Generator[Ask, Answer, Answer]
Kind = Literal["school", "servicepoint", "municipality"]
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What one source sets for its protocol, out of its row and its files; no credentials.

    `today` decides whether a day has passed. `path` is the feed's, '' the protocol's own. `settings` are words of
    one protocol, named in its module. `municipalities` gives GM codes by the names that documents use.
    """

    today: date
    path: str = ""
    page: int = 1000
    mapping: SourceMapping | None = None
    sidecar: SourceMapping | None = None
    sidecar_path: str = ""
    municipalities: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


Sidecar = Mapping[str, "StudentRecord"]
Live = dict[str, Any]
Pull = Callable[[str | None, Options], Flow[None]]
AskLive = Callable[[Sequence[str], str, Options], Flow[Mapping[str, Live]]]


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way in which a partner speaks. What is None it does not do.

    `pull` harvests; `ask` gives live values by the partner's keys, at a tier (GIVEN_NAME, IDENTIFIED); `find` gives
    references by a name; `search` looks for vacancies; `intake` reads a body that is brought; `accept` reads an event.
    `settings` are the words that it reads of a row: the operator may set these and no others. `oin` is the one of
    them that says who this hub is, by OIN: what our certificate at the source bears comes before what a row says.
    """

    name: str
    kind: Kind
    mode: frozenset[str]
    pull: Pull | None = None
    ask: AskLive | None = None
    find: Callable[[str, Options], Flow[list[str]]] | None = None
    search: Callable[[Any, Options], Flow[Any]] | None = None
    intake: Callable[[Options, Sidecar], Intake] | None = None
    accept: Callable[..., Any] | None = None
    settings: tuple[str, ...] = ()
    oin: str | None = None


def get(
    path: str,
    query: tuple[tuple[str, str], ...] = (),
    headers: Mapping[str, str] = NOTHING,
    *,
    if_none_match: str | None = None,
    operation: str = "pull",
) -> Question:
    """Asks for a document. Raises SourceRefused or SourceDown unless it came, or did not change (304)."""
    asked = {**headers, "if-none-match": if_none_match} if if_none_match else dict(headers)
    answer = yield Ask("GET", path, query, asked, operation=operation)
    return answer.ok()


def post(
    path: str,
    body: object,
    headers: Mapping[str, str] = NOTHING,
    *,
    operation: str = "ask",
    check: Callable[[Answer], Answer] = Answer.ok,
) -> Question:
    """Asks a question that changes nothing, as JSON. Raises SourceRefused or SourceDown unless it was answered."""
    asked = {"content-type": "application/json", "accept": "application/json", **headers}
    answer = yield Ask("POST", path, (), asked, orjson.dumps(body), operation)
    return check(answer)
