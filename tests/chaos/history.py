"""The history checker: what was accepted, what was delivered, and what the registry says, held against each other.

    accepted = delivered     every accepted loss reached all who should hear it, once per stream, and nobody else
    no hole                  each (seer, epoch) as its receivers got it is 1, 2, 3 ...
    order                    of one young person every receiver heard in the order in which it was accepted
    effects once             per accepted key one idempotency row, one uitval, one event; in a net one reason

It reads as owner and imports nothing of the hub's meaning: who should hear was decided by tests/chaos/world.py.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from tests.chaos.world import NET_TOWN, Place

REPORTED = "UITVAL_GEMELD"
UITVAL = "SELECT student, placement_n, n, state, basis FROM uitval"
SIGHT = "SELECT seer, student, alias, id_salt FROM sight WHERE seer = ANY ($1)"
ONCE = """
SELECT 'keys', count(*), count(DISTINCT (seer, key)) FROM command WHERE name = 'reportUitval'
UNION ALL SELECT 'uitval', count(*), count(DISTINCT (student, placement_n)) FROM uitval
UNION ALL SELECT 'events', count(*), count(DISTINCT (student, case_n)) FROM outbox WHERE type LIKE '%.uitval-gemeld.v1'
UNION ALL SELECT 'nets', count(*), count(DISTINCT (student, case_n)) FROM access
    WHERE purpose = 'SAFETY_NET' AND ended_at = 'infinity'
"""
LOGS = "SELECT seer, epoch, count(*), min(pos), max(pos) FROM event_log GROUP BY 1, 2"


@dataclass(frozen=True)
class Heard:
    """An event as one receiver got it: its position, its type, and the id of its case, as that receiver knows it."""

    epoch: int
    pos: int
    type: str | None
    case: str | None
    withheld: bool = False


@dataclass
class History:
    """What the clients and receivers of a run saw. `accepted`: (place, key) in the order of the answers."""

    accepted: list[tuple[Place, str]] = field(default_factory=list)
    heard: dict[str, dict[tuple[int, int], Heard]] = field(default_factory=lambda: defaultdict(dict))
    brought: dict[str, list[Heard]] = field(default_factory=lambda: defaultdict(list))  # by webhook, as it came
    contradictions: list[str] = field(default_factory=list)

    def hears(self, seer: str, event: Heard) -> bool:
        """Notes an event; False when it is a repeat. A repeat that says something else is a contradiction."""
        place = (event.epoch, event.pos)
        known = self.heard[seer].setdefault(place, event)
        if known != event:
            self.contradictions.append(f"{seer} heard two things at {place}: {known} and {event}")
        return known is event

    def delivered(self) -> int:
        return sum(len(one) for one in self.heard.values())


async def check(
    owner: str, history: History, hears: Mapping[UUID, frozenset[str]], seers: Sequence[str], *, brought: bool = False
) -> list[str]:
    """What is wrong, in sentences; nothing when all is well. `brought`: the webhooks too have all that there is."""
    connection = await asyncpg.connect(owner)
    try:
        uitval = {(row["student"], row["placement_n"]): row for row in await connection.fetch(UITVAL)}
        sight = {(row["seer"], row["student"]): row for row in await connection.fetch(SIGHT, list(seers))}
        once = await connection.fetch(ONCE)
        logs = await connection.fetch(LOGS)
    finally:
        await connection.close()
    wrong = list(history.contradictions)
    wanted = _wanted(history, hears, uitval, sight, wrong)
    for seer in seers:
        wrong += _stream(seer, history.heard[seer], wanted[seer])
        if brought:
            wrong += _brought(seer, history.brought[seer], history.heard[seer], wanted[seer])
    wrong += [f"{name}: {many} where {different} should be" for name, many, different in once if many != different]
    wrong += [f"the log of {r['seer']} has a hole" for r in logs if (r["min"], r["max"]) != (1, r["count"])]
    counts = {row[0]: row[1] for row in once}
    for name in ("keys", "uitval", "events"):
        if counts[name] != len(history.accepted):
            wrong.append(f"{len(history.accepted)} accepted, {counts[name]} {name}")
    nets = [place for place, _ in history.accepted if NET_TOWN in hears[place.student]]
    if counts["nets"] != len(nets):
        wrong.append(f"{len(nets)} nets were to open, {counts['nets']} did")
    return wrong


def _wanted(
    history: History, hears: Mapping[UUID, frozenset[str]], uitval: Any, sight: Any, wrong: list[str]
) -> dict[str, list[tuple[UUID, str]]]:
    """Per receiver (young person, id of the case) of all that was accepted, in the order of acceptance."""
    wanted: dict[str, list[tuple[UUID, str]]] = defaultdict(list)
    for place, _ in history.accepted:
        row = uitval.get((place.student, place.n))
        if row is None or (row["state"], row["basis"]) != ("REPORTED", "TOLD"):
            wrong.append(f"accepted, and not in the registry: {place.id}")
            continue
        for seer in hears[place.student]:
            seen = sight[seer, place.student]
            part = hashlib.md5(f"{seen['id_salt']}Uitval{row['n']}".encode()).hexdigest()[:12]
            wanted[seer].append((place.student, f"Uitval:{seen['alias']}.{part}"))
    return wanted


def _stream(seer: str, heard: Mapping[tuple[int, int], Heard], wanted: list[tuple[UUID, str]]) -> list[str]:
    wrong = []
    of_epoch: dict[int, list[int]] = defaultdict(list)
    for epoch, pos in sorted(heard):
        of_epoch[epoch].append(pos)
    wrong += [
        f"{seer} heard epoch {epoch} with a hole: {len(places)} of {places[-1]}"
        for epoch, places in of_epoch.items()
        if places != list(range(1, len(places) + 1))
    ]
    told = [heard[place].case for place in sorted(heard) if heard[place].type == REPORTED]
    times = Counter(told)
    ids = {case for _, case in wanted}
    wrong += [f"{seer} never heard {case}" for case in ids - set(told)]
    wrong += [f"{seer} heard {case}, and should not" for case in set(told) - ids]
    wrong += [f"{seer} heard {case} at {many} positions" for case, many in times.items() if many > 1]
    wrong += [f"{seer}: withheld at {place}" for place, event in heard.items() if event.withheld]
    return wrong + _order(seer, told, wanted)


def _order(who: str, told: Sequence[str | None], wanted: list[tuple[UUID, str]]) -> list[str]:
    """Of one young person, by when each case was told first."""
    place_of: dict[str | None, int] = {}
    for index, case in enumerate(told):
        place_of.setdefault(case, index)
    wrong, last = [], dict[UUID, int]()
    for student, case in wanted:
        place = place_of.get(case, -1)
        if 0 <= place < last.get(student, -1):
            wrong.append(f"{who} heard {case} before what was accepted earlier")
        last[student] = max(last.get(student, -1), place)
    return wrong


def _brought(
    seer: str, came: list[Heard], known: Mapping[tuple[int, int], Heard], wanted: list[tuple[UUID, str]]
) -> list[str]:
    """By webhook each comes at least once, as the log has it."""
    who = f"{seer} by webhook"
    places = {(event.epoch, event.pos) for event in came}
    wrong = [f"{who} never got {place}" for place in sorted(set(known) - places)]
    wrong += [f"{who} got another event at {e.epoch}.{e.pos}" for e in came if known.get((e.epoch, e.pos)) != e]
    return wrong + _order(who, [event.case for event in came if event.type == REPORTED], wanted)
