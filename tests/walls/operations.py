"""What is asked through the engine, how its answer is read back into keys of rows, and what the oracle says to it.

`least` is the tier from which lists show: CANDIDATE, but TRACE where wall 3 stands alone: it guards who is seen at
    all, wall 2 the lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.walls.data import World, some
from tests.walls.seers import Seer
from tests.walls.walls import Walls

STUDENT, CANDIDATE = ("SCHOOL", "MUNICIPALITY"), ("SERVICE_POINT", "EMPLOYER")
PERSON = STUDENT + CANDIDATE
EVERY = (*PERSON, "COORDINATOR", "NATIONAL", "PUBLIC")
Variables = Mapping[str, Any]
Keys = set[Any]


@dataclass(frozen=True)
class Operation:
    """One way to reach rows of `tables`; `roles` have it in their contract."""

    name: str
    tables: frozenset[str]
    roles: tuple[str, ...]
    document: Callable[[Seer], str]
    variables: Callable[[Walls, World, Seer, Random], Variables]
    read: Callable[[Walls, Seer, Any], Keys]
    expect: Callable[[Walls, Seer, Variables, str], Keys]


def lists(role: str) -> str:
    return "students" if role in STUDENT else "candidates"


def type_of(role: str) -> str:
    return "Student" if role in STUDENT else "Candidate"


def one(role: str) -> str:
    return "student" if role in STUDENT else "candidate"


def known(walls: Walls, seer: Seer, id_: str) -> Any:
    return walls.keys(seer).get(id_, f"not an id of this seer: {id_.partition(':')[0]}")


def many(_: Walls, __: World, ___: Seer, ____: Random) -> Variables:
    return {"n": 5_000}


# ---- young people

LIST = "query($n: Int!) {{ page: {lists}(first: $n) {{ totalCount nodes {{ id disclosure }} }} }}"
AT_SCHOOL = "query($n: Int!, $at: ID!) { place: school(brin: $at) { page: students(first: $n) { nodes { id } } } }"
AT_TOWN = "query($n: Int!, $at: ID!) { place: municipality(code: $at) { page: students(first: $n) { nodes { id } } } }"
BY_ID = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
ENTITIES = "query($r: [_Any!]!) {{ nodes: _entities(representations: $r) {{ ... on {type} {{ id }} }} }}"


def _read_list(walls: Walls, seer: Seer, data: Any) -> Keys:
    page = data["page"]
    return {(known(walls, seer, node["id"]), node["disclosure"]) for node in page["nodes"]} | {page["totalCount"]}


def _expect_list(walls: Walls, seer: Seer, _: Variables, least: str) -> Keys:
    sight = walls.oracle.sight(seer)
    found: Keys = {(one, sight[one]) for one in walls.oracle.seen(seer, least)}
    return found | {len(found)}


def _at(kind: str) -> Callable[[Walls, World, Seer, Random], Variables]:
    def variables(walls: Walls, world: World, seer: Seer, rng: Random) -> Variables:
        if kind == "school":
            return {"n": 5_000, "at": rng.choice(world.schools)}
        towns = {row["municipality"] for row in walls.oracle.rows["student"] if row["id"] in set(world.students)}
        return {"n": 5_000, "at": rng.choice(sorted(town for town in towns if town))}

    return variables


def _expect_at(column: str) -> Callable[[Walls, Seer, Variables, str], Keys]:
    def expect(walls: Walls, seer: Seer, variables: Variables, least: str) -> Keys:
        here = {row["id"] for row in walls.oracle.rows["student"] if row[column] == variables["at"]}
        return walls.oracle.seen(seer, least) & here

    return expect


def read_nodes(walls: Walls, seer: Seer, data: Any) -> Keys:
    nodes = (data.get("page") or data.get("place", {}).get("page") or data)["nodes"]
    return {known(walls, seer, node["id"]) for node in nodes if node}


def ids_of(name: str) -> Callable[[Walls, World, Seer, Random], Variables]:
    """Ids of all that the seer ever had a row of, open or not, and of what only others have."""

    def variables(walls: Walls, world: World, seer: Seer, rng: Random) -> Variables:
        prefix = (name or type_of(seer.role)) + ":"
        ids = some(rng, [one for one in walls.keys(seer) if one.startswith(prefix)], 80)
        foreign = [
            one for other in world.holders if other != seer for one in walls.keys(other) if one.startswith(prefix)
        ]
        return {"ids": ids + some(rng, foreign, 100 - len(ids))}

    return variables


def _representations(walls: Walls, world: World, seer: Seer, rng: Random) -> Variables:
    ids = ids_of("")(walls, world, seer, rng)["ids"]
    return {"r": [{"__typename": type_of(seer.role), "id": one} for one in ids]}


def _expect_people(walls: Walls, seer: Seer, variables: Variables, least: str) -> Keys:
    ids = variables["ids"] if "ids" in variables else [one["id"] for one in variables["r"]]
    return _asked(walls, seer, ids) & walls.oracle.seen(seer, least)


def _asked(walls: Walls, seer: Seer, ids: Iterable[str]) -> Keys:
    return {walls.keys(seer)[one] for one in ids if one in walls.keys(seer)}


PEOPLE = (
    Operation(
        "the list of people",
        frozenset({"sight"}),
        PERSON,
        lambda s: LIST.format(lists=lists(s.role)),
        many,
        _read_list,
        _expect_list,
    ),
    Operation(
        "people of a school",
        frozenset({"sight"}),
        STUDENT,
        lambda _: AT_SCHOOL,
        _at("school"),
        read_nodes,
        _expect_at("school"),
    ),
    Operation(
        "people of a town",
        frozenset({"sight"}),
        STUDENT,
        lambda _: AT_TOWN,
        _at("town"),
        read_nodes,
        _expect_at("municipality"),
    ),
    Operation("people by id", frozenset({"sight"}), PERSON, lambda _: BY_ID, ids_of(""), read_nodes, _expect_people),
    Operation(
        "people as entities",
        frozenset({"sight"}),
        PERSON,
        lambda s: ENTITIES.format(type=type_of(s.role)),
        _representations,
        read_nodes,
        _expect_people,
    ),
)

# ---- what stands below them

BELOW = (
    "query($n: Int!) {{ page: {lists}(first: $n) {{ nodes {{ id below: {below}(first: $n) {{ nodes {{ id }} }} }} }} }}"
)
ROOT = "query($n: Int!) { page: placements(first: $n) { totalCount nodes { id } } }"
CASE = """query($n: Int!) {{ page: placements(first: $n) {{ nodes {{ id person: {one} {{
    id disclosure {fields} placements(first: $n) {{ nodes {{ id }} }} credentials(first: $n) {{ nodes {{ id }} }} }}
        }} }} }}"""
STUDENT_FIELDS = "profile: destinationAim school {{ brin }} lead {{ party }} {reference}"
CANDIDATE_FIELDS = "profile: sectors highestCredential"


def _below(name: str) -> Callable[[Seer], str]:
    return lambda seer: BELOW.format(lists=lists(seer.role), below=name)


def _read_below(walls: Walls, seer: Seer, data: Any) -> Keys:
    nodes = [node["below"] for node in data["page"]["nodes"] if node["below"]]  # null at TRACE
    return {known(walls, seer, row["id"]) for below in nodes for row in below["nodes"]}


def _expect_below(table: str) -> Callable[[Walls, Seer, Variables, str], Keys]:
    def expect(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
        seen = walls.oracle.seen(seer)
        return {key for key in getattr(walls.oracle, table)(seer) if key[0] in seen}

    return expect


def _expect_cases(table: str) -> Callable[[Walls, Seer, Variables, str], Keys]:
    def expect(walls: Walls, seer: Seer, variables: Variables, _: str) -> Keys:
        visible: Keys = getattr(walls.oracle, table)(seer)
        return visible & _asked(walls, seer, variables["ids"]) if "ids" in variables else visible

    return expect


def _case(seer: Seer) -> str:
    fields = CANDIDATE_FIELDS
    if seer.role in STUDENT:
        fields = STUDENT_FIELDS.format(reference="reference" if seer.role == "SCHOOL" else "")
    return CASE.format(one=one(seer.role), fields=fields)


def _read_case(walls: Walls, seer: Seer, data: Any) -> Keys:
    found: Keys = set()
    for node in data["page"]["nodes"]:
        person, key = node["person"], known(walls, seer, node["id"])
        if person is None:
            found.add((key, "nobody"))
            continue
        student = known(walls, seer, person["id"])
        found |= {(key, student), (student, person["disclosure"])}
        found |= {
            (student, name)
            for name in ("profile", "school", "lead", "reference", "highestCredential")
            if person.get(name) is not None
        }
        for name in ("placements", "credentials"):
            found |= {(name, known(walls, seer, row["id"])) for row in (person[name] or {"nodes": []})["nodes"]}
    return found


def _expect_case(walls: Walls, seer: Seer, _: Variables, __: str) -> Keys:
    """At TRACE: the case, its person's id and disclosure; from CANDIDATE on everything."""
    oracle = walls.oracle
    placements, sight, seen = oracle.placement(seer), oracle.sight(seer), oracle.seen(seer)
    people = {student for student, _ in placements}
    found: Keys = {(key, key[0]) for key in placements} | {(student, sight[student]) for student in people}
    found |= {("placements", key) for key in placements if key[0] in seen}
    found |= {("credentials", key) for key in oracle.credential(seer) if key[0] in people & seen}
    found |= {(student, "profile") for student in people & oracle.student_profile(seer)}
    if seer.role in STUDENT:
        led = {row["student"] for row in oracle.rows["lead"] if row["until_at"].year == 9999}
        found |= {(student, "school") for student in people & seen}
        found |= {(student, "lead") for student in people & led & {one for one, _ in oracle.lead(seer)}}
        own = {(source, one) for source, one, _ in oracle.link(seer)} & oracle.numbers
        if seer.role == "SCHOOL":
            found |= {(one, "reference") for source, one in own if source == seer.party and one in people}
    else:
        having = {row["student"] for row in oracle.rows["credential"]}
        found |= {(student, "highestCredential") for student in people & seen & having}
    return found


# ---- what partners are asked: the engine of the walls has partners that say by what key

TOLD = {
    "Student": "school: identity { key: givenName } case: support { jobcoach { key: name } }",
    "Candidate": "school: givenName case: jobcoach { key: name }",
}


def _keys_told(seer: Seer) -> str:
    lists_, fields = lists(seer.role), TOLD[type_of(seer.role)]
    return f"query($n: Int!) {{ page: {lists_}(first: $n) {{ nodes {{ id {fields} }} }} }}"


def _read_told(walls: Walls, seer: Seer, data: Any) -> Keys:
    found: Keys = set()
    for node in data["page"]["nodes"]:
        for layer in ("school", "case"):
            told = node[layer]
            while isinstance(told, dict):
                (told,) = told.values()
            if told is not None:
                found.add((known(walls, seer, node["id"]), layer, told))
    return found


CASES = (
    Operation(
        "what partners are asked",
        frozenset({"link"}),
        (*STUDENT, "EMPLOYER"),
        _keys_told,
        many,
        _read_told,
        lambda walls, seer, _, __: walls.oracle.asked(seer),
    ),
    Operation(
        "all placements",
        frozenset({"placement", "sight_case"}),
        PERSON,
        lambda _: ROOT,
        many,
        read_nodes,
        _expect_cases("placement"),
    ),
    Operation(
        "placements of the list",
        frozenset({"placement"}),
        PERSON,
        _below("placements"),
        many,
        _read_below,
        _expect_below("placement"),
    ),
    Operation(
        "credentials of the list",
        frozenset({"credential"}),
        PERSON,
        _below("credentials"),
        many,
        _read_below,
        _expect_below("credential"),
    ),
    Operation(
        "placements by id",
        frozenset({"placement", "sight_case"}),
        PERSON,
        lambda _: BY_ID,
        ids_of("Placement"),
        read_nodes,
        _expect_cases("placement"),
    ),
    Operation(
        "credentials by id",
        frozenset({"credential", "sight_case"}),
        PERSON,
        lambda _: BY_ID,
        ids_of("Credential"),
        read_nodes,
        _expect_cases("credential"),
    ),
    Operation(
        "a person through a case",
        frozenset({"sight_case", "student_profile", "lead", "link", "placement", "credential"}),
        PERSON,
        _case,
        many,
        _read_case,
        _expect_case,
    ),
)
