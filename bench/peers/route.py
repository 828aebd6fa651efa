"""The route to a contact for a topic at a place, without walls: what both peers build on.

It is the hub's own walk, which beat every single statement that was tried, with the public's condition written into it
instead of a policy. Made from the hub's function when a bench database is opened, so that the two cannot part.
"""

from __future__ import annotations

from typing import Any

ROUTE = "bench_route('PUPILS_TO_WORK', 'POSTCODE', $1)"  # contact, kinds, whys, verifieds
STEPS = "unnest(r.kinds, r.whys, r.verifieds) WITH ORDINALITY j (kind, why, verified, n)"

_HUB = "SELECT pg_get_functiondef('contact_route(text, text, text)'::regprocedure)"
_LOOKS = "contact_point x"


def statement(hub: str) -> str:
    """CREATE OR REPLACE FUNCTION bench_route, from the definition of the hub's `contact_route`."""
    parts = hub.replace("contact_route", "bench_route").split(_LOOKS)
    shown = [part.replace("WHERE", "WHERE NOT x.partner_only AND", 1) for part in parts[1:]]
    if not shown or any("NOT x.partner_only" not in part for part in shown):
        raise ValueError("contact_route no longer looks contact points up as this expects")
    return _LOOKS.join([parts[0], *shown])


async def make_route(owner: Any) -> None:
    """Makes the peers' route in this database."""
    await owner.execute(statement(await owner.fetchval(_HUB)))
