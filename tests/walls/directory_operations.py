"""What is asked of the directory through the engine: opportunities, contact points, histories of posts."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.walls.data import World, some
from tests.walls.operations import BY_ID, EVERY, Keys, Operation, Variables, many
from tests.walls.seers import Seer
from tests.walls.walls import Walls

OFFERS = "query($n: Int!) { page: opportunities(first: $n) { nodes { id } } }"
OFFERED_BY = (
    "query($n: Int!, $by: ID!) { place: employer(kvk: $by) { page: opportunities(first: $n) { nodes { id } } } }"
)
HISTORY = "{ regions { code post { history { organisation } } } }"


def read_uuids(_: Walls, __: Seer, data: Any) -> Keys:
    nodes = (data.get("page") or (data.get("place") or {}).get("page") or data)["nodes"]
    return {node["id"].partition(":")[2] for node in nodes if node}


def _sample(table: str, name: str) -> Callable[[Walls, World, Seer, Random], Variables]:
    def variables(walls: Walls, world: World, _: Seer, rng: Random) -> Variables:
        made = world.opportunities if table == "opportunity" else []
        ids = [*made, *some(rng, [row["id"] for row in walls.oracle.rows[table]], 100 - len(made))]
        return {"ids": [f"{name}:{one}" for one in ids]}

    return variables


def _expect_sample(table: str) -> Callable[[Walls, Seer, Variables, str], Keys]:
    def expect(walls: Walls, seer: Seer, variables: Variables, _: str) -> Keys:
        visible = {str(one) for one in getattr(walls.oracle, table)(seer)}
        return visible & {one.partition(":")[2] for one in variables["ids"]} if "ids" in variables else visible

    return expect


def _an_employer(_: Walls, world: World, __: Seer, rng: Random) -> Variables:
    return {"n": 5_000, "by": rng.choice(world.employers)}


def _expect_offers(walls: Walls, seer: Seer, variables: Variables, _: str) -> Keys:
    offered = {row["id"] for row in walls.oracle.rows["opportunity"] if row["employer"] == variables["by"]}
    return {str(one) for one in walls.oracle.opportunity(seer) & offered}


def _read_history(_: Walls, __: Seer, data: Any) -> Keys:
    return {row["organisation"] for region in data["regions"] for row in region["post"]["history"]}


def _expect_history(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    return {f"{region} {n}" for region, n in walls.oracle.coordinator_post_history(seer)}


SOURCES = "query($n: Int!) { page: sources(first: $n) { totalCount nodes { key lastRun { pages } } } }"


def _read_sources(_: Walls, __: Seer, data: Any) -> Keys:
    page = data["page"]
    found: Keys = {(one["key"], (one["lastRun"] or {}).get("pages")) for one in page["nodes"]}
    return found | {page["totalCount"]}


def _expect_sources(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    seen = walls.oracle.source(seer)
    last = {
        row["source"]: row["pages"] for row in sorted(walls.oracle.rows["source_run"], key=lambda r: r["started_at"])
    }
    found: Keys = {(key, last.get(key)) for key in seen}
    return found | {len(seen)}


HITS = 'query { vacancyHits(search: {postcode: "5211AB"}) { hits { title } } }'


def _read_asked(_: Walls, __: Seer, data: Any) -> Keys:
    """The parties whose source of vacancies may be asked, as the partner hears them."""
    (hit,) = data["vacancyHits"]["hits"]
    return set(hit["title"].partition("{")[0].split())


def _expect_asked(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    if seer.kind == "servicepoint":
        return {seer.party}
    regions = walls.oracle.regions(seer)
    points = walls.oracle.rows["service_point"]
    return {f"servicepoint:{row['code']}" for row in points if row["region"] in regions}


DIRECTORY = (
    Operation(
        "whose source of vacancies is asked",
        frozenset({"covers"}),
        ("SERVICE_POINT", "MUNICIPALITY"),
        lambda _: HITS,
        lambda *_: {},
        _read_asked,
        _expect_asked,
    ),
    Operation(
        "sources and their readings",
        frozenset({"source", "source_run"}),
        ("SCHOOL", "SERVICE_POINT", "MUNICIPALITY", "COORDINATOR", "NATIONAL"),
        lambda _: SOURCES,
        many,
        _read_sources,
        _expect_sources,
    ),
    Operation(
        "all opportunities",
        frozenset({"opportunity"}),
        EVERY,
        lambda _: OFFERS,
        many,
        read_uuids,
        _expect_sample("opportunity"),
    ),
    Operation(
        "opportunities by id",
        frozenset({"opportunity"}),
        EVERY,
        lambda _: BY_ID,
        _sample("opportunity", "Opportunity"),
        read_uuids,
        _expect_sample("opportunity"),
    ),
    Operation(
        "opportunities of an employer",
        frozenset({"opportunity"}),
        EVERY,
        lambda _: OFFERED_BY,
        _an_employer,
        read_uuids,
        _expect_offers,
    ),
    Operation(
        "contact points by id",
        frozenset({"contact_point"}),
        EVERY,
        lambda _: BY_ID,
        _sample("contact_point", "ContactPoint"),
        read_uuids,
        _expect_sample("contact_point"),
    ),
    Operation(
        "histories of posts",
        frozenset({"coordinator_post_history"}),
        ("COORDINATOR", "NATIONAL"),
        lambda _: HISTORY,
        lambda *_: {},
        _read_history,
        _expect_history,
    ),
)
