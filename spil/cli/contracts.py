"""`spil contracts` and `spil schema`: what each role's graph is."""

from __future__ import annotations

from collections.abc import Mapping

import click

role_choice = click.option(
    "--as",
    "role",
    required=True,
    metavar="ROLE",
    help="public, school, service_point, municipality, employer, coordinator or national.",
)


@click.command()
@click.option("--check", "mode", flag_value="check", help="Fail when a file is not what the code says.")
@click.option("--write", "mode", flag_value="write", help="Make the files what the code says.")
def contracts(mode: str | None) -> None:
    """Every role's contract, as it is committed in schema/contracts/.

    Without an option: one line per contract. --check also tells what a client of the last tag would lose.

    \b
      spil contracts --write     after a change of schema/ or auth/contracts.py
    """
    from spil import contract_files
    from spil.wiring import contracts as build

    _, printed = build()
    if mode is None:
        for role, sdl in printed.items():
            click.echo(f"{role:<14} {len(sdl):>7,} bytes  {contract_files.FOLDER}/{contract_files.file_name(role)}")
        return
    if mode == "write":
        for path in contract_files.write(printed):
            click.echo(f"written: {path}")
        return
    _tell_breaking_changes(printed)
    stale = contract_files.stale(printed)
    if stale:
        raise click.ClickException(f"stale: {', '.join(stale)}. `scripts/spil contracts --write` makes them anew.")


def _tell_breaking_changes(printed: Mapping[str, str]) -> None:
    from spil import contract_files

    tag = contract_files.last_tag()
    if tag is None:
        click.echo("No tag to compare with.")
        return
    for role, sdl in printed.items():
        before = contract_files.at_tag(tag, role)
        for change in contract_files.broken_since(before, sdl) if before is not None else ():
            click.echo(f"breaking since {tag}, {role}: {change}")


@click.command()
@role_choice
def schema(role: str) -> None:
    """Print the contract of a role as SDL: for a composer of supergraphs, or a client's code generator.

    \b
      spil schema --as municipality > spil.graphql
    """
    from spil.wiring import contracts as build

    _, printed = build()
    click.echo(printed[role_of(role)], nl=False)


def role_of(text: str) -> str:
    """The role's name as the code has it. Raises BadInput."""
    from auth.viewer import Role
    from schema.errors import BadInput

    name = text.upper().replace("-", "_")
    if name not in Role.__members__:
        raise BadInput(f"There is no such role. There are: {', '.join(role.value.lower() for role in Role)}.")
    return name
