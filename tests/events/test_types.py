"""The list of types is what the hub tells, what the graph names, and what is about whom where it is told."""

from __future__ import annotations

import re
from itertools import chain

from events.types import PREFIX, TYPES, Subject
from registry.embedded_home import CHECKOUT
from schema.events import EventType

TELLS = re.compile(r"tell\('([a-z-]+)'")
WRITES = re.compile(r"'nl\.arbeidstoeleiding\.([a-z-]+)\.v1', '([A-Z]+)'")
SUBJECT = {one.name: one.subject for one in TYPES}


def sources() -> list[str]:
    """What writes to the outbox."""
    registry = CHECKOUT / "registry"
    return [path.read_text("utf-8") for path in chain(registry.rglob("*.sql"), registry.rglob("*.py"))]


def test_every_type_of_the_graph_is_described_and_no_other() -> None:
    assert {one.name for one in TYPES} == {one.value for one in EventType}
    assert len({one.full for one in TYPES}) == len(TYPES)


def test_whatever_is_told_is_on_the_list() -> None:
    told = {name for text in sources() for name in TELLS.findall(text)}
    written = {name: kind for text in sources() for name, kind in WRITES.findall(text)}
    assert told | set(written) <= set(SUBJECT)
    assert {name: SUBJECT[name] for name in written} == written
    assert all(SUBJECT[name] is Subject.STUDENT for name in told)


def test_a_type_says_what_it_is_in_both_languages() -> None:
    for one in TYPES:
        assert one.full == f"{PREFIX}{one.name}.v1"
        assert one.dutch.endswith((".", "?"))
        assert one.english.endswith((".", "?"))
        assert one.receivers
