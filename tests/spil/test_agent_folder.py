"""The agent's folder and its answers: what is read when, what is kept, and what the log may hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors import school_rest
from connectors.flow import Options, Page
from connectors.records import StudentRecord
from connectors.school_csv import default_mapping
from spil.agent import folder as folder_module
from spil.agent.answers import build_answers
from spil.agent.dial import called
from spil.agent.folder import Folder
from spil.agent.names import of_dossiers, of_table
from spil.agent.running import Files, folder_of, municipalities
from spil.partners import today
from tests.spil.agent_kit import CANARIES, HEAD, export, pupil, write
from wire.messages import Answer, Ask


class Made:
    """A folder with its log; `look` is two looks: what is there is settled."""

    def __init__(self, path: Path, **told: Any) -> None:
        self.path, self.lines = path, list[dict[str, Any]]()
        files = Files(
            path, "01AA00", told.get("sidecar", "aanvulling.csv"), told.get("mapping"), told.get("columns", {})
        )
        self.folder: Folder = folder_of(files, self._log)
        self.app = build_answers(self.folder)

    def _log(self, event: str, **said: Any) -> None:
        self.lines.append({"event": event, **said})

    def look(self) -> bool:
        return any([self.folder.look(), self.folder.look()])

    def numbers(self) -> list[str]:
        return [row["leerlingid"] for row in self.folder.contents.rows]

    async def get(self, path: str) -> Answer:
        return await called(self.app, Ask("GET", path))

    async def post(self, path: str, body: Any) -> Answer:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return await called(self.app, Ask("POST", path, body=content))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_a_file_is_read_when_it_stays_the_same(made: Made) -> None:
    write(made.path, pupil("L1"))
    assert not made.folder.look()
    assert (made.numbers(), made.folder.whole) == ([], False)
    assert made.folder.look()
    assert (made.numbers(), made.folder.whole) == (["L1"], True)
    with (made.path / "leerlingen.csv").open("ab") as growing:
        for number in range(2, 5):
            growing.write(f"{pupil(f'L{number}')}\r\n".encode())
            growing.flush()
            assert not made.folder.look()
            assert made.numbers() == ["L1"]
    assert made.folder.look()
    assert made.numbers() == ["L1", "L2", "L3", "L4"]


@pytest.mark.parametrize("broken", [b"", b"a;b\r\n1;2\r\n", export(pupil("L1"))[:-2] + b'\r\n"open;', b"\x00"])
def test_a_broken_file_keeps_what_it_last_told(made: Made, broken: bytes) -> None:
    write(made.path, pupil("L1"))
    made.look()
    (made.path / "leerlingen.csv").write_bytes(broken)
    assert not made.look()
    assert (made.numbers(), made.folder.whole) == (["L1"], True)
    assert made.folder.contents.identities["L1"]["roepnaam"] == "KanarieL1"
    assert "file-unreadable" in [line["event"] for line in made.lines]


async def test_a_file_of_which_nothing_was_ever_read_stops_the_harvest_and_not_the_names(made: Made) -> None:
    write(made.path, pupil("L1"))
    (made.path / "dossier.xml").write_bytes(b"<dossier>")
    made.look()
    assert not made.folder.whole
    assert (await made.get("/students")).status == 503
    named = await made.post("/identities", {"tier": "IDENTIFIED", "leerlingen": ["L1"]})
    assert named.json["identiteiten"][0]["roepnaam"] == "KanarieL1"
    (made.path / "dossier.xml").unlink()
    assert made.look()
    assert (await made.get("/students")).json["volledig"]


async def test_a_folder_that_is_empty_or_away_tells_nobody_gone(made: Made) -> None:
    write(made.path, pupil("L1"))
    made.look()
    (made.path / "leerlingen.csv").rename(made.path / "leerlingen.bak")
    assert not made.look()
    assert (await made.get("/students")).status == 503
    made.path.rename(made.path.parent / "away")
    assert not made.look()
    assert made.numbers() == ["L1"]
    (made.path.parent / "away").rename(made.path)
    (made.path / "leerlingen.bak").rename(made.path / "leerlingen.csv")
    made.look()
    assert (await made.get("/students")).status == 200


def test_an_export_with_the_line_ends_of_old_spreadsheets_is_read_with_its_names(made: Made) -> None:
    (made.path / "leerlingen.csv").write_bytes(export(pupil("L1"), pupil("L2")).replace(b"\r\n", b"\r"))
    made.look()
    assert (made.numbers(), made.folder.contents.identities["L2"]["roepnaam"]) == (["L1", "L2"], "KanarieL2")


def test_of_two_files_the_first_by_name_counts(made: Made) -> None:
    write(made.path, pupil("L1", called="Eerste"), name="a.csv")
    write(made.path, pupil("L1", called="Tweede"), pupil("L2"), name="b.csv")
    made.look()
    assert made.numbers() == ["L1", "L2"]
    assert made.folder.contents.identities["L1"]["roepnaam"] == "Eerste"


def test_files_that_are_being_put_there_are_no_exports(made: Made) -> None:
    write(made.path, pupil("L1"))
    for name in (".L2.csv", "~L3.csv", "L4.csv.part", "L5.txt"):
        (made.path / name).write_bytes(export(pupil(name)))
    (made.path / "map.csv").mkdir()
    made.look()
    assert made.numbers() == ["L1"]


async def test_a_row_that_cannot_be_read_is_named_as_one_the_hub_cannot_read(made: Made) -> None:
    rows = [pupil("L1"), pupil("L2", year="vier"), pupil("L3").replace("GM0796", "Vught"), pupil("111222333")]
    write(made.path, *rows, "te;kort")
    made.look()
    page = _pulled((await made.get("/students")).body)
    assert [record.reference for record in page.records] == ["L1"]
    assert sorted(page.refused) == ["L2", "L3"]
    assert {(one.field, one.reason) for one in page.rejects} == {("school_year", "FORM"), ("municipality", "FORM")}
    refused = [(one["row"], one["field"], one["reason"]) for one in made.lines if one["event"] == "row-refused"]
    assert ("row 4", "reference", "BSN") in refused
    assert ("row 5", "", "COLUMNS") in refused
    assert "111222333" not in str(made.folder.contents.identities)


def _pulled(body: bytes) -> Page:
    """The page that the hub's own connector makes of it."""
    flow = school_rest.pull(None, Options(today=today()))
    next(flow)
    page = flow.send(Answer(200, {}, body))
    assert isinstance(page, Page)
    return page


async def test_the_hub_reads_the_record_that_the_agent_read(made: Made) -> None:
    write(made.path, pupil("L1").replace("GROEN|HORECA", "|"), pupil("L2").replace(";24;", ";;"))
    made.look()
    told = _pulled((await made.get("/students")).body).records
    assert [type(one) for one in told] == [StudentRecord] * 2
    first, second = told
    assert (first.sectors, first.hours, second.hours) == ((), 24, None)  # type: ignore[union-attr]  # StudentRecord
    assert second.sectors == ("GROEN", "HORECA")  # type: ignore[union-attr]  # StudentRecord


async def test_a_full_sync_goes_page_by_page_and_its_cursor_is_a_version(made: Made) -> None:
    write(made.path, *(pupil(f"L{n:02}") for n in range(25)))
    made.look()
    seen, path = [], "/students?limit=10"
    while True:
        page = (await made.get(path)).json
        seen += [row["leerlingid"] for row in page["leerlingen"]]
        path = f"/students?limit=10&cursor={page['cursor']}"
        if not page["meer"]:
            break
    assert (page["volledig"], len(seen), len(set(seen))) == (True, 25, 25)
    same = (await made.get(path)).json
    assert (same["leerlingen"], same.get("volledig", False)) == ([], False)
    write(made.path, *(pupil(f"L{n:02}") for n in range(24)))
    made.look()
    assert (await made.get(path)).status == 410


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=-1", "limit=5001", "limit=%D9%A3", "limit=99999999999999999999"]
)
async def test_a_limit_that_is_none_is_refused(made: Made, query: str) -> None:
    write(made.path, pupil("L1"))
    made.look()
    assert (await made.get(f"/students?{query}")).status == 400


@pytest.mark.parametrize("cursor", ["x", "..", "0" * 32, "0" * 32 + ".1", "%00", "'"])
async def test_a_cursor_of_another_is_gone(made: Made, cursor: str) -> None:
    write(made.path, pupil("L1"))
    made.look()
    assert (await made.get(f"/students?cursor={cursor}")).status == 410


async def test_below_identified_only_the_given_name_is_told(made: Made) -> None:
    write(made.path, pupil("L1"), pupil("L2"))
    made.look()
    body = {"tier": "GIVEN_NAME", "leerlingen": ["L1", "L1", "L9"]}
    assert (await made.post("/identities", body)).json == {
        "identiteiten": [{"leerlingid": "L1", "roepnaam": "KanarieL1"}]
    }
    [whole] = (await made.post("/identities", body | {"tier": "IDENTIFIED"})).json["identiteiten"]
    assert whole == {
        "leerlingid": "L1",
        "roepnaam": "KanarieL1",
        "voorvoegsel": "van",
        "achternaam": "ZangvogelL1",
        "geboortedatum": "2009-03-17",
        "email": "kanarieL1@leerling.example",
        "telefoon": "0612345917",
        "wettigevertegenwoordiger": "OuderL1",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[" * 100_000, b"\xff", b"5", b"null", b"[]", {}, {"tier": "ALL", "leerlingen": ["L1"]},
        {"tier": "IDENTIFIED", "leerlingen": []}, {"tier": "IDENTIFIED", "leerlingen": [5]},
        {"tier": "IDENTIFIED", "leerlingen": ["L1"], "more": 1}, {"tier": "IDENTIFIED", "leerlingen": ["L1"] * 2001},
        {"tier": ["IDENTIFIED"], "leerlingen": ["L1"]}, b'"' + b"x" * 300_000 + b'"',
    ],
    ids=range(15),
)  # fmt: skip
async def test_a_question_that_is_none_is_refused_without_its_words(made: Made, body: Any) -> None:
    write(made.path, pupil("L1"))
    made.look()
    for path in ("/identities", "/identities/search"):
        refused = await made.post(path, body)
        assert refused.status == 400
        assert b"L1" not in refused.body


async def test_somebody_is_found_by_the_beginning_of_every_word(made: Made) -> None:
    write(made.path, pupil("L1", called="Bo"), pupil("L2", called="Bob"), pupil("L3", called="Jan Bo"))
    made.look()
    for name, found in (
        ("bo", ["L1", "L3", "L2"]),
        ("BOB zang", ["L2"]),
        ("van zangvogell", ["L1", "L2", "L3"]),
        ("vogel", []),
        ("leerling.example", []),
    ):
        assert (await made.post("/identities/search", {"naam": name})).json["leerlingen"] == found, name


async def test_no_more_is_answered_than_protocol_1(made: Made) -> None:
    for method, path in (("POST", "/students"), ("GET", "/identities"), ("GET", "/"), ("GET", "/leerlingen.csv")):
        assert (await called(made.app, Ask(method, path))).status in (404, 405)


def test_columns_may_be_called_otherwise_and_days_be_written_otherwise(tmp_path: Path) -> None:
    head = HEAD.replace("roepnaam", "Voornaam").replace("geboortedatum", "Geb.datum")
    for number, (written, read) in enumerate(
        [("17-03-2009", "2009-03-17"), ("2009-03-17", "2009-03-17"), ("17/03/2009", "2009-03-17"), ("lente", None)]
    ):
        row = pupil("L1").replace("17-03-2009", written)
        path = tmp_path / str(number)
        path.mkdir()
        (path / "a.csv").write_bytes(f"{head}\r\n{row}\r\n".encode("cp1252"))
        one = Made(path, columns={"roepnaam": "Voornaam", "geboortedatum": "Geb.datum"})
        one.look()
        who = one.folder.contents.identities["L1"]
        assert (who["roepnaam"], who.get("geboortedatum")) == ("KanarieL1", read)


def test_a_school_s_own_mapping_is_used_for_its_csv(tmp_path: Path) -> None:
    words = ('record = "student"', 'format = "csv"', 'encoding = "windows-1252"', "[fields]")
    mapping = "\n".join([*words, 'reference = "Nr"', 'school_year = "Jaar"'])
    (tmp_path / "a.csv").write_bytes("Nr,Jaar,roepnaam\r\nL1,3,Kanarié\r\n".encode("cp1252"))
    made = Made(tmp_path, mapping=mapping)
    made.look()
    assert made.folder.contents.rows == ({"leerlingid": "L1", "leerjaar": 3},)
    assert made.folder.contents.identities["L1"] == {"roepnaam": "Kanarié"}


def test_the_table_beside_fills_and_a_change_of_it_reads_all_anew(made: Made) -> None:
    write(made.path, pupil("L1").replace(";24;", ";;"))
    made.look()
    assert "urenperweek" not in made.folder.contents.rows[0]
    beside = made.path / "aanvulling.csv"
    beside.write_bytes(b"leerlingid;uitstroomprofiel;verwachteuitschrijving;urenperweek\nL1;;;12\n")
    assert made.look()
    assert made.folder.contents.rows[0]["urenperweek"] == 12
    beside.unlink()
    assert made.look()
    assert "urenperweek" not in made.folder.contents.rows[0]


def test_a_table_beside_that_cannot_be_read_stops_the_harvest(made: Made) -> None:
    write(made.path, pupil("L1"))
    (made.path / "aanvulling.csv").write_bytes(b"nummer\n1\n")
    made.look()
    assert not made.folder.whole


def test_a_day_that_passes_is_a_change(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    body = f"""<dossier><huidigeschool><brincode>01AA</brincode><vestigingscode>00</vestigingscode><leerling>
        <leerlingid>L1</leerlingid><datumuitschrijving>{today().isoformat()}</datumuitschrijving>
        </leerling></huidigeschool></dossier>"""
    (made.path / "a.xml").write_text(body)
    monkeypatch.setattr(folder_module, "today", lambda: today().replace(year=today().year - 1))
    made.look()
    assert "verwachteuitschrijving" in made.folder.contents.rows[0]
    monkeypatch.undo()
    assert made.look()
    assert "datumuitschrijving" in made.folder.contents.rows[0]


def test_a_dossier_of_another_school_is_refused(made: Made) -> None:
    body = """<dossier><huidigeschool><brincode>99ZZ</brincode><vestigingscode>00</vestigingscode>
        <leerling><leerlingid>L1</leerlingid></leerling></huidigeschool></dossier>"""
    (made.path / "a.xml").write_text(body)
    made.look()
    assert [line["reason"] for line in made.lines if line["event"] == "row-refused"] == ["OTHER_SCHOOL"]


def test_what_is_secret_in_a_dossier_is_not_told(shared: Callable[[str], Path]) -> None:
    sample = shared("standards/oso_voorbeelddossier_VOVO_full_2019.1.xml").read_bytes()
    [(number, who)] = of_dossiers(sample)
    assert number == "LN094837"
    assert who["wettigevertegenwoordiger"] == "Pieter van de Berg en Tanja van de Berg"
    assert "geheim" not in str(who)
    assert "9999999999" not in str(who)


def test_what_has_no_form_of_a_name_is_left_out() -> None:
    mapping = default_mapping()
    body = export(pupil("L1", called="x" * 321), pupil("L2", called="a\x07b"))
    assert [("roepnaam" in who, "achternaam" in who) for _, who in of_table(body, mapping, {})] == [(False, True)] * 2


def test_no_name_and_no_file_s_name_stands_in_the_log_or_a_repr(made: Made) -> None:
    write(made.path, pupil("L1"), pupil("L2", year="Kanarie"), name="Kanarie van Zangvogel.csv")
    (made.path / "Kanarie.xml").write_bytes(b"<dossier><naam>Kanarie</naam>")
    made.look()
    assert len(made.lines) == 3
    told = f"{made.lines}{made.folder!r}{made.folder.contents!r}{list(made.folder._files.values())!r}"
    assert [canary for canary in CANARIES if canary in told] == []


def test_municipalities_are_known_by_name_and_by_other_name() -> None:
    known = municipalities()
    assert known["Apeldoorn"] == "GM0200"
    assert known["'s-Hertogenbosch"] == "GM0796"
    assert len(known) > 342
