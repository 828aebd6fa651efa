"""What docs/mappings.md prints of the code: the fields of a record, the columns of a school's CSV, the reasons.

Law: what a field takes is said by the first sentence of its reader's docstring (connectors/values.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from connectors.records import PARTS, REASONS, RECORDS
from connectors.school_csv import DEFAULT, SIDECAR
from connectors.values import EITHER, FIELDS, Field

Row = tuple[str, ...]
FIELD_HEADS = ("field", "needed", "what it takes", "when it is not told")
COLUMN_HEADS = ("column", "field", "what stands in it", "in `aanvulling.csv`")
REASON_HEADS = ("reason", "what it means")


def taken(field: Field) -> str:
    """What one value of a field is, in words."""
    if field.listed is not None:
        return "one of " + ", ".join(f"`{code}`" for code in sorted(field.listed))
    said = (field.read.__doc__ or "").split("\n")[0].partition(". ")[0].rstrip(".")
    return said[:1].lower() + said[1:]


def form(field: Field) -> str:
    return f"a list, each {taken(field)}" if field.many else taken(field)


def field_rows(record: str) -> Iterator[Row]:
    """One row per field of a record, or of a part of a student."""
    defaults: dict[str, Any] = {**RECORDS, **PARTS}[record]._field_defaults
    either = EITHER.get(record, ())
    for name, field in FIELDS[record].items():
        needed = "yes" if field.needed else ""
        if name in either:
            needed = "one of " + ", ".join(f"`{one}`" for one in either)
        otherwise = defaults.get(name)
        yield f"`{name}`", needed, form(field), "" if otherwise in (None, ()) else f"`{str(otherwise).lower()}`"


def column_rows() -> Iterator[Row]:
    """One row per column of a school's CSV where it has no mapping of its own."""
    told, beside = tomllib.loads(DEFAULT), tomllib.loads(SIDECAR)["fields"]
    for name, entry in told["fields"].items():
        shaped = entry if isinstance(entry, dict) else {"path": entry}
        field = FIELDS["student"][name]
        what = form(field)
        if "codes" in shaped:
            codes = told["codes"][shaped["codes"]]
            what = ", ".join(f"`{code}`" + (f" ({word})" if word != code else "") for code, word in codes.items())
        if "split" in shaped:
            what = f"between `{shaped['split']}`, each {taken(field)}"
        yield f"`{shaped['path']}`", f"`{name}`", what, "yes" if name in beside else ""


def reason_rows() -> list[Row]:
    """Why a row is refused."""
    return [(f"`{reason}`", what) for reason, what in REASONS.items()]
