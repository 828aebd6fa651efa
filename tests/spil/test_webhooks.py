"""Events come to their receivers: signed, in order per young person, and again when it failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.hub_kit import codes
from tests.resolvers.access_kit import OTHER_TOWN, TOWN, Scene, open_scene
from tests.spil.webhook_kit import OIN, Post, good_signatures, open_post
from tests.wire.partner_kit import reply

if TYPE_CHECKING:
    from registry.migrate import Logins


@pytest.fixture(scope="module")
async def scene(fresh_database: str, fresh_logins: Logins) -> AsyncIterator[Scene]:
    async with open_scene(fresh_database, fresh_logins) as made:
        yield made


@pytest.fixture
async def post(scene: Scene, fresh_logins: Logins) -> AsyncIterator[Post]:
    async with open_post(scene, fresh_logins) as made:
        yield made


async def test_an_event_comes_signed_thin_and_with_the_receivers_own_names(post: Post) -> None:
    webhook, student = await post.opened(), await post.seen()
    (pos,) = await post.happen(student)
    await post.round()
    (heard,), (body,) = post.sink.got, post.sink.bodies
    assert body["data"] == {"pos": pos, "student": await post.scene.known(await post.scene.key(student), TOWN)}
    assert body["type"] == "nl.arbeidstoeleiding.regie-overgedragen.v1"
    stream = await post.scene.owner.fetchval("SELECT stream::text FROM stream_head WHERE seer = $1", TOWN)
    assert (body["source"], body["id"]) == (f"urn:nld:oin:{OIN}:systeem:spil:{stream}", f"1.{pos}")
    assert heard.headers["content-type"].startswith("application/cloudevents+json")
    shown = await post.shown(webhook)
    assert good_signatures(heard, shown["publicKeys"][0]["key"]) == 1
    assert (shown["waiting"], shown["dead"], shown["lastDeliveredAt"] is not None) == (0, 0, True)
    assert post.scene.hub.reads[-1].students == {(await post.scene.key(student)).bytes}, "that it was told is logged"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("echo", "WRONG_ANSWER"), ("404", "NO_ANSWER"), ("302", "NO_ANSWER"), ("410", "NO_ANSWER"), ("503", "NO_ANSWER")],
)
async def test_who_does_not_give_the_challenge_back_is_brought_nothing(post: Post, answer: str, reason: str) -> None:
    if answer == "echo":
        post.sink.echo = False
    else:

        async def other(_: Any) -> bytes:
            return reply(int(answer), b"", location="/elsewhere")

        post.partner.act = other
    made = (await post.scene.done(TOWN, "createWebhook", "webhook { id }", url=post.url))["webhook"]["id"]
    await post.round()
    if answer == "503":
        assert (await post.shown(made))["state"] == "PENDING", "it may be over in a moment"
        await post.due()
        await post.round()
    shown = await post.shown(made)
    assert (shown["state"], shown["reason"], shown["verifiedAt"]) == ("FAILED", reason, None)
    await post.happen(await post.seen())
    await post.round()
    assert post.sink.got == []


async def test_an_address_that_turned_private_since_is_not_asked(post: Post) -> None:
    made = (await post.scene.done(TOWN, "createWebhook", "webhook { id }", url="https://localhost/in"))["webhook"]["id"]
    await post.round()
    shown = await post.shown(made)
    assert (shown["state"], shown["reason"]) == ("FAILED", "NOT_ALLOWED")


async def test_an_address_that_is_listed_for_one_party_is_no_other_s(post: Post) -> None:
    await post.opened()
    assert codes(await post.scene.do(OTHER_TOWN, "createWebhook", "webhook { id }", url=post.url)) == ["BAD_INPUT"]
    await post.happen(await post.seen())
    post.unlisted = True
    await post.round()
    assert post.sink.got == []
    assert await post.scene.owner.fetchval("SELECT code FROM delivery WHERE epoch > 0") == "NOT_ALLOWED"


async def test_what_fails_is_tried_again_under_its_id_and_holds_back_that_person_alone(post: Post) -> None:
    webhook, one, other = await post.opened(), await post.seen(), await post.seen()
    post.sink.answers = [reply(500, b""), reply(200, b"")]
    (first,) = await post.happen(one)
    await post.round()
    second, third = await post.happen(one, other)
    await post.round()
    assert post.sink.positions == [first, third]
    assert (await post.shown(webhook))["waiting"] == 2
    await post.due()
    await post.round()
    await post.round()
    assert post.sink.positions == [first, third, first, second]
    ids = [heard.headers["webhook-id"] for heard in post.sink.got]
    assert (ids[0], len(set(ids))) == (ids[2], 3)


async def test_a_receiver_may_ask_for_time(post: Post) -> None:
    await post.opened()
    post.sink.answers = [reply(429, b"", retry_after="7200")]
    (pos,) = await post.happen(await post.seen())
    await post.round()
    next_at = await post.scene.owner.fetchval("SELECT next_at FROM delivery WHERE pos = $1 AND epoch = 1", pos)
    assert timedelta(hours=1.9) < next_at - datetime.now(UTC) < timedelta(hours=2.1)


async def test_who_is_gone_is_asked_no_more_and_what_waited_is_seen_to_be_dead(post: Post) -> None:
    webhook = await post.opened()
    post.sink.answers = [reply(410, b"")]
    first, second = await post.happen(*[await post.seen()] * 2)
    await post.round()
    shown = await post.shown(webhook)
    assert (shown["state"], shown["reason"], shown["dead"], shown["waiting"]) == ("DISABLED", "GONE", 2, 0)
    assert shown["deadLetters"]["nodes"] == [
        {"position": f"1.{first}", "tries": 1, "code": "410"},
        {"position": f"1.{second}", "tries": 0, "code": "DISABLED"},
    ]
    await post.round()
    assert post.sink.positions == [first]
    assert "webhook-ended" in {line["event"] for line in post.lines}


async def test_after_ten_tries_it_is_dead_somebody_is_told_and_the_next_goes_on(post: Post) -> None:
    webhook, student = await post.opened(), await post.seen()
    post.sink.answers = [reply(302, b"", location="/in"), reply(200, b"")]
    first, second = await post.happen(student, student)
    await post.scene.owner.execute("UPDATE delivery SET tries = 9 WHERE pos = $1 AND epoch = 1", first)
    await post.round()
    await post.round()
    assert post.sink.positions == [first, second]
    letter = {"position": f"1.{first}", "tries": 10, "code": "302"}
    assert (await post.shown(webhook))["deadLetters"]["nodes"] == [letter]
    (line,) = [line for line in post.lines if line["event"] == "webhook-dead"]
    assert (line["seer"], line["position"], line["code"]) == (TOWN, f"1.{first}", "302")
    today = await post.scene.owner.fetchval("SELECT today()::text")
    asked = f'{{ completeness(date: "{today}") {{ deadLetters {{ webhook position code }} }} }}'
    body = await post.scene.hub.ask(TOWN, asked)
    told = {"webhook": webhook, "position": f"1.{first}", "code": "302"}
    assert body["data"]["completeness"]["deadLetters"] == [told]
    assert (await post.scene.hub.ask(OTHER_TOWN, asked))["data"]["completeness"]["deadLetters"] == []


async def test_who_lost_the_right_learns_the_position_and_through_a_filter_not_even_that(post: Post) -> None:
    await post.opened()
    filtered = await post.opened(types=["REGIE_OVERGEDRAGEN"])
    student = await post.seen()
    (pos,) = await post.happen(student)
    await post.scene.owner.execute(
        "UPDATE access SET ended_at = now() WHERE student = $1 AND seer = $2", await post.scene.key(student), TOWN
    )
    await post.round()
    (body,) = post.sink.bodies
    assert body["data"] == {"pos": pos, "withheld": True}
    assert (body["type"], "time" in body) == ("nl.arbeidstoeleiding.gebeurtenis-ingehouden.v1", False)
    assert (await post.shown(filtered))["waiting"] == 0


async def test_who_has_no_agreement_now_gets_it_later_and_loses_no_try(post: Post) -> None:
    await post.opened()
    (pos,) = await post.happen(await post.seen())
    post.closed = True
    await post.round()
    assert post.sink.got == []
    assert await post.scene.owner.fetchval("SELECT tries FROM delivery WHERE pos = $1 AND epoch = 1", pos) == 0
    post.closed = False
    await post.due()
    await post.round()
    assert post.sink.positions == [pos]


async def test_a_rotated_key_signs_beside_the_old_one_for_a_day(post: Post) -> None:
    webhook = await post.opened()
    old = (await post.shown(webhook))["publicKeys"][0]["key"]
    await post.scene.done(TOWN, "rotateWebhookKey", "webhook { id }", webhook=webhook)
    new, before = (await post.shown(webhook))["publicKeys"]
    assert (before["key"], new["validUntil"], before["validUntil"] is not None) == (old, None, True)
    await post.happen(await post.seen())
    await post.round()
    await post.scene.owner.execute("UPDATE webhook_key SET until_at = now() WHERE until_at < 'infinity'")
    await post.happen(await post.seen())
    await post.round()
    both, alone = post.sink.got
    assert [good_signatures(both, key) for key in (old, new["key"])] == [1, 1]
    assert [good_signatures(alone, key) for key in (old, new["key"])] == [0, 1]


async def test_a_key_signs_for_the_day_that_was_promised_also_when_there_is_a_newer_one_again(post: Post) -> None:
    webhook = await post.opened()
    for _ in range(2):
        await post.scene.done(TOWN, "rotateWebhookKey", "webhook { id }", webhook=webhook)
    keys = (await post.shown(webhook))["publicKeys"]
    assert [one["validUntil"] is None for one in keys] == [True, False, False]
    assert codes(await post.scene.do(TOWN, "rotateWebhookKey", "webhook { id }", webhook=webhook)) == ["CONFLICT"]
    assert (await post.shown(webhook))["publicKeys"] == keys, "never more than three"
    await post.happen(await post.seen())
    await post.round()
    assert [good_signatures(post.sink.got[0], one["key"]) for one in keys] == [1, 1, 1]
    await post.scene.owner.execute("UPDATE webhook_key SET until_at = now() WHERE n = 1")
    await post.scene.done(TOWN, "rotateWebhookKey", "webhook { id }", webhook=webhook)
    assert [one["key"] for one in (await post.shown(webhook))["publicKeys"]][1:] == [one["key"] for one in keys][:2]


async def test_a_range_comes_again_with_the_ids_that_it_had(post: Post) -> None:
    one = await post.seen()
    (before,) = await post.happen(one)
    webhook = await post.opened()
    first, second, third = await post.happen(one, one, await post.seen())
    for _ in range(2):
        await post.round()
    seen = {heard.headers["webhook-id"] for heard in post.sink.got}
    post.sink.got.clear()
    given = {"webhook": webhook, "from": f"1.{before}", "to": f"1.{second}"}
    await post.scene.done(TOWN, "replayWebhook", "webhook { waiting }", **given)
    for _ in range(3):
        await post.round()
    assert post.sink.positions == [before, first, second], "also what was there before the endpoint; in order; no more"
    assert len({heard.headers["webhook-id"] for heard in post.sink.got} - seen) == 1
    assert third not in post.sink.positions


async def test_what_came_once_is_not_dead_because_its_replay_found_nobody(post: Post) -> None:
    webhook, one = await post.opened(), await post.seen()
    first, second = await post.happen(one, await post.seen())
    await post.round()
    post.sink.answers = [reply(410, b"")]
    given = {"webhook": webhook, "from": f"1.{first}", "to": f"1.{second}"}
    await post.scene.done(TOWN, "replayWebhook", "webhook { waiting }", **given)
    (third,) = await post.happen(one)
    await post.round()
    shown = await post.shown(webhook)
    assert (shown["state"], shown["waiting"]) == ("DISABLED", 0)
    assert [letter["position"] for letter in shown["deadLetters"]["nodes"]] == [f"1.{third}"]


async def test_an_event_that_cannot_be_rendered_fails_alone_and_dies_by_the_schedule(post: Post) -> None:
    webhook, people = await post.opened(), [await post.seen() for _ in range(5)]
    given = await post.happen(*people)
    post.broken = given[2]
    await post.round()
    assert sorted(post.sink.positions) == [*given[:2], *given[3:]]
    asked = "SELECT state, tries, code FROM delivery WHERE pos = $1 AND epoch = 1"
    row = await post.scene.owner.fetchrow(asked, given[2])
    assert tuple(row) == ("WAITING", 1, "INTERNAL")
    await post.scene.owner.execute("UPDATE delivery SET tries = 9 WHERE pos = $1 AND epoch = 1", given[2])
    await post.due()
    await post.round()
    letter = {"position": f"1.{given[2]}", "tries": 10, "code": "INTERNAL"}
    assert (await post.shown(webhook))["deadLetters"]["nodes"] == [letter]
    assert [line["position"] for line in post.lines if line["event"] == "webhook-dead"] == [f"1.{given[2]}"]


async def test_a_test_goes_the_same_way_and_tells_how_it_went(post: Post) -> None:
    webhook = await post.opened()
    for answer, told in ((200, "200"), (500, "500")):
        post.sink.answers = [reply(answer, b"")]
        assert (await post.scene.done(TOWN, "testWebhook", "webhook { lastTest }", webhook=webhook))["webhook"] == {
            "lastTest": None
        }
        await post.round()
        assert (await post.shown(webhook))["lastTest"] == told
        (body,) = post.sink.bodies
        assert (body["type"], body["data"]) == ("nl.arbeidstoeleiding.proef.v1", {"test": True})
        post.sink.got.clear()
    await post.round()
    shown = await post.shown(webhook)
    assert (shown["dead"], shown["deadLetters"]["nodes"], post.sink.got) == (0, [], [])


async def test_two_deliverers_at_once_bring_each_event_once_and_in_order(post: Post) -> None:
    await post.opened()
    people = [await post.seen() for _ in range(4)]
    given = await post.happen(*people * 6)
    loops = [asyncio.create_task(post.loop().run()) for _ in range(2)]
    async with asyncio.timeout(30):
        while len(post.sink.got) < len(given):
            await post.partner.has_heard(len(post.partner.heard) + 1)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    assert sorted(post.sink.positions) == given
    for n in range(4):
        mine = [pos for pos in post.sink.positions if pos in given[n::4]]
        assert mine == given[n::4]


async def test_a_lease_that_is_taken_over_is_delivered_again_before_what_comes_after(post: Post) -> None:
    await post.opened()
    first, second = await post.happen(*[await post.seen()] * 2)
    post.sink.hold = hold = asyncio.Event()
    stuck = post.loop()
    await stuck.look()
    await post.partner.has_heard(2)  # the challenge, and the event
    post.sink.hold = None
    await post.scene.owner.execute("UPDATE delivery SET leased_until = now() WHERE state = 'SENDING'")
    await post.round()
    await post.round()
    assert post.sink.positions == [first, first, second]
    hold.set()
    await stuck.drained()
    assert "webhook-lease-lost" in {line["event"] for line in post.lines}
    await post.round()
    assert post.sink.positions == [first, first, second], "what the slow one says changes nothing"


async def test_a_loop_that_is_stopped_gives_back_what_has_no_answer(post: Post) -> None:
    await post.opened()
    (pos,) = await post.happen(await post.seen())
    post.sink.hold = asyncio.Event()
    running = asyncio.create_task(post.loop().run())
    await post.partner.has_heard(2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    post.sink.hold = None
    await post.round()
    assert post.sink.positions == [pos, pos]


async def test_a_log_line_says_nothing_of_where_and_of_whom(post: Post) -> None:
    webhook = await post.opened()
    post.sink.answers = [reply(410, b"")]
    student = await post.seen()
    await post.happen(student)
    await post.round()
    text = str(post.lines)
    known = await post.scene.known(await post.scene.key(student), TOWN)
    assert webhook.partition(":")[2] in text
    for word in (str(post.partner.port), known.partition(":")[2], str(await post.scene.key(student))):
        assert word not in text
