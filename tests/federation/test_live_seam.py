"""The seam for live fields, proven by one entry that only this test has: a source that echoes what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from graphql import extend_schema, parse

from auth.viewer import Role
from federation.catalogue import Catalogue, Column, Live, Rows
from federation.engine import Contract
from registry import reference
from registry.seed import seed
from resolvers.everything import TYPES
from schema.errors import SourceTimeout
from spil.wiring import contracts
from tests.hub_kit import Hub, open_hub

if TYPE_CHECKING:
    from registry.migrate import Logins

EXTENSION = "extend type Student { echo: Echo mark: Echo } type Echo { word: String size: Int }"
SCHOOL = "school:90ZZ00#guidance"
ASK = """{ students(first: 7) { edges { cursor node { id echo { word loud: word } mark { size } } } }
  again: students(first: 3) { nodes { echo { size } } } }"""


class Source:
    """Answers every key but one, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.fails = False

    async def __call__(self, _viewer: Any, keys: Sequence[str]) -> Mapping[str, Any]:
        self.asked.append(list(keys))
        if self.fails:
            raise SourceTimeout
        return {key: {"word": f'\x00{key}"', "size": len(key)} for key in sorted(keys)[1:]}


@pytest.fixture(scope="module")
def source() -> Source:
    return Source()


@pytest.fixture(scope="module")
async def hub(fresh_database: str, fresh_logins: Logins, source: Source) -> AsyncIterator[Hub]:
    await reference.load(fresh_database)
    await seed(fresh_database, 0.02)
    made = contracts()[0]
    school = made[Role.SCHOOL]
    extended = Contract(extend_schema(school.schema, parse(EXTENSION)), school.rules)
    open_key = "{until_identified} > now()"
    fields = dict(TYPES["Student"].fields) | {
        "echo": Live("echoes", "Echo", "{student}", open_key),
        "mark": Live("echoes", "Echo", "{student}", "false"),
    }
    types = {
        **TYPES,
        "Student": replace(TYPES["Student"], fields=fields),
        "Echo": Rows("echo", {"word": Column("word"), "size": Column("size")}, tables=()),
    }
    everything = Catalogue(types, {"echoes": source})
    async with open_hub(fresh_logins, everything=everything, cut={Role.SCHOOL: extended}) as one:
        yield one


async def test_a_layer_is_asked_once_whatever_asks_for_it(hub: Hub, source: Source) -> None:
    source.asked.clear()
    body = await hub.ask(SCHOOL, ASK)
    assert "errors" not in body, body
    assert len(source.asked) == 1, "aliases and paths share one call"
    assert len(source.asked[0]) == len(set(source.asked[0])) == 7
    students = [edge["node"] for edge in body["data"]["students"]["edges"]]
    assert sum(one["echo"] is None for one in students) == 1, "a key that the source does not know is null"
    known = next(one for one in students if one["echo"])
    assert known["echo"]["word"] == known["echo"]["loud"]
    assert known["echo"]["word"].startswith("\x00")
    assert body["data"]["again"]["nodes"][0]["echo"] in (None, {"size": 36})


async def test_keys_of_a_tier_that_is_not_open_never_leave_the_statement(hub: Hub) -> None:
    body = await hub.ask(SCHOOL, "{ students(first: 3) { nodes { mark { size } } } }")
    assert [one["mark"] for one in body["data"]["students"]["nodes"]] == [None] * 3


async def test_a_source_that_fails_gives_null_and_one_error_and_leaves_the_rest(hub: Hub, source: Source) -> None:
    source.fails = True
    try:
        body = await hub.ask(SCHOOL, "{ students(first: 3) { nodes { id echo { word } } } regions { code } }")
    finally:
        source.fails = False
    assert [(e["extensions"]["code"], e["path"]) for e in body["errors"]] == [
        ("SOURCE_TIMEOUT", ["students", "nodes", 0, "echo"])
    ]
    assert len(body["data"]["regions"]) == 35
    assert all(one["echo"] is None and one["id"] for one in body["data"]["students"]["nodes"])


async def test_the_reads_log_names_the_layers_before_they_are_asked(hub: Hub, source: Source) -> None:
    source.asked.clear()
    hub.reads.clear()
    await hub.ask(SCHOOL, "{ students(first: 2) { nodes { echo { word } } } }")
    assert [read.layers for read in hub.reads] == [("echoes",)]
    assert len(hub.reads[0].students) == 2


async def test_a_plan_without_live_fields_names_no_nonce(hub: Hub) -> None:
    document = hub.engine.document("SCHOOL", "{ students(first: 2) { nodes { id } } }", None)
    plan = hub.engine.plan(document, {})
    assert plan.marks == ()
    assert plan.layers == ()
