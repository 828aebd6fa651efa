"""The story that law 1 is held against: everything that a demo can be asked, brought and made to fail with.

Each act asserts that it did what it was to do; what it wrote down of names is searched by tests/setup/test_law_one.py.
"""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from registry.embedded import Embedded, running_url
from registry.embedded_home import furnish
from spil.portal.examples import EXAMPLES
from tests.setup.demos import Clone, Demo
from tests.setup.law_one import Place, dump
from tests.setup.visitor import RunningDemo

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
WHO = "Kanarieroep van Zangvogelachter"
CANARIES = (WHO, "2009-03-17", "Pimpelmeesdreef 17", "kanarie@leerling.example", "0612345917", "Voogdij Kanarieouder")
HEAD = (
    "leerlingid;naam;geboortedatum;straat;email;telefoon;ouder;gemeentecode;uitstroomprofiel;leerjaar;"
    "verwachteuitschrijving;datumuitschrijving;leeftijdsgroep;sectoren;urenperweek;reisafstand;ondersteuning;werkprocessen"
)
JSON = {"content-type": "application/json"}
ALL = """{ students(first: 100) { nodes {
  id reference identity { givenName familyName birthDate mail phone legalRepresentative }
  support { jobcoach { name phone mail } }
} } }"""
CASES = """{ students(first: 100) { nodes {
  id support { jobcoach { name phone mail } werkconsulent { name } plan { from to } inPlace { kind } }
} } }"""
FIND = "query($name: Text!) { findStudents(name: $name) { nodes { id reference identity { givenName } } } }"
FIRST = "query($n: Int!, $o: StudentOrder) { students(first: $n, order: $o) { totalCount } }"
CARDS = "{ candidates(first: 100) { nodes { id givenName jobcoach { name phone } } } }"
ENTITY = (
    "query($of: [_Any!]!) { _entities(representations: $of) { ... on Student { id identity { givenName mail } } } }"
)
HAPPENED = """{ events(last: 3) { nodes { type student { id identity { givenName familyName birthDate } }
  case { ... on Uitval { id how placement { employer { name } } } } } } }"""
TOWNS = "query($name: Text!) { municipalities(filter: {nameStartsWith: $name}) { nodes { code } } }"


@dataclass
class Story:
    """What a run wrote. `told`: the answers in which no canary may be; `shown`: those that were to show some."""

    clone: Clone
    places: list[Place] = field(default_factory=list)
    told: list[Place] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)

    def keep(self, name: str, answer: httpx.Response) -> Any:
        """An answer that may quote nobody, and its errors' codes."""
        self.told.append((f"answer to {name}", str(answer.headers).encode() + answer.content))
        try:
            body = answer.json()
        except ValueError:
            return None
        if isinstance(body, dict):
            self.codes |= {one["extensions"]["code"] for one in body.get("errors", ())}
        return body

    def errors(self, body: Any) -> None:
        """Of an answer that may name people, the errors may not."""
        errors = body.get("errors", [])
        self.told.append(("errors", json.dumps(errors).encode()))
        self.codes |= {one["extensions"]["code"] for one in errors}


def row(number: str, **other: str) -> str:
    """A line of a school's export, with canaries in every column that is not asked for."""
    cells = dict(zip(HEAD.split(";"), ["", *CANARIES, *[""] * 11], strict=True))
    told = {"gemeentecode": "GM0796", "uitstroomprofiel": "2", "leerjaar": "4", "sectoren": "GROEN"}
    return ";".join((cells | told | {"leerlingid": number} | other).values())


def export(*rows: str) -> bytes:
    return "\r\n".join([HEAD, *rows, ""]).encode()


def dossiers(brin: str, many: int, broken: str = "") -> bytes:
    one = (
        f"<dossier><huidigeschool><brincode>{brin[:4]}</brincode><vestigingscode>{brin[4:]}</vestigingscode><leerling>"
        f"<roepnaam>{WHO}</roepnaam><geboortedatum>2009-03-17</geboortedatum><leerlingid>LN%d</leerlingid>"
        "</leerling></huidigeschool></dossier>"
    )
    return ("<dossiers>" + "".join(one % n for n in range(many)) + (broken or "</dossiers>")).encode()


async def act(story: Story, demo: RunningDemo, process: Demo) -> None:
    """All that is asked and brought, and a dump of the database that is left."""
    url = running_url(story.clone.home)
    assert url is not None
    owner = await asyncpg.connect(url)
    try:
        _examples(story, demo)
        await _names(story, demo, owner)
        await _lost(story, demo, owner)
        _partners(story, demo, process)
        _refused(story, demo)
        await _slow(story, demo, owner)
        await _uploads(story, demo, owner)
        _uitval(story, demo, process)
        await _postgres_errors(owner)
        story.places += await dump(Embedded(furnish(story.clone.home), -1, 0, None))
    finally:
        await owner.close()


def _examples(story: Story, demo: RunningDemo) -> None:
    for example in EXAMPLES:
        answer = demo.send("/graphql", example.role.value, json={"query": example.query})
        body = answer.json()
        assert "errors" not in body, body
        if example.role.value in ("SCHOOL", "MUNICIPALITY"):
            story.shown.append(answer.text)
        else:
            story.keep(f"the example of {example.role}", answer)


async def _names(story: Story, demo: RunningDemo, owner: Any) -> None:
    """Everybody by name, in lists, by search, and to an employer."""
    for asker, query in (("SCHOOL", ALL), ("MUNICIPALITY", CASES)):
        body = demo.ask({"query": query}, asker)
        assert "errors" not in body, body["errors"]
        story.shown.append(json.dumps(body))
    body = demo.ask({"query": CARDS}, "EMPLOYER")  # of other schools there is no system
    assert body["data"]["candidates"]["nodes"]
    story.errors(body)
    student = demo.ask({"query": "{ students(first: 1) { nodes { id } } }"}, "SCHOOL")["data"]["students"]["nodes"][0]
    told = {"query": ENTITY, "variables": {"of": [{"__typename": "Student"} | student]}}
    story.shown.append(json.dumps(demo.ask(told, "SCHOOL")))
    assert "Kanarie" in story.shown[-1]
    for name in ("Kanarie1", "van Zangvogel", WHO, "2009-03-14"):
        body = demo.ask({"query": FIND, "variables": {"name": name}}, "SCHOOL")
        assert "errors" not in body, body["errors"]
        story.shown.append(json.dumps(body))
    # A name that is no text, a name that is written out, and one that is half a document.
    for query, variables in (
        (FIND, {"name": WHO + "\x00"}),
        (FIND, {"name": [WHO]}),
        (f'{{ findStudents(name: "{WHO}") {{ totalCount }} }}', None),
        (f'{{ findStudents(name: "{WHO}', None),
    ):
        story.keep("a bad search", demo.send("/graphql", "SCHOOL", json={"query": query, "variables": variables}))


async def _lost(story: Story, demo: RunningDemo, owner: Any) -> None:
    """Somebody loses a place: who is told pulls it, the school with the name beside it."""
    school, employer = ("#".join(demo.tokens["actors"][role]) for role in ("SCHOOL", "EMPLOYER"))
    body = demo.ask({"query": "{ students(first: 1) { nodes { id } } }"}, "SCHOOL")
    student, now = body["data"]["students"]["nodes"][0]["id"], datetime.now(UTC).date()
    kvk = employer.partition("#")[0].partition(":")[2]
    begun = {"person": student, "kind": "BESCHUT_WERK", "employer": kvk, "from": str(now - timedelta(days=9))}
    done = _done(demo, "SCHOOL", "startPlacement", begun, "placement { id }")
    story.told.append(("a placement", json.dumps(done).encode()))
    alias = await owner.fetchval(
        "SELECT t.alias FROM sight t JOIN sight s USING (student) WHERE s.seer = $1 AND s.alias = $2 AND t.seer = $3",
        school,
        UUID(student.partition(":")[2]),
        employer,
    )
    card = f'{{ candidate(id: "Candidate:{alias}") {{ givenName placements {{ nodes {{ id kind state }} }} }} }}'
    shown = demo.ask({"query": card}, "EMPLOYER")["data"]["candidate"]
    assert "Kanarie" in shown["givenName"]
    (place,) = [one["id"] for one in shown["placements"]["nodes"] if one["kind"] == "BESCHUT_WERK"]
    loss = {"placement": place, "how": "BY_AGREEMENT", "endedOn": str(now - timedelta(days=1))}
    done = _done(demo, "EMPLOYER", "reportUitval", loss | {"youngPersonKnows": True}, "uitval { id how }")
    story.told.append(("a loss", json.dumps(done).encode()))
    await owner.fetchval("SELECT sequence_events(token, 500, '5 seconds') FROM leader WHERE name = 'sequencer'")
    answer = demo.ask({"query": HAPPENED}, "SCHOOL")
    assert "errors" not in answer, answer["errors"]
    last = answer["data"]["events"]["nodes"][-1]
    assert (last["type"], last["student"]["id"], last["case"]["how"]) == ("UITVAL_GEMELD", student, "BY_AGREEMENT")
    assert "Kanarie" in last["student"]["identity"]["givenName"]
    story.shown.append(json.dumps(answer))
    for asker in ("MUNICIPALITY", "SERVICE_POINT", "EMPLOYER", "COORDINATOR", "NATIONAL"):
        story.keep(
            "the log", demo.send("/graphql", asker, json={"query": "{ events { nodes { pos type recorded } } }"})
        )


def _done(demo: RunningDemo, asker: str, name: str, given: dict[str, Any], fields: str) -> Any:
    """A command that is not refused."""
    kind = name[0].upper() + name[1:]
    query = f"mutation($i: {kind}Input!) {{ {name}(input: $i) {{ {fields} }} }}"
    body = demo.ask({"query": query, "variables": {"i": given | {"key": str(uuid4())}}}, asker)
    assert "errors" not in body, body["errors"]
    return body


def _partners(story: Story, demo: RunningDemo, process: Demo) -> None:
    """Partners that fail in every way, and slow ones; then what of the names they saw outside a body."""
    process.until("To see SOURCE_DOWN")
    ports = partner_ports(process)
    for fail in ("garbage", "break", "hang", 400, 429, 500):
        for port in ports:
            httpx.post(f"http://{port}/control", json={"fail": fail}, trust_env=False)
        for asker, body in (
            ("SCHOOL", {"query": ALL}),
            ("SCHOOL", {"query": FIND, "variables": {"name": WHO}}),
            ("MUNICIPALITY", {"query": CASES}),
        ):
            answer = demo.ask(body, asker)
            assert answer["errors"], fail
            story.errors(answer)
    for port in ports:
        httpx.post(f"http://{port}/control", json={"slow": 2}, trust_env=False)
    story.errors(demo.ask({"query": ALL}, "SCHOOL"))
    for port in ports:
        log = httpx.post(f"http://{port}/control", json={}, trust_env=False).json()["log"]
        assert log
        seen = [{name: one[name] for name in ("method", "path", "headers")} for one in log]
        story.told.append((f"what {port} was asked", json.dumps(seen).encode()))


def partner_ports(process: Demo) -> list[str]:
    """The places of the school, the municipality and the subgraph, as the demo announced them."""
    said = "".join(process.lines).partition("Beside it:")[2]
    return [word.rstrip(",.") for word in said.split() if word.startswith("127.0.0.1:")][:3]


def _uitval(story: Story, demo: RunningDemo, process: Demo) -> None:
    """A loss is reported: what was printed, what the webhook was brought, and what can be pulled."""
    said = "".join(process.lines)
    if "Webhooks of" not in said:
        said = process.until("Webhooks of")
    sink = said.partition("Webhooks of")[2].partition(" go to ")[2].partition(": ")[0]
    done = story.clone.script("spil", "report-uitval", port=demo.port)
    story.told.append(("report-uitval", (done.stdout + done.stderr).encode()))
    assert done.returncode == 0, done.stderr
    process.until("uitval-gemeld  signature ok")
    brought = httpx.get(f"http://{sink}/control", trust_env=False)
    assert "uitval-gemeld" in brought.text
    story.told.append(("what the webhook was brought", brought.content))
    told = {"query": "{ events(last: 9) { nodes { type recorded student { id } forget purpose } } }"}
    assert story.keep("events", demo.send("/graphql", "MUNICIPALITY", json=told))["data"]["events"]["nodes"]


def _refused(story: Story, demo: RunningDemo) -> None:
    """Commands and requests that hold a name where none belongs."""
    for asker, name, given in (
        ("SCHOOL", "startHandover", {"student": f"Student:{WHO}"}),
        ("SCHOOL", "requestSupport", {"student": WHO, "supportWanted": [WHO]}),
        ("SCHOOL", "recordConsent", {"student": f"Student:{uuid4()}", "purpose": "WORK_SEARCH", "by": "SELF",
                                     "party": f"servicepoint:{WHO}", "textVersion": WHO, "until": "2027-01-01"}),
        ("SCHOOL", "startPlacement", {"person": WHO, "kind": "WERK", "employer": "90000001", "from": "2026-11-02"}),
        ("SCHOOL", "reportUitval", {"placement": f"Placement:{WHO}", "how": "MOVED", "endedOn": "2026-11-02"}),
        ("SCHOOL", "reportUitval", {"placement": "Placement:x", "how": WHO, "endedOn": WHO}),
        ("MUNICIPALITY", "recordNextStep", {"uitval": f"Uitval:{uuid4()}.{WHO}", "step": "MBO"}),
        ("MUNICIPALITY", "acceptHandover", {"code": WHO, "caseNumber": WHO}),
        ("MUNICIPALITY", "acceptHandover", {"code": "00000-00000-0", "caseNumber": "Kanarieroep-1"}),
    ):  # fmt: skip
        kind = name[0].upper() + name[1:]
        query = f"mutation($i: {kind}Input!) {{ {name}(input: $i) {{ student {{ id }} }} }}"
        body = {"query": query, "variables": {"i": given | {"key": str(uuid4())}}}
        answer = story.keep(name, demo.send("/graphql", asker, json=body))
        assert answer["errors"], name
    odd = {"user-agent": WHO, "x-request-id": WHO, "referer": f"https://portal.example/{WHO}", "traceparent": WHO}
    for path, asker, told in (
        ("/graphql", "SCHOOL", {"json": {"query": f'{{ school(brin: "{WHO}") {{ name }} }}'}}),
        ("/graphql", "SCHOOL", {"json": {"query": f'{{ students(first: "{WHO}") {{ totalCount }} }}'}}),
        ("/graphql", "SCHOOL", {"json": {"query": "{ students(filter: {sector: Kanarieroep}) { totalCount } }"}}),
        ("/graphql", "SCHOOL", {"json": {"query": f'{{ events(after: "{WHO}") {{ totalCount }} }}'}}),
        ("/graphql", "SCHOOL", {"json": {"query": f'{{ completeness(date: "{WHO}") {{ count }} }}'}}),
        ("/graphql", "SCHOOL", {"json": {"query": FIRST, "variables": {"n": WHO}}}),
        ("/graphql", "SCHOOL", {"json": {"query": FIRST, "variables": {"n": 1, "o": {"field": WHO}}}}),
        ("/graphql", "SCHOOL", {"content": f'{{"query": "{WHO}'.encode(), "headers": JSON}),
        ("/graphql", "SCHOOL", {"json": {"query": "{ me { name } }"}, "headers": odd}),
        ("/graphql", "PUBLIC", {"json": {"query": "{ me { name } }"}, "headers": {"authorization": f"Bearer {WHO}"}}),
        (f"/graphql?name={WHO}", "SCHOOL", {"json": {"query": "{ me { name } }"}}),
        (f"/{WHO}", "PUBLIC", {"content": WHO.encode()}),
        (f"/harvest/{WHO}", "SCHOOL", {"content": WHO.encode(), "headers": {"content-type": "text/csv"}}),
    ):  # fmt: skip
        story.keep(path.split("?")[0].replace(WHO, "?"), demo.send(path, asker, **told))


async def _slow(story: Story, demo: RunningDemo, owner: Any) -> None:
    """Statements that Postgres stops, with a name among their parameters."""
    async with owner.transaction():
        await owner.execute("LOCK TABLE municipality, student_profile IN ACCESS EXCLUSIVE MODE")
        for asker, body in (
            ("PUBLIC", {"query": TOWNS, "variables": {"name": WHO}}),
            ("SCHOOL", {"query": "{ students(first: 9) { nodes { leavesOn identity { givenName } } } }"}),
        ):
            answer = story.keep("a slow question", await asyncio.to_thread(demo.send, "/graphql", asker, json=body))
            assert answer["errors"], answer


async def _uploads(story: Story, demo: RunningDemo, owner: Any) -> None:
    """What a school brings: one that goes well, and every way in which one does not."""
    school = await owner.fetchval(
        "SELECT c.party FROM covers c JOIN school s ON s.brin = c.school JOIN party_agreement a ON a.party = c.party"
        " WHERE s.region = 'AM27' AND s.municipality = 'GM0796' AND c.party LIKE 'school:%' AND c.party <> $1"
        " ORDER BY 1 LIMIT 1",
        demo.tokens["actors"]["SCHOOL"][0],
    )
    for key, protocol in (("law-csv", "school-csv"), ("law-oso", "oso-xml")):
        done = story.clone.script(
            "spil", "sources", "add", key, "--party", school, "--protocol", protocol, "--page", "5", port=demo.port
        )
        assert done.returncode == 0, done.stderr

    def bring(what: str, content: bytes, source: str = "law-csv") -> Any:
        kind = "text/csv" if source == "law-csv" else "application/xml"
        headers = {"content-type": kind}
        return story.keep(what, demo.send(f"/harvest/{source}", (school, "guidance"), content=content, headers=headers))

    good = [row(f"p{n}") for n in range(12)]
    assert bring("a good export", export(*good))["state"] == "DONE"
    bad = [row(f"b{n}", **{column: value}) for n, (column, value) in enumerate(_misplaced())]
    names = [row(value) for value in CANARIES]
    told = bring("an export with values in the wrong columns", export(*good, *bad, *names))
    assert told["rejected"] >= len(bad), told
    assert told["added"] == 0, told
    bring("an export without its head", export(*good).split(b"\r\n", 1)[1])
    bring("a head of names", (";".join(CANARIES) + "\r\n" + row("p1")).encode())
    assert bring("dossiers", dossiers(school[7:], 12), "law-oso")["added"] == 12
    assert bring("dossiers that end in the middle", dossiers(school[7:], 12, f"<dossier><{WHO}"), "law-oso")["errors"]
    assert bring("no dossiers", f"<dossiers>{WHO}".encode(), "law-oso")["errors"]
    _break_off(demo, (school, "guidance"), export(*good, *(row(f"q{n}") for n in range(20))))
    path = story.clone.path / "export.csv"
    path.write_bytes(export(*good, *bad, *names))
    shown = story.clone.script("spil", "sources", "test", "law-csv", "--file", str(path), port=demo.port)
    path.unlink()
    story.told.append(("sources test", (shown.stdout + shown.stderr).encode()))
    assert "FORM" in shown.stdout, shown.stderr
    assert await owner.fetchval("SELECT count(*) FROM quarantine") > len(bad)


def _misplaced() -> list[tuple[str, str]]:
    """Every canary in every column that is read, but the number: a value that fits nowhere."""
    read = HEAD.split(";")[7:]
    return [(column, value) for column in read for value in CANARIES]


def _break_off(demo: RunningDemo, asker: tuple[str, str], content: bytes) -> None:
    with socket.create_connection(("127.0.0.1", demo.port)) as connection:
        connection.sendall(
            b"POST /harvest/law-csv HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n"
            + f"authorization: Bearer {demo.token(asker)}\r\ncontent-length: {len(content) + 999}\r\n\r\n".encode()
            + content
        )
        connection.settimeout(2)
        with pytest.raises(TimeoutError):
            connection.recv(1)  # it waits for the rest: what came was read


async def _postgres_errors(owner: Any) -> None:
    """Errors that quote a value to who asked: none of it may stand in the server's log."""
    await owner.execute("CREATE TEMP TABLE one (name text UNIQUE)")
    await owner.execute("SET statement_timeout = 300")
    for statement, *values in (
        ("SELECT $1::text::int", WHO),
        ("SELECT $1::text::uuid", WHO),
        (f"SELECT '{WHO}'::date",),
        (f"SELECT '{WHO}' FROM nowhere",),
        (f"DO $$ BEGIN RAISE EXCEPTION '{WHO}' USING DETAIL = '{WHO}', HINT = '{WHO}'; END $$",),
        ("INSERT INTO one VALUES ($1), ($1)", WHO),
        ("SELECT pg_sleep(1), $1::text", WHO),
    ):
        with pytest.raises(asyncpg.PostgresError):
            await owner.fetch(statement, *values)
    await owner.execute("RESET statement_timeout; DROP TABLE one")
