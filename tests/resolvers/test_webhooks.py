"""The commands of webhooks: every party has its own, at addresses that may be asked, five at most."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import EMPLOYER, OTHER_TOWN, POINT, SCHOOL, TOWN, Scene
from tests.resolvers.uitval_kit import open_places, placed, report, told

if TYPE_CHECKING:
    from registry.migrate import Logins

URL = "https://ontvanger.example/spil/in"
COORDINATOR, NATIONAL = "coordinator:AM27#coordinator", "national#reader"
EVERYBODY = (SCHOOL, TOWN, POINT, EMPLOYER, COORDINATOR, NATIONAL)
SHOWN = "webhook { id url types state reason verifiedAt publicKeys { key validUntil } waiting dead lastTest }"


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_places(fresh_database, fresh_logins) as made:
        yield made


@pytest.fixture(autouse=True)
async def _none_is_left(scene: Scene) -> AsyncIterator[None]:
    yield
    await scene.owner.execute("DELETE FROM webhook")


async def made(scene: Scene, seer: str = TOWN, state: str = "ACTIVE", **more: Any) -> str:
    """An endpoint of this seer that answered its challenge."""
    found = (await scene.done(seer, "createWebhook", "webhook { id }", url=URL, **more))["webhook"]["id"]
    await scene.owner.execute("UPDATE webhook SET state = $1 WHERE ended_at IS NULL", state)
    await scene.owner.execute("UPDATE delivery SET state = 'DONE', ended_at = now()")
    return str(found)


async def own(scene: Scene, seer: str) -> list[str]:
    body = await scene.hub.ask(seer, "{ webhooks { nodes { id } totalCount } }")
    nodes = [one["id"] for one in body["data"]["webhooks"]["nodes"]]
    assert body["data"]["webhooks"]["totalCount"] == len(nodes)
    return nodes


@pytest.mark.parametrize("seer", EVERYBODY)
async def test_every_party_makes_its_own_and_sees_no_other(scene: Scene, seer: str) -> None:
    other = await made(scene, OTHER_TOWN)
    payload = await scene.done(seer, "createWebhook", SHOWN, url=URL, types=["TOEGANG_BEEINDIGD", "PLAATS_VRIJGEKOMEN"])
    hook = payload["webhook"]
    assert (hook["url"], hook["state"], hook["types"]) == (URL, "PENDING", ["PLAATS_VRIJGEKOMEN", "TOEGANG_BEEINDIGD"])
    assert hook["publicKeys"][0]["key"].startswith("whpk_")
    assert await own(scene, seer) == [hook["id"]]
    assert await own(scene, OTHER_TOWN) == [other]


async def test_the_public_has_none(scene: Scene) -> None:
    assert codes(await scene.hub.ask(None, "{ webhooks { totalCount } }")) == ["INVALID_DOCUMENT"]


@pytest.mark.parametrize(
    "url",
    [
        "http://ontvanger.example/in",
        "https://127.0.0.1/in",
        "https://[::1]/in",
        "https://10.0.0.8/in",
        "https://u:p@ontvanger.example/in",
        "https://ontvanger.example/in?token=geheim",
        "https://ontvanger.example/in#x",
        f"https://ontvanger.example/{'x' * 500}",
        "ontvanger.example/in",
        "https://ontvanger.example:0/in",
        "https://ontvanger.example:65536/in",
        "https://ont vanger.example/in",
        "https://ont%20vanger.example/in",
        "https://ontvanger.example\\@elders.example/in",
    ],
)
async def test_an_address_that_may_not_be_asked_is_refused(scene: Scene, url: str) -> None:
    body = await scene.do(TOWN, "createWebhook", SHOWN, url=url)
    assert codes(body) == ["BAD_INPUT"]
    assert url not in str(body["errors"])
    assert await own(scene, TOWN) == []


async def test_five_are_enough_and_one_that_ended_makes_room(scene: Scene) -> None:
    hooks = [(await scene.done(TOWN, "createWebhook", "webhook { id }", url=URL))["webhook"]["id"] for _ in range(5)]
    assert codes(await scene.do(TOWN, "createWebhook", SHOWN, url=URL)) == ["CONFLICT"]
    ended = await scene.done(TOWN, "disableWebhook", SHOWN, webhook=hooks[0])
    assert (ended["webhook"]["state"], ended["webhook"]["reason"]) == ("DISABLED", "BY_PARTY")
    await scene.done(TOWN, "createWebhook", SHOWN, url=URL)


async def test_a_repeat_makes_no_second_one(scene: Scene) -> None:
    key = str(uuid4())
    twice = [await scene.done(TOWN, "createWebhook", "webhook { id }", key=key, url=URL) for _ in range(2)]
    assert twice[0] == twice[1]
    assert len(await own(scene, TOWN)) == 1


RANGE: dict[str, Any] = {"from": "1.1", "to": "1.9"}
COMMANDS: dict[str, dict[str, Any]] = {
    "rotateWebhookKey": {},
    "testWebhook": {},
    "replayWebhook": RANGE,
    "disableWebhook": {},
}


@pytest.mark.parametrize("name", COMMANDS)
async def test_another_s_and_none_are_the_same(scene: Scene, name: str) -> None:
    hook = await made(scene)
    before = await scene.owner.fetch("SELECT w::text, d::text, k.n FROM webhook w, delivery d, webhook_key k")
    bodies = [
        await scene.do(seer, name, "webhook { id }", webhook=named, **COMMANDS[name])
        for seer, named in (
            (OTHER_TOWN, hook),
            (POINT, hook),
            (TOWN, f"Webhook:{uuid4()}"),
            (TOWN, hook.replace("Webhook", "Student")),
            (TOWN, "x"),
            (TOWN, hook.upper()),
        )
    ]
    assert {tuple(codes(body)) for body in bodies} == {("NOT_FOUND",)}
    assert len({body["errors"][0]["message"] for body in bodies}) == 1
    assert before == await scene.owner.fetch("SELECT w::text, d::text, k.n FROM webhook w, delivery d, webhook_key k")


@pytest.mark.parametrize("name", ["rotateWebhookKey", "testWebhook", "replayWebhook"])
async def test_what_ended_is_over(scene: Scene, name: str) -> None:
    hook = await made(scene)
    for _ in range(2):
        await scene.done(TOWN, "disableWebhook", "webhook { id }", webhook=hook)
    assert codes(await scene.do(TOWN, name, "webhook { id }", webhook=hook, **COMMANDS[name])) == ["CONFLICT"]


@pytest.mark.parametrize("name", ["testWebhook", "replayWebhook"])
async def test_nothing_goes_to_who_has_not_answered_the_challenge(scene: Scene, name: str) -> None:
    hook = await made(scene, state="PENDING")
    assert codes(await scene.do(TOWN, name, "webhook { id }", webhook=hook, **COMMANDS[name])) == ["CONFLICT"]


async def test_five_tests_may_be_on_their_way(scene: Scene) -> None:
    hook = await made(scene)
    for _ in range(5):
        await scene.done(TOWN, "testWebhook", "webhook { id }", webhook=hook)
    assert codes(await scene.do(TOWN, "testWebhook", "webhook { id }", webhook=hook)) == ["CONFLICT"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("1", "2"),
        ("1.0", "1.2"),
        ("0.1", "0.2"),
        ("1.2", "1.1"),
        ("1.x", "1.2"),
        ("1.1", "99999999999.1"),
        ("2.1", "1.9"),
        ("9.1", "9.9"),
        ("1.900000", "1.900001"),
    ],
)
async def test_a_range_is_from_a_position_to_a_later_one(scene: Scene, first: str, last: str) -> None:
    given = {"webhook": await made(scene), "from": first, "to": last}
    assert codes(await scene.do(TOWN, "replayWebhook", "webhook { id }", **given)) == ["BAD_INPUT"]


async def test_a_private_key_stands_nowhere_as_it_is(scene: Scene) -> None:
    hook = await made(scene)
    row = await scene.owner.fetchrow("SELECT key, sealed FROM webhook_key")
    assert len(row["sealed"]) == 16 + 32
    for role in ("municipality", "command", "school"):
        prefix = await scene.owner.fetchval("SELECT current_database()")
        may = "SELECT has_column_privilege($1, 'webhook_key', 'sealed', 'SELECT')"
        assert await scene.owner.fetchval(may, f"{prefix}_{role}") is False
    assert hook


async def test_a_filter_tells_nothing_of_what_is_withheld(scene: Scene) -> None:
    who = await placed(scene)
    reason = await scene.reason(who.key, TOWN, "CONTINUE_SUPPORT", "IDENTIFIED")
    await report(scene, SCHOOL, who.placement)
    lost = (await told(scene, TOWN))[-1]
    at = f"{lost['epoch']}.{lost['pos']}"
    hooks = [await made(scene, types=["UITVAL_GEMELD"]), await made(scene)]
    await scene.done(TOWN, "replayWebhook", "webhook { id }", webhook=hooks[0], **{"from": at, "to": at})
    await scene.owner.execute("UPDATE access SET ended_at = now() WHERE id = $1", reason)
    ended = await scene.done(TOWN, "disableWebhook", "webhook { dead }", webhook=hooks[0])
    assert ended["webhook"]["dead"] == 0, "what waited is not listed as of this type"
    hooks[0] = await made(scene, types=["UITVAL_GEMELD"])
    waiting = []
    for hook in hooks:
        body = await scene.done(TOWN, "replayWebhook", "webhook { waiting }", webhook=hook, **{"from": at, "to": at})
        waiting.append(body["webhook"]["waiting"])
    assert waiting == [0, 1], "without a filter there is no hole"
