"""`spil import`: public registers."""

from __future__ import annotations

from pathlib import Path

import click

from spil.cli import Entry, Listed

IMPORTS = (Entry("schools", "spil.cli.importing:schools", "DUO's register of secondary school locations."),)


@click.command(name="import", cls=Listed, entries=IMPORTS)
def importing() -> None:
    """Read a public register into the registry; a second time changes nothing."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def schools(file: Path) -> None:
    """Read FILE, the register of secondary school locations as DUO publishes it (CSV, Windows-1252).

    Rows that cannot be read are reported with line and reason; the rest is imported.
    Wants SPIL_WORKER_URL or SPIL_DATABASE_URL; without them the demo that runs from this checkout is meant.

    \b
      spil import schools vestigingenvo.csv
    """
    from registry.school_register import import_schools
    from spil.cli import finish
    from spil.cli.administration import database
    from spil.progress import Steps

    url = database()
    with Steps().step("Reading the school register") as tell:
        report = finish(import_schools(url, file, tell))
    click.echo(report)
