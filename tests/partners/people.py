"""People as the demo shows them: given names from a small list, family names that nobody bears, made-up work.

Which one a number gets follows from the number alone: a partner that is started anew tells the same.
"""

from __future__ import annotations

import zlib
from typing import Any

GIVEN = (
    "Amira", "Bram", "Chaima", "Daan", "Elif", "Femke", "Guus", "Hanna", "Ilias", "Jikke", "Kofi", "Lotte", "Milan",
    "Noor", "Olivier", "Puck", "Quinten", "Roos", "Soufian", "Tess", "Umar", "Veerle", "Wout", "Xavi", "Yara", "Zeno",
)  # fmt: skip
PREFIXES = (None, None, None, "van", "de", "van der")
FAMILY = (
    "Bedacht", "Denkbeeld", "Fantasia", "Nooitgezien", "Nergenshuizen", "Schijnsma", "Sprookjes", "Verzonnen",
    "Voorbeeld", "Wolkenveld", "Zogenaamd", "Zomaar",
)  # fmt: skip
TITLES = (
    "Keukenhulp", "Medewerker kwekerij", "Orderpicker", "Hulp in de huiskamer", "Assistent lasser",
    "Medewerker schoonmaak",
)  # fmt: skip
EMPLOYERS = ("De Proefkeuken", "Kwekerij Nergens", "Het Verzonnen Magazijn", "Huize Zomaar", "Denkbeeldig Staal")
TOWNS = ("5211 AB", "5341 CD", "5401 EF", "5461 GH", "5281 JK", "5262 LM")  # of Noordoost-Brabant
KINDS = ("PART_TIME", "FULL_TIME", "INTERN", "APPRENTICESHIP")


def _chance(what: str, key: str, many: int) -> int:
    return zlib.crc32(f"{what} {key}".encode()) % many


def _name(key: str) -> tuple[str, str | None, str]:
    return (
        GIVEN[_chance("given", key, len(GIVEN))],
        PREFIXES[_chance("prefix", key, len(PREFIXES))],
        FAMILY[_chance("family", key, len(FAMILY))],
    )


def _whole(key: str) -> str:
    return " ".join(part for part in _name(key) if part)


def identity_of(reference: str) -> dict[str, str | None]:
    """Who the student of a number is."""
    given, prefix, family = _name(reference)
    return {
        "leerlingid": reference,
        "roepnaam": given,
        "voorvoegsel": prefix,
        "achternaam": family,
        "geboortedatum": f"{2007 + _chance('year', reference, 5)}-{1 + _chance('month', reference, 12):02}-14",
        "email": f"{given.lower()}.{reference}@leerling.example",
        "telefoon": f"+31 99 {_chance('phone', reference, 10**7):07}",  # no area code begins with 99
        "wettigevertegenwoordiger": _whole(f"parent of {reference}"),
    }


def support_of(number: str) -> dict[str, Any]:
    """The support in a case: a handful of officials shares the work."""
    return {
        "zaaknummer": number,
        "clientbegeleider": _official(f"jobcoach {_chance('jobcoach', number, 5)}"),
        "werkconsulent": _official(f"consulent {_chance('consulent', number, 3)}"),
        "trajectplan": {"datumAanvang": "2026-09-01", "datumEinde": None},
        "voorzieningen": [{"codeType": "JOBCOACHING", "datumStart": "2026-09-01", "datumEinde": "2027-02-28"}],
    }


def _official(key: str) -> dict[str, str]:
    mail = ".".join(_name(key)[::2]).lower()
    return {"naam": _whole(key), "telefoonnummer": "+31 99 0000001", "emailadres": f"{mail}@gemeente.example"}


def posting(number: int) -> dict[str, Any]:
    """A vacancy of the feed."""
    return {
        "@type": "JobPosting",
        "identifier": {"@type": "PropertyValue", "name": "bord", "value": f"V{number}"},
        "title": TITLES[number % len(TITLES)],
        "description": "Een rustige werkplek met een vaste begeleider. Verzonnen voor de demo.",
        "datePosted": "2026-11-01",
        "employmentType": KINDS[number % len(KINDS)],
        "hiringOrganization": {"@type": "Organization", "name": EMPLOYERS[number % len(EMPLOYERS)]},
        "jobLocation": {
            "@type": "Place",
            "address": {"@type": "PostalAddress", "postalCode": TOWNS[number % len(TOWNS)]},
        },
        "workHours": f"{12 + 4 * (number % 6)} uur per week",
    }
