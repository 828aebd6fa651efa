"""Whether a mapping file fits the record that it fills: every problem with its place, before any request.

Law: a field of a young person cannot be taken from a column that names them, whatever the field is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from connectors.records import PARTS, RECORDS
from connectors.values import EITHER, FIELDS, Field, Wrong, day

Problem = tuple[tuple[str, ...], str]
TOP = {"record", "format", "rows", "dates", "encoding", "delimiter", "fields", "codes"}
ENTRY = {"path", "codes", "default", "constant", "dates", "split"}
ENCODINGS = ("utf-8", "utf-8-sig", "windows-1252", "iso-8859-1", "iso-8859-15")
PATHS = {
    "json": re.compile(r"(/[^/]+)+|[^./\s]+(\.[^./\s]+)*"),
    "xml": re.compile(r"@?[\w-]+|[\w-]+(/[\w-]+)*(/@[\w-]+)?"),
    "csv": re.compile(r"[^\r\n]{1,100}"),
}
NAMING = re.compile(
    r"(bsn|burgerservicenummer|onderwijsnummer|pgn|persoonsgebondennummer|achternaam|voornaam|roepnaam|voorletters.*|"
    r"voorvoegsel|naam|name|.*geboorte.*|birth.*|straat.*|huisnummer.*|adres|address|e-?mail.*|telefoon.*|mobiel|phone)",
    re.IGNORECASE,
)


def checked(told: dict[str, Any]) -> list[Problem]:
    """All that is wrong with a mapping, in the order of the file's parts. Empty: it can be compiled."""
    problems = list(_head(told))
    if problems:
        return problems
    problems += _fields(told["record"], (), told, told)
    for name in PARTS:
        if isinstance(part := told.get(name), dict):
            problems += _part(name, part, told)
    used = {entry.get("codes") for table in _tables(told) for entry in table.values() if isinstance(entry, dict)}
    problems += [
        (("codes", name), "no field uses this code list") for name in told.get("codes", {}) if name not in used
    ]
    return problems


def _head(told: dict[str, Any]) -> Iterator[Problem]:
    record, kind = told.get("record"), told.get("format")
    if record not in RECORDS:
        yield ("record",), "record is one of " + ", ".join(RECORDS)
    if kind not in PATHS:
        yield ("format",), "format is one of " + ", ".join(PATHS)
    if not isinstance(told.get("fields"), dict):
        yield ("fields",), "the table [fields] says where each field stands"
    for name in told.keys() - TOP - (PARTS.keys() if record == "student" and kind == "json" else set()):
        yield (name,), "this stands in no mapping of this record and format"
    for name in ("rows", "dates", "encoding", "delimiter"):
        if not isinstance(told.get(name, ""), str):
            yield (name,), f"{name} is a text"
    if kind == "xml" and not told.get("rows"):
        yield ("rows",), "rows names the element of a row"
    if "delimiter" in told and not re.fullmatch(r'[^"\r\n]', str(told["delimiter"])):
        yield ("delimiter",), "delimiter is one character, and no quote or line end"
    if told.get("encoding", "utf-8") not in ENCODINGS:
        yield ("encoding",), "encoding is one of " + ", ".join(ENCODINGS)
    yield from _lists(told)


def _lists(told: dict[str, Any]) -> Iterator[Problem]:
    codes = told.get("codes", {})
    for name in codes if isinstance(codes, dict) else ["codes"]:
        if not isinstance(codes, dict) or not isinstance(codes[name], dict):
            yield ("codes", name), "a code list is a table of the source's codes"
    if "dates" in told and (what := _dates(told["dates"])):
        yield ("dates",), what


def _tables(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield told["fields"]
    yield from (told[name]["fields"] for name in PARTS if name in told and isinstance(told[name].get("fields"), dict))


def _part(name: str, part: dict[str, Any], told: dict[str, Any]) -> Iterator[Problem]:
    if not isinstance(part.get("rows"), str):
        yield (name, "rows"), "rows is the path of the list"
    yield from (((name, other), "a part has rows and fields") for other in part.keys() - {"rows", "fields"})
    if isinstance(part.get("fields"), dict):
        yield from _fields(name, (name,), part, told)
    else:
        yield (name, "fields"), f"the table [{name}.fields] says where each field stands"


def _fields(record: str, above: tuple[str, ...], part: dict[str, Any], told: dict[str, Any]) -> Iterator[Problem]:
    fields = FIELDS[record]
    for name in fields:
        if fields[name].needed and name not in part["fields"]:
            yield (*above, "fields"), f"{name} must be mapped"
    if record in EITHER and not part["fields"].keys() & set(EITHER[record]):
        yield (*above, "fields"), " or ".join(EITHER[record]) + " must be mapped"
    for name, entry in part["fields"].items():
        place = (*above, "fields", name)
        if name not in fields:
            yield place, f"{record} has no field {name}" + (", or it is a part" if name in PARTS else "")
        else:
            shaped = entry if isinstance(entry, dict) else {"path": entry}
            if name == "reference" and shaped.keys() & {"constant", "default"}:
                yield place, "reference: each row has one of its own"
            yield from ((place, f"{name}: {what}") for what in _entry(record, fields[name], shaped, told))


def _entry(record: str, field: Field, entry: dict[str, Any], told: dict[str, Any]) -> Iterator[str]:
    yield from (f"{key} is not known here" for key in entry.keys() - ENTRY)
    if ("path" in entry) == ("constant" in entry):
        yield "either a path or a constant"
    path = entry.get("path", "x")
    if not isinstance(path, str) or not PATHS[told["format"]].fullmatch(path):
        yield f"this is no path of {told['format']}"
    elif record != "opportunity" and NAMING.fullmatch(re.split(r"[./@]", path)[-1].strip()):
        yield "a column that names a person is not taken"
    if "split" in entry and (not field.many or not isinstance(entry["split"], str) or not entry["split"]):
        yield "split is for lists, and a text"
    if "dates" in entry:
        yield from filter(None, [_dates(entry["dates"]) if field.read is day else "dates is for days"])
    for key in ("constant", "default"):
        if key in entry and not _fits(field, entry[key], entry.get("dates", told.get("dates", ""))):
            yield f"{key} does not have the type of the field"
    if "codes" in entry:
        codes = told.get("codes", {}).get(entry["codes"]) if isinstance(entry["codes"], str) else None
        if codes is None:
            yield "there is no such code list"
        elif wrong := [code for code, word in codes.items() if not _fits(field, [word] if field.many else word, "")]:
            yield "its code list gives what the field does not take, at " + ", ".join(wrong)


def _fits(field: Field, value: Any, written: str) -> bool:
    if field.many != isinstance(value, list):
        return False
    try:
        for one in value if field.many else [value]:
            _ = day(one, written) if field.read is day else field.read(one)
    except Wrong:
        return False
    return True


def _dates(written: Any) -> str:
    """What is wrong with a way of writing days; '' when it can be read back."""
    some = date(2026, 11, 30)
    try:
        same = datetime.strptime(some.strftime(written), written).date() == some  # noqa: DTZ007 -- a day has no zone
    except (ValueError, TypeError):
        same = False
    return "" if same else "dates is written like %d-%m-%Y"
