"""The landing page: what it shows, what it may load, and that every question on it is answered."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from html.parser import HTMLParser

import asyncpg
import pytest
from graphql import parse, validate

from auth.viewer import Role
from registry.demo_partners import cast_of, place_sources
from registry.sources import Source
from spil.portal.examples import EXAMPLES, Example
from spil.portal.landing import FILES, POLICY, DemoTokens, read, render
from spil.wiring import contracts
from tests.partners.municipality import Municipality
from tests.partners.school import School
from tests.partners.serving import serving
from tests.partners.subgraph import Subgraph
from tests.spil.hub_kit import NATIONAL, Actor, Country, Hub

TOKENS = DemoTokens("/demo/issuer/token", "demo", "demo", {Role.SCHOOL: ("school:<90ZA00>", "guidance")})
VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """Collects elements, and complains about tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


async def test_the_page_and_its_files_are_served_with_a_strict_policy(hub: Hub) -> None:
    for path in ("/", *(f"/portal/{name}" for name in FILES)):
        answer = await hub.send(b"", method="GET", path=path)
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY


@pytest.mark.parametrize("demo", [None, TOKENS])
@pytest.mark.parametrize("explorer", [False, True])
def test_the_page_loads_nothing_from_elsewhere_and_has_nothing_inline(demo: DemoTokens | None, explorer: bool) -> None:
    page = Page(render(demo, explorer))
    assert not page.all("style")
    assert all("src" in script for script in page.all("script"))
    for _, attributes in page.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        for name in ("src", "href", "action"):
            assert re.match(r"[/#](?!/)", attributes.get(name) or "/")
    assert not re.search(r"https?:|//", read("portal.css").replace("*/", ""))


@pytest.mark.parametrize("demo", [None, TOKENS])
def test_every_control_has_a_name_and_every_id_is_one_of_a_kind(demo: DemoTokens | None) -> None:
    page = Page(render(demo, True))
    ids = [str(attributes["id"]) for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {label.get("for") for label in page.all("label")}
    assert {str(one["id"]) for tag in ("textarea", "input") for one in page.all(tag)} <= labelled
    assert all("alt" in image for image in page.all("img"))
    assert page.all("html") == [{"lang": "en"}]
    for attributes in (attributes for _, attributes in page.elements if "aria-labelledby" in attributes):
        assert attributes["aria-labelledby"] in ids


def test_tokens_are_offered_where_a_demo_hands_them_in_and_values_are_escaped() -> None:
    text = render(TOKENS, False)
    assert "school:&lt;90ZA00&gt;" in text
    assert "<90ZA00>" not in text
    takes = [button for button in Page(text).all("button") if "take" in str(button["class"])]
    assert len([button for button in takes if "hidden" not in button]) == 1
    without = [button for button in Page(render(None, False)).all("button") if "take" in str(button["class"])]
    assert all("hidden" in button for button in without)


def test_there_is_one_card_per_role() -> None:
    assert [example.role for example in EXAMPLES].count(Role.PUBLIC) == 1
    assert sorted(example.role for example in EXAMPLES) == sorted(Role)


@pytest.fixture(scope="module")
async def partners(hub: Hub, country: Country) -> AsyncIterator[None]:
    """The systems of the school and the municipalities that the examples ask live, as the demo has them."""
    cast = await cast_of(country.owner, country.school[0], country.municipality[0], [])
    assert cast.other_town is not None
    school, town, graph = School(), Municipality(), Subgraph()
    for number in cast.numbers[cast.school]:
        school.know(number)
    for number in cast.numbers[cast.town]:
        town.open_case(number)
    for number in cast.numbers[cast.other_town]:
        graph.open_case(number)
    spoken = [
        (cast.school, "school", "school-rest", school.app),
        (cast.town, "municipality", "ggm-rest", town.app),
        (cast.other_town, "municipality", "federation", graph.app),
    ]
    async with AsyncExitStack() as stack:
        rows = []
        for party, kind, protocol, app in spoken:
            place = f"127.0.0.1:{await stack.enter_async_context(serving(app))}"
            told = {"base_url": f"http://{place}", "hosts": ("127.0.0.1",), "private_hosts": (place,)}
            rows.append(Source(f"portal-{protocol}", party, kind, protocol, harvests=False, answers_live=True, **told))  # type: ignore[arg-type]  # as told
        await place_sources(country.owner, rows)
        await hub.parts.sources.refresh()
        yield
        connection = await asyncpg.connect(country.owner)
        await connection.execute("DELETE FROM source WHERE key LIKE 'portal-%'")
        await connection.close()
        await hub.parts.sources.refresh()


@pytest.mark.usefixtures("partners")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.role))
async def test_the_example_of_a_role_is_answered_with_something(hub: Hub, country: Country, example: Example) -> None:
    actors: dict[Role, Actor | None] = {
        Role.PUBLIC: None,
        Role.SCHOOL: country.school,
        Role.MUNICIPALITY: country.municipality,
        Role.SERVICE_POINT: country.service_point,
        Role.EMPLOYER: country.employer,
        Role.COORDINATOR: ("coordinator:AM27", "coordinator"),
        Role.NATIONAL: NATIONAL,
    }
    data = await hub.data(example.query, as_party=actors[example.role])
    found = next(iter(data.values()))
    assert found
    if isinstance(found, dict) and "nodes" in found:
        assert found["nodes"]
    if example.role is Role.SCHOOL:
        assert len({one["identity"]["givenName"] for one in found["nodes"]}) == len(found["nodes"])
    if example.role is Role.MUNICIPALITY:
        assert all(one["support"]["jobcoach"]["name"] for one in found["nodes"])


def test_the_questions_of_the_script_fit_publics_contract() -> None:
    made, _ = contracts()
    script = read("portal.js")
    questions = re.findall(r'const [A-Z]+ = (?:"(\{.*?\})"|`(query.*?)`);', script, re.DOTALL)
    assert len(questions) == 2
    for one in questions:
        assert validate(made["PUBLIC"].schema, parse("".join(one))) == []
    kinds = made["PUBLIC"].schema.type_map
    for name, words in (("ContactStepKind", "STEPS"), ("ContactStepReason", "REASONS")):
        listed = re.search(rf"const {words} = \{{(.*?)\}};", script, re.DOTALL)
        assert listed is not None
        assert set(re.findall(r"([A-Z_]+):", listed[1])) == set(kinds[name].values)


def test_the_script_never_writes_markup_and_never_puts_a_token_in_an_address() -> None:
    script = read("portal.js") + read("tokens.js") + read("explorer.js")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|localStorage|document\.cookie", script
    )
    assert not re.search(r"location|\?token|searchParams", script)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground", "ratio"),
    [
        ("ink", "paper", 4.5), ("ink", "card", 4.5), ("soft", "paper", 4.5), ("soft", "card", 4.5),
        ("ink", "code", 4.5), ("accent", "paper", 4.5), ("accent", "card", 4.5), ("on-filled", "filled", 4.5),
        ("ink", "open-back", 4.5), ("on-run", "run", 4.5), ("bad", "card", 4.5), ("good", "card", 3),
        ("focus", "paper", 3), ("open-line", "paper", 3), ("filled", "paper", 3), ("run", "card", 3),
        ("soft", "card", 3),
    ],
)  # fmt: skip
def test_colours_have_the_contrast_of_wcag_aa(scheme: int, text: str, ground: str, ratio: float) -> None:
    root = re.findall(r":root \{(.*?)\}", read("portal.css"), re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", root))
    light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= ratio


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
