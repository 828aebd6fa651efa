"""`spil import`: public registers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

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

    Rows that cannot be read are reported with line and reason, and then it exits with 1; the rest is imported.
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
    _say(report)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def holidays(file: Path) -> None:
    """Read FILE, the school holidays of one or more school years (CSV, UTF-8).

    Without it the dates stand that the ministry fixes or advises. Per region and school year, from the first day of
    the file to its last it alone counts. Days lie from 2020 to five years ahead. Rows that cannot be read are
    reported with line and reason, and then it exits with 1; the rest is imported.
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
    _say(report)


class _Report(Protocol):
    """What an import did, and the rows that it left."""

    @property
    def rejected(self) -> Sequence[object]: ...


def _say(report: _Report) -> None:
    """A script that imports hears by the exit code that rows were left."""
    click.echo(report)
    if report.rejected:
        sys.exit(1)
