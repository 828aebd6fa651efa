"""What a command reads from a file that somebody wrote."""

from __future__ import annotations

from pathlib import Path


def mapping_text(path: Path | None) -> str | None:
    """The text of a mapping file. Raises BadMapping when it is none."""
    from schema.errors import BadMapping

    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError):
        problem = BadMapping(f"{path}:1: this is no text in UTF-8")
    raise problem
