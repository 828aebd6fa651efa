"""Any JSON, XML or CSV feed of opportunities, by a mapping file (mapping.py): a partner without Python.

Wire: one document; its ETag, if it has one, is the cursor. Quirk: none, they stand in the mapping.
"""

from __future__ import annotations

from connectors.documents import Document
from connectors.elements import Elements
from connectors.flow import Flow, Options, Protocol, Sidecar
from connectors.intake import Intake, Pager, Rows, pull_body
from connectors.mapping import SourceMapping
from connectors.tables import Table
from schema.errors import BadMapping


def begin(options: Options, _sidecar: Sidecar) -> Intake:
    """Reads a feed that is fetched or brought. Raises BadMapping without a mapping of opportunities."""
    mapping = options.mapping
    if mapping is None or mapping.record != "opportunity":
        raise BadMapping("This protocol takes a mapping of opportunities.")
    return Intake(_rows(mapping), Pager(mapping.reader, options.page))


def _rows(mapping: SourceMapping) -> Rows:
    if mapping.format == "csv":
        return Table(mapping.paths, mapping.encoding, mapping.delimiter)
    if mapping.format == "xml":
        return Elements(mapping.rows, mapping.paths)
    return Document(mapping.rows)


def pull(cursor: str | None, options: Options) -> Flow[None]:
    """The whole feed, unless it did not change."""
    intake = begin(options, {})
    yield from pull_body(options.path or "/", cursor, lambda: intake)


PROTOCOL = Protocol("declared", "servicepoint", frozenset({"harvest"}), pull, intake=begin, settings=("public",))
