"""Vacancies from a service point's own feed (schema.org JobPosting).

Wire: JSON-LD, `@graph`, a bare list or one posting; the ETag is the cursor. Quirks: `hiringOrganization` may be a plain
string or point to another node by `@id`; text has HTML and its entities; `workHours` is prose; lists of one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from connectors.documents import Document, drained, parsed
from connectors.flow import Flow, Options, Protocol, Sidecar
from connectors.intake import Intake, Pager, pull_body
from connectors.records import OpportunityRecord
from connectors.values import FIELDS, Reader, Wrong, WrongPart
from schema.errors import SourceMalformed

JOBS = ("FULL_TIME", "PART_TIME", "TEMPORARY", "CONTRACTOR", "PER_DIEM", "OTHER")
KIND = dict.fromkeys(JOBS, "WERK") | {"INTERN": "STAGE", "INTERNSHIP": "STAGE", "APPRENTICESHIP": "BBL"}
TAG = re.compile(r"<[^>]{0,2000}>")
HOURS = re.compile(r"(?<![0-9:.])([0-9]{1,2})(?:[.,]0)?(?![0-9:])")


class Postings(Document):
    """The postings of a document, each with the nodes it points to put in."""

    def __init__(self) -> None:
        super().__init__("")

    def close(self) -> Iterator[Any]:
        told = parsed(b"".join(self._pieces))
        if isinstance(told, dict):
            told = told.get("@graph", [told] if _is(told) else None)
        if not isinstance(told, list):
            raise SourceMalformed
        told = [node for node in told if isinstance(node, dict)]
        nodes = {str(node["@id"]): node for node in told if "@id" in node and not _is(node)}
        for node in filter(_is, drained(told)):
            employer = node.get("hiringOrganization")
            if isinstance(employer, dict) and employer.keys() == {"@id"}:
                node["hiringOrganization"] = nodes.get(str(employer["@id"]))
            yield node


def _is(node: dict[str, Any]) -> bool:
    kinds = node.get("@type")
    return "JobPosting" in kinds if isinstance(kinds, list) else kinds in ("JobPosting", "schema:JobPosting")


def read(row: dict[str, Any]) -> OpportunityRecord:
    """One posting. Raises WrongPart."""
    employer, place = _first(row.get("hiringOrganization")), _first(row.get("jobLocation"))
    address = _first(place.get("address")) if isinstance(place, dict) else None
    prose = str(row.get("workHours") or "")[:100]
    hours = [found for found in map(int, HOURS.findall(prose)) if found <= 48] if prose else []
    kind = str(_first(row.get("employmentType")) or "OTHER").upper()
    name = employer.get("name") if isinstance(employer, dict) else employer
    return OpportunityRecord(
        reference=_field("reference", _number(row)),
        kind=_field("kind", KIND.get(kind, kind)),
        title=_field("title", _plain(row.get("title"))),
        description=_field("description", _plain(row.get("description"), 4000)),
        employer_kvk=_kvk(employer),
        employer_name=_field("employer_name", _plain(name)),
        postcode=_field("postcode", address.get("postalCode") if isinstance(address, dict) else None, needed=True),
        hours_min=min(hours, default=None),
        hours_max=max(hours, default=None),
        places=_field("places", row.get("totalJobOpenings")) or 1,
        closes_on=_field("closes_on", row.get("validThrough")),
    )


def _number(row: dict[str, Any]) -> Any:
    given = _first(row.get("identifier"))
    return (given.get("value") if isinstance(given, dict) else given) or row.get("@id") or row.get("url")


def _kvk(employer: Any) -> str | None:
    given = _first(employer.get("identifier")) if isinstance(employer, dict) else None
    number = str(given.get("value") if isinstance(given, dict) else given)
    return number if re.fullmatch("[0-9]{8}", number) else None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _plain(text: Any, longest: int = 1_000_000) -> Any:
    """A text without HTML, whose entities may stand around tags and within them; a longer one is cut."""
    if type(text) is str and ("<" in text or "&" in text):
        text = TAG.sub(" ", html.unescape(text))
        text = " ".join((html.unescape(text) if "&" in text else text).split())
    return text[:longest] if type(text) is str else text


def _field(name: str, raw: Any, *, needed: bool = False) -> Any:
    field = FIELDS["opportunity"][name]
    if raw is None or raw == "":
        if field.needed or needed:
            raise WrongPart(name, "MISSING")
        return None
    try:
        return field.read(raw)
    except Wrong as wrong:
        problem = WrongPart(name, wrong.reason)
    raise problem


def begin(options: Options, _sidecar: Sidecar) -> Intake:
    return Intake(Postings(), Pager(Reader(read, lambda row: _field("reference", _number(row))), options.page))


def pull(cursor: str | None, options: Options) -> Flow[None]:
    yield from pull_body(options.path or "/vacancies.jsonld", cursor, lambda: begin(options, {}))


PROTOCOL = Protocol("jobposting", "servicepoint", frozenset({"harvest"}), pull, intake=begin, settings=("public",))
