"""`spil seed`."""

from __future__ import annotations

import os

import click


@click.command()
@click.option(
    "--scale", type=click.FloatRange(0.001, 30), default=1.0, show_default=True, help="1 is the whole country."
)
def seed(scale: float) -> None:
    """Fill the migrated database of SPIL_DATABASE_URL with a fictitious country; the same one every time.

    \b
      spil seed --scale 1      535 schools, 75,000 students
      spil seed --scale 0.1    what the demo uses
    """
    from spil.cli import finish
    from spil.progress import Steps
    from spil.settings import read, require

    settings = read(os.environ)
    require(settings, "database_url")

    from registry import reference
    from registry import seed as seeding

    url, steps = str(settings.database_url), Steps()
    with steps.step("Loading regions, municipalities, postcodes") as tell:
        finish(reference.load(url, tell))
    with steps.step(f"Seeding (scale {scale:g})") as tell:
        counts = finish(seeding.seed(url, scale, tell))
    click.echo(str(counts))
