"""The closed list of purposes: why a party may see a young person, on which ground, how much, and until when.

Transcribed from section 3 of the design (graph.md); `docs/privacy.md` is printed from it, and a test holds it against
the CHECK of `access.purpose`. Nothing is decided from it: the commands that grant access carry their own rules.

Laws
1. A purpose that is not here grants nothing: the database refuses the row.
2. Grounds name the law that the design rests on (section 8 of the facts). A lawyer confirms them before real young
   people are in the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TASK = "legal task (AVG 6.1.e)"
CONSENT = "consent (AVG 6.1.a)"


@dataclass(frozen=True, slots=True)
class Purpose:
    """One row of the register. `giver` is empty where the right rests on the party's own task alone."""

    name: str
    giver: str
    receiver: str
    functions: tuple[str, ...]
    ground: str
    agreement: str
    tier: str
    ends: str


PURPOSES: Final[tuple[Purpose, ...]] = (
    Purpose(
        "ENROLMENT",
        "",
        "school",
        ("guidance",),
        f"{TASK}: education at the own school",
        "none is asked",
        "IDENTIFIED",
        "leaving or transfer",
    ),
    Purpose(
        "CAREER_GUIDANCE",
        "",
        "school",
        ("guidance",),
        f"{TASK}: WEC 44, WVO 2020 2.31a",
        "the offer may be declined",
        "IDENTIFIED",
        "24 months after leaving; longer with a reason",
    ),
    Purpose(
        "STAGE_SEARCH",
        "school",
        "service point",
        ("matching",),
        f"{TASK}: internships are part of the education",
        "informed, may object",
        "CANDIDATE",
        "a place is found, the search is closed, or the school year ends",
    ),
    Purpose(
        "WORK_SEARCH",
        "school or lead",
        "service point",
        ("matching",),
        CONSENT,
        "TOESTEMMING",
        "CANDIDATE",
        "6 months; renewed by `renewAccess`",
    ),
    Purpose("INTRODUCTION", "school", "employer", ("mentor",), CONSENT, "TOESTEMMING", "GIVEN_NAME", "4 weeks"),
    Purpose(
        "STAGE",
        "school",
        "employer",
        ("mentor",),
        "the placement's agreement (AVG 6.1.b)",
        "the placement",
        "GIVEN_NAME",
        "8 weeks after the placement's end",
    ),
    Purpose(
        "EMPLOYMENT",
        "school or lead",
        "employer",
        ("mentor",),
        "the placement's agreement (AVG 6.1.b)",
        "the placement",
        "GIVEN_NAME",
        "8 weeks after the placement's end",
    ),
    Purpose(
        "INVOLVE_MUNICIPALITY",
        "school",
        "municipality",
        ("participatie",),
        f"{TASK}: WEC 44a, WVO 2020 2.31b lid 1, Participatiewet 7a",
        "informed",
        "IDENTIFIED",
        "the answer is no, or the case is closed",
    ),
    Purpose(
        "CONTINUE_SUPPORT",
        "school",
        "municipality",
        ("participatie",),
        f"{TASK}: WEC 44a, WVO 2020 2.31b lid 2",
        "INSTEMMING",
        "IDENTIFIED",
        "the case is closed",
    ),
    Purpose(
        "SAFETY_NET",
        "school",
        "municipality",
        ("participatie",),
        f"{TASK}: WEC 44a, WVO 2020 2.31b lid 2",
        "INSTEMMING",
        "no row until the net is used, then IDENTIFIED",
        "the uitval is closed or the agreement withdrawn; at most 24 months",
    ),
    Purpose(
        "CONSULTATION",
        "school",
        "Doorstroompunt",
        ("doorstroompunt",),
        f"{TASK}: WEB 9.2.5 lid 5",
        "none is asked",
        "TRACE",
        "4 weeks",
    ),
    Purpose(
        "CARE_ROUTE",
        "school",
        "municipality (Wmo), UWV",
        ("wmo", "uwv"),
        CONSENT,
        "TOESTEMMING",
        "IDENTIFIED",
        "accepted or declined",
    ),
    Purpose(
        "EVIDENCE",
        "the dossier of a praktijkverklaring",
        "municipality (jobcoach), employer (mentor)",
        ("participatie", "mentor"),
        "the agreement in the dossier (AVG 6.1.b)",
        "in the dossier",
        "GIVEN_NAME",
        "issued or stopped",
    ),
    Purpose(
        "PLACED_FROM",
        "an opportunity",
        "the service point that entered it",
        ("matching",),
        f"{TASK}: keeping account of the own opportunities",
        "none is asked",
        "TRACE",
        "the end of the placement",
    ),
)
