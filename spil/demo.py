"""The demo: from nothing to a running hub with fictitious data, in steps that show their time.

Laws
1. The port is bound before Postgres starts, and Postgres is stopped however the demo ends (short of SIGKILL).
2. Data that is complete carries a mark; without it a load starts anew from an empty database.
3. Here, and nowhere else, the demo's issuer is mounted and trusted.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from registry.embedded import Embedded, discard, held_by
from registry.embedded_home import home_folder
from schema.errors import SetUp, Unavailable
from spil.demo_uitval import LOSSES_PATH, NotMade, losses_app, make_webhook, sending_to
from spil.log import Log, Write
from spil.progress import Steps
from spil.server import listen, run_until_signal, serve
from spil.settings import Settings, require

if TYPE_CHECKING:
    from spil.demo_partners import Partners
    from spil.portal.landing import DemoTokens
    from spil.wiring import Parts

ISSUER_PATH = "/demo/issuer"
ADDRESS_FILE = "address"
LOG_FILE = "requests.jsonl"
KEY_FILE, KEY_BYTES = "cursor.key", 32
OTHER_MIGRATIONS = (
    "The demo's database was made by migrations that this checkout does not have."
    " `scripts/demo --fresh` throws it away and makes another."
)


def run(settings: Settings, scale: float, fresh: bool, explorer: bool = False) -> None:
    """Runs the demo until a signal ends it. Raises SetUp."""
    if settings.database_url is None:
        _refuse_second(home_folder("demo"))
    listener = listen(settings.host, settings.port)
    steps = Steps()
    try:
        with _end_on_sigterm():
            if settings.database_url is not None:
                require(settings, "gateway_url", "directory_url", "worker_url")
                run_until_signal(_demo(settings, None, listener, steps, scale, explorer))
            else:
                if fresh:
                    discard(home_folder("demo"))
                with _postgres(steps) as server:
                    run_until_signal(_demo(settings, server, listener, steps, scale, explorer))
    except KeyboardInterrupt:
        pass  # before the loop ran: there was nothing to end but Postgres, and that has ended
    finally:
        listener.close()


def _refuse_second(home: Path) -> None:
    """Raises SetUp where the demo of this checkout runs already: another port would not help."""
    holder = held_by(home)
    if holder is None:
        return
    address = home / ADDRESS_FILE
    where = f"at {address.read_text(encoding='utf-8').strip()}" if address.is_file() else "and begins"
    raise SetUp(
        f"This checkout's demo runs already, {where} (process {holder}). Stop it first: a checkout has one at a time."
        " Another checkout's runs beside it, with PORT=8001."
    )


@contextmanager
def _postgres(steps: Steps) -> Iterator[Embedded]:
    with steps.step("Starting Postgres") as tell:
        server = Embedded.start(None, tell)
    try:
        yield server
    finally:
        with _deaf(), steps.step("Stopping Postgres"):
            server.stop()


async def _demo(
    settings: Settings,
    server: Embedded | None,
    listener: socket.socket,
    steps: Steps,
    scale: float,
    explorer: bool,
) -> None:
    from spil.demo_partners import partners_beside

    home = server.home.folder if server is not None else None
    if home is not None:
        (home / ADDRESS_FILE).unlink(missing_ok=True)  # of the last start
    async with partners_beside(settings.shared, home) as beginning:
        owner = server.url if server is not None else str(settings.database_url)
        await _load(owner, server, steps, scale)
        with steps.step("Preparing logins and the demo's issuer"):
            settings = await _with_logins(settings, owner, server)
            await _trust(owner, _issuer(settings))
            tokens = await _tokens(owner)
            settings = sending_to(settings, _followed(tokens)[0], beginning.sink)
            cast = await beginning.begin(owner, *_partnered(tokens))
        with steps.step("Building the contracts and the app"):
            parts = await _parts(settings)
        try:
            log = Log(_log_file(server))
            app = Fork(LOSSES_PATH, losses_app(owner, _known(parts)), _app(settings, parts, log, tokens, explorer))
            partners = await beginning.up(cast, steps)
            await partners.join(owner, str(settings.worker_url), steps)
            await parts.sources.refresh()
            await _ring(parts, partners, tokens, steps)
            speaking = _speaking(parts, owner, _issuer(settings))
            async with speaking, partners.overheard(), _delivering(parts, log):
                await serve(app, listener, lambda: _announce(settings, server, steps, partners))
        finally:
            await parts.close()


async def _parts(settings: Settings) -> Parts:
    from spil.wiring import build

    return await build(settings, frozenset({f"127.0.0.1:{settings.port}"}))


def _app(settings: Settings, parts: Parts, log: Log, tokens: DemoTokens, explorer: bool) -> ASGIApp:
    """The hub with its issuer. A party that was imported while it runs is known to both."""
    from auth.issuer import issuer_app
    from spil.app import build_app

    hub = build_app(parts, log, tokens, _explorer(tokens) if explorer else ())
    return Fork(ISSUER_PATH, issuer_app(_issuer(settings), _known(parts)), hub)


def _known(parts: Parts) -> Callable[[str], bool]:
    """Whether a party key is one of the demo's, as far as can be told now."""

    def knows(party: str) -> bool:
        try:
            return parts.trust.knows(party)
        except Unavailable:
            return False

    return knows


async def _ring(parts: Parts, partners: Partners, tokens: DemoTokens, steps: Steps) -> None:
    """The municipality's events go to its receiver, which is told by whom they are signed."""
    if partners.sink is None:
        return
    actor = _followed(tokens)
    try:
        partners.tell_sink(actor[0], await make_webhook(parts.engine, actor, partners.sink))
    except NotMade as problem:
        steps.say(f"Without its webhook: {problem}")


def _followed(tokens: DemoTokens) -> tuple[str, str]:
    """Whose events go to the demo's receiver."""
    from auth.viewer import Role

    return tokens.actors[Role.MUNICIPALITY]


def _partnered(tokens: DemoTokens) -> tuple[str, str]:
    """The school and the municipality of the landing page's questions: it is their systems that answer them."""
    from auth.viewer import Role

    return tokens.actors[Role.SCHOOL][0], tokens.actors[Role.MUNICIPALITY][0]


def _issuer(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.port}{ISSUER_PATH}"


@asynccontextmanager
async def _speaking(parts: Parts, owner: str, issuer: str) -> AsyncIterator[None]:
    """Meanwhile the demo's client may act for parties that come, as soon as the hub knows them."""

    async def keep() -> None:
        seen = None
        while True:
            with suppress(Exception):  # whatever a driver raises while the database is away: later
                if seen is not parts.trust.index():
                    await _trust(owner, issuer)
                    await parts.trust.refresh()
                    seen = parts.trust.index()
            await asyncio.sleep(1)

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


@asynccontextmanager
async def _delivering(parts: Parts, log: Log) -> AsyncIterator[None]:
    """Meanwhile what happens is delivered: the loops of `spil deliver`, in this process."""
    from spil.deliver import deliver
    from spil.wiring import hands_in

    delivering = asyncio.create_task(deliver(hands_in(parts, log)))
    try:
        yield
    finally:
        delivering.cancel()
        await asyncio.wait([delivering])


async def _load(owner: str, server: Embedded | None, steps: Steps, scale: float) -> None:
    """Migrates, and loads reference and demo data unless a complete load of this scale is there."""
    from registry import demo, reference
    from registry.migrate import MigrationChanged, knows_all_applied, migrate
    from registry.seed import seed

    mark = f"spil demo {scale:g}"
    complete = await demo.mark_of(owner) == mark
    if not complete and server is not None:
        await demo.empty(server)
    with steps.step("Migrating") as tell:
        try:
            if not await knows_all_applied(owner):
                raise SetUp(OTHER_MIGRATIONS)
            await migrate(owner, tell)
        except MigrationChanged:
            raise SetUp(OTHER_MIGRATIONS) from None
    if complete:
        return
    if server is None:
        await demo.refuse_used(owner)
    with steps.step("Loading regions, municipalities, postcodes") as tell:
        await reference.load(owner, tell)
    with steps.step(f"Loading demo data (scale {scale:g})") as tell:
        await seed(owner, scale, tell)
    await demo.set_mark(owner, mark)


async def _with_logins(settings: Settings, owner: str, server: Embedded | None) -> Settings:
    key = settings.cursor_key or (_kept_key(server.home.folder) if server is not None else secrets.token_bytes(32))
    if server is None:
        return dataclasses.replace(settings, cursor_key=key)
    from registry.migrate import LOGINS, make_logins

    made = await make_logins(owner, {login: secrets.token_urlsafe(24) for login in LOGINS})
    return dataclasses.replace(
        settings,
        cursor_key=key,
        database_url=owner,
        gateway_url=made.gateway,
        directory_url=made.directory,
        worker_url=made.worker,
    )


def _kept_key(home: Path) -> bytes:
    """The same at each start: a cursor of the last one still counts, and so do the keys of webhooks."""
    path = home / KEY_FILE
    key = path.read_bytes() if path.exists() else b""
    if len(key) != KEY_BYTES:
        key = secrets.token_bytes(KEY_BYTES)
        path.touch(mode=0o600)
        path.write_bytes(key)
    return key


async def _trust(owner: str, issuer: str) -> None:
    from auth.issuer import DEMO_AUDIENCE, DEMO_CLIENT
    from auth.viewer import PARTIES
    from registry.demo import trust_issuer

    pairs = [(kind, function) for kind, row in PARTIES.items() for function in sorted(row.functions)]
    await trust_issuer(owner, issuer, DEMO_AUDIENCE, DEMO_CLIENT, pairs)


async def _tokens(owner: str) -> DemoTokens:
    """For each role a party of the demo that has something to see, so that two of them see the same young people."""
    from auth.issuer import DEMO_CLIENT, DEMO_SECRET
    from auth.viewer import Role, party_kind
    from registry.demo import who_sees_most
    from spil.portal.landing import DemoTokens

    known = [("municipality:GM0796", "participatie"), ("coordinator:AM27", "coordinator"), ("national", "lead")]
    kinds = [("school", "guidance"), ("servicepoint", "matching"), ("employer", "mentor")]
    found = await who_sees_most(owner, kinds, "#".join(known[0]))
    actors: dict[Role, tuple[str, str]] = {}
    for actor in (*known, *found):
        kind = party_kind(actor[0])
        if kind is not None:
            actors[kind.role] = actor
    return DemoTokens(f"{ISSUER_PATH}/token", DEMO_CLIENT, DEMO_SECRET, actors)


def _explorer(tokens: DemoTokens) -> Sequence[Route]:
    from spil.portal.explorer import explorer_routes

    return explorer_routes(tokens)


class Fork:
    """One ASGI app below `path`, another everywhere else; both on one socket."""

    def __init__(self, path: str, below: ASGIApp, elsewhere: ASGIApp) -> None:
        self._path = path
        self._below = below
        self._elsewhere = elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if path.startswith(self._path + "/"):
            scope = dict(scope, root_path=scope.get("root_path", "") + self._path)
            await self._below(scope, receive, send)
        else:
            await self._elsewhere(scope, receive, send)


def _log_file(server: Embedded | None) -> Write | None:
    """The demo's terminal is for people: its log lines go to a file beside its data, line by line."""
    if server is None:
        return None
    return (server.home.folder / LOG_FILE).open("ab", buffering=0).write


def _announce(settings: Settings, server: Embedded | None, steps: Steps, partners: Partners) -> None:
    base = f"http://{settings.host}:{settings.port}"
    if server is not None:
        (server.home.folder / ADDRESS_FILE).write_text(f"http://127.0.0.1:{settings.port}\n", encoding="utf-8")
    click.echo(
        f"""
Spil is ready after {steps.elapsed:.1f} s.

  {base}/          example queries, and a token per role
  {base}/graphql   the graph: POST a query; without a token you are PUBLIC

  A token, from a second terminal in this checkout:
  scripts/spil token --party municipality:GM0796 --function participatie

  A young person loses a place: a second terminal follows as the municipality, a third one reports as an employer.
  scripts/spil events tail --party municipality:GM0796 --function participatie
  scripts/spil report-uitval

  A first question:
  curl -s {base}/graphql -H 'content-type: application/json' \\
    -d '{{"query": "{{ contact(topic: PUPILS_TO_WORK, at: {{postcode: \\"5211\\"}}) {{ contact {{ name desk }} }} }}"}}'
{partners.told()}
Ctrl-C stops it; the data stays.
"""
    )


@contextmanager
def _end_on_sigterm() -> Iterator[None]:
    """Outside the loop too, SIGTERM ends the demo as Ctrl-C does: cleaning up on the way out."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _deaf() -> Iterator[None]:
    """A second, impatient Ctrl-C must not leave Postgres half stopped; its stop has a deadline of its own."""
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, signal.SIG_IGN) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
