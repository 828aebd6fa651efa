"""A receiver on a real socket, and the webhook loop beside a hub: events come from its commands, as they would."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from auth.trust import TrustIndex
from auth.viewer import AgreementKind
from events.signing import Safe
from federation.cursors import Cursors
from federation.streaming import Streaming
from registry.database import worker_pool
from registry.deliveries import Deliveries
from registry.trust import AgreementRow, PartyRow, TrustRows
from spil.rendering import Rendering
from spil.webhooks import Webhooks
from tests.hub_kit import CURSOR_KEY, open_hub
from tests.resolvers.access_kit import SCHOOL, TOWN, Scene
from tests.wire.partner_kit import Heard, Partner, reply
from wire.hooks import Hooks

if TYPE_CHECKING:
    from registry.migrate import Logins

OIN = "00000001999999999000"
FIELDS = """state reason url types waiting dead lastTest verifiedAt lastDeliveredAt publicKeys { key validUntil }
    deadLetters { nodes { position tries code } }"""
LEAD_MOVED = "nl.arbeidstoeleiding.regie-overgedragen.v1"


@dataclass
class Sink:
    """Gives challenges back; to events it answers what `answers` holds, one after another, the last one for ever."""

    answers: list[bytes] = field(default_factory=lambda: [reply(200, b"ok")])
    got: list[Heard] = field(default_factory=list)
    hold: asyncio.Event | None = None
    echo: bool = True

    async def __call__(self, heard: Heard) -> bytes:
        body = orjson.loads(heard.body)
        if body["type"] == "webhook.challenge":
            return reply(200, orjson.dumps({"challenge": body["challenge"] if self.echo else "x"}))
        self.got.append(heard)
        if self.hold is not None:
            await self.hold.wait()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(heard.body) for heard in self.got]

    @property
    def positions(self) -> list[int]:
        return [body["data"]["pos"] for body in self.bodies]


def listed_to(partner: Partner) -> frozenset[str]:
    """What the operator lists for TOWN alone."""
    return frozenset({f"{TOWN.partition('#')[0]}=127.0.0.1:{partner.port}"})


def good_signatures(heard: Heard, public: str) -> int:
    """How many of a request's signatures are of this key."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    content = f"{heard.headers['webhook-id']}.{heard.headers['webhook-timestamp']}.".encode() + heard.body
    good = 0
    for one in heard.headers["webhook-signature"].split(" "):
        try:
            key.verify(base64.b64decode(one.removeprefix("v1a,")), content)
        except InvalidSignature:
            continue
        good += 1
    return good


@dataclass
class Post:
    """The hub, a receiver, and what delivers between them. Time stands still but for the database's."""

    scene: Scene
    partner: Partner
    sink: Sink
    pool: Any
    lines: list[dict[str, Any]] = field(default_factory=list)
    hooks: list[Hooks] = field(default_factory=list)
    unlisted: bool = False  # has the operator taken the address from the list?
    broken: int = 0  # a position that cannot be rendered
    closed: bool = False  # has the party no agreement now?

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.partner.port}/in"

    def loop(self) -> Webhooks:
        """Another deliverer."""
        hooks = Hooks(pairs=frozenset() if self.unlisted else listed_to(self.partner))
        self.hooks.append(hooks)
        return Webhooks(
            Deliveries(self.pool),
            self.render,
            hooks,
            Safe.under(CURSOR_KEY),
            OIN,
            lambda event, **said: self.lines.append({"event": event, **said}),
            uniform=lambda low, _: low,
        )

    async def render(self, seer: str, epoch: int, positions: Sequence[int]) -> Sequence[Mapping[str, Any]]:
        """The log as the hub gives it to this seer now."""
        if self.broken in positions:
            raise ZeroDivisionError
        engine = self.scene.hub.engine
        return await Rendering(engine, Streaming(engine, Cursors(CURSOR_KEY)), self)(seer, epoch, positions)

    def index(self) -> TrustIndex:
        """Everybody exists; whoever needs a covenant has one, unless it is `closed`."""
        parties = [PartyRow(seer.partition("#")[0], "x", "x") for seer in (TOWN, SCHOOL)]
        signed = [] if self.closed else [AgreementRow(row.key, AgreementKind.COVENANT, "1") for row in parties]
        return TrustIndex(TrustRows((), (), (), tuple(parties), tuple(signed)))

    async def round(self, loop: Webhooks | None = None) -> None:
        """Everything that is due now goes out once, and is settled."""
        loop = loop or self.loop()
        await loop.look()
        await loop.drained()

    async def opened(self, **more: Any) -> str:
        """An endpoint of TOWN that answered its challenge; gives its id."""
        made = await self.scene.done(TOWN, "createWebhook", "webhook { id state }", url=self.url, **more)
        assert made["webhook"]["state"] == "PENDING"
        await self.round()
        assert (await self.shown(made["webhook"]["id"]))["state"] == "ACTIVE", self.lines
        return str(made["webhook"]["id"])

    async def shown(self, webhook: str) -> dict[str, Any]:
        """An endpoint as its party sees it."""
        body = await self.scene.hub.ask(TOWN, f"{{ webhooks {{ nodes {{ id {FIELDS} }} }} }}")
        assert "errors" not in body, body
        (found,) = [one for one in body["data"]["webhooks"]["nodes"] if one["id"] == webhook]
        return dict(found)

    async def happen(self, *students: str) -> list[int]:
        """Of each student an event that TOWN is told; gives their positions in its stream."""
        owner, given = self.scene.owner, []
        for student in students:
            about = "INSERT INTO outbox (type, subject_kind, student, seers) VALUES ($1, 'STUDENT', $2, $3)"
            await owner.execute(about, LEAD_MOVED, await self.scene.key(student), [TOWN])
            token = await owner.fetchval("SELECT token FROM leader WHERE name = 'sequencer'")
            await owner.fetchval("SELECT sequence_events($1, 1000, '1 minute')", token)
            given.append(await owner.fetchval("SELECT pos FROM stream_head WHERE seer = $1", TOWN))
        return given

    async def seen(self) -> str:
        """A new student whom TOWN sees."""
        student = await self.scene.student()
        await self.scene.reason(await self.scene.key(student), TOWN, "INVOLVE_MUNICIPALITY", "IDENTIFIED")
        return student

    async def due(self) -> None:
        """All that waits is due now."""
        await self.scene.owner.execute("UPDATE delivery SET next_at = now() WHERE state = 'WAITING'")


@asynccontextmanager
async def open_post(scene: Scene, logins: Logins) -> AsyncIterator[Post]:
    """A receiver that is served, and a hub that lists it; no endpoint is left."""
    sink = Sink()
    partner, pool = Partner(sink), await worker_pool(logins.worker)
    async with partner.serving(), open_hub(logins, private=listed_to(partner)) as hub:
        post = Post(Scene(hub, scene.owner), partner, sink, pool)
        yield post
        for hooks in post.hooks:
            await hooks.close()
    await scene.owner.execute("DELETE FROM webhook")
    pool.terminate()
