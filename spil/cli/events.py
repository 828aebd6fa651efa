"""`spil events`: following a party's, how the event logs fare, and a new epoch after a restore."""

from __future__ import annotations

from dataclasses import asdict

import click

from spil.cli import Entry, Listed
from spil.cli.administration import as_json

COMMANDS = (
    Entry("tail", "spil.cli.event_tail:tail", "Follow the events of a party on a running hub."),
    Entry("lag", "spil.cli.events:lag", "How many events wait for delivery, and who leads."),
    Entry("renew", "spil.cli.events:renew", "Begin a new epoch, after a restore from a backup."),
)


@click.command(name="events", cls=Listed, entries=COMMANDS)
def events() -> None:
    """What happened, on its way to whom it concerns."""


@click.command()
@click.option("--most", type=click.FloatRange(0), metavar="SECONDS", help="Exit 1 when the oldest waits longer.")
@as_json
def lag(most: float | None, as_json: bool) -> None:
    """Print how many events wait for their positions, since when the oldest does, and which `spil deliver` leads.

    \b
      spil events lag
      spil events lag --most 30      for a monitor: exit 1 when the oldest waits longer, or nobody leads
    """
    from registry.event_log import lag_of
    from spil.cli import finish
    from spil.cli.administration import database, show

    found = asdict(finish(lag_of(database())))
    if found["seconds"] is not None:
        found["seconds"] = round(found["seconds"], 3)
    show([found], ("waiting", "oldest", "seconds", "holder", "since"), as_json)
    if most is not None and (found["holder"] is None or (found["seconds"] or 0) > most):
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--party", help="Only the streams of this party.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def renew(party: str | None, yes: bool, as_json: bool) -> None:
    """Begin a new epoch of every event log: after a restore from a backup, before anything is started on it.

    What happened after the backup was made is lost to this hub, but its receivers may have got it. In a new epoch
    positions begin at 1, so that none is given twice. What receivers get: subscribers EPOCH_CHANGED with a cursor from
    which to go on; webhooks ids of the new epoch. Each reads `events` after its last cursor, to get what this hub still
    holds of the old epoch, and asks anew what it believes to know.

    \b
      spil events renew
      spil events renew --party municipality:GM0796
    """
    from registry.event_epochs import renew_epochs
    from schema.errors import NotFound
    from spil.cli import finish
    from spil.cli.administration import database, kind_of, show

    if party is not None:
        kind_of(party)
    url = database()
    if not yes:
        click.confirm("A new epoch for " + ("every stream?" if party is None else "its streams?"), abort=True, err=True)
    rows = finish(renew_epochs(url, party))
    if party is not None and not rows:
        raise NotFound("This party has no stream here: there is no such party, or it was never told anything.")
    show(rows, ("seer", "was_epoch", "was_pos", "epoch"), as_json)
