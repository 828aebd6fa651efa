"""What docs/events/ says of every type of event: a JSON schema each, and one table of them all."""

from __future__ import annotations

from typing import Any, Final

import orjson

from events.types import PREFIX, TEST, TYPES, WITHHELD, EventType, Subject

FOLDER: Final = "docs/events"
SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"
ALIAS: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PERSON: Final = {"type": "string", "pattern": f"^(Student|Candidate):{ALIAS}$"}
# The members of `data`, and what may stand in each.
MEMBERS: Final[dict[str, dict[str, Any]]] = {
    "student": {"type": "string", "pattern": f"^Student:{ALIAS}$", "description": "As your party knows this student."},
    "candidate": {
        "type": "string",
        "pattern": f"^Candidate:{ALIAS}$",
        "description": "As your party knows this candidate.",
    },
    "case": {
        "type": "string",
        "pattern": f"^[A-Z][A-Za-z]+:{ALIAS}\\.[0-9a-f]{{12}}$",
        "description": "The case, where your party may read it.",
    },
    "opportunity": {"type": "string", "pattern": "^Opportunity:", "description": "The opportunity that is free."},
    "overdue": {"type": "string", "pattern": "^OverdueItem:", "description": "The item that is late."},
    "month": {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$", "description": "From when."},
    "forget": {**PERSON, "description": "Whom to forget."},
    "purpose": {"type": "string", "pattern": "^[A-Z_]+$", "description": "For what this person was seen."},
}
ABOUT: Final = {
    Subject.STUDENT: "a young person: withheld from who sees them no more",
    Subject.ENDING: "an end: whom to forget; withheld only from the day that they are erased",
    Subject.NONE: "nobody",
}


def file_of(name: str) -> str:
    """The file of a type's schema, below the checkout."""
    return f"{FOLDER}/{name.removeprefix(PREFIX)}.json"


def files() -> dict[str, str]:
    """Path -> text of every schema."""
    found = {file_of(one.full): _schema(one.full, f"{one.english} ({one.dutch})", _data(one)) for one in TYPES}
    withheld = {"pos": _POSITION, "withheld": {"const": True}}
    told = "A position whose event your party may not know any more. (Ingehouden: het recht eindigde.)"
    found[file_of(WITHHELD)] = _schema(WITHHELD, told, _object(withheld, withheld))
    test = {"test": {"const": True}}
    found[file_of(TEST)] = _schema(TEST, "A test that was asked for. (Een proef.)", _object(test, test), "0")
    return found


def types_table() -> str:
    """Every type: what it is about, who receives it, what it says."""
    heads = "| type | about | who receives it | what it says |\n|---|---|---|---|"
    rows = [
        f"| [`{one.full}`]({one.name}.v1.json) | {ABOUT[one.subject]} | {one.receivers} | {one.english} *{one.dutch}* |"
        for one in TYPES
    ]
    return "\n".join([heads, *rows])


_POSITION: Final = {"type": "integer", "minimum": 1, "description": "The position in your party's stream."}


def _data(one: EventType) -> dict[str, Any]:
    members = {"pos": _POSITION, **{name: MEMBERS[name] for name in one.data}}
    return _object(members, {"pos": _POSITION})


def _object(members: dict[str, Any], needed: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(needed), "properties": members, "additionalProperties": False}


def _schema(name: str, told: str, data: dict[str, Any], epoch: str = "[1-9][0-9]*") -> str:
    properties = {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "pattern": f"^{epoch}\\.[1-9][0-9]*$", "description": "<epoch>.<pos>"},
        "source": {"type": "string", "pattern": f"^urn:nld:oin:[0-9]{{20}}:systeem:spil:{ALIAS}$"},
        "type": {"const": name},
        "time": {"type": "string", "pattern": "^[0-9-]{10}T[0-9:]{8}Z$", "description": "When the hub recorded it."},
        "datacontenttype": {"const": "application/json"},
        "data": data,
    }
    if name == WITHHELD:
        del properties["time"]
    schema = {"$schema": SCHEMA, "title": name, "description": told, **_object(properties, properties)}
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode() + "\n"
