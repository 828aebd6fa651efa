"""Contact points: make or change one, confirm one.

Who: a school, service point or municipality its own; a coordinator those of its region;
national all but its readers (graph.md 5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from auth.viewer import Role, Viewer
from resolvers.given import check_day, key_of
from schema.errors import BadInput, NotFound

Input = Mapping[str, Any]
MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
PHONE = re.compile(r"[+0-9][0-9 ()-]{5,30}")
OWN = {
    "school": "SCHOOL",
    "board": "SCHOOL_BOARD",
    "servicepoint": "SERVICE_POINT",
    "municipality": "MUNICIPALITY",
    "doorstroompunt": "DOORSTROOMPUNT",
}
REGION_OF = {
    "REGION": "SELECT code FROM region WHERE code = $1",
    "SCHOOL": "SELECT region FROM school WHERE brin = $1",
    "MUNICIPALITY": "SELECT region FROM municipality WHERE code = $1",
    "SERVICE_POINT": "SELECT region FROM service_point WHERE code = $1",
}
EXISTS = {
    **REGION_OF,
    "SCHOOL_BOARD": "SELECT number FROM school_board WHERE number = $1",
    "DOORSTROOMPUNT": "SELECT code FROM doorstroompunt_region WHERE code = $1",
    "NATIONAL": "SELECT 'national' WHERE $1 = 'national'",
}
COVERS = (
    "SELECT true FROM covers WHERE party = $1 AND municipality = $2 AND from_at <= now() AND until_at > now() LIMIT 1"
)


async def may_change(viewer: Viewer, connection: Any, kind: str, owner: str) -> bool:
    """Whether the acting party answers for this owner's contact points."""
    prefix, _, key = (viewer.party or "").partition(":")
    if not await connection.fetchval(EXISTS[kind], owner):
        return False
    if viewer.role is Role.NATIONAL:
        return viewer.function != "reader"
    if viewer.role is Role.COORDINATOR:
        return kind in REGION_OF and await connection.fetchval(REGION_OF[kind], owner) == key
    if prefix == "service":
        return kind == "MUNICIPALITY" and bool(await connection.fetchval(COVERS, viewer.party, owner))
    return OWN.get(prefix) == kind and key == owner


def check_person(given: Input) -> None:
    """Phone and mail of a professional or desk. Raises BadInput, naming the field and never its value."""
    if given.get("mail") is not None and not MAIL.fullmatch(given["mail"]):
        raise BadInput("`mail` wants one address.")
    if given.get("phone") is not None and not PHONE.fullmatch(given["phone"]):
        raise BadInput("`phone` wants digits, with spaces, hyphens and a leading + where you like.")


async def set_contact_point(viewer: Viewer, connection: Any, given: Input) -> str:
    """Makes the contact point of an owner for a topic, or changes the one that is there. It is not verified by that."""
    kind, owner, topic = given["ownerKind"].value, given["owner"], given["topic"].value
    check_person(given)
    if given.get("absentUntil") is not None:
        check_day("absentUntil", given["absentUntil"], 1)
    if kind == "NATIONAL" and given.get("partnerOnly"):
        raise BadInput("A national desk is for everybody: it stands at the end of every route.")
    if not await may_change(viewer, connection, kind, owner):
        raise NotFound
    deputy = key_of("ContactPoint", given["deputy"]) if given.get("deputy") is not None else None
    if deputy and not await connection.fetchval("SELECT true FROM contact_point WHERE id = $1", deputy):
        raise NotFound("There is no such deputy.")
    before = await connection.fetchrow(
        "SELECT * FROM contact_point WHERE owner_kind = $1 AND owner = $2 AND topic = $3 FOR UPDATE", kind, owner, topic
    )
    if before and deputy == before["id"]:
        raise BadInput("A contact point is not its own deputy.")
    key = await connection.fetchval(
        "INSERT INTO contact_point"
        " (owner_kind, owner, topic, desk, name, phone, mail, hours, absent_until, deputy, partner_only)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " ON CONFLICT (owner_kind, owner, topic) DO UPDATE SET"
        " desk = excluded.desk, name = excluded.name, phone = excluded.phone,"
        " mail = excluded.mail, hours = excluded.hours, absent_until = excluded.absent_until, deputy = excluded.deputy,"
        " partner_only = excluded.partner_only, verified = NULL RETURNING id",
        kind,
        owner,
        topic,
        given["desk"],
        *(given.get(name) for name in ("name", "phone", "mail", "hours", "absentUntil")),
        deputy,
        given.get("partnerOnly", False),
    )
    await keep_history(viewer, connection, key, "setContactPoint", before)
    return str(key)


async def verify_contact_point(viewer: Viewer, connection: Any, given: Input) -> str:
    """Confirms a contact point as of today (Europe/Amsterdam)."""
    key = key_of("ContactPoint", given["contact"])
    before = await connection.fetchrow("SELECT * FROM contact_point WHERE id = $1 FOR UPDATE", key)
    if before is None or not await may_change(viewer, connection, before["owner_kind"], before["owner"]):
        raise NotFound
    await connection.execute("UPDATE contact_point SET verified = today() WHERE id = $1", key)
    await keep_history(viewer, connection, before["id"], "verifyContactPoint", before)
    return str(key)


async def keep_history(viewer: Viewer, connection: Any, key: UUID, command: str, before: Any) -> None:
    """Writes the row as it was; the changes of one contact point are numbered, and its row is locked."""
    await connection.execute(
        "INSERT INTO contact_point_history (contact, n, seer, command, before)"
        " SELECT $1, coalesce(max(h.n), 0) + 1, $2, $3, $4::jsonb FROM contact_point_history h WHERE h.contact = $1",
        key,
        viewer.seer,
        command,
        None if before is None else _json(before),
    )


def _json(row: Any) -> str:
    return orjson.dumps(dict(row), default=str).decode()
