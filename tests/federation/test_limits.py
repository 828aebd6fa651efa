"""Hostile documents: each refused quickly, with a stable code, and without a word of what the caller sent."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from auth.viewer import Role, Viewer
from federation.cursors import Cursors
from federation.engine import Contract, Engine, encode
from federation.limits import Limits
from resolvers.everything import catalogue
from spil.memory import collect_rarely
from spil.wiring import contracts

SECRET = "Geheim-0796-x"
QUICK = 0.025  # seconds of work, in the best of the tries: the machine has other work
TRIES, BREATH = 60, 0.05  # seconds between two tries: a slow spell of the machine passes, a slow document stays slow
DEEP = "{ regions " + "{ neighbours " * 400 + "{ code }" + " }" * 401
TYPE_BOMB = '{ __type(name: "Region") ' + "{ ofType " * 30 + "{ name }" + " }" * 31
FIELD_BOMB = "{ __schema { types " + "{ fields { type " * 12 + "{ name }" + " } }" * 12 + " } }"
DOUBLING = (
    "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    + " fragment F60 on Query { me { role } }"
)
DOUBLING_FIELDS = (
    "{ regions { ...F0 } } "
    + " ".join(
        f"fragment F{n} on Region {{ a: neighbours {{ ...F{n + 1} }} b: neighbours {{ ...F{n + 1} }} }}"
        for n in range(40)
    )
    + " fragment F40 on Region { code }"
)
WIDE = (
    "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ {' '.join(f'...F{n + 1}' for _ in range(12))} }}" for n in range(12))
    + " fragment F12 on Query { me { role } regions { code } }"
)
IN_A_FRAGMENT = "{ ...I } fragment I on Query { __schema { types " + "{ ofType " * 25 + "{ name }" + " }" * 27
PAGE = "schools(first: 100) {{ nodes {{ {} }} }}"
COSTLY = "{ " + PAGE.format("region { " + PAGE.format("region { " + PAGE.format("brin") + " }") + " }") + " }"

DOCUMENTS: dict[str, tuple[str, set[str]]] = {
    "exponential fragments": (DOUBLING, {"TOO_MANY_SELECTIONS"}),
    "exponential fragments of fields": (DOUBLING_FIELDS, {"TOO_DEEP", "TOO_MANY_ALIASES"}),
    "wide fragments": (WIDE, {"TOO_MANY_SELECTIONS"}),
    "10,000 aliases": ("{ " + " ".join(f"a{n}: me {{ role }}" for n in range(10_000)) + " }", {"TOO_MANY_TOKENS"}),
    "300 aliases": ("{ " + " ".join(f"a{n}: me {{ role }}" for n in range(300)) + " }", {"TOO_MANY_ALIASES"}),
    "1,000 repeated fields": ("{ me { " + "role " * 1_000 + "} }", {"TOO_MANY_SELECTIONS"}),
    "1,900 repeated fields": ("{ " + "__typename " * 1_900 + "}", {"TOO_MANY_SELECTIONS"}),
    "repeated fields with selections": ("{ " + "me { role } " * 400 + "}", {"TOO_MANY_SELECTIONS"}),
    "deep nesting": (DEEP, {"TOO_DEEP", "BAD_DOCUMENT", "TOO_MANY_TOKENS"}),
    "very deep nesting": ("{ a " * 900 + "}" * 900, {"TOO_DEEP", "BAD_DOCUMENT"}),
    "deeper than Python": ("{a" * 60_000, {"TOO_MANY_TOKENS", "BAD_DOCUMENT"}),
    "nested lists": ("{ nodes(ids: " + "[" * 1_500 + "]" * 400 + ") { id } }", {"BAD_DOCUMENT"}),
    "a deep list": ("{ nodes(ids: " + "[" * 300 + "]" * 300 + ") { id } }", {"INVALID_DOCUMENT", "BAD_DOCUMENT"}),
    "a deep object": (
        "{ contact(topic: INTERNSHIPS, at: " + "{a:" * 300 + "1" + "}" * 300 + ") { path { kind } } }",
        {"INVALID_DOCUMENT", "BAD_DOCUMENT"},
    ),
    "a flood of tokens": ("{ " + "me " * 30_000 + "}", {"TOO_MANY_TOKENS"}),
    "a flood of comments": ("#\n" * 30_000 + "{ me { role } }", {"TOO_MANY_TOKENS"}),
    "a flood of fragments": (
        "{ me { role } } " + " ".join(f"fragment F{n} on Query {{ me {{ role }} }}" for n in range(250)),
        {"TOO_MANY_TOKENS", "INVALID_DOCUMENT"},
    ),
    "a flood of operations": (" ".join(f"query Q{n} {{ me {{ role }} }}" for n in range(240)), {"BAD_DOCUMENT"}),
    "a flood of variables": (
        "query Q(" + " ".join(f"$v{n}: Int" for n in range(450)) + ") { me { role } }",
        {"TOO_MANY_SELECTIONS"},
    ),
    "a flood of directives": ("{ me " + "@include(if: true) " * 250 + "{ role } }", {"TOO_MANY_SELECTIONS"}),
    "a flood of arguments": (
        "{ schools(" + " ".join("first: 1" for _ in range(600)) + ") { totalCount } }",
        {"TOO_MANY_SELECTIONS"},
    ),
    "cyclic fragments": ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", {"INVALID_DOCUMENT"}),
    "a fragment in itself": ("{ regions { ...A } } fragment A on Region { neighbours { ...A } }", {"INVALID_DOCUMENT"}),
    "unknown fragments": ("{ ...Nothing me { ...Nothing } }", {"INVALID_DOCUMENT"}),
    "no selections": ("{t{}}", {"BAD_DOCUMENT"}),
    "no document": ("", {"BAD_DOCUMENT"}),
    "not GraphQL": ("\ufeff\x00{]", {"BAD_DOCUMENT"}),
    "a lone surrogate": ('{ node(id: "\ud800") { id } }', {"BAD_DOCUMENT", "INVALID_DOCUMENT"}),
    "introspection of types in types": (TYPE_BOMB, {"TOO_DEEP"}),
    "introspection of fields in fields": (FIELD_BOMB, {"TOO_DEEP"}),
    "introspection in a fragment": (IN_A_FRAGMENT, {"TOO_DEEP"}),
    "costly pages": (COSTLY, {"TOO_COSTLY"}),
    "a huge string": ('{ node(id: "' + SECRET * 4_000 + '") { nothing } }', {"INVALID_DOCUMENT"}),
    "a huge string where a code stands": ('{ region(code: "' + SECRET * 4_000 + '") { code } }', {"BAD_INPUT"}),
    "a huge number": ("{ schools(first: 1" + "0" * 5_000 + ") { totalCount } }", {"INVALID_DOCUMENT"}),
    "an unclosed string": ('{ node(id: "' + SECRET, {"BAD_DOCUMENT"}),
    "a secret for an enum": (
        f'{{ contact(topic: "{SECRET}", at: {{region: "AM27"}}) {{ path {{ kind }} }} }}',
        {"INVALID_DOCUMENT"},
    ),
    "a secret for a number": (f'{{ schools(first: "{SECRET}") {{ totalCount }} }}', {"INVALID_DOCUMENT"}),
    "a secret for a filter": (f'{{ schools(filter: {{region: "{SECRET}"}}) {{ totalCount }} }}', {"INVALID_DOCUMENT"}),
    "a secret for a filter's object": (f'{{ schools(filter: "{SECRET}") {{ totalCount }} }}', {"INVALID_DOCUMENT"}),
    "a secret for a place": (
        f'{{ contact(topic: INTERNSHIPS, at: {{postcode: "{SECRET}"}}) {{ path {{ kind }} }} }}',
        {"BAD_INPUT"},
    ),
    "a secret in a directive": (f'{{ me @include(if: "{SECRET}") {{ role }} }}', {"INVALID_DOCUMENT"}),
}
FILTER = "query Q($f: SchoolFilter, $n: Int, $c: Cursor) { schools(filter: $f, first: $n, after: $c) { totalCount } }"
VARIABLES: dict[str, dict[str, Any]] = {
    "a secret for a code": {"f": {"region": SECRET}},
    "a secret for an object": {"f": SECRET},
    "a secret for a field": {"f": {SECRET: 1}},
    "a secret for an enum": {"f": {"kind": SECRET}},
    "a secret for a number": {"n": SECRET},
    "a number that no integer holds": {"n": 10**30},
    "a number with a fraction": {"n": 1.5},
    "a secret for a cursor": {"c": SECRET},
    "a cursor of no list": {"c": "!" + SECRET},
    "a huge string": {"f": {"region": SECRET * 4_000}},
    "a NUL": {"f": {"region": "AM27\x00"}},
    "a lone surrogate": {"f": {"region": "\ud800"}},
    "a deep object": {"f": {"region": [[[[[SECRET]]]]]}},
    "an empty string": {"f": {"region": ""}},
}


class Nowhere:
    """A store that must not be asked."""

    async def read(self, *_: Any) -> Sequence[Any]:
        raise AssertionError("a hostile document reached the database")


async def _no_record(read: Any) -> None:
    raise AssertionError("nobody was read")


@pytest.fixture(scope="module")
def made() -> dict[str, Contract]:
    return contracts()[0]


def engine(made: dict[str, Contract]) -> Engine:
    """A new engine, so that nothing is remembered."""
    return Engine(made, catalogue(), Nowhere(), _no_record, Cursors(b"k" * 32), Limits())


@pytest.fixture(autouse=True, scope="module")
def as_the_server_runs() -> Iterator[None]:
    """Python looks for cycles as rarely as in the server: not in all that this process has met before."""
    before = gc.get_threshold()
    collect_rarely()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


async def refused(made: dict[str, Contract], text: str, variables: dict[str, Any]) -> tuple[set[str], bytes, float]:
    """The codes, the answer, and the seconds of this thread's work in the best of the tries that it took."""
    best, codes, raw = 9.0, set(), b""
    for _ in range(TRIES):
        fresh = engine(made)
        start = time.thread_time()
        answer = await fresh.execute(Viewer(Role.PUBLIC), text, variables, None, "r")
        raw = encode(answer, "r")
        best = min(best, time.thread_time() - start)
        codes = {problem.error.code for problem in answer.problems}
        if best <= QUICK:
            break
        await asyncio.sleep(BREATH)
    return codes, raw, best


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_hostile_document_is_refused_at_once(made: dict[str, Contract], name: str) -> None:
    text, expected = DOCUMENTS[name]
    codes, raw, seconds = await refused(made, text, {})
    assert codes
    assert codes <= expected
    assert SECRET.encode() not in raw
    assert b"Did you mean" not in raw
    assert len(raw) < 20_000
    assert seconds <= QUICK


@pytest.mark.parametrize("name", VARIABLES)
async def test_a_hostile_variable_is_refused_without_being_quoted(made: dict[str, Contract], name: str) -> None:
    codes, raw, seconds = await refused(made, FILTER, VARIABLES[name])
    assert codes in ({"BAD_INPUT"}, {"BAD_CURSOR"})
    assert SECRET.encode() not in raw
    assert seconds <= QUICK


@pytest.mark.parametrize(
    "text",
    ["{ region(cod: 1) { code } }", "{ regiones { code } }", "{ me { rol } }", "{ me { role @incl(if: true) } }"],
)
async def test_nothing_is_suggested(made: dict[str, Contract], text: str) -> None:
    codes, raw, _ = await refused(made, text, {})
    assert codes == {"INVALID_DOCUMENT"}
    assert b"Did you mean" not in raw


async def test_what_a_role_may_not_see_is_refused_in_the_words_for_what_does_not_exist(
    made: dict[str, Contract],
) -> None:
    _, hidden, _ = await refused(made, "{ students { totalCount } }", {})
    _, absent, _ = await refused(made, "{ nonsense { totalCount } }", {})
    assert hidden.replace(b"students", b"nonsense") == absent


def test_a_limit_counts_what_the_chosen_operation_nests_and_nothing_else() -> None:
    from graphql import parse

    from federation.limits import check

    document = parse("query A { me { role } } query B { regions { neighbours { neighbours { code } } } }")
    sizes = [check(document, operation, Limits()) for operation in document.definitions]  # type: ignore[arg-type]
    assert [size.depth for size in sizes] == [2, 4]
