"""No two seers share a value, or a part of one, in any id, cursor or header about one young person; and a read is
told before it leaves.

Through the whole hub, over HTTP: one young person of whom every kind of party has a reason, asked for as each of them.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid3, uuid5

import asyncpg
import httpx
import pytest

from tests.conftest import TestPostgres
from tests.spil.hub_kit import Actor, Country, Hub, codes, hub_of, make_country

BELOW = "{ edges { cursor node { id } } nodes { id } pageInfo { startCursor endCursor } }"
PAGE = f"edges {{ cursor node {{ id disclosure placements {BELOW} credentials {BELOW} }} }}"
LIST = """query($n: Int!, $c: Cursor) {{
    page: {lists}(first: $n, after: $c{order}) {{ {page} pageInfo {{ hasNextPage endCursor }} }} }}"""
ONE = "query($id: ID!) {{ one: node(id: $id) {{ id ... on {kind} {{ {fields} }} }} }}"
ROOT = f"{{ page: placements(first: 100) {BELOW} }}"
LOST = f"{{ page: uitvallen(first: 100) {BELOW} }}"
TOLD = """{{ page: events(first: 100) {{ edges {{ cursor node {{ cursor forget person: {one} {{ id }}
    case {{ ... on Node {{ id }} }} }} }} }} }}"""
HAPPENED = """
INSERT INTO outbox (type, subject_kind, student, case_type, case_n, seers)
    SELECT 'nl.arbeidstoeleiding.' || what || '.v1', kind, $1, about, n, $2
    FROM (VALUES ('uitval-gemeld', 'STUDENT', 'UITVAL'), ('plaatsing-beeindigd', 'STUDENT', 'PLACEMENT'),
                 ('toegang-beeindigd', 'ENDING', 'PLACEMENT')) told(what, kind, about), generate_series(1, 2) n"""
ADD = """
INSERT INTO access (seer, student, tier, purpose, ends_at) VALUES ($1, $2, 'IDENTIFIED', 'CARE_ROUTE', 'infinity')"""
WINDOW = 8  # letters or bytes in a row that two seers would have to share
DRAWN_PER_REQUEST = ("x-request-id", "traceparent")
ABOUT_NOBODY = {
    "content-type",
    "content-length",
    "date",
    "server",
    "x-content-type-options",
    "referrer-policy",
    "cache-control",
    "connection",
}


@dataclass(frozen=True)
class Known:
    """What one seer was told about the young person."""

    actor: Actor
    values: frozenset[str]
    headers: tuple[Mapping[str, str], ...]


@pytest.fixture(scope="module")
async def land(postgres: TestPostgres) -> Country:
    return await make_country(postgres, "t_ids")


@pytest.fixture(scope="module")
async def hub(land: Country) -> AsyncIterator[Hub]:
    async with hub_of(land, SPIL_RATE="100000", SPIL_BURST="100000", SPIL_READS_LOG_TIMEOUT="0.5") as running:
        yield running


@pytest.fixture(scope="module")
async def student(land: Country) -> UUID:
    """A young person with two placements and two credentials, whom all five parties see whole."""
    owner = await asyncpg.connect(land.owner)
    try:
        found: UUID = await owner.fetchval(
            "SELECT id FROM student WHERE school = $1 ORDER BY id LIMIT 1", _code(land.school)
        )
        await owner.execute("DELETE FROM placement WHERE student = $1", found)
        await owner.execute("DELETE FROM credential WHERE student = $1", found)
        offer = "SELECT id FROM opportunity WHERE service_point = $1 LIMIT 1"
        await owner.executemany(
            "INSERT INTO placement (student, n, kind, employer, opportunity, from_on, state)"
            " VALUES ($1, $2, 'WERK', $3, $4, '2026-01-01', 'RUNNING')",
            [(found, n, _code(land.employer), await owner.fetchval(offer, land.service_point[0])) for n in (1, 2)],
        )
        await owner.executemany(
            "INSERT INTO credential (student, n, kind, title, issued_on)"
            " VALUES ($1, $2, 'DIPLOMA', 'Titel', '2026-01-01')",
            [(found, n) for n in (1, 2)],
        )
        seers = ["#".join(actor) for actor in _actors(land)]
        await owner.executemany(ADD, [(seer, found) for seer in seers])
        await owner.executemany(
            "INSERT INTO uitval (student, n, placement_n, basis, state, ended_on, reported_by)"
            " VALUES ($1, $2, $2, 'TOLD', 'REPORTED', '2026-10-01', $3)",
            [(found, n, "#".join(land.employer)) for n in (1, 2)],
        )
        await owner.execute(HAPPENED, found, seers)
        await owner.fetchval("SELECT sequence_events(token, 500, '1 minute') FROM leader WHERE name = 'sequencer'")
    finally:
        await owner.close()
    return found


def _code(actor: Actor) -> str:
    return actor[0].partition(":")[2]


def _actors(land: Country) -> tuple[Actor, ...]:
    return (land.school, land.other_school, land.municipality, land.service_point, land.employer)


async def _sights(land: Country, student: UUID) -> dict[str, Any]:
    owner = await asyncpg.connect(land.owner)
    try:
        return {row["seer"]: row for row in await owner.fetch("SELECT * FROM sight WHERE student = $1", student)}
    finally:
        await owner.close()


async def _told(hub: Hub, land: Country, student: UUID, actor: Actor) -> Known:
    """Every id and cursor about the young person that the party can lay its hands on, and the headers that came with
    them.
    """
    of_students = actor[0].startswith(("school", "municipality", "service:"))
    kind, lists = ("Student", "students") if of_students else ("Candidate", "candidates")
    id_ = f"{kind}:{(await _sights(land, student))['#'.join(actor)]['alias']}"
    values, headers = set(), []
    for order in ("", ", order: {field: ID, direction: DESC}"):
        document = LIST.format(lists=lists, order=order, page=PAGE)
        edge = await _edge_of(hub, actor, document, id_)
        values |= set(_texts(edge))
    answer = await hub.ask(
        ONE.format(kind=kind, fields=f"placements {BELOW} credentials {BELOW}"), {"id": id_}, as_party=actor
    )
    values |= set(_texts(answer.json()["data"]))
    headers.append(answer.headers)
    root = await hub.data(ROOT, as_party=actor)
    values |= {text for edge in root["page"]["edges"] if _is_of(edge, id_) for text in _texts(edge)}
    values |= await _happened(hub, actor, id_)
    return Known(actor, frozenset(values), tuple(headers))


async def _happened(hub: Hub, actor: Actor, id_: str) -> set[str]:
    """Ids and cursors of what was lost, and of what was told: all that the log holds is about this young person."""
    log = await hub.data(TOLD.format(one=id_.partition(":")[0].lower()), as_party=actor)
    found = set(_texts(log))
    assert {edge["node"]["person"]["id"] for edge in log["page"]["edges"]} == {id_}
    assert {edge["node"]["forget"] for edge in log["page"]["edges"]} == {None, id_}
    if not actor[0].startswith("servicepoint"):
        lost = await hub.data(LOST, as_party=actor)
        edges = [edge for edge in lost["page"]["edges"] if _is_of(edge, id_)]
        assert len(edges) == 2
        found |= {text for edge in edges for text in _texts(edge)}
    return found


async def _edge_of(hub: Hub, actor: Actor, document: str, id_: str) -> Any:
    cursor = None
    while True:
        page = (await hub.data(document, {"n": 50, "c": cursor}, as_party=actor))["page"]
        for edge in page["edges"]:
            if edge["node"]["id"] == id_:
                return edge
        assert page["pageInfo"]["hasNextPage"]
        cursor = page["pageInfo"]["endCursor"]


def _is_of(edge: Any, id_: str) -> bool:
    return bool(edge["node"]["id"].partition(":")[2].partition(".")[0] == id_.partition(":")[2])


def _texts(found: Any) -> Iterator[str]:
    """Ids and cursors, wherever they stand; `disclosure` is a word of the schema."""
    if isinstance(found, str):
        yield found
    for one in found if isinstance(found, list) else ():
        yield from _texts(one)
    for name, one in found.items() if isinstance(found, dict) else ():
        if name != "disclosure":
            yield from _texts(one)


def parts(value: str) -> set[bytes]:
    """A value and its parts:

    what stands after the type, between dots and dashes, and what a cursor's letters encode.
    """
    pieces = {piece for piece in re.split(r"[:.]", value.partition(":")[2] or value) if piece}
    found = {piece.replace("-", "").encode() for piece in pieces}
    if ":" not in value:
        found.add(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    return found


def windows(values: frozenset[str]) -> set[bytes]:
    return {
        piece[n : n + WINDOW]
        for value in values
        for piece in parts(value)
        for n in range(max(1, len(piece) - WINDOW + 1))
    }


async def test_no_two_seers_share_a_part_of_an_id_or_cursor(hub: Hub, land: Country, student: UUID) -> None:
    told = [await _told(hub, land, student, actor) for actor in _actors(land)]
    for known in told:
        kinds = {value.partition(":")[0] for value in known.values if ":" in value}
        of_point = known.actor[0].startswith("servicepoint")
        assert kinds >= {"Placement", "Credential"} | (set() if of_point else {"Uitval"}), known.actor
        assert sum(":" not in value for value in known.values) >= 8, "cursors"
    for one, other in itertools.combinations(told, 2):
        assert not windows(one.values) & windows(other.values), (one.actor, other.actor)


async def test_no_header_is_about_a_young_person(hub: Hub, land: Country, student: UUID) -> None:
    told = [await _told(hub, land, student, actor) for actor in _actors(land)]
    every = [headers for known in told for headers in known.headers]
    for headers in every:
        assert set(headers) <= ABOUT_NOBODY | set(DRAWN_PER_REQUEST)
    for name in DRAWN_PER_REQUEST:
        drawn = [re.sub(r"^00-|-00$", "", headers[name]) for headers in every]
        assert len(set(drawn)) == len(drawn)


async def test_ids_and_cursors_say_nothing_of_the_key_and_come_from_chance(
    hub: Hub, land: Country, student: UUID
) -> None:
    sights = await _sights(land, student)
    told = {known.actor: known for known in [await _told(hub, land, student, actor) for actor in _actors(land)]}
    drawn = [row[name] for row in sights.values() for name in ("alias", "id_salt")]
    assert len(set(drawn)) == len(drawn)
    assert all(one.version == 4 for one in drawn)
    secrets = {student.bytes, student.hex.encode(), *(row["id_salt"].hex.encode() for row in sights.values())}
    for actor, known in told.items():
        row = sights["#".join(actor)]
        secrets |= {text.encode() for text in actor} | {row["id_salt"].bytes, row["school"].encode()}
        derived = set(_derivable("#".join(actor), student, row["alias"]))
        for value in known.values:
            for piece in parts(value):
                assert not any(secret in piece for secret in secrets), value
                assert not any(piece in text for text in derived if len(piece) >= WINDOW), value


def _derivable(seer: str, student: UUID, alias: UUID) -> Iterator[bytes]:
    """What somebody could work out from keys alone: of the alias from seer and student, of a part from the alias."""
    for text in (f"{seer}{student}", f"{student}{seer}", str(student), f"{seer}#{student}", f"{seer}:{student}"):
        for make in (hashlib.md5, hashlib.sha1, hashlib.sha256):
            yield make(text.encode()).hexdigest().encode()
        for named in (uuid3, uuid5):
            yield named(student, seer).hex.encode()
    for kind, n in itertools.product(("Placement", "Credential", "Uitval"), ("1", "2")):
        for text in (f"{alias}{kind}{n}", f"{student}{kind}{n}", f"{kind}{n}", f"{alias.hex}{kind}{n}"):
            yield hashlib.md5(text.encode()).hexdigest().encode()


async def test_a_name_that_ended_never_comes_back_for_another_seer(land: Country, student: UUID) -> None:
    """Whoever sees the young person anew after erasure of the pair has a new alias;

    while the pair lasts, it keeps the old one.
    """
    owner = await asyncpg.connect(land.owner)
    try:
        seer = "uwv#uwv"
        alias = "SELECT alias FROM sight WHERE seer = $1 AND student = $2"
        await owner.execute(ADD, seer, student)
        first = await owner.fetchval(alias, seer, student)
        await owner.execute("UPDATE access SET ended_at = now() WHERE seer = $1", seer)
        await owner.execute(ADD, seer, student)
        assert await owner.fetchval(alias, seer, student) == first
        await owner.execute("DELETE FROM access WHERE seer = $1", seer)
        await owner.execute("DELETE FROM sight WHERE seer = $1", seer)
        await owner.execute(ADD, seer, student)
        assert await owner.fetchval(alias, seer, student) != first
    finally:
        await owner.execute("DELETE FROM access WHERE seer = 'uwv#uwv'")
        await owner.execute("DELETE FROM sight WHERE seer = 'uwv#uwv'")
        await owner.close()


async def test_one_seers_ids_and_cursors_are_nothing_to_another(hub: Hub, land: Country, student: UUID) -> None:
    told = [await _told(hub, land, student, actor) for actor in _actors(land)]
    for one, other in itertools.permutations(told, 2):
        ids = sorted(value for value in one.values if ":" in value)
        data = await hub.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids}, as_party=other.actor)
        assert data["nodes"] == [None] * len(ids)
        lists = "students" if other.actor[0].startswith(("school", "municipality", "service:")) else "candidates"
        for cursor in sorted(value for value in one.values if ":" not in value)[:3]:
            document = f"query($c: Cursor) {{ page: {lists}(first: 1, after: $c) {{ nodes {{ id }} }} }}"
            assert codes(await hub.ask(document, {"c": cursor}, as_party=other.actor)) == ["BAD_CURSOR"]


# ---- the reads log, end to end


async def test_the_row_in_the_reads_log_names_the_young_people_of_the_answer(
    hub: Hub, land: Country, student: UUID
) -> None:
    owner = await asyncpg.connect(land.owner)
    try:
        for actor in _actors(land):
            lists = "students" if actor[0].startswith(("school", "municipality", "service:")) else "candidates"
            document = f"{{ page: {lists}(first: 30) {{ nodes {{ id placements(first: 3) {{ nodes {{ id }} }} }} }} }}"
            answer = await hub.ask(document, as_party=actor)
            aliases = {node["id"].partition(":")[2] for node in answer.json()["data"]["page"]["nodes"]}
            rows = await owner.fetch("SELECT * FROM read WHERE request_id = $1", answer.headers["x-request-id"])
            assert [row["seer"] for row in rows] == ["#".join(actor)]
            named = await owner.fetch(
                "SELECT alias::text FROM sight WHERE seer = $1 AND student = ANY ($2)",
                "#".join(actor),
                rows[0]["students"],
            )
            assert {row[0] for row in named} == aliases
            assert len(rows[0]["students"]) == len(aliases)
    finally:
        await owner.close()


async def test_without_the_reads_log_nobody_is_shown(hub: Hub, land: Country, student: UUID) -> None:
    """The log is locked:

    no bytes about a young person leave; questions about none are answered; afterwards all goes on.
    """
    document, regions = "{ students(first: 2) { nodes { id } } }", "{ regions { code } }"
    accept = "application/graphql-response+json"
    owner = await asyncpg.connect(land.owner)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE read IN EXCLUSIVE MODE")
            answer = await hub.ask(document, as_party=land.school, accept=accept)
            assert (answer.status_code, codes(answer)) == (503, ["UNAVAILABLE"])
            assert "data" not in answer.json()
            assert "Student" not in answer.text
            assert len((await hub.data(regions, as_party=land.school))["regions"]) == 35
    finally:
        await owner.close()
    for _ in range(200):
        answer = await hub.ask(document, as_party=land.school)
        if answer.status_code == httpx.codes.OK and "errors" not in answer.json():
            return
    pytest.fail("the reads log did not recover")
