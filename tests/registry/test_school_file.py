"""The register as a file: every way in which a line is broken, and files that are something else."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from registry.school_file import FIELD_LENGTH, LINE_BYTES, REASONS
from registry.school_register import import_schools
from schema.errors import BadInput
from tests.registry.registers import HEADER, Write, row, told

BROKEN: dict[str, str | bytes] = {
    "LINE_TOO_LONG": row(vestigingsnaam="x" * (LINE_BYTES * 3)),
    "NUL": row(vestigingsnaam="De\x00Brug"),
    "CONTROL_CHARACTER": row(vestigingsnaam="De\x1bBrug"),
    "UNDECODABLE": row(vestigingsnaam="De@Brug").encode().replace(b"@", b"\x81"),
    "WRONG_ENCODING": row(vestigingsnaam="Süd").encode(),
    "BAD_QUOTES": row(vestigingsnaam='"De Brug'),
    "COLUMN_COUNT": row(vestigingsnaam="De; Brug"),
    "FIELD_TOO_LONG": row(vestigingsnaam="x" * (FIELD_LENGTH + 1)),
    "BAD_BRIN": row(vestigingscode="1AA00"),
    "FICTITIOUS_BRIN": row(vestigingscode="90ZA00"),
    "DUPLICATE": row(vestigingscode="02AA00"),
    "NO_NAME": row(vestigingsnaam=" "),
    "BAD_BOARD": row(bevoegd_gezag_nummer="123"),
    "UNKNOWN_MUNICIPALITY": row(gemeentenummer="9999"),
    "BAD_POSTCODE": row(postcode="0211 AB"),
    "BAD_DOORSTROOMPUNT": row(rmc_regio_code="x"),
    "BAD_HOLIDAY_REGION": row(vakantieregio="Oost"),
}


def test_every_reason_has_a_broken_row_here() -> None:
    assert set(BROKEN) == set(REASONS)


@pytest.mark.parametrize("code", REASONS)
async def test_a_broken_row_is_told_with_its_line_and_the_rest_is_imported(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write, code: str
) -> None:
    report = await import_schools(
        fresh_database, write(row(vestigingscode="02AA00"), BROKEN[code], row(vestigingscode="03AA00"))
    )
    assert told(report) == [(3, code)]
    assert report.rejected[0].reason == REASONS[code]
    assert report.added == 2
    assert f"line 3: {code}: " in str(report)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("BAD_BRIN", row(vestigingscode="01AA00", instellingscode="01AB")),
        ("BAD_BRIN", row(vestigingscode="\u0660\u0661AA00")),
        ("BAD_BRIN", row(vestigingscode=" ")),
        ("BAD_QUOTES", row(vestigingsnaam='"De" Brug')),
        ("COLUMN_COUNT", row() + ";"),
        ("COLUMN_COUNT", "PRO"),
        ("CONTROL_CHARACTER", row(vestigingsnaam="De\tBrug")),
        ("UNKNOWN_MUNICIPALITY", row(gemeentenummer="796")),
        ("UNKNOWN_MUNICIPALITY", row(gemeentenummer=" ")),
        ("BAD_DOORSTROOMPUNT", row(rmc_regio_naam=" ")),
        ("NUL", row(vestigingsnaam="\x00" * 100)),
    ],
)
async def test_other_ways_to_be_broken(
    db: asyncpg.Connection[Any], fresh_database: str, write: Write, code: str, line: str
) -> None:
    path = write(line, encoding="utf-8", mark=b"\xef\xbb\xbf")
    assert told(await import_schools(fresh_database, path)) == [(2, code)]


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("vestigingen.csv", HEADER)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"\xef\xbb\xbf",
        _zip(),
        gzip.compress(HEADER.encode()),
        b"\x7fELF\x02\x01\x01\x00" + bytes(500),
        HEADER.encode("utf-16"),
        b"naam;adres\r\nx;y\r\n",
        HEADER.replace("GEMEENTENUMMER", "GEMEENTE").encode(),
        (HEADER + ";GEMEENTENUMMER").encode(),
        HEADER.replace(";", ",").encode(),
        HEADER.encode().replace(b";", b"\r"),
        b"<!DOCTYPE html><html>",
        b"x" * (LINE_BYTES * 2),
    ],
)
async def test_a_file_that_is_not_the_register_is_refused_whole(
    db: asyncpg.Connection[Any], fresh_database: str, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not the register"):
        await import_schools(fresh_database, path)


async def test_a_file_that_is_not_there_or_is_a_folder_is_refused(fresh_database: str, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(BadInput):
            await import_schools(fresh_database, path)
