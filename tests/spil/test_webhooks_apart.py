"""What goes wrong with one delivery or one endpoint is its own: the others go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from spil import webhooks
from tests.resolvers.access_kit import TOWN, Scene, open_scene
from tests.spil.webhook_kit import Post, listed_to, open_post
from tests.wire.partner_kit import Heard, reply
from wire.hooks import Hooks
from wire.names import NoTurn

if TYPE_CHECKING:
    from registry.migrate import Logins

ODD = b"HTTP/1.1 999 odd\r\ncontent-length: 0\r\n\r\n"
STATES = "SELECT pos, state, tries, code FROM delivery WHERE epoch > 0 ORDER BY webhook, pos"


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as made:
        yield made


@pytest.fixture
async def post(scene: Scene, fresh_logins: Logins) -> AsyncIterator[Post]:
    async with open_post(scene, fresh_logins) as made:
        yield made


async def states(post: Post) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await post.scene.owner.fetch(STATES)]


async def test_an_odd_status_is_a_failed_try_and_what_comes_after_is_brought(post: Post) -> None:
    await post.opened()
    post.sink.answers = [ODD, reply(200, b"")]
    (first,) = await post.happen(await post.seen())
    loop = post.loop()
    await post.round(loop)
    assert await states(post) == [(first, "WAITING", 1, "UNREACHABLE")]
    (second,) = await post.happen(await post.seen())
    await post.round(loop)
    assert (await states(post))[1] == (second, "DONE", 0, "200")


async def test_an_odd_status_is_no_answer_to_a_challenge(post: Post) -> None:
    async def odd(_: Heard) -> bytes:
        return ODD

    post.partner.act = odd
    made = (await post.scene.done(TOWN, "createWebhook", "webhook { id }", url=post.url))["webhook"]["id"]
    loop = post.loop()
    for _ in range(2):
        await post.round(loop)
        await post.due()
    shown = await post.shown(made)
    assert (shown["state"], shown["reason"]) == ("FAILED", "NO_ANSWER")


@pytest.mark.parametrize(
    ("written", "left"),
    [("code <> '418'", ("WAITING", 1, "INTERNAL")), ("code NOT IN ('418', 'INTERNAL')", ("SENDING", 0, None))],
)
async def test_what_the_database_refuses_to_write_costs_itself_alone(
    post: Post, written: str, left: tuple[Any, ...]
) -> None:
    await post.opened()
    post.sink.answers = [*[reply(200, b"")] * 2, reply(418, b""), reply(200, b"")]
    await post.happen(*[await post.seen() for _ in range(6)])
    owner, loop = post.scene.owner, post.loop()
    await owner.execute(f"ALTER TABLE delivery ADD CONSTRAINT picky CHECK ({written})")
    try:
        await post.round(loop)
        assert sorted(row[1:] for row in await states(post)) == [("DONE", 0, "200")] * 5 + [left]
    finally:
        await owner.execute("ALTER TABLE delivery DROP CONSTRAINT picky")
    assert {line["error"] for line in post.lines if line["event"] == "webhook-broken"} == {"UNWRITTEN"}
    await owner.execute("UPDATE delivery SET leased_until = now() WHERE state = 'SENDING'")
    await post.due()
    await post.round(loop)
    assert {row[1] for row in await states(post)} == {"DONE"}, "by the schedule, or when its lease ended by itself"


async def test_what_breaks_beside_others_breaks_alone(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    await post.opened()
    first, second = await post.happen(await post.seen(), await post.seen())
    broke, real = asyncio.Event(), Hooks.post

    async def breaks(hooks: Hooks, url: str, headers: Mapping[str, str], *more: Any) -> Any:
        if not headers["webhook-id"].endswith(f"_1_{first}"):
            await broke.wait()
            return await real(hooks, url, headers, *more)
        broke.set()
        raise ZeroDivisionError

    monkeypatch.setattr(Hooks, "post", breaks)
    await post.round()
    assert await states(post) == [(first, "WAITING", 0, "INTERNAL"), (second, "DONE", 0, "200")]


async def test_a_moment_without_a_turn_to_resolve_costs_no_try(post: Post) -> None:
    async def none(host: str, port: int) -> list[str]:
        raise NoTurn

    await post.opened()
    (pos,) = await post.happen(await post.seen())
    loop = post.loop()
    loop._hooks = Hooks(pairs=listed_to(post.partner), resolve=none)
    await post.round(loop)
    assert (await states(post), post.sink.got) == ([(pos, "WAITING", 0, "LATE")], [])
    await post.round()
    assert post.sink.positions == [pos]


async def test_endpoints_that_hang_leave_room_for_one_that_answers(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST", 6)
    monkeypatch.setattr(webhooks, "SPARE", 2)
    hangs, sink = await post.opened(), post.sink
    answers = await post.opened()
    await post.scene.owner.execute("UPDATE webhook SET url = url || '/hangs' WHERE 'Webhook:' || id::text = $1", hangs)

    async def act(heard: Heard) -> bytes:
        if heard.path.endswith("/hangs"):
            await asyncio.Event().wait()
        return await sink(heard)

    post.partner.act = act
    given = await post.happen(*[await post.seen() for _ in range(12)])
    running = asyncio.create_task(post.loop().run())
    async with asyncio.timeout(30):
        while (await post.shown(answers))["waiting"]:
            await post.partner.has_heard(1)
    assert sorted(sink.positions) == given
    assert (await post.shown(hangs))["waiting"] == len(given)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_who_says_to_a_test_that_it_is_gone_is_gone(post: Post) -> None:
    webhook = await post.opened()
    post.sink.answers = [reply(410, b"")]
    await post.scene.done(TOWN, "testWebhook", "webhook { id }", webhook=webhook)
    await post.round()
    shown = await post.shown(webhook)
    assert (shown["state"], shown["reason"], shown["lastTest"], shown["dead"]) == ("DISABLED", "GONE", "410", 0)


async def test_an_id_is_never_used_for_a_second_test(post: Post) -> None:
    webhook, owner = await post.opened(), post.scene.owner
    for _ in range(3):
        await post.scene.done(TOWN, "testWebhook", "webhook { id }", webhook=webhook)
        await post.round()
        await owner.execute("UPDATE delivery SET ended_at = now() - interval '8 days'")
        await post.round()
    assert len({heard.headers["webhook-id"] for heard in post.sink.got}) == 3
    assert await owner.fetchval("SELECT count(*) FROM delivery") == 1, "the others are forgotten"


async def test_what_is_old_is_forgotten_a_little_at_each_look(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "FORGET_MOST", 2)
    await post.opened()
    await post.happen(*[await post.seen() for _ in range(5)])
    await post.round()
    await post.scene.owner.execute("UPDATE delivery SET ended_at = now() - interval '8 days'")
    loop, left = post.loop(), []
    for _ in range(4):
        await post.round(loop)
        left.append(len(await states(post)))
    assert left == [3, 1, 0, 0]
