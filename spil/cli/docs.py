"""`spil docs`."""

from __future__ import annotations

import click


@click.command()
@click.option("--check", "mode", flag_value="check", help="Fail when a printed part is not what the code says.")
@click.option("--write", "mode", flag_value="write", help="Make every printed part what the code says.")
def docs(mode: str | None) -> None:
    """The parts of README.md and docs/ that are printed from the code: settings, errors, roles, mappings ...

    Each stands between two marks; what people wrote around them is never touched.

    \b
      spil docs --write     after a change of settings, errors, contracts or commands
    """
    from spil import documents

    if mode == "write":
        for page in documents.write():
            click.echo(f"written: {page}")
        return
    if mode is None:
        for part in documents.PARTS:
            click.echo(f"{part.name:<10} {part.page}")
        return
    problems = documents.check()
    if problems:
        raise click.ClickException("\n".join([*problems, "`scripts/spil docs --write` makes them anew."]))
