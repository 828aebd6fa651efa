"""Registers of schools in the making: lines as DUO writes them, with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from registry.school_register import Report

HEADER = (
    "PROVINCIE;BEVOEGD GEZAG NUMMER;INSTELLINGSCODE;VESTIGINGSCODE;VESTIGINGSNAAM;STRAATNAAM;HUISNUMMER-TOEVOEGING;"
    "POSTCODE;PLAATSNAAM;GEMEENTENUMMER;GEMEENTENAAM;DENOMINATIE;TELEFOONNUMMER;INTERNETADRES;ONDERWIJSSTRUCTUUR;"
    "STRAATNAAM CORRESPONDENTIEADRES;HUISNUMMER-TOEVOEGING CORRESPONDENTIEADRES;POSTCODE CORRESPONDENTIEADRES;"
    "PLAATSNAAM CORRESPONDENTIEADRES;NODAAL GEBIED CODE;NODAAL GEBIED NAAM;RPA-GEBIED CODE;RPA-GEBIED NAAM;"
    "WGR-GEBIED CODE;WGR-GEBIED NAAM;COROPGEBIED CODE;COROPGEBIED NAAM;ONDERWIJSGEBIED CODE;ONDERWIJSGEBIED NAAM;"
    "RMC-REGIO CODE;RMC-REGIO NAAM;VAKANTIEREGIO"
)
OLDER_HEADER = HEADER.replace("INSTELLINGSCODE", "BRIN NUMMER").replace("VESTIGINGSCODE", "VESTIGINGSNUMMER")
GOOD: dict[str, str] = {
    "BEVOEGD GEZAG NUMMER": "40001",
    "INSTELLINGSCODE": "01AA",
    "VESTIGINGSCODE": "01AA00",
    "VESTIGINGSNAAM": "Praktijkschool De Proef",
    "STRAATNAAM": "Dorpsstraat",
    "HUISNUMMER-TOEVOEGING": "7-A",
    "POSTCODE": "5211 AB",
    "PLAATSNAAM": "'S-HERTOGENBOSCH",
    "GEMEENTENUMMER": "0796",
    "TELEFOONNUMMER": "0730000000",
    "INTERNETADRES": " ",
    "ONDERWIJSSTRUCTUUR": "VBO/PRO",
    "RPA-GEBIED CODE": "05",
    "RMC-REGIO CODE": "36",
    "RMC-REGIO NAAM": "Noordoost-Brabant",
    "VAKANTIEREGIO": "Zuid",
}
Write = Callable[..., Path]


def row(**changes: str) -> str:
    """A line of the register; BRIN and the like are changed by the words of Python: vestigingscode="01AB00"."""
    values = GOOD | {name.upper().replace("_", " "): text for name, text in changes.items()}
    if "vestigingscode" in changes and "instellingscode" not in changes:
        values["INSTELLINGSCODE"] = changes["vestigingscode"][:4]
    for name in ("HUISNUMMER-TOEVOEGING", "RMC-REGIO CODE", "RMC-REGIO NAAM"):
        values[name] = changes.get(name.lower().replace("-", "_").replace(" ", "_"), GOOD[name])
    return ";".join(values.get(name, " ") for name in HEADER.split(";"))


def brin(number: int) -> str:
    """A code of the real range, a different one for each number below 70,000."""
    number, location = divmod(number, 100)
    number, second = divmod(number, 26)
    digits, first = divmod(number, 26)
    return f"{digits:02}{chr(65 + first)}{chr(65 + second)}{location:02}"


def told(report: Report) -> list[tuple[int, str]]:
    return [(one.line, one.code) for one in report.rejected]


def country() -> list[str]:
    """1,600 lines as the register has: one in eight with pro, some broken."""
    lines = []
    for number in range(1600):
        structure = "VBO/MAVO/PRO" if number % 8 == 0 else "HAVO/VWO"
        lines.append(row(vestigingscode=brin(number), onderwijsstructuur=structure))
    lines[800] = row(vestigingscode=brin(800), gemeentenummer="0000")
    lines[808] = lines[800][:100]
    return lines
