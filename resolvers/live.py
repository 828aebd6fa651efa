"""The live layers: what a partner is asked during a query, by its own keys, and is never kept.

Laws
1. A partner is asked once per layer and operation, all partners and layers at once, within one deadline.
2. A partner that does not answer takes its own keys with it and no others; null then stands with an error, and what a
   partner does not know is null without one.
3. Equal questions at the same time are one question: of the same party, for the same purpose, at the same tier.
4. Nothing of a key or a value goes into an error or a log. An employer is not told which school it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, cast

from auth.viewer import Role, Viewer
from connectors import flow
from connectors.flow import Flow, Options
from connectors.live import GIVEN_NAME, Answered
from connectors.vacancies import VacancySearch
from federation.catalogue import Ask, Finder, NotTold
from resolvers import vacancies
from schema.errors import BadInput, SourceDown, SourceMalformed, SpilError, TooCostly
from wire import messages
from wire.flight import Flights

IDENTIFIED: Final = "IDENTIFIED"
MOST: Final = 2_000  # keys in one question (docs/partners)
LONGEST_NAME: Final = 200
NOT_CONNECTED: Final = "No system of this party is connected to the hub."
NOT_IN_REGION: Final = "No service point of a region of this party has a source that searches vacancies."
ONE_SEARCH: Final = "One search of vacancies in a question: ask the others apart."


class Client(Protocol):
    """A source that can be asked (wire/source_client.py)."""

    async def send(self, ask: messages.Ask, deadline: float) -> messages.Answer:
        """The answer within `deadline` seconds."""
        ...


@dataclass(frozen=True)
class Partner:
    """A source that answers live: its key, how it speaks, and the way to it."""

    key: str
    protocol: flow.Protocol
    options: Options
    client: Client


Find = Callable[[str, str], Partner | None]
"""The source of a party that gives this kind ('school', 'municipality'), if one is connected."""


@dataclass(frozen=True)
class Layer:
    """`tier` as asked of the partner; `field`: the one part that is the value, None for the whole."""

    name: str
    kind: str
    tier: Callable[[Viewer], str]
    field: str | None = None


def _of_own_case(viewer: Viewer) -> str:
    """A municipality is told all of its own case, others whom to call."""
    return IDENTIFIED if viewer.role is Role.MUNICIPALITY else GIVEN_NAME


LAYERS: Final = (
    Layer("identity", "school", lambda _: IDENTIFIED),
    Layer("givenName", "school", lambda _: GIVEN_NAME, "givenName"),
    Layer("support", "municipality", _of_own_case),
    Layer("jobcoach", "municipality", lambda _: GIVEN_NAME, "jobcoach"),
)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LiveLayers:
    """Asks partners for the layers of the catalogue. Keeps nothing but the questions that are out."""

    def __init__(self, find: Find, deadline: float, clock: Callable[[], str] = now) -> None:
        self._find, self._deadline, self._clock = find, deadline, clock
        self._flights: Flights[Mapping[str, Any]] = Flights()

    def layers(self) -> Mapping[str, Ask]:
        """By the names that the catalogue has for them."""
        return {**{layer.name: self._asker(layer) for layer in LAYERS}, vacancies.LAYER: self._search}

    def finders(self) -> Mapping[str, Finder]:
        """By the names that the catalogue has for them."""
        return {"findStudents": self._find_students}

    async def _find_students(self, viewer: Viewer, name: str) -> Sequence[str] | NotTold:
        """The own school's numbers of those whom it finds by a name. The name goes nowhere else, and is not kept."""
        partner = self._find(viewer.party or "", "school")
        if viewer.function != "guidance":
            return []  # sees nobody, so nobody is asked
        try:
            if partner is None or partner.protocol.find is None:
                raise SourceDown(NOT_CONNECTED)
            if not 0 < len(name.strip()) <= LONGEST_NAME:
                raise BadInput
            return await self._named(viewer, partner, partner.protocol.find, name)
        except SpilError as error:
            return NotTold(error, partner.key if partner else viewer.party or "", self._clock())

    async def _named(self, viewer: Viewer, partner: Partner, find: Any, name: str) -> Sequence[str]:
        async def question() -> Mapping[str, Any]:
            return {"found": await run(find(name, partner.options), partner.client, self._deadline)}

        who = (viewer.party, viewer.function, viewer.purpose)
        told = await self._flights.share((partner.key, "find", name, *who), question)
        found: Sequence[str] = told["found"]
        return found

    async def _search(self, viewer: Viewer, keys: Sequence[str]) -> Mapping[str, Any]:
        """The vacancies that a search finds; one that is written twice is one."""
        if len(keys) > 1:  # each would be a call of its own
            return dict.fromkeys(keys, NotTold(TooCostly(ONE_SEARCH), viewer.party or "", self._clock()))
        return {key: await self._searched(viewer, *vacancies.read_key(key)) for key in keys}

    async def _searched(self, viewer: Viewer, parties: Sequence[str], asked: VacancySearch) -> Any:
        partners = [one for party in parties if (one := self._find(party, "servicepoint")) and one.protocol.search]
        name = partners[0].key if partners else viewer.party or ""
        try:
            if not partners:
                raise SourceDown(NOT_CONNECTED if parties == [viewer.party] else NOT_IN_REGION)
            return await self._found(viewer, partners[0], partners[0].protocol.search, asked)
        except SpilError as error:
            return NotTold(error, name, self._clock())

    async def _found(self, viewer: Viewer, partner: Partner, search: Any, asked: VacancySearch) -> Mapping[str, Any]:
        async def question() -> Mapping[str, Any]:
            found = await run(search(asked, partner.options), partner.client, self._deadline)
            return {"hits": list(found.hits), "more": found.more}

        who = (viewer.party, viewer.function, viewer.purpose)
        return await self._flights.share((partner.key, vacancies.LAYER, asked, *who), question)

    async def close(self) -> None:
        """Ends what is still asked."""
        await self._flights.close()

    def _asker(self, layer: Layer) -> Callable[[Any, Sequence[str]], Awaitable[Mapping[str, Any]]]:
        async def ask(viewer: Viewer, keys: Sequence[str]) -> Mapping[str, Any]:
            parties: dict[str, list[str]] = {}
            for key in keys:
                party, _, number = key.partition(" ")
                parties.setdefault(party, []).append(number)
            answers = await asyncio.gather(*(self._of_party(layer, viewer, *one) for one in parties.items()))
            return {key: value for answer in answers for key, value in answer.items()}

        return ask

    async def _of_party(self, layer: Layer, viewer: Viewer, party: str, numbers: list[str]) -> dict[str, Any]:
        """The values of one party's numbers, by key; never raises a SpilError."""
        partner = self._find(party, layer.kind)
        name = layer.kind if viewer.role is Role.EMPLOYER else partner.key if partner else party
        try:
            if partner is None:
                raise SourceDown(NOT_CONNECTED)
            if len(numbers) > MOST:
                raise TooCostly
            told = await self._asked(layer, viewer, partner, tuple(sorted(numbers)))
        except SpilError as error:
            return dict.fromkeys((f"{party} {number}" for number in numbers), NotTold(error, name, self._clock()))
        found: dict[str, Any] = {}
        for number in numbers:
            value = told.get(number)
            if isinstance(value, SpilError):
                value = NotTold(value, name, self._clock())
            elif layer.field and value is not None:
                value = value.get(layer.field)
            found[f"{party} {number}"] = value
        return found

    async def _asked(
        self, layer: Layer, viewer: Viewer, partner: Partner, numbers: tuple[str, ...]
    ) -> Mapping[str, Any]:
        """What the partner says of its numbers, or the error of those that it failed at."""
        tier = layer.tier(viewer)
        ask = partner.protocol.ask
        if ask is None:
            raise SourceDown(NOT_CONNECTED)

        async def question() -> Mapping[str, Any]:
            told = await run(ask(numbers, tier, partner.options), partner.client, self._deadline)
            return {**told, **(told.failed if isinstance(told, Answered) else {})}

        who = (viewer.party, viewer.function, viewer.purpose)
        return await self._flights.share((partner.key, layer.kind, numbers, tier, *who), question)


async def run(live: Flow[Any], client: Client, seconds: float) -> Any:
    """Drives a connector's questions within one deadline. Raises the errors of sources, and nothing else."""
    clock = asyncio.get_running_loop().time
    end, answer = clock() + seconds, None
    try:
        while True:
            step = cast("messages.Ask", live.send(answer))  # a live question gives no pages
            answer = await client.send(step, max(end - clock(), 0.001))
    except StopIteration as stop:
        return stop.value
    except (SpilError, asyncio.CancelledError):
        raise
    except Exception:  # noqa: BLE001 - a connector that trips over an answer must not take the others with it
        problem = SourceMalformed()
    finally:
        live.close()
    raise problem  # out here: the error above may hold a value
