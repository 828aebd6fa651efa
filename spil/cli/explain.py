"""`spil explain`."""

from __future__ import annotations

import os
from typing import TextIO

import click

from spil.cli.contracts import role_choice


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@role_choice
@click.option("--variables", default="{}", metavar="JSON", help="The operation's variables.")
def explain(file: TextIO, role: str, variables: str) -> None:
    """Print what the hub would do for the query in FILE (- reads stdin): pool, cost, tables, binds and the statement.

    Nothing is run and no database is needed; the limits are those of this environment's settings.

    \b
      spil explain query.graphql --as school --variables '{"brin": "18BR00"}'
      echo '{ regions { name post { filled } } }' | spil explain - --as public
    """
    from resolvers.everything import catalogue
    from spil.cli.contracts import role_of
    from spil.explain import explain as explained
    from spil.settings import read
    from spil.wiring import contracts, limits_of

    name = role_of(role)
    made, _ = contracts()
    click.echo(explained(file.read(), name, made[name], catalogue(), _object(variables), limits_of(read(os.environ))))


def _object(text: str) -> dict[str, object]:
    import json

    from schema.errors import BadInput

    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput("--variables wants a JSON object.")
    return found
