"""What a live answer may hold: the names at the school, the support at the municipality, and nothing beside.

Laws
1. Only keys that were asked and fields of the tier come back; whatever else a source sends is dropped here.
2. A value of another shape is SOURCE_MALFORMED for its own key; a message carries no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from connectors.flow import Live
from schema.errors import Broken, SourceMalformed

GIVEN_NAME = "GIVEN_NAME"
IDENTITY_FIELDS = ("givenName", "familyName", "birthDate", "mail", "phone", "legalRepresentative")
SUPPORT_FIELDS = ("jobcoach", "werkconsulent", "plan", "inPlace")
CONTACT = {"name": "naam", "phone": "telefoonnummer", "mail": "emailadres"}
LONGEST = 320
REPLACED = "\ufffd"
UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffd\ud800-\udfff]")


class Answered(dict[str, Live]):
    """Live values by key. A key that is absent the source does not know; `failed` holds those it could not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: dict[str, Broken] = {}


def identity(row: Mapping[str, Any], read: Mapping[str, str]) -> Live:
    """`StudentIdentity` as far as `read` (field -> name at the source) goes. Dates are ISO 8601."""
    found = texts_of(row, read)
    if "familyName" in found and found["familyName"] and (prefix := text_of(row, "voorvoegsel")):
        found["familyName"] = f"{prefix} {found['familyName']}"
    if found.get("birthDate") is not None:
        found["birthDate"] = day_of(row, read["birthDate"])
    return found


def support(row: Mapping[str, Any], tier: str) -> Live:
    """`MunicipalSupport` out of GGM terms; below IDENTIFIED only the jobcoach (*clientbegeleider*)."""
    jobcoach = {"jobcoach": _contact(row, "clientbegeleider")}
    if tier == GIVEN_NAME:
        return jobcoach
    plan = within(row, "trajectplan")
    return {
        **jobcoach,
        "werkconsulent": _contact(row, "werkconsulent"),
        "plan": plan and {"from": day_of(plan, "datumAanvang"), "to": day_of(plan, "datumEinde")},
        "inPlace": [
            {"kind": text_of(one, "codeType"), "from": day_of(one, "datumStart"), "to": day_of(one, "datumEinde")}
            for one in rows_of(row, "voorzieningen", True)
        ],
    }


def _contact(row: Mapping[str, Any], name: str) -> Live | None:
    told = within(row, name)
    return told and texts_of(told, CONTACT)


def within(row: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """An object in an answer; None when it is not there. Raises SourceMalformed when it is something else."""
    told = row.get(name)
    if told is not None and not isinstance(told, dict):
        raise SourceMalformed
    return told


def asked_only(
    rows: Iterable[Mapping[str, Any]], key: str, keys: Iterable[str], read: Callable[[Mapping[str, Any]], Live]
) -> Answered:
    """The rows by their key, of the keys that were asked."""
    asked, found = set(keys), Answered()
    for row in rows:
        number = row.get(key)
        if isinstance(number, str) and number in asked:
            try:
                found[number] = read(row)
            except SourceMalformed as error:
                found.failed[number] = error
    return found


def rows_of(told: Any, name: str, optional: bool = False) -> list[dict[str, Any]]:
    """A list of objects in an answer. Raises SourceMalformed when it is something else."""
    rows = told.get(name) if isinstance(told, dict) else None
    if rows is None and optional:
        return []
    if not isinstance(rows, list) or len(rows) > 10_000:
        raise SourceMalformed
    for row in rows:
        if not isinstance(row, dict):
            raise SourceMalformed
    return rows


def listed(told: Any, name: str) -> list[str]:
    """A list of texts in an answer, empty when it is not there. Raises SourceMalformed when it is something else."""
    texts = told.get(name, []) if isinstance(told, dict) else None
    if not isinstance(texts, list) or not all(isinstance(text, str) and len(text) <= LONGEST for text in texts):
        raise SourceMalformed
    return texts


def text_of(row: Mapping[str, Any], name: str, longest: int = LONGEST) -> str | None:
    """A text in an answer; None when it is not there or empty. Raises SourceMalformed when it is something else."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > longest:
        raise SourceMalformed
    # Most texts are found fit without the pattern.
    if not (value.isprintable() and REPLACED not in value) and UNFIT.search(value):
        raise SourceMalformed
    return value


def texts_of(row: Mapping[str, Any], read: Mapping[str, str]) -> Live:
    """Several texts of one row, field -> name at the source: most of what an answer has, so it is quick."""
    found: Live = {}
    for ours, theirs in read.items():
        value = row.get(theirs)
        fit = type(value) is str and 0 < len(value) <= LONGEST and value.isprintable() and REPLACED not in value
        found[ours] = value if fit else text_of(row, theirs)
    return found


def number_of(row: Mapping[str, Any], name: str) -> int | None:
    """A whole number in an answer. Raises SourceMalformed when it is something else."""
    value = row.get(name)
    if value is not None and type(value) is not int:
        raise SourceMalformed
    return value


def day_of(row: Mapping[str, Any], name: str) -> str | None:
    """A day in an answer, YYYY-MM-DD."""
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except (ValueError, TypeError):
        problem = SourceMalformed()
    raise problem  # out here: the error above holds the value
