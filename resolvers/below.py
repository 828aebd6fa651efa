"""What stands below a young person: named to each seer by an alias and twelve digits, and found by them (tables.md)."""

from __future__ import annotations

from federation.catalogue import Expression, Form, Join, Lookup

SIGHT = Join("sight", "{student} = {person.student}")


def _short(type_name: str) -> str:
    """Twelve hex digits that name a row below a young person to one seer (tables.md, Ids)."""
    return f"left(md5({{person.id_salt}}::text || '{type_name}' || {{n}}::text), 12)"


def id_below(type_name: str) -> Expression:
    """The id of a row below a young person, to one seer."""
    return Expression(f"'{type_name}:' || {{person.alias}}::text || '.' || {_short(type_name)}", Form.CODE)


def lookup_below(type_name: str) -> Lookup:
    """How such an id is found."""
    return Lookup(f"{{person.alias}} = {{key.uuid}} AND {_short(type_name)} = {{key.part}}", "id", "part")
