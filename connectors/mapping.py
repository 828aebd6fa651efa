"""Declarative mapping: a TOML file that says where each field of a record stands in a source, compiled to one reader.

    record = "opportunity"              # student | opportunity | case
    format = "json"                     # json: dotted path or /pointer; xml: a/b, a/@attribute; csv: a column's name
    rows = "vacatures"                  # json: path of the list ("" the document itself); xml: a row's element
    dates = "%d-%m-%Y"                  # how days are written; default ISO 8601. csv also: encoding, delimiter

    [fields]
    reference = "nummer"
    hours_min = { path = "uren.minimaal", default = 0 }
    kind = { path = "soort", codes = "soort" }         # codes: a list below; "*" stands for every other code
    support_offered = { path = "begeleiding", split = "," }
    open_to_pro_vso = { constant = true }

    [codes.soort]
    stageplaats = "STAGE"

    [placements]                        # a list of records within a student: json only
    rows = "stages"
    [placements.fields]
    kind = "soort"

Laws
1. A mapping is checked as a whole before anything is asked: every problem is told with its line (mapping_check).
2. A reader takes only what is named; it never raises over a row, it gives a Reject.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, cast

from connectors.mapping_check import checked
from connectors.mapping_lines import lines_of, of_syntax
from connectors.records import PARTS, RECORDS
from connectors.values import EITHER, FIELDS, Field, Reader, Wrong, WrongPart, day
from schema.errors import BadMapping

Get = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """A checked mapping. `paths` is all that a parser keeps of a row."""

    record: str
    format: str
    rows: str
    paths: tuple[str, ...]
    reader: Reader
    encoding: str = "utf-8-sig"
    delimiter: str = ""


@lru_cache(maxsize=256)
def load(source: str, name: str) -> SourceMapping:
    """Compiles the text of a mapping file. Raises BadMapping with `name:line` for each problem."""
    try:
        told = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise BadMapping(f"{name}:{of_syntax(error, source)}") from None
    problems = checked(told)
    if problems:
        line_of = lines_of(source)
        raise BadMapping("\n".join(f"{name}:{line_of(place)}: {what}" for place, what in problems))
    record, kind = told["record"], told["format"]
    return SourceMapping(
        record,
        kind,
        told.get("rows", ""),
        tuple(dict.fromkeys(path for entry in told["fields"].values() if (path := _entry(entry).get("path")))),
        Reader(_maker(RECORDS[record], record, told, told), _refer(record, told)),
        told.get("encoding", "utf-8-sig"),
        told.get("delimiter", ""),
    )


def _entry(entry: Any) -> dict[str, Any]:
    return entry if isinstance(entry, dict) else {"path": entry}


def getter(path: str, kind: str) -> Get:
    """Takes what stands at a path out of a row: a JSON object, or an XML or CSV row as {path: text}."""
    if kind != "json":
        return lambda row: row.get(path)
    keys = path[1:].split("/") if path.startswith("/") else path.split(".")
    if len(keys) == 1:
        return lambda row: row.get(path.lstrip("/"))

    def get(row: Any) -> Any:
        for key in keys:
            if type(row) is list and key.isdigit() and int(key) < len(row):
                row = row[int(key)]
            elif type(row) is dict:
                row = row.get(key)
            else:
                return None
        return row

    return get


def _maker(made: Any, fields: str, part: dict[str, Any], told: dict[str, Any]) -> Callable[[Any], Any]:
    """What makes a record of a row; raises WrongPart."""
    defaults, places = made._field_defaults, {name: place for place, name in enumerate(made._fields)}
    template = [defaults.get(name) for name in places]
    takes = [
        (places[name], name, _taker(FIELDS[fields][name], _entry(entry), defaults.get(name), told))
        for name, entry in part["fields"].items()
    ]
    if fields == "student":
        takes += [(places[name], name, _parts(name, told[name], told)) for name in PARTS if name in told]
    whole = WHOLE[fields]

    def make(row: Any) -> Any:
        if type(row) is not dict:
            raise WrongPart("", "FORM")
        values, name = template.copy(), ""
        try:
            for place, name, take in takes:  # noqa: B007 -- it is read where a take raises
                values[place] = take(row)
        except WrongPart as wrong:
            problem = WrongPart(f"{name}.{wrong.field}", wrong.reason)
        except Wrong as wrong:
            problem = WrongPart(name, wrong.reason)
        else:
            return whole(made._make(values))
        raise problem  # out here, so that an error that holds the value is not chained to it

    return make


def _refer(record: str, told: dict[str, Any]) -> Get:
    take = _taker(FIELDS[record]["reference"], _entry(told["fields"]["reference"]), None, told)

    def refer(row: Any) -> Any:
        if type(row) is not dict:
            raise Wrong("FORM")
        return take(row)

    return refer


def _parts(name: str, part: dict[str, Any], told: dict[str, Any]) -> Get:
    get, make = getter(part["rows"], "json"), _maker(PARTS[name], name, part, told)

    def take(row: Any) -> tuple[Any, ...] | None:
        rows = get(row)
        if rows is None:
            return None
        if type(rows) is not list or len(rows) > 200:
            raise Wrong("FORM")
        return tuple(map(make, rows))

    return take


def _taker(field: Field, entry: dict[str, Any], default: Any, told: dict[str, Any]) -> Get:
    """What takes one field out of a row; raises Wrong."""
    written = entry.get("dates", told.get("dates", ""))
    read = partial(day, written=written) if field.read is day else field.read
    if "constant" in entry:
        constant = _constant(field, read, entry["constant"])
        return lambda _: constant
    if "default" in entry:
        default = _constant(field, read, entry["default"])
    codes, needed = told["codes"][entry["codes"]] if "codes" in entry else None, field.needed
    if codes is not None:
        plain, known, other = read, codes, codes.get("*")

        def read(raw: Any) -> Any:
            word = known.get(str(raw).strip() if type(raw) is not bool else str(raw).lower(), other)
            if word is None:
                raise Wrong("UNKNOWN_CODE")
            return plain(word)

    get, one = getter(entry["path"], told["format"]), cast("Get", read)
    many = partial(_each, one, entry.get("split")) if field.many else None

    def take(row: Any) -> Any:
        raw = get(row)
        if raw is None or raw == "":
            if needed and default is None:
                raise Wrong("MISSING")
            return default
        return many(raw) if many else one(raw)

    return take


def _constant(field: Field, read: Get, value: Any) -> Any:
    return tuple(map(read, value)) if field.many else read(value)


def _each(read: Get, split: str | None, raw: Any) -> tuple[Any, ...]:
    """A list's values, each once; of a text, what stands between `split`."""
    if type(raw) is str:
        raw = raw.split(split) if split else [raw]
    if type(raw) is not list or len(raw) > 100:
        raise Wrong("FORM")
    return tuple(dict.fromkeys(read(one.strip() if type(one) is str else one) for one in raw if one not in ("", None)))


def _ordered(begin: str, end: str) -> Callable[[Any], Any]:
    def whole(record: Any) -> Any:
        first, last = getattr(record, begin), getattr(record, end)
        if first is not None and last is not None and last < first:
            raise WrongPart(end, "ORDER")
        return record

    return whole


def _offered(record: Any) -> Any:
    if all(getattr(record, name) is None for name in EITHER["opportunity"]):
        raise WrongPart(EITHER["opportunity"][0], "MISSING")
    return _ordered("hours_min", "hours_max")(record)


WHOLE: dict[str, Callable[[Any], Any]] = {
    "student": lambda record: record,
    "opportunity": _offered,
    "case": _ordered("opened_on", "closed_on"),
    "placements": _ordered("from_on", "to_on"),
    "credentials": lambda record: record,
}
