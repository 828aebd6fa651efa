"""Who the students of a file are: read beside their profiles, by number, in the words of docs/partners/school.yaml.

Law: what is not one of WORDS stays in the parser. A number that is secret (*geheim*) is not taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from connectors.elements import Elements
from connectors.intake import PIECE
from connectors.live import LONGEST, UNFIT
from connectors.mapping import SourceMapping
from connectors.oso_xml import NUMBER, STUDENT
from connectors.tables import Table, columns_of
from connectors.values import Wrong

Identity = Mapping[str, str]

WORDS: Final = (
    "roepnaam", "voorvoegsel", "achternaam", "geboortedatum", "email", "telefoon", "wettigevertegenwoordiger"
)  # fmt: skip
DAYS: Final = ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%Y%m%d")
CONTACT: Final = STUDENT + "/communicatielijst/communicatie"
CARER: Final = STUDENT + "/verzorger"
PLAIN: Final = {word: f"{STUDENT}/{word}" for word in ("roepnaam", "voorvoegsel", "achternaam", "geboortedatum")}
FIRST: Final = STUDENT + "/voornaam"
PATHS: Final = (
    NUMBER, FIRST, *PLAIN.values(),
    *(f"{CONTACT}/{name}" for name in ("soort", "aanduiding", "nummer", "geheim")),
    *(f"{CARER}/{name}" for name in ("voornaam", "voorvoegsel", "achternaam", "wettigevertegenwoordiger")),
)  # fmt: skip


def of_table(body: bytes, mapping: SourceMapping, columns: Mapping[str, str]) -> Iterator[tuple[str, Identity]]:
    """Number and identity per row; `columns` says under which name a word stands, where that is not its own."""
    there = columns_of(body[:PIECE].decode(mapping.encoding, "replace"), mapping.delimiter)
    wanted = {word: column for word in WORDS if (column := columns.get(word, word)) in there}
    table = Table([*dict.fromkeys((*mapping.paths, *wanted.values()))], mapping.encoding, mapping.delimiter)
    for row in _rows(table, body):
        reference = mapping.reader.reference(row)
        if reference is not None:
            yield reference, _identity({word: row.get(column) for word, column in wanted.items()})


def of_dossiers(body: bytes) -> Iterator[tuple[str, Identity]]:
    """Number and identity per OSO dossier."""
    for row in _rows(Elements("dossier", PATHS, (CONTACT, CARER)), body):
        told: dict[str, Any] = {word: row.get(path) for word, path in PLAIN.items()}
        told["roepnaam"] = told["roepnaam"] or _first(row.get(FIRST))
        contacts = [one for one in row.get(CONTACT, ()) if one.get(CONTACT + "/geheim", "false") == "false"]
        contacts.sort(key=lambda one: one.get(CONTACT + "/aanduiding") != "prive")
        for word, kind in (("email", "e-mail"), ("telefoon", "telefoon")):
            numbers = (one.get(CONTACT + "/nummer") for one in contacts if one.get(CONTACT + "/soort") == kind)
            told[word] = next(numbers, None)
        told["wettigevertegenwoordiger"] = " en ".join(
            _name(one) for one in row.get(CARER, ()) if one.get(CARER + "/wettigevertegenwoordiger") == "true"
        )
        yield str(row.get(NUMBER, "")).strip(), _identity(told)


def _rows(rows: Table | Elements, body: bytes) -> Iterator[dict[str, Any]]:
    for start in range(0, len(body), PIECE):
        yield from (row for row in rows.feed(body[start : start + PIECE]) if not isinstance(row, Wrong))
    yield from (row for row in rows.close() if not isinstance(row, Wrong))


def _first(told: Any) -> Any:
    """Of several first names the first."""
    return told[0] if isinstance(told, list) else told


def _name(carer: Mapping[str, Any]) -> str:
    parts = (carer.get(f"{CARER}/{name}") for name in ("voornaam", "voorvoegsel", "achternaam"))
    return " ".join(str(_first(part)) for part in parts if part)


def _identity(told: Mapping[str, Any]) -> Identity:
    """What has a form that the hub takes; what has not is left out, or it would spoil the rest of the student."""
    found = {}
    for word, value in told.items():
        text = value.strip() if isinstance(value, str) else ""
        if word == "geboortedatum":
            text = _day(text)
        if text and len(text) <= LONGEST and not UNFIT.search(text):
            found[word] = text
    return found


def _day(text: str) -> str:
    for written in DAYS:
        try:
            return datetime.strptime(text, written).date().isoformat()  # noqa: DTZ007 -- a day has no zone
        except ValueError:
            continue
    return ""
