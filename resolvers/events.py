"""A party's own stream: its log by position, and what today's rights let be told of each event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from federation.catalogue import Column, Expression, Form, Join, One, Rows, Sealed, Stream

CODE, NUMBER = Form.CODE, Form.NUMBER
LABEL: Final = "events"  # one for the pull, the streams and the ids of SSE: their cursors are the same
UITVAL: Final = (
    "UITVAL_GEMELD",
    "UITVAL_OPGEPAKT",
    "UITVAL_INGETROKKEN",
    "UITVAL_TERMIJN_VERLOPEN",
    "LOOPBAANGESPREK_GEPLAND",
    "VERVOLGSTAP_VASTGELEGD",
)
TYPE: Final = "upper(replace(split_part({told.type}, '.', 3), '-', '_'))"
AT: Final = "{epoch} = {arg.epoch:int} AND {pos} = {parent.pos}"

EVENT = Rows(
    "event_log",
    {
        "cursor": Sealed(LABEL, ("{epoch}", "{pos}")),
        "pos": Column("pos", NUMBER),
        "epoch": Column("epoch", NUMBER),
        "withheld": Expression("{told.id} IS NULL", NUMBER),
        "type": Expression(TYPE, CODE),
        "recorded": Expression("to_char({told.recorded} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')", CODE),
        "student": One("Student", "{student} = {parent.told.student}", "sight_case"),
        "candidate": One("Candidate", "{student} = {parent.told.student}", "sight_case"),
    },
    joins={"told": Join("outbox", "{id} = {base.event}")},
)


def _of(types: Sequence[str]) -> str:
    listed = ", ".join(f"'{name}'" for name in types)
    return f"({{told.id}} IS NULL OR {TYPE} IN ({listed}))"


# Whoever may not know an event may not know its type: a position that is withheld passes every filter.
SUBSCRIPTION = Rows(
    "(SELECT 1)",
    {
        "uitval": Stream("Event", AT, _of(UITVAL)),
        "events": Stream(
            "Event", AT, f"({{told.id}} IS NULL OR {{arg.types:text[]}} IS NULL OR {TYPE} = ANY ({{arg.types:text[]}}))"
        ),
    },
    tables=(),
)
