"""The parts of the documents that are printed from the code, between two marks in a page that people write around them.

    <!-- printed: settings -->
    ...
    <!-- end of settings -->

Laws
1. `spil docs --check` fails when a printed part is not what the code says, or when its page has lost it.
2. What stands outside the marks is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from graphql import GraphQLEnumType, GraphQLInterfaceType, GraphQLNamedType, GraphQLObjectType, GraphQLSchema

from auth.contracts import EXCEPT, cut
from auth.purposes import PURPOSES
from auth.viewer import PARTIES, Role
from connectors.values import FIELDS
from registry.embedded_home import CHECKOUT
from schema import errors
from schema.errors import SpilError
from schema.full import build_schema
from schema.print import graphql_core
from spil import event_documents, mapping_rows
from spil.settings import markdown_table

ROLES = tuple(Role)
Kind = GraphQLObjectType | GraphQLInterfaceType | GraphQLEnumType
OWNERS = {"caller": "the caller", "operator": "the operator of the hub", "partner": "a partner", "hub": "the hub"}


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; a bar in a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def settings() -> str:
    """Every knob."""
    return markdown_table().rstrip()


def error_codes() -> str:
    """Every code of the tree, once."""
    rows = [(f"`{e.code}`", OWNERS[e.owner], str(e.status), e.sentence) for e in error_classes()]
    return table(("code", "who can mend it", "status", "what it says"), sorted(rows))


def error_classes() -> list[type[SpilError]]:
    """The classes of schema/errors.py that have a code of their own."""
    return [
        found
        for found in vars(errors).values()
        if isinstance(found, type) and issubclass(found, SpilError) and found is not SpilError and "code" in vars(found)
    ]


def parties() -> str:
    """Who may be a party: kinds of keys, with role, functions and agreement."""
    rows = [
        (
            f"`{name}`",
            f"`{kind.form.pattern}`",
            kind.role,
            ", ".join(sorted(kind.functions)),
            str(kind.agreement or "-"),
        )
        for name, kind in PARTIES.items()
    ]
    return "## Parties\n\n" + table(("party", "form of its key", "role", "functions", "signs"), rows)


def roles() -> str:
    """The matrix type.field x role: what exists in whose contract."""
    full = graphql_core(build_schema())
    contracts = [cut(full, role) for role in ROLES]
    return "## Fields\n\n" + "\n\n".join(_of_type(kind, contracts) for kind in _documented(full))


def _documented(full: GraphQLSchema) -> list[Kind]:
    kinds = [
        kind
        for name, kind in sorted(full.type_map.items())
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLEnumType)
        and not name.startswith("__")
        and not name.endswith(("Edge", "Connection"))  # these follow their node
        and (not isinstance(kind, GraphQLEnumType) or any(f"{name}.{value}" in EXCEPT for value in kind.values))
    ]
    roots = {"Query": 0, "Mutation": 1}
    return sorted(kinds, key=lambda kind: (roots.get(kind.name, 2), kind.name))


def _of_type(kind: Kind, contracts: Sequence[GraphQLSchema]) -> str:
    rows = [
        [f"`{kind.name}.{name}`", *("yes" if name in _parts(one.type_map.get(kind.name)) else "-" for one in contracts)]
        for name in _parts(kind)
    ]
    words = (kind.description or "").split("\n")[0]
    heading = f"### {kind.name}\n\n" + (f"{words}\n\n" if words else "")
    return heading + table(["", *(role.value for role in ROLES)], rows)


def _parts(kind: GraphQLNamedType | None) -> Sequence[str]:
    """The fields or values of a type; none of a type that a contract does not have."""
    if isinstance(kind, GraphQLEnumType):
        return list(kind.values)
    return list(kind.fields) if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) else []


def purposes() -> str:
    """The register: every purpose for which a party may see a young person."""
    heads = ("purpose", "from -> to", "function", "ground", "agreement", "how much (tier)", "until")
    rows = [
        (
            f"`{p.name}`",
            f"{p.giver} -> {p.receiver}".strip(),
            ", ".join(p.functions),
            p.ground,
            p.agreement,
            p.tier,
            p.ends,
        )
        for p in PURPOSES
    ]
    return table(heads, rows)


def mapping_fields() -> str:
    """What a mapping may fill, per record."""
    return "\n\n".join(
        f"### {record}\n\n{table(mapping_rows.FIELD_HEADS, list(mapping_rows.field_rows(record)))}" for record in FIELDS
    )


def school_columns() -> str:
    """The columns of a school's CSV."""
    return table(mapping_rows.COLUMN_HEADS, list(mapping_rows.column_rows()))


def reasons() -> str:
    """Why a row is refused."""
    return table(mapping_rows.REASON_HEADS, mapping_rows.reason_rows())


def commands() -> str:
    """The help of every command, as a terminal of 100 columns shows it."""
    from spil.cli import cli

    return "\n\n".join(f"## {' '.join(path)}\n\n```text\n{text}\n```" for path, text in _helps(cli, ("spil",), None))


def _helps(
    command: click.Command, path: tuple[str, ...], parent: click.Context | None
) -> Iterator[tuple[tuple[str, ...], str]]:
    given: dict[str, Any] = {"terminal_width": 100, "max_content_width": 100, **command.context_settings}
    context = click.Context(command, info_name=path[-1], parent=parent, **given)
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _helps(below, (*path, name), context)


@dataclass(frozen=True, slots=True)
class Part:
    """One printed part: its name in the marks, the page it must stand in, what prints it, and how its page begins."""

    name: str
    page: str
    make: Callable[[], str]
    beginning: str


ROLES_BEGIN = """# Who sees what

What is not `yes` does not exist for that role: it is an unknown field, in validation as in introspection.
"""
PARTS: tuple[Part, ...] = (
    Part("settings", "README.md", settings, "# Spil\n\n## Settings\n"),
    Part("errors", "docs/errors.md", error_codes, "# Errors\n"),
    Part("parties", "docs/roles.md", parties, ROLES_BEGIN),
    Part("roles", "docs/roles.md", roles, ROLES_BEGIN),
    Part("purposes", "docs/privacy.md", purposes, "# Privacy\n"),
    Part("refusals", "docs/mappings.md", reasons, "# Mappings\n"),
    Part("mapping fields", "docs/mappings.md", mapping_fields, "# Mappings\n"),
    Part("school columns", "docs/mappings.md", school_columns, "# Mappings\n"),
    Part("commands", "docs/cli.md", commands, "# The command line\n"),
    Part("event types", "docs/events/README.md", event_documents.types_table, "# Events\n"),
)


def begin(name: str) -> str:
    return f"<!-- printed: {name} -->"


def end(name: str) -> str:
    return f"<!-- end of {name} -->"


def renew(text: str, name: str, printed: str) -> str | None:
    """The page with this part as it should be; None when the page has no such part, or its marks twice."""
    form = re.compile(re.escape(begin(name)) + "\n.*?" + re.escape(end(name)), re.DOTALL)
    whole = f"{begin(name)}\n{printed}\n{end(name)}"
    renewed, times = form.subn(lambda _: whole, text)
    return renewed if times == 1 else None


def check(root: Path = CHECKOUT) -> list[str]:
    """What is wrong, one line each; nothing when every printed part is what the code says."""
    problems = []
    for part in PARTS:
        path = root / part.page
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        renewed = renew(text, part.name, part.make())
        if renewed is None:
            problems.append(f"{part.page} has no part `{part.name}`")
        elif renewed != text:
            problems.append(f"{part.page}: `{part.name}` is stale")
    return problems + [f"{path} is not what the code says" for path in sorted(_wrong_files(root))]


def _wrong_files(root: Path) -> dict[str, str | None]:
    """Path -> text of the schemas that are not what they should be; None for one of a type that there is not."""
    wanted = event_documents.files()
    there = {path.relative_to(root).as_posix() for path in (root / event_documents.FOLDER).glob("*.json")}
    stale = {
        path: text
        for path, text in wanted.items()
        if path not in there or (root / path).read_text(encoding="utf-8") != text
    }
    return {**dict.fromkeys(there - wanted.keys()), **stale}


def write(root: Path = CHECKOUT) -> list[str]:
    """Makes every printed part what the code says, added to its page where it is missing; gives the changed pages."""
    changed = []
    for part in PARTS:
        path = root / part.page
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        text = before or part.beginning
        printed = part.make()
        after = renew(text, part.name, printed)
        if after is None:
            after = f"{text.rstrip()}\n\n{begin(part.name)}\n{printed}\n{end(part.name)}\n"
        if after != before:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(after, encoding="utf-8")
            changed.append(part.page)
    for name, whole in _wrong_files(root).items():
        if whole is None:
            (root / name).unlink()
        else:
            (root / name).write_text(whole, encoding="utf-8")
        changed.append(name)
    return sorted(set(changed))
