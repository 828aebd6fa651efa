"""`spil import`: public registers."""

from __future__ import annotations

from pathlib import Path

import click

from spil.cli import Entry, Listed

IMPORTS = (
    Entry("schools", "spil.cli.importing:schools", "DUO's register of secondary school locations."),
    Entry("holidays", "spil.cli.importing:holidays", "School holidays per region."),
)


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


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def holidays(file: Path) -> None:
    """Read FILE, the school holidays of one or more school years (CSV, UTF-8).

    Without it the dates stand that the ministry fixes or advises. From the first day of the file to its last it alone
    counts, per region. Rows that cannot be read are reported with line and reason; the rest is imported.
    Which region a school is in, its register says (`spil import schools`).
    Wants SPIL_WORKER_URL or SPIL_DATABASE_URL; without them the demo that runs from this checkout is meant.

    \b
      region;name;from;to
      ALLE;Kerstvakantie;2026-12-19;2027-01-03
      ZUID;Voorjaarsvakantie;2027-02-13;2027-02-21
    \b
      spil import holidays schoolvakanties.csv
    """
    from registry.holiday_file import import_holidays
    from spil.cli import finish
    from spil.cli.administration import database
    from spil.progress import Steps

    url = database()
    with Steps().step("Reading the school holidays") as tell:
        report = finish(import_holidays(url, file, tell))
    click.echo(report)
