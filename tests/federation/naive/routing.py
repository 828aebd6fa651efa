"""The one right contact, as the design's section on types describes it: a topic's owners in order, each judged."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from tests.federation.naive.rights import Eyes, Refusal
from tests.federation.naive.rows import Row

STEPS = {
    "PUPILS_TO_WORK": ("COORDINATOR", "SERVICE_POINT", "CENTRE_MUNICIPALITY"),
    "INTERNSHIPS": ("SCHOOL_DESK", "SERVICE_POINT"),
    "SCHOOL_BOARD_AS_EMPLOYER": ("REGION_DESK",),
    "CAREER_GUIDANCE": ("MUNICIPALITY", "DOORSTROOMPUNT"),
    "LEARNING_TRACKS": ("SERVICE_POINT",),
    "BASIC_CONDITIONS": ("MUNICIPALITY",),
}
FORMS = {
    "school": "[0-9]{2}[A-Z]{2}[0-9]{2}",
    "board": "[0-9]{5}",
    "municipality": "GM[0-9]{4}",
    "region": "AM[0-9]{2}",
    "postcode": "[1-9][0-9]{3}",
}
KINDS = ("WERKCENTRUM", "WSP", "LEERWERKLOKET")  # of service points, the first that there is
Step = dict[str, Any]


def route(eyes: Eyes, topic: str, at: dict[str, str]) -> tuple[Row, list[Step]]:
    """The contact, and the path on which it was found."""
    ((place_kind, code),) = at.items()
    if not re.fullmatch(FORMS[place_kind], code):
        raise Refusal("BAD_INPUT")
    spot, path = _spot(eyes, place_kind, code), []
    if spot is None:
        path.append({"kind": "UNKNOWN_PLACE", "why": "UNKNOWN_PLACE", "verified": None})
    for kind in STEPS[topic] if spot else ():
        contact, why = _judge(eyes, kind, topic, spot or {})
        path.append({"kind": kind, "why": why, "verified": contact["verified"] if contact else None})
        if contact and why in ("FOUND", "DEPUTY"):
            return contact, path
    (desk,) = [c for c in eyes.world.all("contact_point", "owner_kind", "NATIONAL") if c["topic"] == topic]
    path.append({"kind": "NATIONAL_DESK", "why": "FOUND", "verified": desk["verified"]})
    return desk, path


def _spot(eyes: Eyes, kind: str, code: str) -> Row | None:
    """Municipality, region and, where they follow from the place, school and Doorstroompunt."""
    world = eyes.world
    if kind == "school":
        school = world.one("school", "brin", code)
        return {**school, "school": school["brin"]} if school else None
    if kind == "board":  # documented choice: of several places, that of its first school
        schools = sorted(world.all("school", "board", code), key=lambda s: str(s["brin"]))
        return {**schools[0], "school": None} if schools else None
    if kind == "region":
        region = world.one("region", "code", code)
        return _at(region["centre"], region["code"]) if region else None
    if kind == "postcode":
        postcode = world.one("postcode", "digits", code)
        code = postcode["municipality"] if postcode else ""
    municipality = world.one("municipality", "code", code)
    return _at(municipality["code"], municipality["region"]) if municipality else None


def _at(municipality: str, region: str) -> Row:
    return {"school": None, "municipality": municipality, "region": region, "doorstroompunt": None}


def _judge(eyes: Eyes, kind: str, topic: str, spot: Row) -> tuple[Row | None, str]:
    """The contact of a step, and why it was taken or passed over."""
    world = eyes.world
    if kind == "COORDINATOR":
        post = world.one("coordinator_post", "region", spot["region"])
        if not post or post["state"] != "APPOINTED":
            return None, "POST_NOT_FILLED"
        contact = world.one("contact_point", "id", post["holder"])
    else:
        contact = _desk(eyes, topic, *_owner(eyes, kind, spot))
    if contact is None or not eyes.sees_contact(contact):
        return None, "NO_CONTACT"
    if _absent(eyes, contact):
        deputy = world.one("contact_point", "id", contact["deputy"])
        if deputy and eyes.sees_contact(deputy) and _fresh(eyes, deputy) and not _absent(eyes, deputy):
            return deputy, "DEPUTY"
        return contact, "ABSENT"
    return contact, "FOUND" if _fresh(eyes, contact) else "NOT_VERIFIED"


def _owner(eyes: Eyes, kind: str, spot: Row) -> tuple[str, str | None]:
    world = eyes.world
    match kind:
        case "SCHOOL_DESK":
            return "SCHOOL", spot["school"]
        case "CENTRE_MUNICIPALITY":
            region = world.one("region", "code", spot["region"])
            return "MUNICIPALITY", region["centre"] if region else None
        case "MUNICIPALITY":
            return "MUNICIPALITY", spot["municipality"]
        case "REGION_DESK":
            return "REGION", spot["region"]
        case "SERVICE_POINT":
            there = [v for v in world.all("service_point", "region", spot["region"]) if _valid(eyes, v)]
            there.sort(key=lambda v: (KINDS.index(v["kind"]), v["code"]))
            return "SERVICE_POINT", there[0]["code"] if there else None
        case _:
            near = [s for s in world.all("school", "municipality", spot["municipality"]) if s["doorstroompunt"]]
            near.sort(key=lambda s: str(s["brin"]))
            return "DOORSTROOMPUNT", spot["doorstroompunt"] or (near[0]["doorstroompunt"] if near else None)


def _valid(eyes: Eyes, point: Row) -> bool:
    today = eyes.world.today
    return point["kind"] in KINDS and point["valid_from"] <= today and (point["valid_to"] or date.max) >= today


def _desk(eyes: Eyes, topic: str, kind: str, owner: str | None) -> Row | None:
    found = [
        c for c in eyes.world.all("contact_point", "owner", owner) if c["owner_kind"] == kind and c["topic"] == topic
    ]
    return found[0] if found else None


def _absent(eyes: Eyes, contact: Row) -> bool:
    return contact["absent_until"] is not None and contact["absent_until"] >= eyes.world.today


def _fresh(eyes: Eyes, contact: Row) -> bool:
    today = eyes.world.today
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    return contact["verified"] is not None and contact["verified"] >= date(today.year - 1, today.month, day)
