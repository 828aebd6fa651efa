"""The country that every registry starts with."""

from __future__ import annotations

import csv
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from registry import reference
from schema.errors import SetUp, Unavailable


@pytest.fixture(scope="module")
async def db(fresh_database: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    await reference.load(fresh_database)
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


async def test_it_has_35_regions_342_municipalities_and_every_post(db: asyncpg.Connection[Any]) -> None:
    counts = await db.fetchrow(
        "SELECT (SELECT count(*) FROM region) AS regions, (SELECT count(*) FROM municipality) AS municipalities,"
        " (SELECT count(*) FROM postcode) AS postcodes,"
        " (SELECT count(*) FROM coordinator_post WHERE state = 'NONE') AS posts,"
        " (SELECT count(*) FROM contact_point WHERE owner_kind = 'NATIONAL' AND verified IS NOT NULL) AS desks"
    )
    assert counts is not None
    assert dict(counts) == {"regions": 35, "municipalities": 342, "postcodes": 4064, "posts": 35, "desks": 6}


async def test_every_centre_municipality_lies_in_its_own_region(db: asyncpg.Connection[Any]) -> None:
    strangers = "SELECT r.code FROM region r JOIN municipality m ON m.code = r.centre WHERE m.region <> r.code"
    assert await db.fetch(strangers) == []


async def test_neighbours_are_neighbours_both_ways(db: asyncpg.Connection[Any]) -> None:
    assert await db.fetchval("SELECT count(*) FROM region_neighbour") == 154
    one_way = (
        "SELECT FROM region_neighbour a WHERE NOT EXISTS"
        " (SELECT FROM region_neighbour b WHERE b.region = a.neighbour AND b.neighbour = a.region)"
    )
    assert await db.fetch(one_way) == []


@pytest.mark.parametrize(
    ("alias", "code"),
    [("IJsselvechtstreek", "AM36"), ("Stedendriehoek en Noordwest Veluwe", "AM06"), ("Fryslân", "AM02")],
)
async def test_older_names_of_a_region_are_kept(db: asyncpg.Connection[Any], alias: str, code: str) -> None:
    assert await db.fetchval("SELECT code FROM region WHERE $1 = ANY (aliases)", alias) == code


async def test_letters_with_accents_arrive_whole(db: asyncpg.Connection[Any]) -> None:
    assert await db.fetchval("SELECT name FROM municipality WHERE code = 'GM1900'") == "Súdwest-Fryslân"


async def test_each_municipality_and_region_has_its_own_party(db: asyncpg.Connection[Any]) -> None:
    assert await db.fetchval("SELECT count(*) FROM covers WHERE function = 'participatie'") == 342
    assert await db.fetchval("SELECT municipality FROM covers WHERE party = 'municipality:GM0796'") == "GM0796"
    assert await db.fetchval("SELECT region FROM covers WHERE party = 'coordinator:AM27'") == "AM27"
    assert await db.fetchval("SELECT kind FROM party WHERE key = 'national'") == "national"


async def test_a_second_load_writes_nothing_and_is_quick(fresh_database: str, db: asyncpg.Connection[Any]) -> None:
    stamp = "SELECT sum(hashtextextended(concat(ctid, ' ', xmin, ' ', xmax), 0)) FROM {}"
    tables = ("region", "municipality", "region_neighbour", "postcode", "party", "covers", "coordinator_post")
    before = [await db.fetchval(stamp.format(table)) for table in tables]
    began = time.perf_counter()
    done = await reference.load(fresh_database)
    assert time.perf_counter() - began < 1  # 0.05 s on two free cores; the others' tests run beside
    assert set(done.values()) == {0}
    assert [await db.fetchval(stamp.format(table)) for table in tables] == before


async def test_a_load_mends_what_was_changed_in_the_tables(fresh_database: str, db: asyncpg.Connection[Any]) -> None:
    await db.execute("UPDATE region SET name = 'X', aliases = '{}' WHERE code = 'AM36'")
    await db.execute("INSERT INTO postcode VALUES ('9999', 'GM0796', 5, 52) ON CONFLICT (digits) DO UPDATE SET lon = 5")
    await db.execute("DELETE FROM region_neighbour WHERE region = 'AM01'")
    done = await reference.load(fresh_database)
    assert done["regions"] == 1
    assert done["postcodes"] == 1
    assert done["neighbours"] == 2
    assert await db.fetchval("SELECT name FROM region WHERE code = 'AM36'") == "Regio Zwolle"


async def test_what_the_operator_ended_or_handed_over_stays_so(
    fresh_database: str, db: asyncpg.Connection[Any]
) -> None:
    await db.execute("UPDATE covers SET until_at = now() WHERE party = 'municipality:GM0758'")
    await db.execute("UPDATE party SET until_at = now(), name = 'Weg' WHERE key = 'municipality:GM0748'")
    await db.execute("UPDATE covers SET until_at = now() WHERE party = 'municipality:GM0748'")
    await db.execute("INSERT INTO party (key, kind, name) VALUES ('service:zuid', 'service', 'Zuid')")
    await db.execute(
        "INSERT INTO covers (party, function, municipality) VALUES ('service:zuid', 'participatie', 'GM0758')"
    )
    assert set((await reference.load(fresh_database)).values()) == {0}


async def test_the_worker_may_load_too(fresh_logins: Any) -> None:
    assert set((await reference.load(fresh_logins.worker)).values()) == {0}


async def test_a_database_without_tables_is_named_as_such(postgres: Any) -> None:
    url = await postgres.create("t_bare")
    with pytest.raises(SetUp, match="migrate"):
        await reference.load(url)
    await postgres.drop(url)


async def test_a_database_that_is_not_there_is_an_error_with_a_sentence(postgres: Any) -> None:
    with pytest.raises(SetUp):
        await reference.load(postgres.url_of("t_nowhere"))
    with pytest.raises(Unavailable):
        await reference.load("postgresql://spil@127.0.0.1:1/spil")


def test_the_tables_say_what_the_shared_facts_say(shared: Callable[[str], Path]) -> None:
    def facts(name: str) -> list[dict[str, str]]:
        with shared(f"data/{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    points = {fact["gm_code"]: (fact["lon"], fact["lat"]) for fact in facts("municipality_points")}
    ours = {row["code"]: row for row in reference.read("municipalities")}
    assert {
        (f["gm_code"], f["municipality"], f["region_code"], *points[f["gm_code"]]) for f in facts("municipalities")
    } == {(code, row["name"], row["region"], row["lon"], row["lat"]) for code, row in ours.items()}
    theirs = (
        "region_code",
        "region_name",
        "centrumgemeente_gm",
        "uwv_volgnummer",
        "lon",
        "lat",
        "tile_col",
        "tile_row",
    )
    words = ("code", "name", "centre", "uwv", "lon", "lat", "tile_column", "tile_row")
    regions = {tuple(row[word] for word in words) for row in reference.read("regions")}
    assert {tuple(fact[word] for word in theirs) for fact in facts("regions")} == regions
    assert {tuple(f.values()) for f in facts("postcode4")} == {tuple(r.values()) for r in reference.read("postcodes")}
    pairs = {(f["region_code"], f["neighbour_code"]) for f in facts("region_neighbours")}
    assert pairs <= {(r["region"], r["neighbour"]) for r in reference.read("neighbours")}
