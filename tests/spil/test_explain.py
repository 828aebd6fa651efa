"""`spil explain`: a plan in words and SQL, its binds with their sources."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from federation.limits import Limits
from resolvers.everything import catalogue
from schema.errors import BadInput
from spil.cli import cli
from spil.explain import explain
from spil.sql_layout import lay_out
from spil.wiring import contracts

PORTAL = """query P($n: Int, $after: Cursor) {
  students(first: $n, after: $after) { nodes { id placements(first: 3) { nodes { id } } } }
}"""
COMMAND = (
    'mutation { verifyContactPoint(input: {key: "7b0a4be0-9c54-4a39-8b1c-0f5c8a3a1c11", contact: "ContactPoint:x"})'
    " { contact { id verified } } }"
)


def explained(text: str, role: str, **variables: object) -> str:
    made, _ = contracts()
    return explain(text, role, made[role], catalogue(), variables, Limits())


def test_a_question_of_the_directory_is_one_round_trip_on_its_own_pool() -> None:
    said = explained('{ region(code: "AM27") { name } }', "PUBLIC")
    assert re.search(r"^pool +directory", said, re.MULTILINE)
    assert re.search(r"^round trips +1 ", said, re.MULTILINE)
    assert "'AM27'  from the document" in said
    assert re.search(r"^tables +region$", said, re.MULTILINE)


def test_a_question_about_students_names_pool_cost_and_the_sources_of_its_binds() -> None:
    said = explained(PORTAL, "SCHOOL", n=5, after="AAAA")
    assert re.search(r"^pool +party", said, re.MULTILINE)
    assert re.search(r"^round trips +4 .*reads log", said, re.MULTILINE)
    assert re.search(r"^cost +20 of 20,000 nodes$", said, re.MULTILINE)
    assert re.search(r"'<seer>' +from the viewer's seer", said)
    assert re.search(r" 5 +from \$n$", said, re.MULTILINE)
    assert re.search(r"'<key>' +from \$after, inside the cursor", said)
    assert "/* school */" in said


def test_a_command_is_explained_with_its_payload() -> None:
    said = explained(COMMAND, "SCHOOL")
    assert said.startswith("verifyContactPoint as SCHOOL: one command")
    assert "from the command" in said


@pytest.mark.parametrize(
    ("text", "role", "code"),
    [
        ("{ students { nodes { id } } }", "PUBLIC", "INVALID_DOCUMENT"),
        ("{ regions { ", "PUBLIC", "BAD_DOCUMENT"),
        ("query($n: Int!) { students(first: $n) { nodes { id } } }", "SCHOOL", "BAD_INPUT"),
        ("{ students(first: 1, last: 1) { nodes { id } } }", "SCHOOL", "BAD_INPUT"),
    ],
)
def test_what_the_hub_would_refuse_is_refused_with_its_code(text: str, role: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        explained(text, role)
    assert code in caught.value.message


def test_a_layout_changes_nothing_but_white_space() -> None:
    sql = (
        "SELECT 'a  (b' || (SELECT string_agg(x, ',' ORDER BY x) FROM t WHERE a = 'it''s' LIMIT 5)::text AS j FROM "
        + ("(SELECT * FROM one WHERE " + " AND ".join(f"column_{n} = {n}" for n in range(20)) + " OFFSET 0) r")
    )
    laid = lay_out(sql)
    assert re.sub(r"\s+", "", laid) == re.sub(r"\s+", "", sql)
    assert "'a  (b'" in laid
    assert max(len(line) for line in laid.splitlines() if "column_" not in line) < 120


def test_the_command_reads_a_file_or_stdin_and_wants_an_object() -> None:
    good = CliRunner().invoke(cli, ["explain", "-", "--as", "public"], input="{ regions { name } }")
    assert good.exit_code == 0
    assert good.output.startswith("An operation as PUBLIC")
    bad = CliRunner().invoke(cli, ["explain", "-", "--as", "public", "--variables", "[]"], input="{ regions { name } }")
    assert bad.exit_code == 1
    assert "JSON object" in bad.output
