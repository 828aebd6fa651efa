"""The table beside a school's dossiers: what it fills, what it leaves alone, and that a dossier does not wipe it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from registry.sources import Source, add_source, list_sources
from spil.partners import today
from tests.conftest import TestPostgres
from tests.spil.hub_kit import Country, Hub, codes, hub_of, make_country

HEAD = "leerlingid;naam;uitstroomprofiel;verwachteuitschrijving;urenperweek"
CANARIES = ("Kanarieroep van Zangvogel", "2009-03-17")
PROFILE = """
SELECT h.reference, p.destination_aim, p.leaves_on, p.hours FROM harvested h JOIN student_profile p USING (student)
WHERE h.source = 'proef-oso' AND h.gone_at IS NULL ORDER BY h.reference
"""
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
UNTOLD = ("ONBEKEND", None, None)
SOON, LATELY = today() + timedelta(days=90), today() - timedelta(days=90)


@pytest.fixture(scope="module")
async def country(postgres: TestPostgres) -> Country:
    """A country of this module's own: it is written to."""
    made = await make_country(postgres, "t_sidecar")
    party = made.school[0]
    await add_source(made.logins.worker, Source("proef-oso", party, "school", "oso-xml", options={"page": 2}))
    await add_source(made.logins.worker, Source("zaken", made.municipality[0], "municipality", "ggm-rest"))
    return made


@pytest.fixture(scope="module")
async def hub(country: Country) -> AsyncIterator[Hub]:
    async with hub_of(country, SPIL_RATE="100000", SPIL_BURST="100000") as running:
        yield running


@pytest.fixture
async def db(country: Country) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(country.owner)
    try:
        await connection.execute("TRUNCATE sidecar, source_run, quarantine")
        await connection.execute("DELETE FROM student WHERE source = 'proef-oso'")
        await connection.execute("UPDATE source SET cursor = NULL, full_sync = NULL")
        yield connection
    finally:
        await connection.close()


class School:
    """Brings dossiers and sidecars as its own party."""

    def __init__(self, hub: Hub, country: Country) -> None:
        self.hub, self.brin = hub, country.school[0].partition(":")[2]
        self.actor = country.school

    async def dossiers(self, *numbers: str, aims: dict[str, str] | None = None, **days: str) -> httpx.Response:
        """`aims` and `days` (a day of deregistration) by number: what a dossier tells itself."""
        told = "".join(self._dossier(one, (aims or {}).get(one), days.get(one)) for one in numbers)
        return await self._bring(f"<dossiers>{told}</dossiers>".encode(), "", "application/xml")

    def _dossier(self, number: str, aim: str | None, left: str | None) -> str:
        profile = f"<upw><upwuitstroomprofiel>{aim}</upwuitstroomprofiel></upw>" if aim else ""
        day = f"<datumuitschrijving>{left}</datumuitschrijving>" if left else ""
        return (
            f"<dossier><huidigeschool><brincode>{self.brin[:4]}</brincode><vestigingscode>{self.brin[4:]}"
            f"</vestigingscode><leerling><leerlingid>{number}</leerlingid><achternaam>{CANARIES[0]}</achternaam>"
            f"{day}{profile}</leerling></huidigeschool></dossier>"
        )

    async def sidecar(self, *rows: str, query: str = "?part=sidecar", kind: str = "text/csv") -> httpx.Response:
        return await self._bring("\r\n".join([HEAD, *rows, ""]).encode(), query, kind)

    async def _bring(self, body: bytes, query: str, kind: str) -> httpx.Response:
        path = f"/harvest/proef-oso{query}"
        return await self.hub.send(body, as_party=self.actor, path=path, content_type=kind)


@pytest.fixture
def school(hub: Hub, country: Country, db: Any) -> School:
    return School(hub, country)


def row(number: str, aim: str = "", leaves: str = "", hours: str = "") -> str:
    return f"{number};{CANARIES[0]};{aim};{leaves};{hours}"


async def until(db: Any, question: str) -> None:
    """Waits until the database says yes."""
    async with asyncio.timeout(10):
        while not await db.fetchval(question):  # noqa: ASYNC110 - the server tells nobody when it commits
            await asyncio.sleep(0.02)


async def profiles(db: Any) -> dict[str, tuple[Any, ...]]:
    return {one[0]: tuple(one)[1:] for one in await db.fetch(PROFILE)}


async def test_a_sidecar_fills_what_the_dossiers_do_not_tell_and_the_next_dossiers_do_not_wipe_it(
    school: School, db: Any
) -> None:
    await school.dossiers("a", "b", "c")
    assert await profiles(db) == dict.fromkeys("abc", UNTOLD)
    answer = await school.sidecar(row("a", "2", "2027-07-31", "24"), row("b", "BESCHUT_WERK"))
    told = answer.json()
    assert (answer.status_code, told["state"], told["added"], told["ended"], told["rejected"]) == (200, "DONE", 2, 0, 0)
    filled = {"a": ("ARBEID", date(2027, 7, 31), 24), "b": ("BESCHUT_WERK", None, None), "c": UNTOLD}
    assert await profiles(db) == filled
    assert (await school.dossiers("a", "b", "c")).json()["unchanged"] == 3
    assert await profiles(db) == filled
    changed = (await school.dossiers("a", "b", "c", b=f"{SOON}")).json()
    assert changed["changed"] == 1
    assert await profiles(db) == filled | {"b": ("BESCHUT_WERK", SOON, None)}


async def test_what_a_dossier_tells_itself_counts_whichever_comes_first(school: School, db: Any) -> None:
    await school.dossiers("a", aims={"a": "1"}, a=f"{SOON}")
    await school.sidecar(row("a", "2", "2027-07-31", "24"))
    own = ("DAGBESTEDING", SOON, 24)
    assert await profiles(db) == {"a": own}
    await school.sidecar(row("a", "3", "2028-07-31", "16"))
    assert await profiles(db) == {"a": (*own[:2], 16)}
    await school.dossiers("a")
    assert await profiles(db) == {"a": ("VERVOLGONDERWIJS", date(2028, 7, 31), 16)}, (
        "it tells no more: the sidecar does"
    )
    await school.dossiers("a", aims={"a": "2"})
    await school.sidecar(row("a", "3"))
    assert await profiles(db) == {"a": ("ARBEID", None, None)}


async def test_a_sidecar_that_says_less_takes_back_what_it_said_and_one_that_does_not_name_leaves_it(
    school: School, db: Any
) -> None:
    await school.dossiers("a", "b")
    await school.sidecar(row("a", "2", "2027-07-31", "24"), row("b", "2", "", "8"))
    again = (await school.sidecar(row("a", "", "", "24"), row("b", "2", "", "8"))).json()
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 1, 1)
    assert await profiles(db) == {"a": ("ONBEKEND", None, 24), "b": ("ARBEID", None, 8)}
    await school.sidecar(row("a", "", "", "20"))
    assert await profiles(db) == {"a": ("ONBEKEND", None, 20), "b": ("ARBEID", None, 8)}


async def test_who_is_not_known_is_told_by_row_and_nothing_of_them_stays(school: School, db: Any) -> None:
    await school.dossiers("a")
    told = (await school.sidecar(row("a", "2"), row("99-Vre", "2"), row("a", "3"), row("b", "9", "ooit"))).json()
    assert (told["added"], told["rejected"]) == (1, 3)
    assert sorted((one["position"], one["field"], one["reason"]) for one in told["refusals"]) == [
        ("sidecar row 2", "reference", "NOT_KNOWN"),
        ("sidecar row 3", "reference", "REPEATED"),
        ("sidecar row 4", "destination_aim", "UNKNOWN_CODE"),
    ]
    assert await profiles(db) == {"a": ("ARBEID", None, None)}
    tables = await db.fetch(TABLES)
    dump = str([one[0] for t in tables for one in await db.fetch(f'SELECT x::text FROM "{t[0]}" x')])
    assert [word for word in ("99-Vre", *CANARIES) if word in dump or word in str(school.hub.lines)] == []


async def test_one_whom_the_dossiers_no_longer_name_is_not_known(school: School, db: Any) -> None:
    await school.dossiers("a", "b")
    await school.dossiers("a")
    told = (await school.sidecar(row("a", "2"), row("b", "2"))).json()
    assert [(one["position"], one["reason"]) for one in told["refusals"]] == [("sidecar row 2", "NOT_KNOWN")]


async def test_a_sidecar_touches_no_mark_cursor_or_full_sync_and_ends_nobody(school: School, db: Any) -> None:
    await school.dossiers("a", "b", "c", "d", "e")
    under_way = uuid4()
    await db.execute("UPDATE source SET full_sync = $1, cursor = 'here' WHERE key = 'proef-oso'", under_way)
    marks = await db.fetch("SELECT reference, seen_in, gone_at, digest FROM harvested ORDER BY 1")
    rights = await db.fetch("SELECT id, ended_at FROM access ORDER BY 1")
    told = (await school.sidecar(row("a", "2"))).json()
    assert (told["added"], told["ended"]) == (1, 0)
    assert await db.fetch("SELECT reference, seen_in, gone_at, digest FROM harvested ORDER BY 1") == marks
    assert await db.fetch("SELECT id, ended_at FROM access ORDER BY 1") == rights
    assert tuple(await db.fetchrow("SELECT full_sync, cursor FROM source WHERE key = 'proef-oso'")) == (
        under_way,
        "here",
    )


async def test_what_is_unknown_is_counted_for_who_brings_and_in_the_list_of_sources(
    school: School, db: Any, country: Country
) -> None:
    told = (await school.dossiers("a", "b", "c", "d", d=f"{LATELY}")).json()
    nothing = {"students": 3, "without_aim": 3, "without_leaving_day": 3, "without_hours": 3}
    assert told["unknown"] == nothing
    told = (await school.sidecar(row("a", "2", "2027-07-31", "24"), row("b", "2", "", "8"))).json()
    some = {"students": 3, "without_aim": 1, "without_leaving_day": 2, "without_hours": 1}
    assert told["unknown"] == some
    listed = {one["key"]: one for one in await list_sources(country.logins.worker)}
    assert listed["proef-oso"] | some == listed["proef-oso"]
    assert listed["zaken"]["students"] is None


async def test_only_this_part_is_brought_by_itself_and_only_as_a_table(
    school: School, hub: Hub, country: Country
) -> None:
    for query in ("?part=dossiers", "?part=sidecar&x=1", "?sidecar", "?part=Kanarie"):
        answer = await school.sidecar(row("a"), query=query)
        assert (answer.status_code, codes(answer)) == (400, ["BAD_REQUEST"])
        assert "anarie" not in answer.text
    assert (await school.sidecar(row("a"), kind="application/xml")).status_code == 415
    zaken = await hub.send(
        b"", as_party=country.municipality, path="/harvest/zaken?part=sidecar", content_type="text/csv"
    )
    assert (zaken.status_code, codes(zaken)) == (409, ["CONFLICT"])
    other = await hub.send(
        b"", as_party=country.other_school, path="/harvest/proef-oso?part=sidecar", content_type="text/csv"
    )
    assert other.status_code == 404


@pytest.mark.parametrize("body", [b"", b"een;twee\r\n1;2\r\n", b"leerlingid;uitstroomprofiel\r\n"])
async def test_a_body_that_is_no_sidecar_is_refused(school: School, hub: Hub, body: bytes) -> None:
    answer = await hub.send(
        body, as_party=school.actor, path="/harvest/proef-oso?part=sidecar", content_type="text/csv"
    )
    assert (answer.status_code, codes(answer)) == (422, ["SOURCE_MALFORMED"])


async def test_a_sidecar_that_breaks_off_leaves_whole_pages(school: School, hub: Hub, db: Any) -> None:
    await school.dossiers(*"abcde")
    parts = urlsplit(hub.base)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    sent = "\r\n".join([HEAD, *(row(one, "2") for one in "abcde"), ""]).encode()
    writer.write(
        b"POST /harvest/proef-oso?part=sidecar HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n"
        + f"authorization: Bearer {await hub.token(school.actor)}\r\n".encode()
        + f"content-length: {len(sent) + 9999}\r\n\r\n".encode()
        + sent
    )
    await writer.drain()
    await until(db, "SELECT count(*) = 4 FROM sidecar")
    writer.close()
    await until(db, "SELECT NOT EXISTS (SELECT FROM source_run WHERE state = 'RUNNING')")
    assert [one[0] for one in (await profiles(db)).values()] == ["ARBEID"] * 4 + ["ONBEKEND"]
    whole = (await school.sidecar(*(row(one, "2") for one in "abcde"))).json()
    assert (whole["added"], whole["unchanged"]) == (1, 4)


async def test_the_school_sees_it_in_the_graph(school: School, country: Country) -> None:
    await school.dossiers("a")
    await school.sidecar(row("a", "2", "2027-07-31", "24"))
    query = """{ students(first: 100, order: {field: REFERENCE}, filter: {leavesFrom: "2027-07-31"}) {
        nodes { reference destinationAim leavesOn hours completeness } } }"""
    nodes = (await school.hub.data(query, as_party=country.school))["students"]["nodes"]
    assert {
        "reference": "a",
        "destinationAim": "ARBEID",
        "leavesOn": "2027-07-31",
        "hours": 24,
        "completeness": 60,
    } in nodes
