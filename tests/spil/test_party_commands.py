"""What an administrator does on the command line: parties, issuers, clients, agreements, the school register."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from registry import reference
from registry.embedded import running_url
from registry.embedded_home import home_folder
from spil.cli import cli

Run = Callable[..., Result]


@pytest.fixture(scope="module")
async def worker(fresh_database: str, fresh_logins: Any) -> str:
    """The worker's URL of a database with the country in it."""
    await reference.load(fresh_database)
    return str(fresh_logins.worker)


@pytest.fixture
def run(worker: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `spil ...` as the worker; with `fails=True` it must end with 1 and a sentence."""
    monkeypatch.setenv("SPIL_WORKER_URL", worker)

    def run(*words: str, fails: bool = False) -> Result:
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == (1 if fails else 0), result.output
        assert not fails or "Error: " in result.stderr
        return result

    return run


def rows(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def find(result: Result, **values: str) -> dict[str, Any]:
    """The one row of a JSON list with these values."""
    (one,) = [row for row in rows(result) if values.items() <= row.items()]
    return one


def test_a_party_is_added_listed_and_ended_with_all_that_lets_it_act(run: Run) -> None:
    key = "servicepoint:AM27-WERKCENTRUM"
    assert run("parties", "add", key, "--name", "Werkcentrum Noordoost", "--function", "matching").output == (
        "Added; 1 covers added.\n"
    )
    run("clients", "add", "portal-a", "--party", key, "--function", "matching")
    run("agreements", "add", key, "--version", "2026-1")
    run("issuers", "add", "https://login.example/wc", "--audience", "spil", "--party", key)
    party = find(run("parties", "list", "--kind", "servicepoint", "--json"), key=key)
    assert (party["name"], party["until"], party["covers"]) == ("Werkcentrum Noordoost", None, ["AM27 matching"])
    assert run("parties", "end", key).output == "5 rows ended.\n"
    assert rows(run("parties", "list", "--kind", "servicepoint", "--json")) == []
    ended = find(run("parties", "list", "--all", "--json"), key=key)
    assert ended["until"] is not None
    assert ended["covers"] == ["AM27 matching"]
    assert rows(run("clients", "list", "--party", key, "--json")) == []
    assert rows(run("agreements", "list", "--party", key, "--json")) == []
    assert find(run("issuers", "list", "--json"), issuer="https://login.example/wc")["parties"] == []


def test_a_table_has_a_line_for_each_row(run: Run) -> None:
    lines = run("parties", "list", "--kind", "coordinator").output.splitlines()
    assert len(lines) == 36
    assert lines[0].split() == ["key", "name", "from", "until", "covers"]
    assert lines[1].startswith("coordinator:AM01  Coördinator pro-vso Groningen")


def test_a_party_that_was_ended_is_opened_again_only_on_purpose(run: Run) -> None:
    run("parties", "add", "board:12345", "--name", "Bestuur")
    run("parties", "end", "board:12345")
    assert "--again" in run("parties", "add", "board:12345", "--name", "Bestuur", fails=True).stderr
    run("parties", "add", "board:12345", "--again")
    assert find(run("parties", "list", "--kind", "board", "--json"), key="board:12345")["name"] == "Bestuur"
    assert "already" in run("parties", "add", "board:12345", fails=True).stderr


def test_a_municipality_is_handed_from_one_party_to_another(run: Run) -> None:
    add = ("parties", "add", "service:zuid", "--name", "Werkplein Zuid", "--covers", "GM0758", "--covers", "GM0748")
    refused = run(*add, "--function", "participatie", fails=True)
    assert "Another party covers" in refused.stderr
    assert rows(run("parties", "list", "--kind", "service", "--json")) == []  # all or nothing
    for code in ("GM0758", "GM0748"):
        run("parties", "end", f"municipality:{code}", "--covers", code, "--function", "participatie")
    assert run(*add, "--function", "participatie").output == "Added; 2 covers added.\n"
    run("parties", "add", "service:zuid", "--covers", "GM0758", "--function", "wmo")
    covers = find(run("parties", "list", "--kind", "service", "--json"), key="service:zuid")["covers"]
    assert covers == ["GM0748 participatie", "GM0758 participatie", "GM0758 wmo"]
    assert run("parties", "end", "service:zuid", "--covers", "GM0758").output == "2 rows ended.\n"
    old = find(run("parties", "list", "--kind", "municipality", "--all", "--json"), key="municipality:GM0758")
    assert old["covers"] == ["GM0758 participatie"]
    assert old["until"] is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("parties", "add", "gemeente:GM0796", "--name", "x"), "not the key of a party"),
        (("parties", "add", "municipality:GM796", "--name", "x"), "not the key of a party"),
        (("parties", "add", "mbo:25PW"), "needs a name"),
        (("parties", "add", "mbo:25PW", "--name", " "), "printable"),
        (("parties", "add", "mbo:25PW", "--name", "a\nb"), "printable"),
        (("parties", "add", "service:x-y", "--name", "x", "--covers", "GM0796"), "doorstroompunt, participatie, wmo"),
        (("parties", "add", "service:x-y", "--name", "x", "--covers", "0796", "--function", "wmo"), "--covers wants"),
        (("parties", "add", "service:x-y", "--name", "x", "--covers", "GM9999", "--function", "wmo"), "not in the reg"),
        (("parties", "add", "service:x-y", "--name", "x", "--covers", "GM0796", "--function", "guidance"), "one of"),
        (("parties", "end", "mbo:25PW"), "no such party"),
        (("parties", "end", "municipality:GM0796", "--covers", "GM0758"), "does not cover"),
        (("parties", "end", "municipality:GM0796", "--function", "wmo"), "goes with --covers"),
        (("issuers", "add", "http://login.example", "--audience", "spil"), "https"),
        (("issuers", "add", "https://new.example"), "audience"),
        (("issuers", "add", "https://new.example", "--machine"), "go with --audience"),
        (("issuers", "add", "https://new.example", "--audience", "a", "--algorithm", "HS256"), "RS256"),
        (("issuers", "add", "https://new.example", "--audience", "a", "--algorithm", "none"), "RS256"),
        (("issuers", "add", "https://new.example", "--audience", "a", "--claim", "name=naam"), "OURS=THEIRS"),
        (("issuers", "add", "https://new.example", "--audience", "a", "--claim", "party"), "OURS=THEIRS"),
        (("issuers", "add", "https://new.example", "--audience", "a", "--party", "*"), "names its kind"),
        (("issuers", "add", "https://new.example", "--audience", "a", "--party", "school*"), "names its kind"),
        (("issuers", "add", "https://new.example", "--audience", "a", "--party", "mbo:25PW"), "no such party"),
        (("issuers", "end", "https://new.example"), "no such issuer"),
        (("clients", "add", "p", "--party", "municipality:GM0796"), "Give --function"),
        (("clients", "add", "p", "--party", "municipality:GM0796", "--function", "lead"), "Give --function"),
        (("clients", "add", "p q", "--party", "coordinator:AM27"), "one word"),
        (("clients", "add", "p", "--party", "mbo:25PW"), "no such party"),
        (("clients", "end", "p"), "does not act"),
        (("agreements", "add", "national", "--version", "1"), "needs no agreement"),
        (("agreements", "add", "mbo:25PW", "--version", "1"), "no such party"),
        (("agreements", "add", "municipality:GM0796", "--version", "1", "--signed", "2999-01-01"), "future"),
        (("agreements", "add", "municipality:GM0796", "--version", "1", "--until", "2001-01-01"), "not after"),
        (("agreements", "end", "municipality:GM0796"), "no such agreement"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_changes_nothing(run: Run, words: tuple[str, ...], says: str) -> None:
    assert says in run(*words, fails=True).stderr
    assert not [row for row in rows(run("parties", "list", "--all", "--json")) if row["key"] == "service:x-y"]
    assert not [row for row in rows(run("issuers", "list", "--all", "--json")) if "new.example" in row["issuer"]]


def test_an_issuer_speaks_for_keys_and_beginnings_of_keys(run: Run) -> None:
    issuer = "https://login.example/realms/noord"
    run(
        "issuers", "add", issuer, "--audience", "spil", "--party", "municipality:*", "--claim", "party=org", "--machine"
    )
    assert "already" in run("issuers", "add", issuer, "--audience", "other", fails=True).stderr
    run("issuers", "add", issuer, "--party", "national")
    assert "already" in run("issuers", "add", issuer, "--party", "national", fails=True).stderr
    found = find(run("issuers", "list", "--json"), issuer=issuer)
    assert found["parties"] == ["municipality:*", "national"]
    assert (found["claims"], found["machine"], found["algorithms"]) == ({"party": "org"}, True, ["PS256", "ES256"])
    assert run("issuers", "end", issuer, "--party", "national").output == "1 rows ended.\n"
    assert run("issuers", "end", issuer).output == "2 rows ended.\n"
    assert "--again" in run("issuers", "add", issuer, "--audience", "spil", fails=True).stderr
    run("issuers", "add", issuer, "--audience", "spil-2", "--again")
    assert find(run("issuers", "list", "--json"), issuer=issuer)["parties"] == []
    history = find(run("issuers", "list", "--all", "--json"), issuer=issuer)
    assert (history["audience"], history["parties"]) == ("spil-2", ["municipality:*", "national"])


def test_a_client_acts_for_a_party_until_it_is_ended(run: Run) -> None:
    words = ("clients", "add", "portal-b", "--party", "municipality:GM0796", "--function", "participatie")
    run(*words, "--purpose", "CONTINUE_SUPPORT", "--until", "2999-01-01")
    assert "end it first" in run(*words, fails=True).stderr
    found = find(run("clients", "list", "--party", "municipality:GM0796", "--json"), client="portal-b")
    assert (found["function"], found["purposes"], found["until"]) == (
        "participatie",
        ["CONTINUE_SUPPORT"],
        "2999-01-01T00:00:00+00:00",
    )
    assert run("clients", "end", "portal-b", "--function", "participatie").output == "1 rows ended.\n"
    run(*words)
    assert len(rows(run("clients", "list", "--party", "municipality:GM0796", "--all", "--json"))) == 2


def test_a_function_need_not_be_said_where_there_is_one(run: Run) -> None:
    run("clients", "add", "portal-c", "--party", "coordinator:AM27")
    assert find(run("clients", "list", "--json"), client="portal-c")["function"] == "coordinator"


def test_an_agreement_is_of_the_kind_that_the_role_asks_and_leaves_history(run: Run) -> None:
    run("parties", "add", "employer:12345678", "--name", "Bakkerij De Korenaar")
    run("agreements", "add", "employer:12345678", "--version", "2026-1", "--signed", "2026-09-01")
    assert "already" in run("agreements", "add", "employer:12345678", "--version", "2026-1", fails=True).stderr
    found = find(run("agreements", "list", "--json"), party="employer:12345678")
    assert (found["kind"], found["signed"], found["until"]) == ("TERMS", "2026-09-01T00:00:00+00:00", None)
    run("agreements", "end", "employer:12345678", "--version", "2026-1")
    assert rows(run("agreements", "list", "--party", "employer:12345678", "--json")) == []
    assert len(rows(run("agreements", "list", "--party", "employer:12345678", "--all", "--json"))) == 1


def test_the_register_is_imported_and_a_second_time_says_that_nothing_changed(
    run: Run, shared: Callable[[str], Path]
) -> None:
    sample = str(shared("data/duo_vestigingen_vo_sample.csv"))
    assert (
        "8 schools (8 added, 0 changed, 0 unchanged), 1 not pro, 0 rejected" in run("import", "schools", sample).stdout
    )
    again = run("import", "schools", sample).stdout
    assert "8 schools (0 added, 0 changed, 8 unchanged), 1 not pro, 0 rejected" in again
    assert "Nothing changed." in again
    school = find(run("parties", "list", "--kind", "school", "--json"), key="school:18BR00")
    assert school["covers"] == ["18BR00 guidance"]


def test_a_file_that_is_not_the_register_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"PK\x03\x04")
    for path in (tmp_path, tmp_path / "absent.csv", tmp_path / "x.csv"):
        run("import", "schools", str(path), fails=True)


@pytest.mark.parametrize("what", ["schools", "holidays"])
def test_an_import_that_left_a_row_exits_with_1_and_brings_the_rest(
    run: Run, shared: Callable[[str], Path], tmp_path: Path, what: str
) -> None:
    path = tmp_path / "some.csv"
    if what == "schools":
        lines = shared("data/duo_vestigingen_vo_sample.csv").read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines, b"PRO\r\n"]))
    else:
        path.write_text("region;name;from;to\nZUID;Kerst;2027-12-25;2028-01-09\nOOST;Kerst;2027-12-25;2028-01-09\n")
    result = CliRunner().invoke(cli, ["import", what, str(path)])
    assert result.exit_code == 1, result.output
    assert " rejected" in result.stdout
    assert result.stdout.startswith("line ")


def test_without_a_database_the_command_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.embedded.running_url", lambda: None)
    for name in ("SPIL_WORKER_URL", "SPIL_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(cli, ["parties", "list"])
    assert result.exit_code == 1
    assert "SPIL_DATABASE_URL" in result.stderr


def test_without_urls_the_demo_that_runs_from_this_checkout_is_meant(
    postgres: Any, worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "SPIL_TEST_DATABASE_URL" in os.environ:
        pytest.skip("wants the embedded server of the tests")
    folder = home_folder(f"test-{os.getpid()}")
    assert running_url(folder) == postgres.owner_url
    assert running_url(folder.with_name("nobody")) is None
    name = urlsplit(worker).path
    monkeypatch.setattr("registry.embedded.running_url", lambda: postgres.owner_url.replace("/spil?", f"{name}?"))
    result = CliRunner().invoke(cli, ["parties", "list", "--kind", "national"])
    assert result.exit_code == 0, result.output


def test_a_database_that_is_down_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIL_DATABASE_URL", "postgresql://spil@127.0.0.1:1/spil")
    result = CliRunner().invoke(cli, ["parties", "list"])
    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr
