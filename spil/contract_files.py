"""The contracts on disk: what every role's graph is, as a diff that people review.

Laws
1. `schema/contracts/<role>.graphql` is what the hub serves at `/contracts/<role>.graphql`, byte for byte (checked).
2. What a client of the last tag would lose is said, per role. It is no failure: a contract may shrink on purpose.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from graphql import GraphQLSchema, build_schema, find_breaking_changes

from registry.embedded_home import CHECKOUT

FOLDER = "schema/contracts"


def file_name(role: str) -> str:
    """`SERVICE_POINT` -> `service_point.graphql`, the last part of its URL too."""
    return f"{role.lower()}.graphql"


def stale(printed: Mapping[str, str], root: Path = CHECKOUT) -> list[str]:
    """The paths below `root` that are not what `printed` (role -> SDL) says: changed, missing, or of no role."""
    wanted = {file_name(role): sdl for role, sdl in printed.items()}
    found = {path.name: path.read_text(encoding="utf-8") for path in (root / FOLDER).glob("*.graphql")}
    return [f"{FOLDER}/{name}" for name in sorted(wanted.keys() | found.keys()) if wanted.get(name) != found.get(name)]


def write(printed: Mapping[str, str], root: Path = CHECKOUT) -> list[str]:
    """Makes the files what `printed` says; gives the paths that were changed or taken away."""
    changed = stale(printed, root)
    (root / FOLDER).mkdir(exist_ok=True)
    wanted = {f"{FOLDER}/{file_name(role)}": sdl for role, sdl in printed.items()}
    for path in changed:
        if path in wanted:
            (root / path).write_text(wanted[path], encoding="utf-8")
        else:
            (root / path).unlink()
    return changed


def broken_since(sdl_before: str, sdl_now: str) -> list[str]:
    """What a client of the first contract cannot do with the second."""
    return [change.description for change in find_breaking_changes(_read(sdl_before), _read(sdl_now))]


def _read(sdl: str) -> GraphQLSchema:
    # Federation's own directives are linked, not defined: graphql-core would call them unknown.
    return build_schema(sdl, assume_valid=True, assume_valid_sdl=True)


def last_tag(root: Path = CHECKOUT) -> str | None:
    """The nearest tag behind HEAD; None without tags, without git, or outside a checkout."""
    said = _git(root, "describe", "--tags", "--abbrev=0")
    return said.strip() if said else None


def at_tag(tag: str, role: str, root: Path = CHECKOUT) -> str | None:
    """A role's contract as it was at a tag; None where there was none."""
    return _git(root, "show", f"{tag}:{FOLDER}/{file_name(role)}")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607 - whichever git this machine has
            cwd=root,
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
