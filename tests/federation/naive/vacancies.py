"""The live search, written down once more: who is asked, the question as text, and a made-up exchange's answer."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from tests.federation.naive.rights import Eyes, Refusal
from tests.federation.naive.rows import Row
from tests.federation.naive.things import Thing, thing


def found(key: str) -> dict[str, Any] | None:
    """What the exchange says to a question: made of the question, and now and then nothing."""
    drawn = hashlib.md5(key.encode(), usedforsecurity=False).digest()[0]
    if drawn % 7 == 0:
        return None
    hit = {
        "title": f'Medewerker "{key[-30:]}"',
        "description": "\u0001\\" if drawn % 2 else None,
        "occupation": None,
        "kinds": ["BBL", "WERK"][: drawn % 3],
        "employerName": "",
        "postcode": key[:4],
        "hoursMin": drawn,
        "hoursMax": None,
        "startsOn": "2027-01-01",
        "closesOn": None,
    }
    return {"hits": [{"id": f"v{n}", **hit} for n in range(drawn % 4)], "more": drawn % 2 == 0}


def of_whom(eyes: Eyes) -> list[str]:
    """A service point by itself; another by the service points of its regions."""
    if (eyes.party or "").startswith("servicepoint:"):
        return [str(eyes.party)]
    points = eyes.world.tables["service_point"]
    return sorted(f"servicepoint:{point['code']}" for point in points if point["region"] in eyes.regions)


def vacancy_hits(eyes: Eyes, _: Row, arguments: dict[str, Any]) -> Thing | None:
    asked = arguments["search"]
    least, most = asked.get("hoursLeast"), asked.get("hoursMost")
    fits = re.fullmatch("[1-9][0-9]{3}[A-Z]{2}", asked["postcode"]) and asked["distance"] in range(1000)
    if (
        not fits
        or not 1 <= (1 if least is None else least) <= (99 if most is None else most) <= 99
        or len(asked.get("occupation") or "") > 200
    ):
        raise Refusal("BAD_INPUT")
    question = {
        "postcode": asked["postcode"],
        "distance": asked["distance"],
        "hours_least": least,
        "hours_most": most,
        "occupation": asked.get("occupation"),
    }
    text = json.dumps(question, separators=(",", ":"), ensure_ascii=False)
    return thing("VacancyHits", found(f"{' '.join(of_whom(eyes))} {text}"))
