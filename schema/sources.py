"""The partner systems that feed the graph, and how their last readings went."""

from typing import Optional

import strawberry

from schema.enums import SourceKind, SourceRunState, SourceState
from schema.scalars import Instant


@strawberry.type(description="One reading of a source: what it brought, counted in records.")
class SourceRun:
    state: SourceRunState
    code: str | None = strawberry.field(description="Code of the error that ended it.")
    started_at: Instant
    ended_at: Instant | None
    pages: int
    added: int
    changed: int
    unchanged: int
    ended: int = strawberry.field(description="No longer there at the source.")
    rejected: int = strawberry.field(description="Rows that could not be read; they stand in quarantine, by place.")


@strawberry.type(description="A partner's system (*bron*).")
class Source:
    key: str
    party: str
    kind: SourceKind
    protocol: str
    state: SourceState
    last_run: Optional[SourceRun]
