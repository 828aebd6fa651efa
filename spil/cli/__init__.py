"""The command line: one visible list of commands, each imported only when it runs.

Law: what goes wrong is one clear sentence and exit code 1; a stack trace is a bug.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from schema.errors import SpilError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """A command by name: `module:attribute` and the line that `--help` of its group shows."""

    name: str
    target: str
    help: str


COMMANDS: tuple[Entry, ...] = (
    Entry("demo", "spil.cli.demo:demo", "Start everything here, with fictitious data."),
    Entry("token", "spil.cli.token:token", "Print a token of the running demo."),
    Entry(
        "report-uitval", "spil.cli.report_uitval:report_uitval", "Report a loss, as an employer of the running demo."
    ),
    Entry("serve", "spil.cli.serve:serve", "Serve the hub on a Postgres of your own."),
    Entry("deliver", "spil.cli.deliver:deliver", "Bring events to their receivers, beside `spil serve`."),
    Entry("events", "spil.cli.events:events", "The events: follow them, how many wait, a new epoch."),
    Entry("migrate", "spil.cli.migrate:migrate", "Bring the database up to date; print the logins to make."),
    Entry("import", "spil.cli.importing:importing", "Read a public register into the registry."),
    Entry("parties", "spil.cli.parties:parties", "The organisations that act: add, list, end."),
    Entry("issuers", "spil.cli.issuers:issuers", "Who may issue tokens, and for whom: add, list, end."),
    Entry("clients", "spil.cli.clients:clients", "Which portal may act for whom: add, list, end."),
    Entry("agreements", "spil.cli.agreements:agreements", "Who signed the covenant or the terms: add, list, end."),
    Entry("sources", "spil.cli.sources:sources", "The partner systems: add, check, list, sync, pause, end."),
    Entry("agent", "spil.cli.agent:agent", "Answer the hub for a school, from its exports."),
    Entry("seed", "spil.cli.seed:seed", "Fill an empty database with a fictitious country."),
    Entry("explain", "spil.cli.explain:explain", "Print what the hub would do for a query."),
    Entry("schema", "spil.cli.contracts:schema", "Print the contract of a role."),
    Entry("contracts", "spil.cli.contracts:contracts", "The committed contracts: list, check, write."),
    Entry("docs", "spil.cli.docs:docs", "The printed parts of the documents: list, check, write."),
)


class Listed(click.Group):
    """A group over a list of entries; --help costs no import of any command."""

    def __init__(self, *args: Any, entries: tuple[Entry, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._entries = {entry.name: entry for entry in entries}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the signature is click's
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the signature is click's
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in self._entries.values()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SpilError as problem:
            raise click.ClickException(problem.message) from None


@click.command(cls=Listed, entries=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Spil: the hub between pro/vso schools, employer service points and municipalities.

    \b
    Start here:
      scripts/demo
      scripts/spil token --party municipality:GM0796 --function participatie
      scripts/spil COMMAND --help
    """


@contextmanager
def database_sentences() -> Iterator[None]:
    """A database that cannot be reached, or refuses, becomes a sentence."""
    try:
        yield
    except (ConnectionError, TimeoutError, FileNotFoundError) as problem:
        raise click.ClickException(f"The database cannot be reached ({type(problem).__name__}).") from None
    except SpilError:
        raise
    except Exception as problem:
        # Known by its code alone: spil/ does not import asyncpg, and the message may quote a row.
        state = getattr(problem, "sqlstate", None)
        if state is None:
            raise
        raise click.ClickException(f"The database refused: {type(problem).__name__} ({state}).") from None


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Runs a command's coroutine to its end."""
    with database_sentences():
        return asyncio.run(work)


def main() -> None:
    """The entry point `spil`."""
    cli(prog_name="spil")
