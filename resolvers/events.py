"""The log as its owner reads it: each position, and what of it may be told today.

Laws
1. A position is there whoever may know what it was; without the right it is cursor, epoch, pos and `withheld`.
2. What an event is about is read as the party sees it now, never as it was when it happened.
"""

from __future__ import annotations

from collections.abc import Mapping

from federation.catalogue import Choice, Column, Expression, Form, Join, One, OrderKey, Page, Rows, Sealed, Stream
from federation.cursors import LOG
from resolvers import webhooks

CODE, NUMBER = Form.CODE, Form.NUMBER
BY_POSITION: Mapping[str, tuple[OrderKey, ...]] = {"POS": (("{epoch}", "int"), ("{pos}", "bigint"))}

_CASE = "{person.student} = {parent.told.student} AND {n} = {parent.told.case_n}"
EVENT = Rows(
    "event_log",
    {
        "cursor": Sealed(LOG, ("{epoch}", "{pos}")),
        "epoch": Column("epoch", NUMBER),
        "pos": Column("pos", NUMBER),
        "withheld": Expression("{told.type} IS NULL", NUMBER),
        "type": Expression("upper(replace(split_part({told.type}, '.', 3), '-', '_'))", CODE),
        "recorded": Expression('to_char({told.recorded}, \'YYYY-MM-DD"T"HH24:MI":00Z"\')', CODE),
        "purpose": Expression("{told.details} ->> 'purpose'", CODE),
        "forget": Expression(
            "CASE WHEN {told.subject_kind} = 'ENDING' THEN CASE WHEN split_part({seer}, ':', 1)"
            " IN ('servicepoint', 'employer') THEN 'Candidate:' ELSE 'Student:' END || {alias}::text END",
            CODE,
        ),
        "month": Expression("{told.details} ->> 'month'", CODE),
        "student": One("Student", "{student} = {parent.told.student}", through="sight_case"),
        "candidate": One("Candidate", "{student} = {parent.told.student}", through="sight_case"),
        "case": Choice(
            "{told.case_type}",
            {
                "UITVAL": ("Uitval", _CASE),
                "PLACEMENT": ("Placement", _CASE),
                "SUPPORT_REQUEST": ("SupportRequest", _CASE),
                "HANDOVER": ("WarmHandover", _CASE),
            },
        ),
        "opportunity": One("Opportunity", "{id} = ({parent.told.details} ->> 'opportunity')::uuid"),
        "overdue": One("OverdueItem", "{id} = ({parent.told.details} ->> 'overdue')::uuid"),
    },
    joins={"told": Join("outbox", "{id} = {base.event}")},
    person="told.student",
)
# Where the log ends. Who was never told anything is at its beginning; should it begin in a later epoch, after a
# restore, then EPOCH_CHANGED says so.
EVENTS = Page(
    "Event",
    None,
    BY_POSITION,
    lives="cursor_lives({0}, {1})",
    end=tuple(
        f"coalesce((SELECT h.{key} FROM stream_head h WHERE h.seer = {{viewer.seer}}), {none})"
        for key, none in (("epoch", 1), ("pos", 0))
    ),
)

# Subscriptions. Whoever may not know an event may not know its type: a position that is withheld passes every filter.
_UITVAL = (
    "'uitval-gemeld', 'uitval-opgepakt', 'uitval-ingetrokken', 'uitval-termijn-verlopen',"
    " 'loopbaangesprek-gepland', 'vervolgstap-vastgelegd'"
)
_WHAT = "split_part({told.type}, '.', 3)"
_AT = "{epoch} = {arg.epoch:int} AND {pos} = {parent.pos}"
_OF_UITVAL = f"({{told.type}} IS NULL OR {_WHAT} IN ({_UITVAL}))"
_OF_TYPES = f"({{told.type}} IS NULL OR {{arg.types:text[]}} IS NULL OR {_WHAT} = ANY ({{arg.types:text[]}}))"
SUBSCRIPTION = Rows(
    "(SELECT 1)",
    {"uitval": Stream("Event", _AT, _OF_UITVAL), "events": Stream("Event", _AT, _OF_TYPES)},
    tables=(),
)

_OF_THE_DAY = (
    "FROM event_log e WHERE e.seer = {viewer.seer}"
    " AND e.logged_at >= {arg.date:date}::timestamp AT TIME ZONE 'Europe/Amsterdam'"
    " AND e.logged_at < ({arg.date:date} + 1)::timestamp AT TIME ZONE 'Europe/Amsterdam'"
)
COMPLETENESS = Rows(
    f"(SELECT {{arg.date:date}} AS day, (SELECT count(*) {_OF_THE_DAY}) AS events,"
    f" (SELECT e.epoch || '.' || e.pos {_OF_THE_DAY} ORDER BY e.epoch, e.pos LIMIT 1) AS first,"
    f" (SELECT e.epoch || '.' || e.pos {_OF_THE_DAY} ORDER BY e.epoch DESC, e.pos DESC LIMIT 1) AS last)",
    {
        "date": Expression("{day}", CODE),
        "count": Expression("{events}", NUMBER),
        "first": Expression("{first}", CODE),
        "last": Expression("{last}", CODE),
        "deadLetters": webhooks.DEAD_OF_A_DAY,
    },
    tables=("event_log",),
)
