"""`spil demo`."""

from __future__ import annotations

import os

import click


@click.command()
@click.option(
    "--scale", type=click.FloatRange(0.001, 10), default=0.1, show_default=True, help="1 is the whole country."
)
@click.option("--fresh", is_flag=True, help="Throw away the demo's data and load it again.")
@click.option("--explorer", is_flag=True, help="Serve GraphiQL at /explorer; scripts/demo installs it first.")
def demo(scale: float, fresh: bool, explorer: bool) -> None:
    """Start everything on this machine, with fictitious data.

    Postgres is embedded, unless SPIL_DATABASE_URL and the three login URLs name another. Data stays between starts.

    \b
      scripts/demo                 on http://127.0.0.1:8000
      PORT=8001 scripts/demo       beside something else
      scripts/demo --fresh         from the beginning
      scripts/demo --explorer      with GraphiQL per role
    """
    from spil.demo import run
    from spil.settings import read

    run(read(os.environ), scale, fresh, explorer)
