"""A municipality's own system by our own wire format, in terms of the GGM (docs/partners/municipality.yaml).

Wire: `GET /zaken?cursor=&limit=` gives the cases that rest on a handover and what changed in them, without a person;
`POST /ondersteuning` the support of many cases at once, live. Quirk: a cursor that is no longer known is answered
410, and the sync begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.changes import pull_changes
from connectors.flow import Flow, Live, Options, Protocol, post
from connectors.live import asked_only, rows_of, support
from connectors.mapping import load

CASES = """
record = "case"
format = "json"
[fields]
reference = "zaaknummer"
state = { path = "status", codes = "status" }
function = "functie"
opened_on = "datumStart"
closed_on = "datumEinde"
[codes.status]
OPEN = "OPEN"
AFGESLOTEN = "CLOSED"
"""


def pull(cursor: str | None, options: Options) -> Flow[None]:
    """All cases that changed since the cursor; without one, all there are."""
    yield from pull_changes(options.path or "/zaken", "zaken", cursor, load(CASES, "ggm-rest").reader, options)


def ask(keys: Sequence[str], tier: str, _options: Options) -> Flow[Mapping[str, Live]]:
    """`MunicipalSupport` by case number, in one question; at GIVEN_NAME only the jobcoach."""
    answer = yield from post("/ondersteuning", {"tier": tier, "zaken": list(keys)}, operation="ondersteuning")
    rows = rows_of(answer.json, "ondersteuning")
    return asked_only(rows, "zaaknummer", keys, lambda row: support(row, tier))


PROTOCOL = Protocol("ggm-rest", "municipality", frozenset({"harvest", "live"}), pull, ask)
