"""`spil migrate`."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import click


@click.command()
def migrate() -> None:
    """Bring the database of SPIL_DATABASE_URL up to date, and print the logins that an administrator makes.

    Wants the owner's login: one that may make roles. Doing it twice changes nothing.

    \b
      SPIL_DATABASE_URL=postgresql://owner:...@db/spil spil migrate
    """
    from registry import migrate as runner
    from registry import reference
    from spil.cli import finish
    from spil.progress import Steps
    from spil.settings import read, require

    settings = read(os.environ)
    require(settings, "database_url")
    url = str(settings.database_url)
    steps = Steps()
    with steps.step("Migrating") as tell:
        applied = finish(runner.migrate(url, tell))
    with steps.step("Loading regions, municipalities, postcodes") as tell:
        # Facts of the field, nobody's data: a registry without them knows no place.
        finish(reference.load(url, tell))
    click.echo(f"-- {applied} applied. The logins, with passwords of your choice:")
    click.echo(runner.login_statements(urlsplit(url).path.strip("/")))
